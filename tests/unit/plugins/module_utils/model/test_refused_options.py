# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that can't be right on any host: each is refused by name, with its value, and with what to do instead."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import attachment as kind
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.refusals import ONE, complaint

# An address, and words of the sentence that refuses it, on a bridge as on an attachment.
ADDRESSES = [
    ("192.168.5", "is not an IPv4 or IPv6 address"),
    ("10.1/24", "is not an IPv4 or IPv6 address"),
    ("010.0.0.1/24", "is not an IPv4 or IPv6 address"),
    ("192.168.5.256/24", "write it like 192.168.5.1 or fd00:5::1"),
    ("fd00:5:::1/64", "is not an IPv4 or IPv6 address"),
    ("fe80::1%eth0/64", "is not an IPv4 or IPv6 address"),
    ("br0", "is not an IPv4 or IPv6 address"),
    ("", "is not an IPv4 or IPv6 address"),
    ("192.168.5.1", "has no prefix length; write it like 192.168.5.1/24"),
    ("fd00:5::1", "has no prefix length; write it like fd00:5::1/64"),
    ("192.168.5.1/", "give a number from 0 to 32 after the slash"),
    ("192.168.5.1/33", "give a number from 0 to 32 after the slash"),
    ("192.168.5.1/-1", "give a number from 0 to 32 after the slash"),
    ("192.168.5.1/255.255.255.0", "give a number from 0 to 32 after the slash"),
    ("192.168.5.1/²", "give a number from 0 to 32 after the slash"),
    ("fd00:5::1/129", "give a number from 0 to 128 after the slash"),
    ("192.168.5.1/0", "has prefix length 0, which would claim every address; give the subnet's own"),
    ("0.0.0.0/8", "is in 0.0.0.0/8"),
    ("0.1.2.3/24", "is in 0.0.0.0/8"),
    ("127.0.0.2/8", "is a loopback address; an interface needs a unicast address"),
    ("224.0.0.9/24", "is a multicast address"),
    ("239.255.255.250/24", "is a multicast address"),
    ("240.0.0.1/24", "is in 240.0.0.0/4"),
    ("255.255.255.255/32", "is in 240.0.0.0/4"),
    ("::/64", "is the unspecified address"),
    ("::1/128", "is the loopback address"),
    ("ff02::1/64", "is a multicast address"),
    ("::ffff:192.0.2.1/128", "is an IPv4-mapped address"),
    ("192.168.5.0/24", "is the subnet's own address; choose a host address in it"),
    ("192.168.5.255/24", "is the subnet's broadcast address; choose a host address in it"),
    ("192.168.5.4/30", "is the subnet's own address"),
    ("192.168.5.7/30", "is the subnet's broadcast address"),
    ("fd00:5::/64", "is the subnet-router anycast address; choose a host address in it"),
]


# What an interface may not be called.
NAMES = [
    ("all", "is where the kernel has the settings of all interfaces (net.ipv4.conf.all); choose another name"),
    ("default", "is where the kernel has the settings of interfaces to come"),
    ("lan/1", "contains '/', which no interface name may; choose another"),
    ("my lan", "contains ' ', which no interface name may"),
    ("lan\t1", "which no interface name may"),
    ("lan\n", "which no interface name may"),
    ("lan\0", "which no interface name may"),
    ("lan\udcff", "which no interface name may"),
    ("lan\ud800", "which no interface name may"),
    ("br-à", "which no interface name may"),
    ("eth%d", "contains '%', which no interface name may"),
    ("eth0:1", "contains ':', which no interface name may"),
    (".", "is not an interface name that the kernel accepts; choose another"),
    ("..", "is not an interface name that the kernel accepts; choose another"),
    ("sixteen-bytes-xx", "has 16 bytes; an interface name has at most 15"),
    ("brücke-über-alles", "has 19 bytes; an interface name has at most 15"),
]


@pytest.mark.parametrize(("address", "words"), ADDRESSES)
def test_address(address, words):
    complaint(attachment.parse, {**ONE, "addresses": [address]}, "addresses[0]", address, words)
    complaint(bridge.parse, {"name": "br0", "addresses": ["192.0.2.1/24", address]}, "addresses[1]", address, words)


@pytest.mark.parametrize("option", ["interface", "host_interface", "gateway", "gateway6", "mac", "mac_seed"])
def test_an_empty_option_is_one_left_out(option):
    assert attachment.parse({**ONE, option: ""}) == attachment.parse(ONE)


@pytest.mark.parametrize(("name", "words"), NAMES)
def test_interface_name(name, words):
    for option in ("interface", "host_interface", "bridge"):
        complaint(attachment.parse, {**ONE, option: name}, option, name, words)
    complaint(bridge.parse, {"name": name}, "name", name, words)
    complaint(bridge.parse, {"name": "br0", "members": ["eth0", name]}, "members[1]", name, words)


@pytest.mark.parametrize(
    ("options", "option", "found", "words"),
    [
        ({"interface": "lo"}, "interface", "lo", "is the loopback interface of every namespace; choose another name"),
        ({"bridge": ""}, "bridge", None, "is required for an attachment; name the bridge to attach to"),
        ({"bridge": None}, "bridge", None, "is required for an attachment"),
        (
            {"addresses": ["10.0.0.2/24", "10.0.0.2/16"]},
            "addresses[1]",
            "10.0.0.2/16",
            "is in the list twice; name each address once",
        ),
        ({"addresses": ["fd00::a/64", "FD00:0::A/64"]}, "addresses[1]", "FD00:0::A/64", "is in the list twice"),
        (
            {"gateway": "fd00:5::1"},
            "gateway",
            "fd00:5::1",
            "is an IPv6 address where an IPv4 one is needed; gateway6 takes the IPv6 gateway",
        ),
        (
            {"gateway6": "10.0.0.1"},
            "gateway6",
            "10.0.0.1",
            "is an IPv4 address where an IPv6 one is needed; gateway takes the IPv4 gateway",
        ),
        ({"gateway": "10.0.0.1/24"}, "gateway", "10.0.0.1/24", "is not an IPv4 or IPv6 address"),
        ({"gateway": "224.0.0.1"}, "gateway", "224.0.0.1", "is a multicast address"),
        (
            {"gateway": "10.0.0.2", "addresses": ["10.0.0.2/24"]},
            "gateway",
            "10.0.0.2",
            "is the interface's own address; give the router's",
        ),
        ({"gateway6": "fd00::2", "addresses": ["fd00::2/64"]}, "gateway6", "fd00::2", "is the interface's own address"),
        (
            {"gateway": "10.0.0.1", "addresses": ["fd00::2/64"]},
            "gateway",
            "10.0.0.1",
            "requires an IPv4 address in addresses",
        ),
        (
            {"gateway6": "fd00::1", "addresses": ["10.0.0.2/24"]},
            "gateway6",
            "fd00::1",
            "add one or leave the gateway out",
        ),
        ({"gateway": "10.0.0.1", "addresses": []}, "gateway", "10.0.0.1", "requires an IPv4 address in addresses"),
        (
            {"gateway": "10.0.0.255", "addresses": ["10.0.0.2/24"]},
            "gateway",
            "10.0.0.255",
            "is the broadcast address of the interface's subnet 10.0.0.0/24; give the router's own",
        ),
        (
            {"gateway": "10.0.0.0", "addresses": ["10.0.0.2/24"]},
            "gateway",
            "10.0.0.0",
            "is the network address of the interface's subnet 10.0.0.0/24; give the router's own",
        ),
        (
            {"gateway": "10.0.0.255", "addresses": ["10.0.0.2/16", "10.0.0.9/24"]},
            "gateway",
            "10.0.0.255",
            "is the broadcast address",
        ),
        (
            {"routes": [{"destination": "10.9.0.0/16", "gateway": "10.0.0.3"}], "addresses": ["10.0.0.2/30"]},
            "routes[0].gateway",
            "10.0.0.3",
            "is the broadcast address",
        ),
        (
            {"mac": "01:00:5e:00:00:01"},
            "mac",
            "01:00:5e:00:00:01",
            "is a multicast MAC (lowest bit of the first byte set)",
        ),
        ({"mac": "ff:ff:ff:ff:ff:ff"}, "mac", "ff:ff:ff:ff:ff:ff", "an interface needs a unicast one"),
        ({"mac": "00:00:00:00:00:00"}, "mac", "00:00:00:00:00:00", "is all zeros"),
        ({"mac": "02:00:00:00:00"}, "mac", "02:00:00:00:00", "write six bytes like 02:72:6c:cd:9b:8d"),
        ({"mac": "02:00:00:00:00:0g"}, "mac", "02:00:00:00:00:0g", "is not a MAC address"),
        ({"mac": "0200.0000.0001"}, "mac", "0200.0000.0001", "is not a MAC address"),
        (
            {"mac": "02:00:00:00:00:01", "mac_seed": "web1"},
            "mac_seed",
            "web1",
            "is mutually exclusive with mac; give one of the two",
        ),
        (
            {"security": {"address_spoofing": "deny"}},
            "security.address_spoofing",
            "deny",
            "requires addresses: only those that are given can be told from others; give them ([] is none)",
        ),
        ({"mtu": 0}, "mtu", 0, "is out of range; give 68 to 65535 bytes"),
        ({"mtu": True}, "mtu", True, "is not a number; give 68 to 65535 bytes"),
        ({"vlan": True}, "vlan", True, "is not a number; give 1 to 4094"),
        ({"mtu": 67}, "mtu", 67, "give 68 to 65535 bytes"),
        ({"mtu": 70000}, "mtu", 70000, "give 68 to 65535 bytes"),
        ({"mtu": -1}, "mtu", -1, "give 68 to 65535 bytes"),
        ({"mtu": 1279, "addresses": ["fd00::2/64"]}, "mtu", 1279, "is below 1280 bytes, the minimum MTU of IPv6"),
        ({"vlan": 0}, "vlan", 0, "is out of range; give 1 to 4094"),
        ({"vlan": 4095}, "vlan", 4095, "give 1 to 4094 for a VLAN id"),
        ({"container": None}, "container", None, "is required; give exactly one of container, netns and pid"),
        (
            {"netns": "probe"},
            "container",
            "container and netns",
            "are mutually exclusive; give exactly one of container, netns and pid",
        ),
        ({"netns": "probe", "pid": 7}, "container", "container and netns and pid", "give exactly one"),
        ({"container": None, "pid": 0}, "pid", 0, "is not a process id; give a number above 0"),
        ({"container": None, "pid": -3}, "pid", -3, "is not a process id"),
        (
            {"container": None, "netns": "a/b"},
            "netns",
            "a/b",
            "is neither a name nor an absolute path; write probe or /run/netns/probe",
        ),
        ({"container": None, "netns": ".."}, "netns", "..", "is neither a name nor an absolute path"),
        ({"container": None, "netns": "my probe"}, "netns", "my probe", "is empty or contains white space"),
        ({"container": ""}, "container", "", "is empty or contains white space; give the name as its engine shows it"),
        ({"container": "web 1"}, "container", "web 1", "is empty or contains white space"),
        (
            {"container": "/run/netns/x"},
            "container",
            "/run/netns/x",
            "contains '/', which no container name does; give a namespace's path in netns",
        ),
        (
            {"routes": [{"destination": "10.0.0.1/24"}]},
            "routes[0].destination",
            "10.0.0.1/24",
            "has host bits set; write 10.0.0.0/24",
        ),
        (
            {"routes": [{"destination": "0.0.0.0/0"}]},
            "routes[0].destination",
            "0.0.0.0/0",
            "is the default route; use gateway or gateway6",
        ),
        ({"routes": [{"destination": "::/0"}]}, "routes[0].destination", "::/0", "is the default route"),
        (
            {"routes": [{"destination": "default"}]},
            "routes[0].destination",
            "default",
            "is not an IPv4 or IPv6 address",
        ),
        (
            {"routes": [{"destination": "10.0.0.0/8", "gateway": "fd00::1"}]},
            "routes[0].gateway",
            "fd00::1",
            "is an IPv6 address where an IPv4 one is needed",
        ),
        ({"routes": [{"destination": "10.0.0.0/8", "metric": -1}]}, "routes[0].metric", -1, "give 0 to 4294967295"),
        (
            {"routes": [{"destination": "10.0.0.0/8", "metric": 2**32}]},
            "routes[0].metric",
            2**32,
            "give 0 to 4294967295",
        ),
        (
            {"routes": [{"destination": "10.0.0.0/8"}, {"destination": "10.0.0.0/8", "gateway": "10.0.0.1"}]},
            "routes[1].destination",
            "10.0.0.0/8",
            "is in the list twice with the same metric; give each its own metric",
        ),
        (
            {"routes": [{"destination": "fd00::/8", "metric": 1024}, {"destination": "fd00::/8"}]},
            "routes[1].destination",
            "fd00::/8",
            "the same metric",
        ),
    ],
)
def test_attachment(options, option, found, words):
    complaint(attachment.parse, {**ONE, **options}, option, found, words)


NOWHERE = "is for a route that leads somewhere, and one of type blackhole does not; leave one of the two out"


@pytest.mark.parametrize(
    ("given", "option", "found", "words"),
    [
        ({"table": "blue"}, "table", "blue", "is no routing table; give 1 to 4294967295, or default, main, local"),
        ({"table": "0"}, "table", "0", "is no routing table"),
        ({"table": "4294967296"}, "table", "4294967296", "is no routing table"),
        ({"table": "\u0664"}, "table", "\u0664", "is no routing table"),
        ({"table": "9" * 5000}, "table", "9" * 5000, "is no routing table"),
        ({"table": "1885732976"}, "table", "1885732976", "give another number"),
        (
            {"destination": "0.0.0.0/0", "table": "main"},
            "destination",
            "0.0.0.0/0",
            "is the default route of the main table; use gateway or gateway6, or give it a table of its own",
        ),
        ({"destination": "::/0", "type": "blackhole"}, "destination", "::/0", "is the default route; use gateway"),
        ({"type": "local"}, "type", "local", "is none of unicast, blackhole, unreachable, prohibit, throw"),
        ({"type": "blackhole", "gateway": "10.0.0.1"}, "gateway", "10.0.0.1", NOWHERE),
        ({"type": "blackhole", "mtu": 1400}, "mtu", 1400, NOWHERE),
        ({"type": "blackhole", "src": "10.0.0.2"}, "src", "10.0.0.2", NOWHERE),
        ({"src": "10.0.0"}, "src", "10.0.0", "is not an IPv4 or IPv6 address"),
        ({"src": "10.0.0.2/24"}, "src", "10.0.0.2/24", "is not an IPv4 or IPv6 address"),
        ({"src": "fd00::1"}, "src", "fd00::1", "is of another family than the destination, which is of IPv4"),
        ({"src": "224.0.0.1"}, "src", "224.0.0.1", "is a multicast address"),
        (
            {"destination": "fd00:9::/64", "scope": "link"},
            "scope",
            "link",
            "is for IPv4, as routes of IPv6 have no scope",
        ),
        ({"scope": "site"}, "scope", "site", "is none of global, link, host; give one of them"),
        ({"scope": "link", "gateway": "10.0.0.1"}, "scope", "link", "leave it or the gateway out"),
        ({"scope": "host", "nexthops": [{"gateway": "10.0.0.1"}]}, "scope", "host", "leave it or the gateway out"),
        ({"onlink": True}, "onlink", True, "give a gateway, or leave it out"),
        ({"mtu": 67}, "mtu", 67, "68 to 65520 bytes"),
        ({"mtu": 65521}, "mtu", 65521, "68 to 65520 bytes"),
        ({"destination": "fd00:9::/64", "mtu": 1279}, "mtu", 1279, "1280 to 65520 bytes"),
        ({"mtu": True}, "mtu", True, "is not a number; give 68 to 65520 bytes"),
        ({"nexthops": []}, "nexthops", None, "is empty; name at least one next hop, or leave it out"),
        ({"nexthops": [{"gateway": "10.0.0.1"}], "gateway": "10.0.0.1"}, "nexthops", "1 next hops", "exclusive"),
        ({"nexthops": [{"gateway": "fd00::1"}]}, "nexthops[0].gateway", "fd00::1", "where an IPv4 one is needed"),
        ({"nexthops": [{"gateway": "10.0.0.1", "weight": 0}]}, "nexthops[0].weight", 0, "1 to 256"),
        ({"nexthops": [{"gateway": "10.0.0.1", "weight": 257}]}, "nexthops[0].weight", 257, "1 to 256"),
        ({"nexthops": [{"gateway": "10.0.0.1", "interface": "a b"}]}, "nexthops[0].interface", "a b", "contains ' '"),
        ({"nexthops": [{"gateway": "10.0.0.1", "interface": "lan7"}]}, "nexthops[0].interface", "lan7", "begin with a"),
        ({"nexthops": [{"gateway": "10.0.0.1"}] * 2}, "nexthops[1].gateway", "10.0.0.1", "is in the list twice"),
        (
            {"nexthops": [{"gateway": "10.0.0.255"}, {"gateway": "10.0.0.1"}]},
            "gateway",
            "10.0.0.255",
            "is the broadcast",
        ),
    ],
)
def test_what_few_routes_have(given, option, found, words):
    options = {**ONE, "addresses": ["10.0.0.2/24"], "routes": [{"destination": "10.9.0.0/16", **given}]}
    complaint(attachment.parse, options, f"routes[0].{option}", found, words)


def test_two_routes_differ_in_table_or_metric():
    one = {"destination": "10.9.0.0/16"}
    routes = [
        one,
        {**one, "table": "7"},
        {**one, "table": "8", "type": "throw"},
        {**one, "type": "prohibit", "metric": 5},
    ]
    assert len({entry.key for entry in attachment.parse({**ONE, "routes": routes}).routes}) == 4
    for again in (one, {**one, "type": "blackhole"}, {**one, "table": "254"}):
        complaint(
            attachment.parse,
            {**ONE, "routes": [*routes, again]},
            "routes[4].destination",
            "10.9.0.0/16",
            "is in the list twice with the same metric",
        )


@pytest.mark.parametrize(
    ("options", "option", "found", "words"),
    [
        ({"name": ""}, "name", "", "is empty; give an interface name of 1 to 15 bytes"),
        ({"mtu": 0}, "mtu", 0, "give 68 to 65535 bytes"),
        ({"mtu": 67}, "mtu", 67, "give 68 to 65535 bytes"),
        ({"mtu": 70000}, "mtu", 70000, "give 68 to 65535 bytes"),
        ({"mtu": 1279, "addresses": ["fd00:5::1/64"]}, "mtu", 1279, "is below 1280 bytes, the minimum MTU of IPv6"),
        ({"mac": "33:33:00:00:00:01"}, "mac", "33:33:00:00:00:01", "is a multicast MAC"),
        ({"forward_delay": -1}, "forward_delay", -1, "is out of range; give 0 to 30 seconds"),
        ({"forward_delay": 31}, "forward_delay", 31, "give 0 to 30 seconds"),
        (
            {"forward_delay": 1.5, "stp": True},
            "forward_delay",
            1.5,
            "is below 2 seconds, the minimum that the kernel accepts with stp on",
        ),
        ({"ageing_time": -0.5}, "ageing_time", -0.5, "give 0 to 2.592e+06 seconds"),
        ({"ageing_time": 1e9}, "ageing_time", 1e9, "is out of range"),
        ({"members": ["br0"]}, "members[0]", "br0", "is the bridge itself"),
        ({"members": ["eth1", "eth1"]}, "members[1]", "eth1", "is in the list twice"),
        ({"addresses": ["10.0.0.1/24", "10.0.0.1/24"]}, "addresses[1]", "10.0.0.1/24", "is in the list twice"),
    ],
)
def test_bridge(options, option, found, words):
    complaint(bridge.parse, {"name": "br0", **options}, option, found, words)


@pytest.mark.parametrize(
    "address",
    [
        "192.168.5.1/31",
        "192.168.5.0/31",
        "192.168.5.0/32",
        "192.168.5.255/32",
        "fd00::/127",
        "fd00::/128",
        "fe80::1/64",
    ],
)
def test_addresses_that_only_look_wrong_are_taken(address):
    assert attachment.parse({**ONE, "addresses": [address]}).addresses == (address,)


@pytest.mark.parametrize("name", ["br-é", "eth0.100", "a", "fifteen-bytes-x", "veth@host", "-"])
def test_names_that_only_look_wrong_are_taken(name):
    assert bridge.parse({"name": name}).name == name


def test_limits_belong_to_what_is_allowed():
    for mtu in (68, 65535):
        assert bridge.parse({"name": "br0", "mtu": mtu}).mtu == mtu
    for vlan in (1, 4094):
        assert attachment.parse({**ONE, "vlan": vlan}).vlans == Vlans("access", vlan)
    assert bridge.parse({"name": "br0", "mtu": 1280, "addresses": ["fd00::1/64"]}).mtu == 1280
    assert bridge.parse({"name": "br0", "forward_delay": 0, "stp": False}).forward_delay == 0
    assert bridge.parse({"name": "br0", "forward_delay": 2, "stp": True}).forward_delay == 200


@pytest.mark.parametrize(
    ("gateway", "address"),
    [
        ("10.0.0.0", "10.0.0.1/31"),
        ("10.0.0.3", "10.0.0.2/31"),
        ("10.0.0.255", "10.0.0.2/32"),
        ("10.0.0.255", "10.0.0.2/16"),
        ("fd00:5::", "fd00:5::2/64"),
    ],
)
def test_gateways_that_only_look_like_a_network_or_broadcast_address(gateway, address):
    option = "gateway6" if ":" in gateway else "gateway"
    assert attachment.parse({**ONE, option: gateway, "addresses": [address]}).gateways == (gateway,)


def test_a_time_to_wait_below_zero():
    options = {**ONE, "state": "present", "wait_timeout": -1}
    complaint(kind.parse, options, "wait_timeout", -1, "is below 0; give a number of seconds, or set wait to false")
    assert kind.parse({**options, "wait_timeout": 0})
