# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts are joined by a trunk through uplinks that can be ports, or by tunnels to addresses that can be reached."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import (
    VLANS,
    problem,
    tunnelled,
)


def test_the_management_interface_is_no_uplink():
    interfaces = [
        {
            "name": "eth0",
            "management": (
                "holds 10.77.0.11/24; as a port it would lose its addresses and lock you out, so give another interface"
            ),
        },
        {"name": "eth1", "management": None},
    ]
    seen = {"hosta": {"attachments": [], "interfaces": interfaces}}

    def found(**more):
        return vlan_fleet.read({"hosta": {"bridge": "ovs0", "vlans": VLANS, "containers": [], **more}}, seen).problems

    assert found(uplink="eth1") == found() == found(transport="none") == ()
    assert (
        "'eth1' is mutually exclusive with multi_host_vlan_transport: none, which has no uplink"
        in found(uplink="eth1", transport="none")[0]
    )
    assert found(uplink="eth0") == (
        "hosta: multi_host_vlan_uplink: 'eth0' holds 10.77.0.11/24; "
        "as a port it would lose its addresses and lock you out, so give another interface",
    )
    assert found(uplink="eth9") == (
        "hosta: multi_host_vlan_uplink: 'eth9' is not an interface of this host; it has eth0, eth1",
    )


def test_an_uplink_that_is_a_port_already():
    def found(**said):
        uplink = {"name": "eth1", "management": None, "bridge": None, "management_vlans": None, **said}
        seen = {"hosta": {"attachments": [], "interfaces": [uplink]}}
        return vlan_fleet.read(
            {"hosta": {"bridge": "ovs0", "vlans": VLANS, "containers": [], "uplink": "eth1"}}, seen
        ).problems

    assert found(bridge="ovs0") == ()
    assert found(bridge="br0") == (
        "hosta: multi_host_vlan_uplink: 'eth1' is a port of bridge br0 already; "
        "remove it from there first, or give another interface",
    )
    assert found(bridge="br0", management="is a port of Linux bridge br0, which") == (
        "hosta: multi_host_vlan_uplink: 'eth1' is a port of Linux bridge br0, which",
    )
    # The bridge has an address in VLAN 100, or without a tag, which the trunk carries as it always did.
    for vlans in ([100], [0], [0, 100]):
        assert found(bridge="ovs0", management="leads to it", management_vlans=vlans) == ()
    for vlans in ([300], [0, 300]):
        assert found(bridge="ovs0", management="leads to it", management_vlans=vlans) == (
            "hosta: multi_host_vlan_uplink: 'eth1' leads to it",
        )


def test_a_trunk_by_which_the_host_is_reached_goes_on_carrying_frames_without_a_tag():
    variables = {"hosta": {"bridge": "ovs0", "vlans": VLANS, "containers": [], "uplink": "eth1"}}

    def trunks(**said):
        uplink = {"name": "eth1", "management": "leads to it", "bridge": "ovs0", "management_vlans": None, **said}
        seen = {"hosta": {"attachments": [], "interfaces": [uplink]}}
        (port,) = vlan_fleet.ports(vlan_fleet.read(variables, seen), "hosta", variables, seen)
        return port["trunks"]

    assert trunks() == trunks(management_vlans=[100]) == [100, 200]
    assert trunks(management_vlans=[0]) == [0, 100, 200]


def test_hosts_on_a_trunk_need_an_uplink():
    one = {"vlans": VLANS, "containers": []}
    found = vlan_fleet.read({"hosta": {**one, "uplink": "eth1"}, "hostb": one}, {}).problems
    assert len(found) == 1 and found[0].startswith(
        "hostb: multi_host_vlan_uplink: is required, as 2 hosts are to be joined by a trunk; name the NIC"
    )
    assert vlan_fleet.read({"hosta": {**one, "uplink": "eth1"}, "hostb": {**one, "state": "absent"}}, {}).problems == ()


def test_tunnels_lead_to_every_other_host_in_every_vlan():
    variables = tunnelled(
        hosta={"ansible_host": "10.77.0.11"},
        hostb={"underlay_address": "10.9.0.2", "ansible_host": "b.example"},
        hostc={"state": "absent"},
    )
    fleet = vlan_fleet.read(variables, {})
    assert fleet.problems == ()
    ports = vlan_fleet.ports(fleet, "hosta", variables)
    assert [(port["tag"], port["vxlan"]) for port in ports] == [
        (100, {"remote": "10.9.0.2", "vni": 100}),
        (200, {"remote": "10.9.0.2", "vni": 5200}),
    ]
    back = vlan_fleet.ports(fleet, "hostb", variables)
    assert [port["vxlan"] for port in back] == [
        {"remote": "10.77.0.11", "vni": vni, "local": "10.9.0.2"} for vni in (100, 5200)
    ]
    assert len({port["port"] for port in ports}) == 2 and all(len(port["port"]) <= 15 for port in ports)
    assert vlan_fleet.attachments(fleet, "hosta")[0]["mtu"] == 1450
    for more, mtu in (({"ansible_host": "fd00::1"}, 1430), ({"ansible_host": "10.77.0.11", "mtu": 8950}, 8950)):
        alone = tunnelled(hosta={"containers": [{"container": "a", "vlan": "web"}], **more})
        assert vlan_fleet.attachments(vlan_fleet.read(alone, {}), "hosta")[0]["mtu"] == mtu


def test_tunnels_need_an_address_of_each_host_and_an_identifier_of_each_vlan():
    found = vlan_fleet.read(
        tunnelled(hosta={"ansible_host": "a.example"}, hostb={"ansible_host": "10.0.0.1"}), {}
    ).problems
    assert len(found) == 1 and found[0].startswith(
        "hosta: multi_host_vlan_underlay_address: 'a.example' is not an IP address"
    )
    found = vlan_fleet.read(
        tunnelled(hosta={"ansible_host": "10.0.0.1"}, hostb={"ansible_host": "10.0.0.1"}), {}
    ).problems
    assert found == (
        "hostb: multi_host_vlan_underlay_address: 10.0.0.1 is the address of hosta too; "
        "each host needs an underlay address of its own",
    )
    assert "vlans.y.vni: 1 is the VXLAN identifier of VLAN x already" in problem(
        vlans={"x": {"id": 1}, "y": {"id": 2, "vni": 1}}, hosta=[], hostb=[]
    )


def test_a_limited_run_takes_no_tunnel_away():
    common = {"hosta": {"ansible_host": "10.77.0.11"}, "hostb": {"ansible_host": "10.77.0.12"}}
    both = tunnelled(**common)
    there = [
        {"name": port["port"], "bridge": "ovs0", "kind": "vxlan"}
        for port in vlan_fleet.ports(vlan_fleet.read(both, {}), "hosta", both)
    ]
    seen = {"hosta": {"attachments": [], "ports": there}}

    def problems(**more):
        return vlan_fleet.read(tunnelled(hosta={**common["hosta"], **more}), seen).problems

    assert (
        problems()
        == problems(limited=False)
        == problems(limited=True, bridge="ovs1")
        == problems(limited=True, transport="trunk", uplink="eth1")
        == ()
    )
    (said,) = problems(limited=True)
    assert said.startswith(
        "hosta: --limit leaves hosts out, and 2 of this host's tunnels lead to none of the others (vx"
    )
    assert said.endswith(
        "set multi_host_vlan_hosts to all hosts that share the VLANs, such as groups['fleet'], or run without --limit"
    )
    complete = {host: {**given, "limited": True} for host, given in both.items()}
    assert vlan_fleet.read(complete, seen).problems == ()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "a loopback address"),
        ("0.0.0.0", "the unspecified address"),
        ("224.0.0.5", "a multicast address"),
        ("255.255.255.255", "a reserved address"),
        ("::1", "a loopback address"),
        ("::", "the unspecified address"),
        ("ff02::1", "a multicast address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
    ],
)
def test_an_underlay_address_that_no_tunnel_leads_to(address, kind):
    given = tunnelled(
        hosta={"underlay_address": "10.77.0.11"}, hostb={"underlay_address": address, "ansible_host": "10.77.0.12"}
    )
    assert vlan_fleet.read(given, {}).problems == (
        f"hostb: multi_host_vlan_underlay_address: {address!r} is {kind}, which tunnels of other hosts can't reach; "
        "give the host's address in the network that joins the hosts",
    )


def test_tunnels_of_one_family_and_hosts_of_one_transport():
    hosta = {"ansible_host": "10.77.0.11"}
    assert vlan_fleet.read(tunnelled(hosta=hosta, hostb={"ansible_host": "fd00::12"}), {}).problems == (
        "hostb: multi_host_vlan_underlay_address: 'fd00::12' is an IPv6 address, and 10.77.0.11 of hosta an IPv4 one; "
        "tunnels need the same address family at both ends",
    )
    # One whose name is no address, and that is in no tunnel.
    for transport, more in (("trunk", {"uplink": "eth1"}), ("none", {})):
        mixed = tunnelled(hosta=hosta, hostb={"ansible_host": "b.example", "transport": transport, **more})
        assert vlan_fleet.read(mixed, {}).problems == (
            f"hostb: multi_host_vlan_transport: {transport!r} is given here and 'vxlan' on hosta; "
            "hosts that share VLANs need the same transport, so make them equal, "
            "or set multi_host_vlan_hosts to the hosts that share them",
        )
    gone = tunnelled(
        hosta={**hosta, "state": "absent", "transport": "trunk"},
        hostb={"ansible_host": "fd00::12"},
        hostc={"ansible_host": "fd00::13"},
    )
    assert vlan_fleet.read(gone, {}).problems == ()
    twice = tunnelled(hosta=hosta, hostb=hosta)
    assert vlan_fleet.read(twice, {}).problems == (
        "hostb: multi_host_vlan_underlay_address: 10.77.0.11 is the address of hosta too; "
        "each host needs an underlay address of its own",
    )
