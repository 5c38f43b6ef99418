# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VLAN of multi_host_vlan_vlans contradicts is told in one sentence, once for all hosts."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import problem


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"id": 0}, "hosta: multi_host_vlan_vlans.x.id: 0 is not a VLAN id; give a number from 1 to 4094"),
        ({"id": 4095}, "4095 is not a VLAN id"),
        ({"id": 5000}, "5000 is not a VLAN id"),
        ({"id": True}, "True is not a VLAN id"),
        ({"subnet": "10.0.0.0/8"}, "id: is required; give a number from 1 to 4094"),
        ({"id": 1, "subnet": "10.0.0.1/8"}, "'10.0.0.1/8' has host bits set; write 10.0.0.0/8"),
        ({"id": 1, "subnet": "10.0.0.0"}, "'10.0.0.0' has no room for two hosts; give its prefix length"),
        ({"id": 1, "subnet": "ten"}, "subnet: 'ten' is not a subnet; write it like"),
        (
            {"id": 1, "subnet": "10.0.0.0/8", "gateway": "11.0.0.1"},
            "gateway: '11.0.0.1' is not in 10.0.0.0/8; give an address of a host in 10.0.0.0/8",
        ),
        ({"id": 1, "gateway": "11.0.0.1"}, "gateway: '11.0.0.1' requires subnet; give the subnet that it lies in"),
        (
            {"id": 1, "subnet": "10.0.0.0/8", "pool": "10.0.0.9-10.0.0.8"},
            "pool: '10.0.0.9-10.0.0.8' is not a range of host addresses in 10.0.0.0/8",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "11.0.0.0/8"]},
            "subnet: '11.0.0.0/8' is a second IPv4 subnet; a VLAN has one IPv4 and one IPv6 subnet at most",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "fd00::/64"], "gateway": ["10.0.0.1", "10.0.0.2"]},
            "gateway: '10.0.0.2' is the second in 10.0.0.0/8",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "fd00::/64"], "pool": "fd01::1-fd01::9"},
            "'fd01::1-fd01::9' is not a range of host addresses in fd00::/64",
        ),
        (
            {"id": 1, "vni": 1 << 24},
            "vni: 16777216 is not a VXLAN network identifier; give a number from 1 to 16777215",
        ),
        ({"id": 1, "tag": 5}, "has unknown keys (tag); give id, subnet"),
        (100, "multi_host_vlan_vlans.x: 100 is not a mapping"),
    ],
)
def test_a_vlan_that_can_not_be_right_is_told_once_for_all_hosts(spec, sentence):
    assert sentence in problem(vlans={"x": spec}, hosta=[], hostb=[])


@pytest.mark.parametrize(
    ("subnet", "kind"),
    [
        ("224.1.0.0/24", "multicast"),
        ("ff05::/64", "multicast"),
        ("127.5.0.0/24", "loopback"),
        ("0.0.0.0/24", "unspecified"),
        ("fe80::/64", "link-local"),
    ],
)
def test_addresses_that_no_container_can_have(subnet, kind):
    said = problem(vlans={"x": {"id": 1, "subnet": subnet}}, hosta=[], hostb=[])
    assert f"vlans.x.subnet: '{subnet}' contains {kind} addresses, which no container can have; choose another" in said
    address = f"{ipaddress.ip_network(subnet)[1]}/24"
    if kind != "unspecified":
        assert f"is a {kind} address" in problem(
            vlans={"x": {"id": 1}}, hosta=[{"container": "a", "vlan": "x", "address": address}]
        )


def test_vlans_that_differ_between_hosts():
    one = {"bridge": "ovs0", "uplink": "eth1", "containers": [], "vlans": {"web": {"id": 100}}}
    found = vlan_fleet.read({"hosta": one, "hostb": {**one, "vlans": {"web": {"id": 101}}}}, {})
    assert found.problems == (
        "hostb: multi_host_vlan_vlans.web: is id 101, without a subnet here and id 100, without a subnet on hosta; "
        "a VLAN means the same on all hosts, so make them equal",
    )
    found = vlan_fleet.read({"hosta": one, "hostb": {**one, "vlans": {"www": {"id": "100"}}}}, {})
    assert found.problems == (
        "hostb: multi_host_vlan_vlans.www.id: 100 is the id of VLAN web on hosta already; "
        "give each VLAN an id of its own",
    )
    assert "is the id of VLAN db already" in problem(vlans={"db": {"id": 5}, "web": {"id": 5}}, hosta=[], hostb=[])
