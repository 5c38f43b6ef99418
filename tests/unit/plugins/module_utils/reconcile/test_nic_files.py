# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a move can't be kept over a boot, whoever keeps it."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, default
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.host_nic import parse
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import MoveVlans, NicMove
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import nic_files
from ansible_collections.pipefitter.container_network.plugins.modules.host_nic_bridge import ARGUMENT_SPEC

_MOVE = NicMove("eth0", "br0", "52:54:00:00:00:01", 1500)
_OTHER = (VlanRange(100, 100),)


def _asked(persist):
    options = {name: of.get("default") for name, of in ARGUMENT_SPEC.items()}
    return parse({**options, "nic": "eth0", "bridge": "br0", "persist": persist})


class _Keeper:
    """A manager that can keep any move."""

    def __init__(self, name="", owns=True):
        self.name, self._owns = name, owns

    def owns(self, nic):
        return self._owns

    def refusal(self, move):
        return ""


@pytest.mark.parametrize(
    ("vlans", "link"),
    [(MoveVlans(1, _OTHER, default(1)), "eth0"), (MoveVlans(1, (*default(1), *_OTHER), _OTHER), "br0")],
)
def test_a_vlan_that_each_boot_would_add_is_refused(vlans, link):
    with pytest.raises(Refused, match=f"^persist: each boot puts {link} into VLAN 1, .*to have 100 tagged; make that"):
        nic_files.check(_asked("auto"), _Keeper(), _MOVE._replace(vlans=vlans))


@pytest.mark.parametrize("vlans", [None, MoveVlans(0, _OTHER, ()), MoveVlans(1, (*default(1), *_OTHER), default(1))])
def test_what_a_boot_has_again_is_kept(vlans):
    nic_files.check(_asked("networkd"), _Keeper("networkd"), _MOVE._replace(vlans=vlans))
    nic_files.check(_asked("none"), None, _MOVE._replace(vlans=MoveVlans(1, _OTHER, _OTHER)))


@pytest.mark.parametrize(
    ("persist", "name"),
    [
        ("networkd", "systemd-networkd"),
        ("networkmanager", "NetworkManager"),
        ("netplan", "netplan"),
        ("ifupdown", "ifupdown"),
    ],
)
def test_who_is_asked_for_and_does_not_configure_the_nic_is_refused(persist, name):
    with pytest.raises(Refused) as refused:
        nic_files.check(_asked(persist), _Keeper(persist, owns=False), _MOVE)
    assert str(refused.value) == (
        f"persist: {name} does not configure eth0 on this host; set persist to auto or none, or let {name} configure "
        "eth0"
    )
