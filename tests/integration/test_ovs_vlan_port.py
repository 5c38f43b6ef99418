# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_vlan_port on Open vSwitch bridges with a datapath in userspace: what it sets, keeps, and gives back."""

from __future__ import annotations

import pytest
from lab_hosts import ModuleFailed
from ovs_lab import NETDEV, columns, ids, make_veth, thoroughly, vlans
from wiring import (
    assert_same,
    attach,
    everything,
    gone,
    link,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    ovs_ports,
    warned,
)


def test_makes_a_bridge_and_its_ports_at_once(host):
    make_veth(host, "up1")
    made = thoroughly(
        host,
        bridge="ovs0",
        create_bridge=True,
        bridge_options={
            **NETDEV,
            "fail_mode": "secure",
            "rstp": True,
            "mcast_snooping": True,
            "other_config": {"hwaddr": "02:00:00:00:00:77"},
        },
        ports=[{"port": "up1", "mode": "trunk", "trunks": "100,200-203"}, {"port": "ovs0", "tag": 100}],
    )
    assert made["operations"] == [
        "create Open vSwitch bridge ovs0 datapath_type netdev fail_mode secure rstp on "
        "mcast_snooping on other_config:hwaddr=02:00:00:00:00:77",
        "add port up1 to Open vSwitch bridge ovs0, trunk of VLANs 100,200-203",
        "change port ovs0 of Open vSwitch bridge ovs0, VLAN 100",
        "switch the TX checksum offload of ovs0 off (userspace datapath)",
        "set ovs0 up",
        "set up1 up",
    ]
    assert vlans(host, "up1") == ["[]", "[]", "[100, 200, 201, 202, 203]"] and vlans(host, "ovs0") == [
        "[]",
        "100",
        "[]",
    ]
    shown = columns(
        host,
        "bridge",
        "ovs0",
        "datapath_type",
        "fail_mode",
        "rstp_enable",
        "stp_enable",
        "mcast_snooping_enable",
        "other_config",
    )
    assert shown == ["netdev", "secure", True, False, True, {"hwaddr": "02:00:00:00:00:77"}]
    assert (
        link(host, "ovs0")["address"] == "02:00:00:00:00:77"
        and "UP" in link(host, "ovs0")["flags"]
        and "UP" in link(host, "up1")["flags"]
    )
    assert made["ports"][0] == {"port": "up1", "mode": "trunk", "trunks": "100,200-203", "external_ids": {}}
    # What was returned is what can be asked for.
    back = {key: value for key, value in made["bridge"].items() if key != "name"}
    assert not host.module("ovs_vlan_port", bridge="ovs0", bridge_options=back, ports=made["ports"])["changed"]
    assert thoroughly(
        host, bridge="ovs0", bridge_options={"rstp": False, "stp": True, "other_config": {"a": 'b=c, "d" e'}}
    )["changed"]
    assert columns(host, "bridge", "ovs0", "other_config") == [{"hwaddr": "02:00:00:00:00:77", "a": 'b=c, "d" e'}]

    gone = thoroughly(host, bridge="ovs0", create_bridge=True, state="absent")
    assert gone["operations"][-1] == "delete Open vSwitch bridge ovs0"
    assert host.run("ovs-vsctl", "list-br").stdout == ""
    assert link(host, "up1")["ifname"] == "up1"


def test_keys_of_a_bridge_go_by_null(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "up1")
    hosta.run("ovs-vsctl", "set", "bridge", "ovs0", "other_config:theirs=1", "external_ids:theirs=1")
    nulls = {"other_config": {"a": None, "nosuch": None}, "external_ids": {"b": None, "nosuch": None}}
    for state in ("present", "absent"):
        # What absent would put back, ports and bridge alike, it does not do to settings; keys that are null go.
        options = {
            "bridge_options": {**nulls, "rstp": state == "absent"},
            "port": "up1",
            "state": state,
            **({"tag": 5} if state == "present" else {}),
        }
        hosta.module(
            "ovs_vlan_port",
            bridge="ovs0",
            port="up1",
            tag=5,
            bridge_options={"other_config": {"a": 1}, "external_ids": {"b": 2}},
        )
        done = thoroughly(hosta, bridge="ovs0", **options)
        assert done["operations"][0] == "change Open vSwitch bridge ovs0: other_config:a 1 to unset, external_ids:b"
        assert columns(hosta, "bridge", "ovs0", "other_config", "external_ids", "rstp_enable") == [
            {"theirs": "1"},
            {"theirs": "1"},
            False,
        ]
    # A bridge that goes needs none of that.
    hosta.module(
        "ovs_vlan_port",
        bridge="ovs1",
        create_bridge=True,
        bridge_options={**NETDEV, "external_ids": {"b": 2, "nosuch": None}},
    )
    gone = thoroughly(hosta, bridge="ovs1", create_bridge=True, bridge_options=nulls, state="absent")
    assert gone["operations"] == ["delete Open vSwitch bridge ovs1"]


@pytest.mark.parametrize(
    ("given", "taken", "held"),
    [
        (
            "ip addr add 10.44.0.1/24 dev ovs0; ip route add 10.45.0.0/24 via 10.44.0.2",
            "ip addr flush dev ovs0",
            "10.44.0.1/24, 10.45.0.0/24 via 10.44.0.2 dev ovs0",
        ),
        ("ip route add 10.46.0.0/24 dev ovs0", "ip route flush dev ovs0", "10.46.0.0/24 dev ovs0"),
        ("ip -6 addr add fd00:44::1/64 dev ovs0 nodad", "ip -6 addr flush dev ovs0", "fd00:44::1/64"),
    ],
)
def test_a_bridge_that_the_host_uses_itself_stays(hosta, given, taken, held):
    make_veth(hosta, "up1")
    hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, bridge_options=NETDEV, port="up1", tag=5)
    hosta.run("sh", "-c", given)
    kept = hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, state="absent")
    assert kept["operations"] == ["remove port up1 from Open vSwitch bridge ovs0"]
    assert warned(kept) == [
        f"Open vSwitch bridge ovs0 stays, as its device has addresses or routes of this host: {held}"
    ]
    assert hosta.run("ovs-vsctl", "list-br").stdout == "ovs0\n"
    hosta.run("sh", "-c", taken)
    assert thoroughly(hosta, bridge="ovs0", create_bridge=True, state="absent")["operations"] == [
        "delete Open vSwitch bridge ovs0"
    ]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"tag": 100}, ["[]", "100", "[]"]),
        ({"mode": "access", "tag": 4094}, ["[]", "4094", "[]"]),
        ({"mode": "trunk"}, ["[]", "[]", "[]"]),
        ({"trunks": [100, "200-202", 0]}, ["[]", "[]", "[0, 100, 200, 201, 202]"]),
        ({"mode": "native-tagged", "tag": 5, "trunks": "1-3"}, ["native-tagged", "5", "[1, 2, 3]"]),
        ({"mode": "native-untagged", "tag": 5}, ["native-untagged", "5", "[]"]),
        ({"mode": "dot1q-tunnel", "tag": 7}, ["dot1q-tunnel", "7", "[]"]),
    ],
)
def test_every_mode_in_place_and_back(hosta, asked, shown):
    make_ovs_bridge(hosta)
    make_veth(hosta, "foreign0")
    hosta.run(
        "ovs-vsctl", "add-port", "ovs0", "foreign0", "tag=42", "vlan_mode=native-untagged", "external_ids:whose=theirs"
    )
    uuid, ofport = (
        hosta.run("ovs-vsctl", "get", "port", "foreign0", "_uuid").stdout,
        hosta.run("ovs-vsctl", "get", "interface", "foreign0", "ofport").stdout,
    )
    before = everything(hosta)

    thoroughly(hosta, bridge="ovs0", port="foreign0", external_ids={"whose": "ours", "n": "1"}, **asked)

    assert vlans(hosta, "foreign0") == shown
    assert {key: value for key, value in ids(hosta, "foreign0").items() if not key.startswith("pipefitter")} == {
        "whose": "ours",
        "n": "1",
    }
    assert hosta.run("ovs-vsctl", "get", "port", "foreign0", "_uuid").stdout == uuid
    assert hosta.run("ovs-vsctl", "get", "interface", "foreign0", "ofport").stdout == ofport
    # Set to something else on the way, it is still the first state that it gets back.
    thoroughly(hosta, bridge="ovs0", port="foreign0", tag=99, external_ids={"n": "2"})
    assert ids(hosta, "foreign0")["whose"] == "theirs"
    back = thoroughly(hosta, bridge="ovs0", port="foreign0", state="absent")
    assert back["operations"] == [
        "change port foreign0 of Open vSwitch bridge ovs0, native-untagged VLAN 42, trunk of all VLANs"
    ]
    assert_same(before, everything(hosta))


def test_values_of_any_kind_survive(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "up1")
    strange = {
        "a,b": 'q"u\'o"te',
        "e=q": "x=1,y=2",
        "sp ace": "  two  spaces ",
        "uni": "grün ✓",
        "nl": "a\nb\\n",
        "brace": "{}[]",
        "empty": "",
        "yes": "true",
    }
    thoroughly(hosta, bridge="ovs0", port="up1", tag=9, external_ids={**strange, "yes": True})
    assert {key: value for key, value in ids(hosta, "up1").items() if not key.startswith("pipefitter")} == strange
    thoroughly(hosta, bridge="ovs0", port="up1", tag=9, external_ids={})
    assert not {*ids(hosta, "up1")} & {*strange}


def test_a_container_by_name_and_by_one_step_are_the_same(host):
    make_ovs_bridge(host)
    make_containers(host, "test1", "test2")
    wanted = {"bridge": "ovs0", "addresses": ["192.168.5.10/24"]}
    name = attach(host, container="test1", **wanted)["attachments"][0]["host_interface"]
    tagged = thoroughly(host, bridge="ovs0", container="test1", interface="eth1", tag=100)
    assert tagged["ports"] == [
        {"container": "test1", "interface": "eth1", "mode": "access", "tag": 100, "external_ids": {}}
    ]
    assert tagged["port_names"] == [name]
    assert vlans(host, name) == ["[]", "100", "[]"]
    # The attachment keeps the VLAN that it does not name.
    again = attach(host, container="test1", **wanted)
    assert not again["changed"] and again["attachments"][0]["vlan"] == 100
    # In one step: there is nothing left to set, so nothing is recorded and nothing given back.
    one_step = attach(host, container="test2", bridge="ovs0", vlan=100)["attachments"][0]["host_interface"]
    assert not host.module("ovs_vlan_port", bridge="ovs0", container="test2", tag=100)["changed"]
    assert [vlans(host, one_step), len(ids(host, one_step))] == [vlans(host, name), 1]
    kept = host.module("ovs_vlan_port", bridge="ovs0", container="test2", state="absent")
    assert not kept["changed"] and vlans(host, one_step) == ["[]", "100", "[]"]
    thoroughly(host, bridge="ovs0", container="test1", state="absent")
    assert vlans(host, name) == ["[]", "[]", "[]"]
    assert not attach(host, container="test1", **wanted)["changed"]


def test_purge_gives_back_what_this_module_set_and_nothing_else(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    make_veth(hosta, "mine0", "theirs0", "set0")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "theirs0", "tag=3", "--", "add-port", "ovs0", "set0", "tag=4")
    attach(hosta, netns="probe", bridge="ovs0", host_interface="probe0", vlan=10)
    before = everything(hosta)
    thoroughly(
        hosta,
        bridge="ovs0",
        ports=[{"port": "mine0", "tag": 1}, {"port": "set0", "tag": 5}, {"netns": "probe", "tag": 11}],
    )
    purged = thoroughly(hosta, bridge="ovs0", ports=[{"port": "mine0", "tag": 1}], purge=True)
    assert len(purged["operations"]) == 2
    thoroughly(hosta, bridge="ovs0", ports=[], purge=True)
    assert_same({"ovs": before["ovs"]}, {"ovs": everything(hosta)["ovs"]})


def test_prune_removes_ports_whose_container_is_gone(host):
    make_ovs_bridge(host)
    make_containers(host, "web1", "web2")
    make_namespaces(host, "probe")
    make_veth(host, "dead0", "mine0")
    wanted = [{"container": "web1"}, {"container": "web2"}, {"netns": "probe"}]
    named = [entry["host_interface"] for entry in attach(host, bridge="ovs0", attachments=wanted)["attachments"]]
    host.run("ovs-vsctl", "add-port", "ovs0", "dead0")
    thoroughly(host, bridge="ovs0", ports=[{"port": "mine0", "tag": 7}, {"container": "web1", "tag": 8}])
    host.run("docker", "rm", "-f", "web1")
    host.run("ip", "netns", "delete", "probe")
    host.run("ip", "link", "delete", "dead0")
    host.run("ip", "link", "delete", "mine0")
    gone(host, named[0], named[2])
    assert ovs_ports(host) == {"dead0", "mine0", *named}

    pruned = thoroughly(host, bridge="ovs0", prune=True)

    assert len(pruned["operations"]) == 2
    # Of others, or named by hand: a NIC may come back.
    assert ovs_ports(host) == {"dead0", "mine0", named[1]}
    thoroughly(host, bridge="ovs0", port="mine0", state="absent")
    assert ovs_ports(host) == {"dead0", named[1]}
    left = host.module("ovs_vlan_port", bridge="ovs0", port="dead0", state="absent")
    assert not left["changed"] and warned(left) == [
        "port dead0 of bridge ovs0 was not set by this module and stays as it is"
    ]
    assert not host.module("ovs_vlan_port", bridge="ovs0", port="never0", state="absent")["changed"]


def test_a_bridge_of_others_or_with_others_on_it_stays(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "theirs0", "mine0")
    stays = hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, state="absent")
    assert not stays["changed"] and warned(stays) == [
        "Open vSwitch bridge ovs0 was not made by this collection and stays"
    ]
    hosta.module("ovs_vlan_port", bridge="ovs1", create_bridge=True, bridge_options=NETDEV, port="mine0", tag=5)
    hosta.run("ovs-vsctl", "add-port", "ovs1", "theirs0")
    checked = hosta.module("ovs_vlan_port", bridge="ovs1", create_bridge=True, state="absent", check_mode=True)
    assert warned(checked)[0].endswith("did not add: theirs0; it goes if an earlier task takes these away")
    stays = hosta.module("ovs_vlan_port", bridge="ovs1", create_bridge=True, state="absent")
    assert stays["operations"] == ["remove port mine0 from Open vSwitch bridge ovs1"]
    assert warned(stays) == ["Open vSwitch bridge ovs1 stays, as it has ports that ovs_vlan_port did not add: theirs0"]
    hosta.run("ovs-vsctl", "del-port", "theirs0", "--", "set-controller", "ovs1", "tcp:127.0.0.1:6633")
    sentence = "Open vSwitch bridge ovs1 is not deleted: another program configured its controller"
    with pytest.raises(ModuleFailed, match=sentence):
        hosta.module("ovs_vlan_port", bridge="ovs1", create_bridge=True, state="absent")
    hosta.run("ovs-vsctl", "del-controller", "ovs1")
    thoroughly(hosta, bridge="ovs1", create_bridge=True, state="absent")
    assert hosta.run("ovs-vsctl", "list-br").stdout.split() == ["ovs0"]


def test_five_hundred_ports_in_one_transaction(hosta):
    make_ovs_bridge(hosta)
    hosta.run(
        "sh",
        "-c",
        "for n in $(seq 250); do echo link add p$n type veth peer name p${n}x; done | ip -batch -",
        timeout=60,
    )
    names = [f"p{number}{end}" for number in range(1, 251) for end in ("", "x")]
    ports = [{"port": name, "tag": 1 + number % 4094} for number, name in enumerate(names)]
    transactions = _transactions(hosta)
    done = hosta.module("ovs_vlan_port", bridge="ovs0", ports=ports, wait_timeout=60)
    # A line for what is wanted of each, one write to the database; ovs-vswitchd reports by writes of its own.
    assert len([line for line in done["operations"] if line.startswith("add port")]) == 500
    assert _transactions(hosta) == transactions + 1
    assert not hosta.module("ovs_vlan_port", bridge="ovs0", ports=ports)["changed"]
    assert _transactions(hosta) == transactions + 1
    for port in ports:
        port["tag"] += 1
    hosta.module("ovs_vlan_port", bridge="ovs0", ports=ports)
    assert _transactions(hosta) == transactions + 2
    assert vlans(hosta, "p250x")[1] == "501"
    hosta.module("ovs_vlan_port", bridge="ovs0", ports=[], purge=True, wait_timeout=60)
    assert ovs_ports(hosta) == set()


def _transactions(host):
    """How often somebody asked ovs-vswitchd for another configuration."""
    return int(host.run("ovs-vsctl", "get", "open_vswitch", ".", "next_cfg").stdout)
