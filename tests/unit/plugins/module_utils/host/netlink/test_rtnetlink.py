# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel shows of links, addresses and routes, message by message."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import (
    addresses,
    links,
    routes,
    rtnetlink,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.handle import NetlinkHandle
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.rtnetlink import RouteSocket
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, with_leases
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    AnsweringKernel,
    attribute,
    done,
    entry,
    message,
    refused,
)

NEWLINK = 16
UP, LOOPBACK = 1, 8


# Types of attributes and how their values are written (linux/if_link.h, if_addr.h, rtnetlink.h).
TYPES = {
    "IFLA_ADDRESS": (1, "mac"),
    "IFLA_IFNAME": (3, "text"),
    "IFLA_MTU": (4, "=I"),
    "IFLA_LINK": (5, "=I"),
    "IFLA_MASTER": (10, "=I"),
    "IFLA_LINKINFO": (18, "nest"),
    "IFLA_IFALIAS": (20, "text"),
    "IFLA_CARRIER": (33, "=B"),
    "IFLA_LINK_NETNSID": (37, "=i"),
    "IFLA_PROP_LIST": (52, "nest"),
    "IFLA_ALT_IFNAME": (53, "text"),
    "IFLA_INFO_KIND": (1, "text"),
    "IFLA_INFO_DATA": (2, "nest"),
    "IFLA_INFO_SLAVE_KIND": (4, "text"),
    "IFLA_INFO_SLAVE_DATA": (5, "nest"),
    "IFLA_BRPORT_BCAST_FLOOD": (30, "=B"),
    "IFLA_BRPORT_ISOLATED": (33, "=B"),
    "IFLA_AF_SPEC": (26, "nest"),
    "AF_INET6": (10, "nest"),
    "IFLA_INET6_CONF": (2, "numbers"),
    "IFLA_VLAN_ID": (1, "=H"),
    "IFLA_BR_FORWARD_DELAY": (1, "=I"),
    "IFLA_BR_AGEING_TIME": (4, "=I"),
    "IFLA_BR_STP_STATE": (5, "=I"),
    "IFLA_BR_VLAN_FILTERING": (7, "=B"),
    "IFLA_BR_VLAN_PROTOCOL": (8, ">H"),
    "IFLA_BR_MCAST_SNOOPING": (23, "=B"),
    "IFLA_BR_VLAN_DEFAULT_PVID": (39, "=H"),
    "IFA_ADDRESS": (1, "address"),
    "IFA_LOCAL": (2, "address"),
    "RTA_DST": (1, "address"),
    "RTA_SRC": (2, "address"),
    "RTA_OIF": (4, "=I"),
    "RTA_GATEWAY": (5, "address"),
    "RTA_PRIORITY": (6, "=I"),
}


def written(name, value):
    kind, form = TYPES[name]
    if form == "nest":
        return attribute(kind | 0x8000, b"".join(written(*each) for each in value))
    if form == "text":
        return attribute(kind, value.encode() + b"\0")
    if form == "mac":
        return attribute(kind, bytes.fromhex(value.replace(":", "")))
    if form == "address":
        return attribute(kind, socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value))
    if form == "numbers":
        return attribute(kind, struct.pack(f"={len(value)}i", *value))
    return attribute(kind, struct.pack(form, value))


class Dump:
    """A route socket that answers with these messages."""

    def __init__(self, *shown):
        self.payloads = [header + b"".join(written(*each) for each in attributes) for header, attributes in shown]

    def dump(self, *_asked):
        return self.payloads


def link(index, name, *attributes, flags=0):
    return struct.pack("=BxHiII", 0, 1, index, flags, 0), [("IFLA_IFNAME", name), *attributes]


def info(kind, *data, slave=()):
    attributes = [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", data)]
    if slave:
        attributes += [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", slave)]
    return "IFLA_LINKINFO", attributes


def shown_links(*shown):
    return links.shown(Dump(*shown))


def test_a_veth_with_all_that_a_link_can_have():
    mac = ("IFLA_ADDRESS", "02:00:00:00:00:ab")
    assert shown_links(
        link(1, "lo", flags=UP | LOOPBACK),
        link(
            7,
            "pf1",
            mac,
            ("IFLA_MTU", 9000),
            ("IFLA_LINK", 8),
            ("IFLA_LINK_NETNSID", 3),
            ("IFLA_MASTER", 5),
            ("IFLA_CARRIER", 1),
            ("IFLA_IFALIAS", "pipefitter eth1 container wéb"),
            ("IFLA_PROP_LIST", [("IFLA_ALT_IFNAME", "web.eth1"), ("IFLA_ALT_IFNAME", "b")]),
            ("IFLA_AF_SPEC", [("AF_INET6", [("IFLA_INET6_CONF", (*(0,) * 26, 1, 0))])]),
            info("veth", slave=[("IFLA_BRPORT_ISOLATED", 1), ("IFLA_BRPORT_BCAST_FLOOD", 0)]),
            flags=UP,
        ),
    ) == {
        "pf1": Link(
            index=7,
            name="pf1",
            kind="veth",
            mac="02:00:00:00:00:ab",
            mtu=9000,
            up=True,
            carrier=True,
            master=5,
            alias="pipefitter eth1 container wéb",
            alternative_names=("web.eth1", "b"),
            peer=8,
            peer_netns=3,
            isolated=True,
            floods=False,
            ipv6=False,
        )
    }


def test_a_link_whose_peer_is_in_a_namespace_that_ends():
    ended = shown_links(link(7, "pf1", ("IFLA_LINK", 8), ("IFLA_LINK_NETNSID", -1), info("veth")))["pf1"]
    assert (ended.peer, ended.peer_netns) == (8, -1)


def test_a_link_of_which_little_is_said():
    assert shown_links(link(9, "tun0"))["tun0"] == Link(index=9, name="tun0", mtu=0)
    assert not shown_links(link(9, "p", info("veth", slave=[("IFLA_BRPORT_ISOLATED", 0)])))["p"].isolated


@pytest.mark.parametrize("filters", [False, True])
def test_a_bridge_of_a_kernel_that_filters_vlans_or_not(filters):
    data = [
        ("IFLA_BR_STP_STATE", 1),
        ("IFLA_BR_FORWARD_DELAY", 1500),
        ("IFLA_BR_AGEING_TIME", 30000),
        ("IFLA_BR_MCAST_SNOOPING", 1),
        ("IFLA_BR_VLAN_FILTERING", 1),
        ("IFLA_BR_VLAN_DEFAULT_PVID", 100),
        *([("IFLA_BR_VLAN_PROTOCOL", 0x8100)] if filters else []),
    ]
    expected = {"stp": 1, "forward_delay": 1500, "ageing_time": 30000, "multicast_snooping": 1}
    if filters:
        expected.update(vlan_filtering=1, vlan_default_pvid=100)
    assert shown_links(link(3, "br0", info("bridge", *data)))["br0"].bridge == expected


def test_a_vlan_interface():
    assert shown_links(link(3, "eth0.7", ("IFLA_LINK", 2), info("vlan", ("IFLA_VLAN_ID", 7))))["eth0.7"].vlan_id == 7


def test_a_name_that_is_no_text():
    """Any byte but a few may be in a name; such a link is found by it again."""
    [payload] = Dump(link(4, "xx")).payloads
    shown = Dump()
    shown.payloads = [payload.replace(b"xx", b"\xff\xfe")]
    [name] = list(links.shown(shown))
    assert b"\xff\xfe\0" in links.from_text(name)


def address(family, prefix, index, *attributes, flags=0x80):
    return struct.pack("=BBBBI", family, prefix, flags, 0, index), attributes


ADDRESSES = [
    address(socket.AF_INET, 24, 4, ("IFA_ADDRESS", "10.0.0.9"), ("IFA_LOCAL", "10.0.0.1")),
    address(socket.AF_INET, 24, 4, ("IFA_ADDRESS", "10.0.1.1"), ("IFA_LOCAL", "10.0.1.1"), flags=0),
    address(socket.AF_INET6, 64, 4, ("IFA_ADDRESS", "fd00::1")),
    address(socket.AF_INET6, 64, 5, ("IFA_ADDRESS", "fd00::2")),
    address(45, 0, 4, ("IFA_LOCAL", "10.0.0.7")),  # AF_MCTP
]


def test_addresses_of_the_links_asked_for():
    dump = Dump(*ADDRESSES)
    permanent, leases, messages = addresses.shown(dump, {4: "eth1", 6: "eth2"})
    assert permanent == {"eth1": ("10.0.0.1/24", "fd00::1/64"), "eth2": ()}
    assert leases == {"eth1": {"10.0.1.1/24": dump.payloads[1]}}
    assert messages == {"eth1": {"10.0.0.1/24": dump.payloads[0], "fd00::1/64": dump.payloads[2]}}
    assert with_leases(permanent, leases) == {"eth1": ("10.0.0.1/24", "fd00::1/64", "10.0.1.1/24"), "eth2": ()}


def a_next_hop(index):
    return struct.pack("=HBBi", 8, 0, 0, index)


def test_routes_for_some_packets_over_several_links_and_to_the_loopback():
    several = attribute(9, a_next_hop(4) + a_next_hop(5))  # RTA_MULTIPATH
    dump = Dump(
        a_route(socket.AF_INET, 0, ("RTA_GATEWAY", "10.0.0.1"), ("RTA_OIF", 4), tos=0x10),
        a_route(socket.AF_INET6, 0, ("RTA_SRC", "fd00::"), ("RTA_OIF", 4), source=64),
        a_route(socket.AF_INET, 0, ("RTA_OIF", 1), protocol=2),
        a_route(socket.AF_INET, 0, kind=9),
    )
    dump.payloads.append(a_route(socket.AF_INET, 0, protocol=4)[0] + several)
    shown = routes.shown(dump, {4: "eth1", 5: "eth2"}, (4,), False, True)
    assert [str(entry) for entry in shown] == [
        "default tos 0x10 via 10.0.0.1 dev eth1",
        "default dev lo",
        "throw default",
        "default through several links",
    ]
    assert shown[0].key == ("0.0.0.0/0 tos 0x10", 0)
    assert [entry.links for entry in shown] == [("eth1",), ("lo",), (), ("eth1", "eth2")]
    (of_source,) = routes.shown(dump, {4: "eth1"}, (6,), False, True)
    assert str(of_source) == "default from fd00::/64 dev eth1"


def a_route(family, prefix, *attributes, table=254, kind=1, protocol=112, source=0, tos=0):
    return struct.pack("=BBBBBBBBI", family, prefix, source, tos, table, protocol, 0, kind, 0), attributes


def test_routes_of_the_main_table():
    dump = Dump(
        a_route(socket.AF_INET, 0, ("RTA_GATEWAY", "10.0.0.1"), ("RTA_OIF", 4), ("RTA_PRIORITY", 70000)),
        a_route(socket.AF_INET, 16, ("RTA_DST", "10.20.0.0"), ("RTA_OIF", 9)),
        a_route(socket.AF_INET, 24, ("RTA_DST", "10.3.0.0"), ("RTA_OIF", 4), protocol=2),
        a_route(socket.AF_INET, 16, ("RTA_DST", "10.5.0.0"), ("RTA_OIF", 4), table=100),
        a_route(socket.AF_INET, 16, ("RTA_DST", "10.6.0.0"), kind=6),
        a_route(socket.AF_INET, 8, ("RTA_DST", "11.0.0.0")),
        a_route(socket.AF_INET6, 64, ("RTA_DST", "fd00::"), ("RTA_OIF", 4)),
    )
    assert routes.shown(dump, {4: "eth1"}, (4,), False, False) == (
        Route("0.0.0.0/0", "10.0.0.1", "eth1", 70000),
        Route("10.20.0.0/16", None, "#9", 0),
        Route("11.0.0.0/8", None, "several links", 0),
    )
    assert routes.shown(dump, {4: "eth1"}, (6,), False, False) == (Route("fd00::/64", None, "eth1", 1024),)
    assert Route("10.3.0.0/24", None, "eth1", 0, 2) in routes.shown(dump, {4: "eth1"}, (4,), True, False)


def test_reading_needs_no_pyroute2(monkeypatch):
    monkeypatch.setattr(rtnetlink, "message", None)
    payload = struct.pack("=BxHiII", 0, 1, 4, 0, 0) + attribute(3, b"eth1\0")
    AnsweringKernel(monkeypatch, [[entry(NEWLINK, payload)], [done()]])
    assert list(links.shown(RouteSocket())) == ["eth1"]


@pytest.mark.parametrize("code", [errno.ENODEV, errno.ENOENT])
def test_one_that_is_not_there(monkeypatch, code):
    shown = struct.pack("=BxHiII", 0, 1, 4, 0, 0) + attribute(4, struct.pack("=I", 1400))
    AnsweringKernel(
        monkeypatch, [[message(NEWLINK, shown)]], [[message(NEWLINK, shown)]], [[refused(code)]],
        [[refused(errno.EPERM)]],
    )  # fmt: skip
    route_socket = RouteSocket()
    assert (links.index_of(route_socket, "eth1"), links.mtu_of(route_socket, "eth1")) == (4, 1400)
    assert links.index_of(route_socket, "eth1") is None
    with pytest.raises(KernelError, match="refused to show links .Operation not permitted."):
        links.index_of(route_socket, "eth1")


def test_a_bridge_that_has_all_the_ports_it_takes(monkeypatch):
    monkeypatch.setattr(rtnetlink, "_encoded", lambda *_request: b"")  # this Python has no pyroute2
    bridge = struct.pack("=BxHiII", 0, 1, 9, 0, 0) + attribute(3, b"br0\0")
    shown = [[entry(NEWLINK, bridge, 0)]]
    no_filter = [[refused(errno.EINVAL)]]  # of another bridge
    AnsweringKernel(monkeypatch, shown, no_filter, shown, [[refused(errno.EXFULL)]], shown)
    handle = NetlinkHandle()
    with pytest.raises(KernelError) as refusal:
        handle.set_link("pf1", master="br0", up=True)
    assert str(refusal.value) == (
        "the kernel refused to put pf1 into bridge br0 "
        "(Exchange full: a Linux bridge takes 1023 ports; use another bridge for the rest)"
    )


def test_links_with_and_without_ethernet():
    plain, tagged = link(1, "eth0"), link(2, "wg0", ("IFLA_LINKINFO", [("IFLA_INFO_KIND", "wireguard")]))
    header = struct.pack("=BxHiII", 0, 0xFFFE, 2, 0, 0)  # ARPHRD_NONE
    assert [one.ethernet for one in shown_links(plain, (header, tagged[1])).values()] == [True, False]
