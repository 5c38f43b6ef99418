# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of multi_host_vlan_containers contradicts is told in one sentence."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import (
    BOTH,
    VLANS,
    addresses,
    fleet,
    problem,
    shown,
)


def test_the_same_address_in_two_vlans_is_no_duplicate():
    found = fleet(
        hosta=[
            {"container": "a", "vlan": "web", "address": "192.168.0.1"},
            {"container": "b", "vlan": "db", "address": "192.168.0.1"},
        ]
    )
    assert addresses(found) == {"hosta/a": "192.168.0.1", "hosta/b": "192.168.0.1"}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"vlan": "web"},
            "hosta: multi_host_vlan_containers[0]: container is required; give exactly one of container, netns and pid",
        ),
        (
            {"container": "a", "pid": 1, "vlan": "web"},
            "container and pid are mutually exclusive; give exactly one of container, netns and pid",
        ),
        (
            {"container": "a"},
            "hosta: multi_host_vlan_containers[0].vlan: is required; known are db, web",
        ),
        ({"container": "a", "vlan": "wbe"}, "vlan: 'wbe' is not a VLAN of multi_host_vlan_vlans; known are db, web"),
        (
            {"container": "a", "vlan": "web", "address": "192.168.1.1/24"},
            "'192.168.1.1/24' is not in 192.168.0.0/24, the subnet of VLAN web; give an address",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.0/24"},
            "'192.168.0.0/24' is the network address of 192.168.0.0/24",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.255/24"},
            "is the broadcast address of 192.168.0.0/24",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.9/16"},
            "has prefix length 16 where VLAN web has subnet 192.168.0.0/24; write 192.168.0.9/24",
        ),
        ({"container": "a", "vlan": "web", "address": "fd00::1/64"}, "'fd00::1/64' is not in 192.168.0.0/24"),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0"},
            "address: '192.168.0' is not an address; write it like 192.168.0.1/24",
        ),
        ({"container": "a", "vlan": "web", "address": "192.168.0.1/x"}, "is not an address"),
        (
            {"container": "a", "vlan": "web", "address": ["192.168.0.1", "192.168.0.2"]},
            "'192.168.0.2' is a second IPv4 address; give one IPv4 and one IPv6",
        ),
        (
            {"container": "a", "vlan": "web", "adress": "192.168.0.1"},
            "has unknown keys (adress); give container, netns",
        ),
        (
            {"pid": 71, "vlan": "web"},
            "[0].pid: requires an address of each subnet, as one that is chosen could not be kept: "
            "71 is another process some day; give address, or",
        ),
        ("a", "hosta: multi_host_vlan_containers[0]: 'a' is not a mapping"),
    ],
)
def test_an_entry_that_can_not_be_right(entry, sentence):
    assert sentence in problem(hosta=[entry])


def test_duplicates_over_the_fleet():
    taken = {"container": "a", "vlan": "web", "address": "192.168.0.9"}
    assert problem(hosta=[taken], hostb=[{**taken, "container": "b"}]) == (
        "hostb: multi_host_vlan_containers[0].address: 192.168.0.9 is the address of a of hosta in VLAN web (100) "
        "already; give one of them another"
    )
    assert "eth1 of a is in the list twice" in problem(
        hosta=[taken, {"container": "a", "vlan": "db", "address": "192.168.0.7"}]
    )
    assert "the gateway of VLAN web" in problem(
        vlans={"web": {**VLANS["web"], "gateway": "192.168.0.9"}}, hosta=[taken]
    )


def test_one_mac_address_twice_in_a_vlan():
    one = {"container": "a", "vlan": "web"}
    for first, second in (
        ({"mac": "02:00:00:00:00:0A"}, {"mac": "02-00-00-00-00-0a"}),
        ({"mac_seed": "x"}, {"mac_seed": "x"}),
    ):
        said = problem(hosta=[{**one, **first}], hostb=[{**one, "container": "b", **second}])
        assert said.startswith(f"hostb: multi_host_vlan_containers[0].{next(iter(second))}: ")
        assert said.endswith(" is that of a of hosta in VLAN web (100) already; give one of them another")
        assert fleet(hosta=[{**one, **first}], hostb=[{**one, "vlan": "db", **second}]).problems == ()


def test_a_namespace_and_its_path_are_one():
    assert "eth1 of a is in the list twice" in problem(
        hosta=[{"netns": "a", "vlan": "web"}, {"netns": "/var/run/netns/a", "vlan": "web"}]
    )


def test_duplicates_in_either_family():
    one = {"container": "a", "vlan": "web", "address": ["192.168.0.7", "fd00:1::7"]}
    assert "fd00:1::7 is the address of a of hosta in VLAN web (100) already" in problem(
        vlans=BOTH, hosta=[one], hostb=[{"container": "b", "vlan": "web", "address": "fd00:1:0::7"}]
    )
    seen = shown(hosta=[], hostb=[("m", 100, "192.168.0.9")])
    seen["hostb"]["attachments"][0]["addresses"].append("fd00:1::7/64")
    # That m is given another IPv4 address takes no IPv6 address from it.
    other = {"container": "m", "vlan": "web", "address": "192.168.0.10"}
    assert "fd00:1::7 is in use by m of hostb in VLAN web (100), whose entry leaves" in problem(
        seen, BOTH, hosta=[one], hostb=[other]
    )
    assert "pid: requires an address of each subnet" in problem(
        vlans=BOTH, hosta=[{"pid": 7, "vlan": "web", "address": "fd00:1::7"}]
    )


def test_of_a_vlan_that_is_refused_its_containers_say_nothing_more():
    found = fleet(
        vlans={"web": {"id": 5000}}, hosta=[{"container": "a", "vlan": "web"}, {"container": "b", "vlan": "db"}]
    )
    assert [problem.split(":")[1] for problem in found.problems] == [
        " multi_host_vlan_vlans.web.id",
        " multi_host_vlan_containers[1].vlan",
    ]
