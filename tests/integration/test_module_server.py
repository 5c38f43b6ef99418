# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests run modules in forks of a process that has imported all of them; each says the same in a Python of its own."""

from __future__ import annotations

import pytest
from wiring import attach, make_namespaces

_OPTIONS = {
    "container_bridge": {"name": "br0", "addresses": ["192.168.5.1/24"], "mtu": 1400, "masquerade": True},
    "container_neighbours_info": {"probes": [{"netns": "probe"}], "addresses": ["192.168.5.1"], "timeout": 0.2},
    "container_network_info": {},
    "icc_policy": {"bridge": "br0", "icc": False, "egress": "deny"},
    "ovs_vlan_port": {"bridge": "ovs0", "create_bridge": True, "bridge_options": {"datapath_type": "netdev"}},
    "port_publish": {"bridge": "br0", "netns": "probe", "ports": ["8080:80"]},
    "veth_attach": {"bridge": "br0", "netns": "probe", "addresses": ["192.168.5.11/24"]},
}


@pytest.mark.parametrize("module", _OPTIONS)
def test_a_module_says_the_same_in_a_python_of_its_own(hosta, module):
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
    make_namespaces(hosta, "probe")
    attach(hosta, bridge="br0", netns="probe", addresses=["192.168.5.10/24"])

    forked, alone = (
        hosta.module(module, check_mode=True, diff=True, alone=alone, **_OPTIONS[module]) for alone in (False, True)
    )

    assert forked == alone
    assert forked["changed"] != module.endswith("_info")
