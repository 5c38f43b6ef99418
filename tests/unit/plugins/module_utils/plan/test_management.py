# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which interfaces a host is reached: their own addresses, or those of the bridge that they are a port of."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import vlan_port
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import OvsBridge, OvsPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import SEVERAL_LINKS, Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import management
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import vlan_port as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import HostSide
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState

ADDRESS = ("10.77.0.12/24",)


def host(*links, default=None):
    routes = (Route("0.0.0.0/0", "10.77.0.1", default, 0),) if default else ()
    return NetworkState({link.name: link for link in links}, {}, routes)


def ovm(*ports, **local):
    return {port.name: port for port in (OvsPort("ovm", "ovm", **local), *ports)}


NIC, DEVICE = Link(2, "eth0"), Link(3, "ovm", "tun")


def test_each_way_of_a_default_route_over_several_nics_is_kept():
    several = Route("0.0.0.0/0", None, SEVERAL_LINKS, 0, through=("eth0", "eth1"))
    state = NetworkState({name: Link(number, name) for number, name in ((2, "eth0"), (3, "eth1"))}, {}, (several,))
    found = management.interfaces(state, {})
    assert sorted(found) == ["eth0", "eth1"]
    assert found["eth1"].startswith("carries this host's default route")


def test_a_nic_leads_to_the_addresses_of_its_bridge():
    bridge = Link(3, "br0", "bridge")
    found = management.interfaces(host(Link(2, "eth0", master=3), bridge), {"br0": ADDRESS, "eth0": ()})
    assert found["eth0"].startswith("is a port of Linux bridge br0, which holds 10.77.0.12/24; you would be locked out")
    bond = Link(4, "bond0", "bond", master=3)
    found = management.interfaces(host(Link(2, "eth0", master=4), bond, bridge), {"br0": ADDRESS})
    assert "is a port of bond0, which is a port of Linux bridge br0, which holds 10.77.0.12/24" in found["eth0"]
    found = management.interfaces(host(NIC, DEVICE), {"ovm": ADDRESS, "eth0": ()}, ovm(OvsPort("eth0", "ovm")))
    assert found["eth0"].startswith(
        "is a port of Open vSwitch bridge ovm, where ovm holds 10.77.0.12/24; you would be locked out"
    )
    assert "eth0" not in management.interfaces(host(NIC, DEVICE), {"ovm": ("fe80::1/64",)}, ovm(OvsPort("eth0", "ovm")))


def test_an_interface_of_a_vlan_on_a_bridge_is_an_uplink():
    bridge, tagged = Link(3, "br0", "bridge"), Link(4, "br0.100", "vlan", peer=3, vlan_id=100)
    found = management.interfaces(host(Link(2, "eth0", master=3), bridge, tagged), {"br0.100": ADDRESS, "eth0": ()})
    assert found["eth0"].startswith(
        "is a port of Linux bridge br0, which has br0.100, which holds 10.77.0.12/24; you would be locked out"
    )
    tagged = Link(4, "ovm.100", "vlan", peer=3, vlan_id=100)
    seen = host(NIC, DEVICE, tagged)
    assert (
        "where ovm.100 holds 10.77.0.12/24"
        in management.interfaces(seen, {"ovm.100": ADDRESS}, ovm(OvsPort("eth0", "ovm")))["eth0"]
    )
    assert "eth0" not in management.interfaces(seen, {"ovm.100": ADDRESS}, ovm(OvsPort("eth0", "ovm", trunks=(200,))))
    # An access port takes no frames that have a tag already.
    assert management.vlans(seen, {"ovm.100": ADDRESS}, ovm(OvsPort("eth0", "ovm"), tag=5)) == {}
    both = management.vlans(seen, {"ovm": ADDRESS, "ovm.100": ("10.8.0.1/24",)}, ovm(OvsPort("eth0", "ovm")))
    assert both["ovm"] == both["eth0"] == {0: "ovm holds 10.77.0.12/24", 100: "ovm.100 holds 10.8.0.1/24"}


def test_a_device_of_another_port_counts_as_the_bridge_s_own():
    mgmt0 = Link(5, "mgmt0", "tun")
    found = management.interfaces(
        host(NIC, DEVICE, mgmt0), {"mgmt0": ADDRESS}, ovm(OvsPort("eth0", "ovm"), OvsPort("mgmt0", "ovm", tag=7))
    )
    assert "where mgmt0 holds 10.77.0.12/24" in found["eth0"]


def test_a_nic_that_does_not_carry_the_vlan_of_the_addresses_leads_to_none():
    found = management.interfaces(host(NIC, DEVICE), {"ovm": ADDRESS}, ovm(OvsPort("eth0", "ovm", trunks=(100, 200))))
    assert "eth0" not in found


def test_containers_and_virtual_machines_on_the_bridge_are_no_uplinks():
    container = Link(6, "veth1", "veth", peer=9, peer_netns=4)
    links = (
        NIC,
        DEVICE,
        container,
        Link(7, "vnet0", "tun"),
        Link(8, "pf1", "veth", alias="pipefitter x", peer=9, peer_netns=5),
    )
    ports = ovm(*(OvsPort(name, "ovm") for name in ("eth0", "veth1", "vnet0", "pf1")))
    assert set(management.vlans(host(*links, default="ovm"), {"ovm": ADDRESS}, ports)) == {"ovm", "eth0"}
    # Where the host is a container itself, its NIC is such a veth.
    assert "veth1" in management.vlans(host(*links[1:], default="ovm"), {"ovm": ADDRESS}, ports)
    # A bridge that has an address for its containers, and no way out.
    assert set(management.vlans(host(*links[1:]), {"ovm": ADDRESS}, ports)) == {"ovm"}


@pytest.mark.parametrize(
    ("vlans", "untagged", "wire"),
    [
        (Vlans("trunk"), 0, {0: 0, 5: 5}),
        (Vlans("trunk", trunks=(5,)), None, {0: None, 5: 5, 6: None}),
        (Vlans("trunk", trunks=(0, 5)), 0, {0: 0, 5: 5}),
        (Vlans("access", 5), 5, {0: None, 5: 0, 6: None}),
        (Vlans("native-untagged", 5, (6,)), 5, {0: None, 5: 0, 6: 6, 7: None}),
        (Vlans("native-tagged", 5), 5, {0: None, 5: 5, 6: 6}),
        (Vlans("dot1q-tunnel", 5), 5, {5: 0, 6: None}),
    ],
)
def test_tags_on_the_wire(vlans, untagged, wire):
    assert vlans.untagged == untagged
    assert {vlan: vlans.on_the_wire(vlan) for vlan in wire} == wire


@pytest.mark.parametrize(
    ("asked", "shown", "local", "refused"),
    [
        ({"port": "eth0", "mode": "trunk", "trunks": "100,200"}, {}, {}, True),
        ({"port": "eth0", "tag": 100}, {}, {}, True),
        ({"port": "eth0", "mode": "trunk", "trunks": "0,100"}, {}, {}, False),
        ({"port": "eth0", "mode": "native-untagged", "tag": 7, "trunks": "100"}, {}, {}, True),
        ({"port": "ovm", "tag": 100}, {}, {}, True),
        ({"port": "ovm", "mode": "trunk", "trunks": "0,100"}, {}, {}, False),
        # An address for the containers of VLAN 100, and a trunk that carries it, before and after.
        ({"port": "eth0", "mode": "trunk", "trunks": "100,200"}, {"trunks": (100, 200)}, {"tag": 100}, False),
        ({"port": "eth0", "mode": "trunk", "trunks": "100,200,300"}, {"trunks": (100, 200)}, {"tag": 100}, False),
        ({"port": "eth0", "mode": "trunk", "trunks": "200"}, {"trunks": (100, 200)}, {"tag": 100}, True),
        ({"port": "eth0", "mode": "trunk", "trunks": "100"}, {"tag": 100}, {"tag": 100}, True),
        # One of a VLAN that the trunk never carried.
        ({"port": "eth0", "mode": "trunk", "trunks": "100,300"}, {"trunks": (100, 200)}, {}, False),
    ],
)
def test_a_port_keeps_carrying_what_the_host_is_reached_by(asked, shown, local, refused):
    seen, ports = host(NIC, DEVICE), ovm(OvsPort("eth0", "ovm", **shown), **local)
    held = {"ovm": ADDRESS}
    bridges = {"ovm": OvsBridge("ovm", "netdev", ("eth0", "ovm"))}
    have = plan.VlanPortState(
        HostSide(seen, {}, ports),
        bridges,
        unfit=management.interfaces(seen, held, ports),
        uplinks=management.vlans(seen, held, ports),
    )
    want = vlan_port.parse({"bridge": "ovm", "ports": [asked]})
    if not refused:
        plan.present(want, have)
        return
    with pytest.raises(
        Refused, match=f"port: '{asked['port']}' carries frames .*where ovm holds 10.77.0.12/24.*lock you out"
    ):
        plan.present(want, have)


def test_a_nic_of_another_bridge_by_which_the_host_is_reached_is_not_advised_away():
    seen, ports = (
        host(NIC, DEVICE, Link(4, "ovs0", "tun")),
        {**ovm(OvsPort("eth0", "ovm")), "ovs0": OvsPort("ovs0", "ovs0")},
    )
    bridges = {name: OvsBridge(name, "netdev", (name,)) for name in ("ovm", "ovs0")}
    have = plan.VlanPortState(
        HostSide(seen, {}, ports), bridges, unfit=management.interfaces(seen, {"ovm": ADDRESS}, ports)
    )
    with pytest.raises(
        Refused,
        match="'eth0' is a port of Open vSwitch bridge ovm, where ovm holds 10.77.0.12/24; you would be locked out",
    ) as failure:
        plan.present(vlan_port.parse({"bridge": "ovs0", "port": "eth0", "tag": 5}), have)
    assert "name that bridge" not in str(failure.value)
