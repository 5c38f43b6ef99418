# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach interrupted, failing half-way, and run many times at once: the next run converges."""

from __future__ import annotations

import re
from itertools import count

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    assert_same,
    attach,
    attach_thoroughly,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    make_others_interface,
    make_ovs_bridge,
    name_namespace,
    ovs_ports,
    ports,
    routes,
    until,
    warned,
)

# Two states of one attachment that differ in everything.
_ONE = {
    "bridge": "br0",
    "interface": "eth1",
    "host_interface": "one0",
    "addresses": ["192.168.5.10/24", "fd00:5::10/64"],
    "gateway": "192.168.5.1",
    "gateway6": "fd00:5::1",
    "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}],
    "mac": "02:00:00:00:00:01",
    "mtu": 1400,
}
_OTHER = {
    "bridge": "br1",
    "interface": "eth1",
    "host_interface": "one1",
    "addresses": ["192.168.6.10/24", "fd00:6::10/64"],
    "gateway": "192.168.6.1",
    "gateway6": "fd00:6::1",
    "routes": [{"destination": "10.30.0.0/16", "gateway": "192.168.6.254"}],
    "mac": "02:00:00:00:00:02",
    "mtu": 1450,
}


def _arrange(host):
    # With MACs of their own: else a bridge's follows its ports.
    make_bridge(host, "br0", "address", "02:00:00:00:ff:00")
    make_bridge(host, "br1", "address", "02:00:00:00:ff:01")
    make_namespaces(host, "probe")


def _assert_is(host, state, interface_index=None):
    inner, outer = link(host, "eth1", "probe"), link(host, state["host_interface"])
    assert (inner["address"], inner["mtu"], outer["mtu"], outer["master"]) == (
        state["mac"],
        state["mtu"],
        state["mtu"],
        state["bridge"],
    )
    assert held(host, "eth1", "probe") == set(state["addresses"])
    assert routes(host, "probe") == {
        f"default gateway {state['gateway']} dev eth1",
        *(f"{entry['destination']} gateway {entry['gateway']} dev eth1" for entry in state["routes"]),
    }
    assert routes(host, "probe", "-6") == {f"default gateway {state['gateway6']} dev eth1 metric 1024"}
    assert ports(host, "br0") | ports(host, "br1") == {state["host_interface"]}
    assert outer["altnames"] == ["probe-eth1"]
    detailed = host.ip("-d", "link", "show", "dev", state["host_interface"])[0]
    assert detailed["inet6_addr_gen_mode"] == "none"
    assert not held(host, state["host_interface"])
    assert interface_index in (None, inner["ifindex"])


def _killed(host, done, **options) -> bool:
    """Run veth_attach until it has done so many operations; tell whether it had more to do."""
    return host.module("veth_attach", die_after=done, **options).get("killed", False)


def _failure(host, done, **options) -> str:
    """Let veth_attach fail after so many operations; return what it says, '' if it had no more to do."""
    try:
        host.module("veth_attach", fail_after=done, **options)
    except ModuleFailed as failure:
        assert "a fault that the test injected" in str(failure)
        return str(failure)
    return ""


def test_a_run_killed_anywhere_is_completed_by_the_next(host):
    _arrange(host)
    for done in count():
        if not _killed(host, done, netns="probe", **_ONE):
            break
        attach(host, netns="probe", **_ONE)
        _assert_is(host, _ONE)
        host.run("ip", "link", "delete", "one0")
    assert done >= 7


def test_a_correction_killed_anywhere_is_completed_by_the_next(hosta):
    _arrange(hosta)
    attach(hosta, netns="probe", **_ONE)
    index = link(hosta, "eth1", "probe")["ifindex"]
    for done in count():
        state = _ONE if done % 2 else _OTHER
        killed = _killed(hosta, done, netns="probe", **state)
        attach(hosta, netns="probe", **state)
        _assert_is(hosta, state, index)
        if not killed:
            break
    assert done >= 10


def test_what_a_failed_run_did_is_undone(host):
    _arrange(host)
    before = everything(host)
    for done in count():
        said = _failure(host, done, netns="probe", **_ONE)
        if not said:
            break
        assert "while trying to" in said and ("undone" in said) == (done > 0)
        assert_same(before, everything(host))
    assert done >= 7


def test_what_a_failed_correction_did_is_undone(host):
    _arrange(host)
    attach(host, netns="probe", **_ONE)
    before = everything(host)
    for done in count():
        if not _failure(host, done, netns="probe", **_OTHER):
            break
        assert_same(before, everything(host))
    assert done >= 10


def test_what_a_failed_purge_took_away_is_back(hosta):
    _arrange(hosta)
    make_namespaces(hosta, "second")
    attach(hosta, netns="second", **{**_OTHER, "bridge": "br0"})
    before = everything(hosta)
    for done in count():
        if not _failure(hosta, done, purge=True, netns="probe", **_ONE):
            break
        assert_same(before, everything(hosta))
    assert done >= 8


def test_what_a_failed_removal_took_away_is_back(hosta):
    _arrange(hosta)
    make_namespaces(hosta, "second")
    attach(hosta, netns="probe", **_ONE)
    attach(hosta, netns="second", **_OTHER)
    kept = (
        held(hosta, "eth1", "probe"),
        routes(hosta, "probe"),
        routes(hosta, "probe", "-6"),
        ports(hosta),
        link(hosta, "one0")["altnames"],
    )

    with pytest.raises(ModuleFailed, match="undone"):
        both = [{"netns": "probe"}, {"netns": "second"}]
        hosta.module("veth_attach", fail_after="look", attachments=both, state="absent")

    assert (
        held(hosta, "eth1", "probe"),
        routes(hosta, "probe"),
        routes(hosta, "probe", "-6"),
        ports(hosta),
        link(hosta, "one0")["altnames"],
    ) == kept
    assert not attach(hosta, netns="probe", **_ONE)["changed"]


def test_faults_on_open_vswitch(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {
        "netns": "probe",
        "bridge": "ovs0",
        "host_interface": "one0",
        "vlan": 10,
        "addresses": ["192.168.5.10/24", "fd00:5::10/64"],
    }
    before = everything(hosta)
    for done in count():
        if not _failure(hosta, done, **wanted):
            break
        assert_same(before, everything(hosta))
    for done in count():
        killed = _killed(hosta, done, **wanted)
        attach(hosta, **wanted)
        assert ovs_ports(hosta) == {"one0"}
        assert hosta.run("ovs-vsctl", "get", "port", "one0", "tag").stdout.strip() == "10"
        if not killed:
            break
        # Half-way, too: the port goes first, then its link.
        assert _killed(hosta, 1, netns="probe", state="absent")
        attach(hosta, netns="probe", state="absent")
        assert ovs_ports(hosta) == set()
        assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="probe")] == ["lo"]


def test_a_veth_killed_before_it_was_marked_is_adopted(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    name = attach(host, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])["attachments"][0]["host_interface"]
    before = everything(host)
    host.run("ip", "link", "set", name, "alias", "")

    corrected = attach_thoroughly(host, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])

    assert corrected["operations"] == [f"mark {name} as ours"]
    assert_same(before, everything(host))


def test_eight_runs_at_once_make_one_attachment(host):
    make_bridge(host)
    make_containers(host, "web1")

    results = host.modules_at_once(
        "veth_attach", 8, container="web1", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1"
    )

    assert sorted(result["changed"] for result in results) == [False] * 7 + [True]
    assert len(ports(host)) == 1
    name_namespace(host, "web1")
    assert [entry["ifname"] for entry in host.ip("link", "show", netns="web1")] == ["lo", "eth1"]
    assert len([entry for entry in host.ip("link", "show", "type", "veth") if entry["ifname"].startswith("pf")]) == 1


# Default routes as people set them, of which a gateway takes the place.
_REPLACED = {
    "with all that a route can have": [
        "-4 route add default via 10.9.0.1 dev eth0 onlink src 10.9.0.2 mtu lock 1400 advmss 1200 initcwnd 20 realm 7",
        "-6 route add default via fe80::1 dev eth0 metric 1024 pref high mtu 1300 expires 600 proto ra",
    ],
    "blackhole": ["-4 route add blackhole default", "-6 route add blackhole default metric 1024"],
    "unreachable": ["-4 route add unreachable default", "-6 route add prohibit default metric 1024"],
    "multipath": [
        "-4 route add default nexthop via 10.9.0.1 weight 3 nexthop via 10.9.0.9",
        "-6 route add default metric 1024 nexthop via fd00:9::1 nexthop via fd00:9::9 weight 2",
    ],
    "two of one metric": [
        "-4 route add default via 10.9.0.1 dev eth0",
        "-4 route append default via 10.9.0.9 dev eth0 src 10.9.0.2",
    ],
    "by a next hop's number": [
        "nexthop add id 7 via 10.9.0.1 dev eth0",
        "nexthop add id 8 via fd00:9::1 dev eth0",
        "-4 route add default nhid 7",
        "-6 route add default nhid 8 metric 1024",
    ],
    "through another family": ["-4 route add default via inet6 fe80::1 dev eth0"],
    "of the kernel, as ifupdown2 sets them": [
        "-4 route add default via 10.9.0.1 dev eth0 proto kernel onlink",
        "-6 route add default via fd00:9::1 dev eth0 proto kernel metric 1024",
    ],
    "thrown": ["-4 route add throw default", "-6 route add throw default metric 1024"],
    "to lo": ["-4 route add default dev lo", "-6 route add default dev lo metric 1024"],
    "of some packets only": [
        "-4 route add default via 10.9.0.1 tos 0x10",
        "-4 route add default via 10.9.0.9",
        "-6 route add default from fd00:9::/64 via fd00:9::1 dev eth0 metric 1024",
        "-6 route add default via fd00:9::9 dev eth0 metric 1024",
    ],
}


def _whole_routes(host):
    """Return all that iproute2 says of routes; seconds until they expire go on."""
    shown = host.run("ip", "-n", "probe", "-4", "-details", "route", "show").stdout
    shown += host.run("ip", "-n", "probe", "-6", "-details", "route", "show").stdout
    return sorted(re.sub(r"expires \d+sec", "expires", line).strip() for line in shown.splitlines())


@pytest.mark.parametrize("commands", _REPLACED.values(), ids=_REPLACED)
def test_a_default_route_that_was_replaced_comes_back_whole(hosta, commands):
    _arrange(hosta)
    make_others_interface(
        hosta,
        "probe",
        "link set lo up",
        "address add 10.9.0.2/24 dev eth0",
        "address add fd00:9::2/64 dev eth0 nodad",
        "link set eth0 up",
        *commands,
    )
    until(lambda: "linkdown" not in "".join(_whole_routes(hosta)), "eth0 has no carrier")
    before = _whole_routes(hosta)
    for done in count():
        if not _failure(hosta, done, netns="probe", **_ONE):
            break
        assert _whole_routes(hosta) == before, done
    assert done >= 7
    attach_thoroughly(hosta, netns="probe", **_ONE)
    assert "default gateway 192.168.5.1 dev eth1" in routes(hosta, "probe")
    assert "default gateway fd00:5::1 dev eth1 metric 1024" in routes(hosta, "probe", "-6")


# Run on the host: a router's advertisement of a default route, on the bridge.
_ADVERTISE = """
import socket, struct
wire = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 600, 0, 0)
wire.sendto(advertisement, ("ff02::1", 0, 0, socket.if_nametoindex("br0")))
"""


def test_undoing_leaves_what_others_set_on_the_interface(hosta):
    """Several routes to one destination: each was in the place of the other when it was put back."""
    _arrange(hosta)
    hosta.run("ip", "link", "set", "br0", "up")
    attach(hosta, netns="probe", **_ONE)

    def learned():
        hosta.run("/usr/bin/python3", "-c", _ADVERTISE, check=False)  # the bridge may have no address yet
        return "proto ra" in "".join(_whole_routes(hosta))

    until(learned, "no router was learned")
    for words in (
        "-4 route add 10.50.0.0/16 via 192.168.5.1",
        "-4 route append 10.50.0.0/16 via 192.168.5.9",
        "-4 route add 10.60.0.0/16 nexthop via 192.168.5.1 nexthop via 192.168.5.9 weight 4",
        "-6 route add fd00:99::/64 nexthop via fd00:5::1 dev eth1 nexthop via fd00:5::9 dev eth1",
    ):
        hosta.run("ip", "-n", "probe", *words.split())
    before = _whole_routes(hosta)
    changed = {**_ONE, "addresses": ["192.168.5.11/24", "fd00:5::11/64"], "mtu": 1300}
    for done in count():
        failed = _failure(hosta, done, netns="probe", **changed)
        if not failed:
            break
        assert "could not be undone" not in failed
        assert _whole_routes(hosta) == before, done
    assert done >= 5
    shown = attach_thoroughly(hosta, netns="probe", **changed)["attachments"][0]
    assert (shown["gateway"], shown["gateway6"]) == ("192.168.5.1", "fd00:5::1")


def test_a_default_route_that_wins_over_the_gateway_is_named(hosta):
    _arrange(hosta)
    addresses = ("address add 10.9.0.2/24 dev eth0", "address add fd00:9::2/64 dev eth0 nodad")
    make_others_interface(hosta, "probe", *addresses, "link set eth0 up")
    hosta.run("ip", "-n", "probe", "route", "add", "default", "via", "fd00:9::1", "metric", "512")
    said = (
        "gateway6: fd00:5::1 is not the one that netns /run/netns/probe uses: "
        "default via fd00:9::1 dev eth0 metric 512 "
        "has a lower metric than 1024 and wins; remove that route to use the gateway"
    )
    for options in ({"check_mode": True}, {}, {}):
        assert warned(attach(hosta, netns="probe", **_ONE, **options)) == [said]
    hosta.run("ip", "-n", "probe", "-6", "route", "delete", "default", "metric", "512")
    assert warned(attach(hosta, netns="probe", **_ONE)) == []


def test_a_gateway_that_stands_behind_another_of_its_metric_is_refused(hosta):
    _arrange(hosta)
    attach(hosta, netns="probe", **_ONE)
    ip = ("ip", "-n", "probe", "route")
    hosta.run(*ip, "prepend", "default", "via", "192.168.5.9", "dev", "eth1")
    with pytest.raises(
        ModuleFailed,
        match="gateway: 192.168.5.1 stands behind another default route of netns /run/netns/probe with the same "
        "metric, which is used: default via 192.168.5.9 dev eth1; remove that",
    ):
        attach(hosta, netns="probe", **_ONE)
    hosta.run(*ip, "delete", "default", "via", "192.168.5.9")
    assert not attach(hosta, netns="probe", **_ONE)["changed"]
