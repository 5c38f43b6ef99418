# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a bridge that stays as its NIC leaves."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import nic_result
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.nic import NicState

_REACHES = "in it, and what is attached there reaches the LAN no longer; detach"
_AGAIN = "veth_attach with state absent), then run this once more"


@pytest.mark.parametrize(
    ("kind", "ports", "goes", "said"),
    [
        ("linux", ("px",), True, f"br0 stays as long as px is {_REACHES} it ({_AGAIN}"),
        (
            "openvswitch",
            ("px", "py"),
            True,
            f"br0 stays as long as px, py are {_REACHES} them (multi_host_vlan_state=absent, or {_AGAIN}",
        ),
        ("linux", ("px",), False, "br0 stays, and px is in it, which is no longer connected to the LAN"),
    ],
)
def test_a_bridge_that_stays(kind, ports, goes, said):
    have = NicState("eth0", "br0", kind, "br0", "52:54:00:00:00:01", 1500, True, ports=ports)
    assert nic_result.stays(have, goes) == said
