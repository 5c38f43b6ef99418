# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alternative names of interfaces where a module asks for the real one: each names it, and changes nothing."""

from __future__ import annotations

import pytest
from wiring import attach, make_bridge, make_namespaces, make_ovs_bridge, refused


def name_too(host, link, alternative, *netns):
    host.run("ip", *netns, "link", "property", "add", "dev", link, "altname", alternative)


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        ("port_publish", {"bridge": "lan", "netns": "probe", "ports": ["8080:80"]}, "bridge: 'lan' is"),
        ("port_publish", {"bridge": "lan", "state": "absent"}, "bridge: 'lan' is"),
        (
            "port_publish",
            {"bridge": "br0", "netns": "probe", "interface": "inner", "ports": ["8080:80"]},
            "interface: 'inner' is",
        ),
        ("icc_policy", {"bridge": "lan", "icc": False}, "bridge: 'lan' is"),
        ("icc_policy", {"bridge": "lan", "state": "absent"}, "bridge: 'lan' is"),
    ],
)
def test_of_a_linux_bridge_and_of_a_containers_interface(hosta, module, options, words):
    make_bridge(hosta, address="192.168.5.1/24")
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])
    name_too(hosta, "br0", "lan")
    name_too(hosta, "eth1", "inner", "-n", "probe")
    said = refused(hosta, module, **options)
    real = "eth1" if "interface" in options else "br0"
    assert f"{words} an alternative name of {real}" in said and f"; give {real}" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bridge": "fabric", "ports": []}, "bridge: 'fabric' is an alternative name of ovs0; give ovs0"),
        (
            {"bridge": "fabric", "state": "absent", "ports": []},
            "bridge: 'fabric' is an alternative name of ovs0; give ovs0",
        ),
        (
            {"bridge": "fabric", "create_bridge": True, "ports": []},
            "bridge: 'fabric' is an alternative name of ovs0; give ovs0",
        ),
        ({"ports": [{"port": "uplink", "tag": 7}]}, "port: 'uplink' is an alternative name of nic0; give nic0"),
        (
            {"ports": [{"port": "uplink", "tag": 7, "vxlan": {"remote": "10.77.0.12", "vni": 7}}]},
            "port: 'uplink' is an alternative name of nic0; choose another name for the tunnel",
        ),
    ],
)
def test_of_an_open_vswitch_bridge_and_of_its_ports(hosta, options, words):
    make_ovs_bridge(hosta)
    hosta.run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")
    name_too(hosta, "ovs0", "fabric")
    name_too(hosta, "nic0", "uplink")
    assert words in refused(hosta, "ovs_vlan_port", **{"bridge": "ovs0", **options})
