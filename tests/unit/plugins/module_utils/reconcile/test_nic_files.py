# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a move can't be kept over a boot, whoever keeps it."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, default
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import MoveVlans, NicMove
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import nic_files

_MOVE = NicMove("eth0", "br0", "52:54:00:00:00:01", 1500)
_OTHER = (VlanRange(100, 100),)


class _Keeper:
    """A manager that can keep any move."""

    def refusal(self, move):
        return ""


@pytest.mark.parametrize(
    ("vlans", "link"),
    [(MoveVlans(1, _OTHER, default(1)), "eth0"), (MoveVlans(1, (*default(1), *_OTHER), _OTHER), "br0")],
)
def test_a_vlan_that_each_boot_would_add_is_refused(vlans, link):
    with pytest.raises(Refused, match=f"^persist: each boot puts {link} into VLAN 1, .*to have 100 tagged; make that"):
        nic_files.check(_Keeper(), _MOVE._replace(vlans=vlans))


@pytest.mark.parametrize("vlans", [None, MoveVlans(0, _OTHER, ()), MoveVlans(1, (*default(1), *_OTHER), default(1))])
def test_what_a_boot_has_again_is_kept(vlans):
    nic_files.check(_Keeper(), _MOVE._replace(vlans=vlans))
    nic_files.check(None, _MOVE._replace(vlans=MoveVlans(1, _OTHER, _OTHER)))
