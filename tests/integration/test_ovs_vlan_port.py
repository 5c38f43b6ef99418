# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_vlan_port on Open vSwitch bridges with a datapath in userspace: what it sets, keeps, gives back and carries."""

from __future__ import annotations

import json

import pytest
from capture import Capture
from lab_hosts import ModuleFailed
from wiring import (
    assert_same,
    attach,
    everything,
    link,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    ovs_ports,
    ping,
    refused,
    tcp_answer,
    until,
    warned,
)

NETDEV = {"datapath_type": "netdev"}


def vlans(host, port):
    return host.run("ovs-vsctl", "get", "port", port, "vlan_mode", "tag", "trunks").stdout.split("\n")[:3]


def columns(host, table, name, *wanted):
    shown = json.loads(
        host.run("ovs-vsctl", "-f", "json", f"--columns={','.join(wanted)}", "list", table, name).stdout
    )["data"][0]
    return [dict(value[1]) if isinstance(value, list) and value[0] == "map" else value for value in shown]


def ids(host, port):
    return columns(host, "port", port, "external_ids")[0]


def make_veth(host, *names):
    host.run("sh", "-c", " && ".join(f"ip link add {name} type veth peer name {name}x" for name in names))


def thoroughly(host, **options):
    """Check mode says what is done and does nothing; a second run does nothing."""
    before = everything(host)
    checked = host.module("ovs_vlan_port", check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = host.module("ovs_vlan_port", diff=True, **options)
    again = host.module("ovs_vlan_port", diff=True, **options)
    for key in ("operations", "changed", "diff", "bridge", "ports"):
        assert checked[key] == done[key], key
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert (again["ports"], again["bridge"]) == (done["ports"], done["bridge"])
    return done


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
        "create Open vSwitch bridge ovs0 datapath_type netdev fail_mode secure rstp on mcast_snooping on other_config:hwaddr=02:00:00:00:00:77",
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


def test_frames_with_a_tag_go_through_a_vlan_of_their_own(hosta):
    """QinQ: what comes to a port of mode dot1q-tunnel leaves the trunk with a tag before its own, and without that again."""
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "customer", "carrier", "other")
    hosta.run("ovs-vsctl", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
    for port, namespace in (("cust0", "customer"), ("far0", "other"), ("up0", "carrier")):
        hosta.run(
            "sh",
            "-c",
            f"ip link add {port} up type veth peer name eth1 netns {namespace} && ip -n {namespace} link set eth1 up",
        )
    tunnel = {"mode": "dot1q-tunnel", "tag": 100}
    ports = [{"port": "cust0", **tunnel}, {"port": "far0", **tunnel}, {"port": "up0", "mode": "trunk", "trunks": "100"}]
    thoroughly(hosta, bridge="ovs0", ports=ports)

    with (
        Capture(hosta, "carrier", "-e", "arp", "or", "vlan") as outside,
        Capture(hosta, "other", "-e", "vlan", "5") as inside,
    ):
        hosta.run("ip", "netns", "exec", "customer", "python3", "-c", _TAGGED_QUESTION)
    assert (
        "ethertype 802.1Q-QinQ (0x88a8), length 64: vlan 100, p 0, ethertype 802.1Q (0x8100), vlan 5, p 0, ethertype ARP"
        in outside.said
    )
    assert (
        "ethertype 802.1Q (0x8100), length 60: vlan 5, p 0, ethertype ARP" in inside.said
        and "vlan 100" not in inside.said
    )


# Who has 192.168.0.2, in VLAN 5, from a MAC address that nobody has.
_TAGGED_QUESTION = """
import socket
source = bytes.fromhex("020000000005")
question = bytes.fromhex("0001080006040001") + source + socket.inet_aton("192.168.0.1") + bytes(6) + socket.inet_aton("192.168.0.2")
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth1", 0))
wire.send((b"\\xff" * 6 + source + bytes.fromhex("81000005" "0806") + question).ljust(60, b"\\0"))
"""


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


def test_separates_vlans_and_carries_tcp_over_a_tagged_trunk(host):
    """Two bridges, a veth as the trunk between them, and a tap of the frames on it."""
    make_namespaces(host, "a1", "a2", "b1", "b2")
    for bridge in ("ovs0", "ovs1"):
        host.module("ovs_vlan_port", bridge=bridge, create_bridge=True, bridge_options=NETDEV)
    make_veth(host, "up1")
    for number, (name, bridge) in enumerate((("a1", "ovs0"), ("a2", "ovs0"), ("b1", "ovs1"), ("b2", "ovs1"))):
        attach(host, netns=name, bridge=bridge, addresses=[f"192.168.0.{number + 1}/24"])
    for bridge, names, uplink in (("ovs0", ("a1", "a2"), "up1"), ("ovs1", ("b1", "b2"), "up1x")):
        ports = [
            {"port": uplink, "trunks": "100,200"},
            *({"netns": name, "tag": tag} for name, tag in zip(names, (100, 200))),
        ]
        thoroughly(host, bridge=bridge, ports=ports)

    words = ("timeout", "20", "tcpdump", "-e", "-n", "-c", "4", "-i", "up1", "vlan", "and", "icmp")
    capture = host.start(*words, stdout=-1, stderr=-1, encoding="utf-8")
    assert any("listening on" in line for line in capture.stderr)
    assert ping(host, "a1", "192.168.0.3") and ping(host, "a2", "192.168.0.4")
    assert "vlan 100" in (said := capture.communicate(timeout=25)[0]) and "vlan 200" in said
    assert (
        not ping(host, "a1", "192.168.0.4")
        and not ping(host, "a1", "192.168.0.2")
        and not ping(host, "b2", "192.168.0.1")
    )
    assert tcp_answer(host, "a1", "b1", "192.168.0.3") == "hello"
    # Into another VLAN by one change.
    thoroughly(host, bridge="ovs0", netns="a1", tag=200)
    assert not ping(host, "a1", "192.168.0.3") and ping(host, "a1", "192.168.0.4")
    thoroughly(host, bridge="ovs0", port="up1", trunks="100")
    assert not ping(host, "a1", "192.168.0.4")


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
    for name in (named[0], named[2]):
        _gone(host, name)
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


def _gone(host, name):
    until(lambda: host.run("ip", "link", "show", "dev", name, check=False).returncode, f"{name} stays")


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
            "port: 'addr1' holds 192.0.2.1/24; as a port it would lose its addresses and lock you out, so give another interface",
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
