# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ovs_vlan_port refuses, in a sentence, before anything changes."""

from __future__ import annotations

import pytest
from lab_hosts import ModuleFailed
from ovs_lab import make_veth, thoroughly
from wiring import assert_same, everything, make_namespaces, make_ovs_bridge, ovs_ports, refused, warned


def test_is_refused_with_the_reason(hosta):
    make_ovs_bridge(hosta)
    make_ovs_bridge(hosta, "ovs1")
    make_namespaces(hosta, "probe")
    make_veth(hosta, "up1", "lan1", "addr1")
    hosta.run(
        "sh", "-c", "ip link add br0 type bridge && ip link set lan1 master br0 && ip addr add 192.0.2.1/24 dev addr1"
    )
    hosta.run("ovs-vsctl", "add-port", "ovs1", "up1")
    for options, sentence in (
        (
            {"bridge": "br0", "port": "addr1", "tag": 5},
            "bridge: 'br0' is a Linux bridge of this host; name an Open vSwitch bridge, or choose another name",
        ),
        (
            {"bridge": "lan1", "create_bridge": True},
            "bridge: 'lan1' is an interface of this host already; choose another name for the bridge",
        ),
        (
            {"bridge": "up1", "create_bridge": True},
            "bridge: 'up1' is a port of Open vSwitch bridge ovs1; name a bridge, or choose another name",
        ),
        (
            {"bridge": "ovs0", "port": "up1", "tag": 5},
            "port: 'up1' is a port of Open vSwitch bridge ovs1 already; take it out there first, or name that bridge",
        ),
        (
            {"bridge": "ovs0", "port": "lan1", "tag": 5},
            "port: 'lan1' is a port of Linux bridge br0; take it out there first",
        ),
        (
            {"bridge": "ovs0", "port": "br0", "tag": 5},
            "port: 'br0' is a bridge itself; join two bridges by a veth pair",
        ),
        (
            {"bridge": "ovs0", "port": "addr1", "tag": 5},
            "port: 'addr1' holds 192.0.2.1/24; as a port it would lose its addresses and lock you out, "
            "so give another interface",
        ),
        (
            {"bridge": "ovs0", "container": "nobody", "tag": 5},
            "container: 'nobody' is not known to any container engine of this host",
        ),
    ):
        assert sentence in refused(hosta, "ovs_vlan_port", **options)
    # In check mode these are as if an earlier task made them.
    no_attachment = (
        "interface: netns /run/netns/probe has no attachment eth1 of this collection; make it with veth_attach"
    )
    for options, sentence in (
        (
            {"bridge": "ovs7", "port": "up1x", "tag": 5},
            "bridge: 'ovs7' is no Open vSwitch bridge of this host; set create_bridge to have it made",
        ),
        (
            {"bridge": "ovs0", "port": "gone0", "tag": 5},
            "port: 'gone0' is neither a port of bridge ovs0 nor an interface of this host",
        ),
        ({"bridge": "ovs0", "netns": "probe", "tag": 5}, no_attachment),
    ):
        before = everything(hosta)
        with pytest.raises(ModuleFailed) as failure:
            hosta.module("ovs_vlan_port", **options)
        assert sentence in failure.value.result["msg"]
        checked = hosta.module("ovs_vlan_port", check_mode=True, **options)
        assert checked["changed"] and "checked as if an earlier task made it" in warned(checked)[0]
        assert_same(before, everything(hosta))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"port": "up1", "tag": 0}, "tag: 0 is out of range; give 1 to 4094 for a VLAN id"),
        ({"port": "up1", "tag": 4095}, "tag: 4095 is out of range"),
        ({"ports": [{"port": "a1", "tag": 1}, {"port": "up1", "tag": 5000}]}, "ports[1].tag: 5000 is out of range"),
        ({"port": "up1", "mode": "trunk", "tag": 5}, "tag: 5 is mutually exclusive with mode trunk"),
        (
            {"port": "up1", "mode": "access", "tag": 5, "trunks": "7"},
            "trunks: '7' is mutually exclusive with mode access",
        ),
    ],
)
def test_what_can_not_be_right_on_any_host(hosta, options, sentence):
    make_ovs_bridge(hosta)
    assert sentence in refused(hosta, "ovs_vlan_port", bridge="ovs0", **options)


def test_what_the_host_is_reached_by_keeps_its_vlan(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "up1")
    hosta.module("ovs_vlan_port", bridge="ovs0", port="up1", mode="trunk")
    hosta.run("ip", "addr", "add", "10.99.0.2/24", "dev", "ovs0")
    before = everything(hosta)
    said = refused(hosta, "ovs_vlan_port", bridge="ovs0", port="up1", mode="trunk", trunks=[100, 200])
    assert said == (
        "port: 'up1' carries frames without a tag on bridge ovs0, where ovs0 holds 10.99.0.2/24; "
        "as trunk port with trunks 100,200 it would not, "
        "and lock you out, so give another port, or leave VLAN 0 in trunks"
    )
    said = refused(hosta, "ovs_vlan_port", bridge="ovs0", port="ovs0", tag=100)
    assert (
        "port: 'ovs0' carries frames without a tag on bridge ovs0, where ovs0 holds 10.99.0.2/24; "
        "as access port of VLAN 100 it would not" in said
    )
    make_ovs_bridge(hosta, "ovs1")
    said = refused(hosta, "ovs_vlan_port", bridge="ovs1", port="up1", tag=100)
    assert said.startswith(
        "port: 'up1' is a port of Open vSwitch bridge ovs0, where ovs0 holds 10.99.0.2/24; you would be locked out"
    )
    hosta.run("ovs-vsctl", "del-br", "ovs1")
    assert_same(before, everything(hosta))
    thoroughly(hosta, bridge="ovs0", port="up1", mode="trunk", trunks=[0, 100, 200])


@pytest.mark.parametrize(
    "taking",
    [
        {"ports": [], "purge": True},
        {"ports": [{"port": "up2", "tag": 7}], "purge": True, "owner": "uplinks"},
        {"port": "up1", "state": "absent"},
        {"create_bridge": True, "state": "absent"},
    ],
    ids=["purge", "purge of an owner", "absent", "absent all"],
)
def test_what_the_host_is_reached_by_is_not_taken_away(hosta, taking):
    make_ovs_bridge(hosta)
    make_veth(hosta, "up1", "up2")
    hosta.module("ovs_vlan_port", bridge="ovs0", port="up1", mode="trunk", owner="uplinks")
    hosta.run("ip", "addr", "add", "10.99.0.2/24", "dev", "ovs0")
    assert refused(hosta, "ovs_vlan_port", bridge="ovs0", **taking) == (
        "port: 'up1' carries frames without a tag on bridge ovs0, where ovs0 holds 10.99.0.2/24; "
        "taken out of the bridge it would not, "
        "and lock you out, so keep it as it is, or give what the host has there to another interface first"
    )
    # What carries other VLANs only leads to nothing of the host.
    hosta.run("ovs-vsctl", "set", "port", "ovs0", "tag=100")
    hosta.run("ovs-vsctl", "set", "port", "up1", "trunks=200")
    done = thoroughly(hosta, bridge="ovs0", **taking)
    assert "remove port up1 from Open vSwitch bridge ovs0" in done["operations"] and "up1" not in ovs_ports(hosta)


def test_what_the_host_is_reached_by_is_not_given_back_vlans_without_it(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "up1")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "up1", "trunks=100")
    hosta.module("ovs_vlan_port", bridge="ovs0", port="up1", mode="trunk")
    hosta.run("ip", "addr", "add", "10.99.0.2/24", "dev", "ovs0")
    for taking in ({"ports": [], "purge": True}, {"port": "up1", "state": "absent"}):
        said = refused(hosta, "ovs_vlan_port", bridge="ovs0", **taking)
        assert (
            "as trunk port with trunks 100 it would not, and lock you out, so keep it as it is, "
            "or give what the host has there to" in said
        )
