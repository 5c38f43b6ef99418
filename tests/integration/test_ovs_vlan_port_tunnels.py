# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN tunnels as ports of an Open vSwitch bridge: made, corrected, and given back."""

from __future__ import annotations

import json

import pytest
from lab_hosts import ModuleFailed
from wiring import assert_same, everything, make_ovs_bridge, ovs_ports, warned

TUNNEL = {"port": "vx100b", "tag": 100, "vxlan": {"remote": "10.77.0.12", "vni": 4711}}


def put(host, *ports, **options):
    return host.module("ovs_vlan_port", bridge="ovs0", ports=list(ports), **options)


def interface(host):
    columns = "type,options"
    (row,) = json.loads(
        host.run("ovs-vsctl", "--format=json", f"--columns={columns}", "list", "Interface", "vx100b").stdout
    )["data"]
    return row[0], dict(row[1][1])


def test_a_tunnel_is_made_and_taken_away(hosta):
    make_ovs_bridge(hosta)
    before = everything(hosta)
    checked = put(hosta, TUNNEL, check_mode=True, diff=True)
    assert_same(before, everything(hosta))
    done = put(hosta, TUNNEL, diff=True)
    assert (
        done["operations"]
        == checked["operations"]
        == ["add port vx100b to Open vSwitch bridge ovs0, VXLAN 4711 to 10.77.0.12, VLAN 100"]
    )
    assert done["diff"] == checked["diff"] and "remote: 10.77.0.12" in done["diff"]["after"]
    assert interface(hosta) == ("vxlan", {"remote_ip": "10.77.0.12", "key": "4711"})
    assert hosta.run("ovs-vsctl", "get", "port", "vx100b", "protected").stdout.strip() == "true"
    assert put(hosta, TUNNEL)["operations"] == []
    put(hosta, {"port": "vx100b"}, state="absent")
    assert ovs_ports(hosta) == set()


STUCK = (
    "tunnels of bridge ovs0 carry nothing: "
    "with datapath_type netdev they leave by an Open vSwitch bridge of that type, and "
)


def test_tunnels_that_have_no_way_out_are_warned_of(hosta):
    """The datapath in userspace knows the interfaces of its own bridges only."""
    make_ovs_bridge(hosta)
    own = {**TUNNEL, "vxlan": {**TUNNEL["vxlan"], "local": "10.99.0.1"}}
    (said,) = warned(put(hosta, TUNNEL))
    assert said.startswith(f"{STUCK}the route to 10.77.0.12 leads by eth0; make one with the NIC as its port")
    (said,) = warned(put(hosta, own))
    assert said.startswith(f"{STUCK}10.99.0.1 is not on the device of one")
    make_ovs_bridge(hosta, "underlay")
    hosta.run(
        "sh",
        "-e",
        "-c",
        "ip address add 10.99.0.1/24 dev underlay; ip link set underlay up; ip route add 10.77.0.12/32 dev underlay",
    )
    assert warned(put(hosta, TUNNEL)) == warned(put(hosta, own)) == []


def test_a_way_out_is_one_that_leads_to_the_other_end(hosta):
    """Not any bridge with an address.

    The closest of the host's routes says by what a tunnel without ``local`` leaves.
    """
    make_ovs_bridge(hosta)
    hosta.run(
        "sh",
        "-e",
        "-c",
        "ip address add 10.5.5.1/24 dev ovs0; ip -6 address add fd00:5::1/64 dev ovs0 nodad; ip link set ovs0 up",
    )
    (said,) = warned(put(hosta, TUNNEL))
    assert said.startswith(f"{STUCK}the route to 10.77.0.12 leads by eth0; make one")
    for remote, told in (("10.5.5.9", False), ("fd00:5::9", False), ("fd00:6::9", True)):
        shown = warned(put(hosta, {**TUNNEL, "vxlan": {"remote": remote, "vni": 7}}))
        assert [f"the route to {remote} leads by eth0" in text for text in shown] == [True] * told
    # The longest prefix wins, then the lowest metric.
    hosta.run(
        "sh", "-e", "-c", "ip route add 10.77.0.8/29 dev ovs0 metric 5; ip route add 10.77.0.8/29 dev eth0 metric 9"
    )
    assert warned(put(hosta, TUNNEL)) == []
    hosta.run("ip", "route", "add", "10.77.0.8/29", "dev", "eth0", "metric", "2")
    assert "leads by eth0" in warned(put(hosta, TUNNEL))[0]
    hosta.run(
        "sh",
        "-e",
        "-c",
        "ip route del 10.77.0.8/29 metric 2; ip route del 10.77.0.8/29 metric 9; ip route del 10.77.0.8/29 metric 5",
    )


@pytest.mark.parametrize(
    "drift",
    [
        ("set", "interface", "vx100b", "options:remote_ip=10.77.0.99"),
        ("set", "interface", "vx100b", "options:key=5"),
        ("set", "interface", "vx100b", "options:dst_port=8472"),
        ("set", "interface", "vx100b", "options:in_key=5"),
        ("set", "interface", "vx100b", "options:exts=gbp"),
        ("set", "port", "vx100b", "protected=false"),
        ("set", "port", "vx100b", "tag=7"),
    ],
)
def test_a_tunnel_that_was_changed_is_put_right(hosta, drift):
    make_ovs_bridge(hosta)
    put(hosta, TUNNEL)
    hosta.run("ovs-vsctl", *drift)
    done = put(hosta, TUNNEL, diff=True)
    assert done["changed"] and done["diff"]["before"] != done["diff"]["after"]
    assert interface(hosta) == ("vxlan", {"remote_ip": "10.77.0.12", "key": "4711"})
    assert put(hosta, TUNNEL)["operations"] == []


def test_options_that_change_no_frame_of_a_tunnel_stay(hosta):
    make_ovs_bridge(hosta)
    put(hosta, TUNNEL)
    hosta.run("ovs-vsctl", "set", "interface", "vx100b", "options:tos=inherit", "options:dst_port=4789")
    assert put(hosta, TUNNEL)["operations"] == []


def test_tunnels_that_are_not_asked_for_go_with_purge(hosta):
    make_ovs_bridge(hosta)
    hosta.run(
        "ovs-vsctl",
        "add-port",
        "ovs0",
        "foreign",
        "--",
        "set",
        "interface",
        "foreign",
        "type=vxlan",
        "options:remote_ip=10.77.0.13",
        "options:key=9",
    )
    other = {"port": "vx100c", "tag": 100, "vxlan": {"remote": "10.77.0.13", "vni": 4711, "local": "10.77.0.11"}}
    put(hosta, TUNNEL, other)
    put(hosta, other, purge=True)
    assert ovs_ports(hosta) == {"vx100c", "foreign"}
    shown = hosta.module("container_network_info", bridge="ovs0")["ports"]
    assert [(port["name"], port["kind"], port["managed"]) for port in shown] == [
        ("foreign", "vxlan", False),
        ("vx100c", "vxlan", True),
    ]


def test_a_tunnel_that_another_bridge_has(hosta):
    for bridge in ("ovs0", "ovs1"):
        make_ovs_bridge(hosta, bridge)
    put(hosta, TUNNEL)
    before = everything(hosta)
    for check_mode in (True, False):
        with pytest.raises(ModuleFailed) as failure:
            hosta.module("ovs_vlan_port", bridge="ovs1", check_mode=check_mode, **{**TUNNEL, "port": "vx100c"})
        sentence = (
            "port: 'vx100c' can't be a tunnel to 10.77.0.12 with VNI 4711: "
            "port vx100b of Open vSwitch bridge ovs0 is that already; choose another vni"
        )
        assert sentence in failure.value.result["msg"]
    assert_same(before, everything(hosta))
    # One from another address of this host is another tunnel; and one that is gone has made room for its like.
    other = {**TUNNEL, "port": "vx100c", "vxlan": {**TUNNEL["vxlan"], "local": "10.77.0.11"}}
    hosta.module("ovs_vlan_port", bridge="ovs1", **other)
    put(hosta, purge=True)
    hosta.module("ovs_vlan_port", bridge="ovs1", **{**TUNNEL, "port": "vx100d"})
    assert ovs_ports(hosta) == set() and ovs_ports(hosta, "ovs1") == {"vx100c", "vx100d"}


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        (
            {"vxlan": {"remote": "10.77.0.300", "vni": 1}},
            "ports[0].vxlan.remote: '10.77.0.300' is not an IPv4 or IPv6 address",
        ),
        ({"vxlan": {"remote": "10.77.0.12", "vni": 0}}, "ports[0].vxlan.vni: 0 is out of range; give 1 to 16777215"),
        ({"port": "eth1"}, "port: 'eth1' is an interface of this host, and a tunnel has none"),
        (
            {"port": None, "netns": "probe"},
            "ports[0].vxlan: '10.77.0.12' is for a tunnel, and the port of a container is none; "
            "name the tunnel by port",
        ),
    ],
)
def test_refused(hosta, port, sentence):
    make_ovs_bridge(hosta)
    with pytest.raises(ModuleFailed) as failure:
        put(hosta, {**TUNNEL, **port})
    assert sentence in failure.value.result["msg"]
    assert ovs_ports(hosta) == set()
