# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of a fleet give each host to do."""

from __future__ import annotations

import ipaddress

from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import (
    BOTH,
    VLANS,
    addresses,
    fleet,
    shown,
)


def test_the_wiring_of_the_headline_case():
    found = fleet(
        hosta=[
            {"container": "test1", "vlan": "web", "address": "192.168.0.1/24"},
            {"container": "test2", "vlan": "db", "address": "192.168.0.2/24"},
        ],
        hostb=[
            {"container": "test3", "vlan": "web", "address": "192.168.0.3/24"},
            {"container": "test4", "vlan": "db", "address": "192.168.0.4/24"},
        ],
    )
    assert found.problems == ()
    assert vlan_fleet.attachments(found, "hosta") == [
        {"container": "test1", "interface": "eth1", "vlan": 100, "addresses": ["192.168.0.1/24"]},
        {"container": "test2", "interface": "eth1", "vlan": 200, "addresses": ["192.168.0.2/24"]},
    ]
    assert [entry["container"] for entry in vlan_fleet.attachments(found, "hostb")] == ["test3", "test4"]


def test_an_address_takes_its_prefix_length_from_the_vlan_and_a_gateway_comes_along():
    vlans = {
        "web": {"id": 100, "subnet": "10.0.0.0/20", "gateway": "10.0.0.1"},
        "six": {"id": 6, "subnet": "fd00:6::/64", "gateway": "fd00:6::1"},
    }
    found = fleet(
        vlans=vlans,
        hosta=[
            {"container": "a", "vlan": "web", "address": "10.0.1.0"},
            {"netns": "b", "vlan": "six", "address": "fd00:6::7", "interface": "eth3", "mtu": 1400},
            {"pid": 71, "vlan": "web", "address": "10.0.1.255", "gateway": "10.0.0.2"},
        ],
    )
    assert found.problems == ()
    assert vlan_fleet.attachments(found, "hosta") == [
        {"container": "a", "interface": "eth1", "vlan": 100, "addresses": ["10.0.1.0/20"], "gateway": "10.0.0.1"},
        {
            "netns": "/run/netns/b",
            "interface": "eth3",
            "vlan": 6,
            "addresses": ["fd00:6::7/64"],
            "gateway6": "fd00:6::1",
            "mtu": 1400,
        },
        {"pid": 71, "interface": "eth1", "vlan": 100, "addresses": ["10.0.1.255/20"], "gateway": "10.0.0.2"},
    ]


def test_a_vlan_without_a_subnet_gives_no_address():
    found = fleet(
        vlans={"dhcp": {"id": 7}},
        hosta=[{"container": "a", "vlan": "dhcp"}, {"container": "b", "vlan": "dhcp", "address": "10.1.1.1/8"}],
    )
    assert found.problems == ()
    assert [entry.get("addresses") for entry in vlan_fleet.attachments(found, "hosta")] == [None, ["10.1.1.1/8"]]


def test_a_vlan_of_both_families_gives_addresses_of_both():
    asked = [
        {"container": "a", "vlan": "web", "address": ["fd00:1::7", "192.168.0.7/24"]},
        {"container": "b", "vlan": "web", "address": "192.168.0.8"},
        {"container": "c", "vlan": "web"},
    ]
    found = fleet(vlans=BOTH, hosta=asked)
    chosen = {name: text.split(",") for name, text in addresses(found).items()}
    assert chosen["hosta/a"] == ["192.168.0.7", "fd00:1::7"] and chosen["hosta/b"][0] == "192.168.0.8"
    six = [ipaddress.ip_address(chosen[name][1]) for name in ("hosta/b", "hosta/c")]
    assert len(set(six)) == 2 and all(
        ipaddress.ip_address("fd00:1::10") <= one <= ipaddress.ip_address("fd00:1::1f") for one in six
    )
    entry = vlan_fleet.attachments(found, "hosta")[0]
    assert entry["addresses"] == ["192.168.0.7/24", "fd00:1::7/64"]
    assert (entry["gateway"], entry["gateway6"]) == ("192.168.0.1", "fd00:1::1")
    # Each family is kept for itself: one that the VLAN gets later moves no address of the other.
    seen = shown(hosta=[("c", 100, "192.168.0.9")])
    assert addresses(fleet(seen, BOTH, hosta=asked[2:]))["hosta/c"].split(",")[0] == "192.168.0.9"


def test_a_limited_run_says_which_hosts_it_does_not_look_at():
    given = {"uplink": "eth1", "vlans": VLANS, "containers": [], "limited": True}
    assert vlan_fleet.read({"hosta": {**given, "left_out": []}}, {}).warnings == ()
    (said,) = vlan_fleet.read(
        {"hosta": {**given, "left_out": ["hostc"]}, "hostb": {**given, "left_out": ["hostc"]}}, {}
    ).warnings
    assert said.startswith(
        "--limit leaves out hostc: their VLANs stay as they are, and addresses of containers there are not checked; set"
    )
    assert vlan_fleet.read({"hosta": {**given, "limited": False, "left_out": ["hostc"]}}, {}).warnings == ()
