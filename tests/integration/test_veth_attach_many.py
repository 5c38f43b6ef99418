# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach with many attachments at once, and whether an interface speaks IPv6."""

from __future__ import annotations

import json

from wiring import attach, attach_thoroughly, link, make_bridge, make_namespaces, ping, refused

_MANY = 20  # more than plan.attachment.FEW


def _port(host, name):
    return host.ip("-d", "link", "show", "dev", name)[0]["linkinfo"]["info_slave_data"]


def _announcements(host, netns):
    listed = host.run("ip", "netns", "exec", netns, "nft", "-j", "list", "table", "arp", "heard").stdout
    (rule,) = [entry["rule"] for entry in json.loads(listed)["nftables"] if "rule" in entry]
    return rule["expr"][-1]["counter"]["packets"]


def _wanted(first=0):
    return [
        {"netns": f"web{number}", "host_interface": f"web{number}", "addresses": [f"192.168.5.{100 + number}/24"]}
        for number in range(first, _MANY)
    ]


def test_many_that_join_at_once_announce_themselves_to_those_who_were_there_before(host):
    make_bridge(host, address="192.168.5.1/24")
    make_namespaces(host, "old", *(f"web{number}" for number in range(_MANY)))
    attach(host, netns="old", bridge="br0", addresses=["192.168.5.10/24"])
    assert ping(host, "old", "192.168.5.1")
    # What old knows of two of them is from former times.
    for number in (0, _MANY - 1):
        words = ("replace", f"192.168.5.{100 + number}", "lladdr", "02:00:00:00:00:99", "nud", "stale", "dev", "eth1")
        host.run("ip", "-n", "old", "neigh", *words)

    counter = "arp saddr ip 192.168.5.100-192.168.5.119 counter"
    heard = f"table arp heard {{ chain new {{ type filter hook input priority 0; {counter}; }}; }}"
    for name in ("old", "web1", f"web{_MANY - 2}"):
        host.run("ip", "netns", "exec", name, "nft", heard)

    attach_thoroughly(host, bridge="br0", attachments=_wanted())

    # Nobody new heard of the others that are new.
    assert [_announcements(host, name) for name in ("web1", f"web{_MANY - 2}")] == [0, 0]
    assert _announcements(host, "old") >= _MANY - 1
    known = {entry["dst"]: entry["lladdr"] for entry in host.ip("neigh", netns="old") if "lladdr" in entry}
    for number in (0, _MANY - 1):
        assert known[f"192.168.5.{100 + number}"] == link(host, "eth1", f"web{number}")["address"]
        assert ping(host, f"web{number}", "192.168.5.1")
    assert all(_port(host, f"web{number}")["bcast_flood"] for number in range(_MANY))
    assert all(_port(host, f"web{number}")["mcast_flood"] for number in range(_MANY))


def test_a_port_that_a_killed_run_left_closed_is_opened(host):
    make_bridge(host)
    make_namespaces(host, "web")
    options = {"netns": "web", "bridge": "br0", "host_interface": "web", "addresses": ["192.168.5.10/24"]}
    attach(host, **options)
    host.run("bridge", "link", "set", "dev", "web", "bcast_flood", "off", "mcast_flood", "off")

    done = attach_thoroughly(host, **options)

    assert done["operations"] == ["set web open to floods"]
    assert _port(host, "web")["bcast_flood"] and _port(host, "web")["mcast_flood"]


def test_all_are_deleted_at_once_and_nothing_else(host):
    make_bridge(host)
    make_namespaces(host, *(f"web{number}" for number in range(_MANY)))
    host.run("ip", "link", "add", "mine", "type", "veth", "peer", "name", "mine1")
    host.run("ip", "link", "set", "mine", "group", "77")
    attach(host, bridge="br0", attachments=_wanted())
    host.run("ip", "link", "del", "web3")

    done = host.module("veth_attach", state="absent", attachments=_wanted())

    assert len(done["operations"]) == _MANY - 1
    assert {entry["ifname"] for entry in host.ip("link")} >= {"br0", "mine", "mine1"}
    assert not [entry for entry in host.ip("link") if entry["ifname"].startswith("web")]
    assert not host.module("veth_attach", state="absent", attachments=_wanted())["changed"]


def _ipv6(host, netns):
    shown = host.ip("-6", "addr", "show", "dev", "eth1", netns=netns)
    return {entry["scope"] for interface in shown for entry in interface.get("addr_info", [])}


def test_an_interface_speaks_ipv6_where_somebody_asks_for_it(host):
    make_bridge(host)
    make_namespaces(host, "four", "six", "slaac", "unsaid")
    four = {"netns": "four", "addresses": ["192.168.5.4/24"]}
    common = {"bridge": "br0", "attachments": [
        four,
        {"netns": "six", "addresses": ["fd00:5::6/64"]},
        {"netns": "slaac", "addresses": ["192.168.5.5/24"], "ipv6": True},
        {"netns": "unsaid"},
    ]}  # fmt: skip
    attach_thoroughly(host, **common)
    assert [_ipv6(host, netns) for netns in ("four", "six", "slaac", "unsaid")] == [
        set(),
        {"global", "link"},
        {"link"},
        {"link"},
    ]
    # It is switched on in place, and off again with all that was of it; what nobody says anything of stays.
    attach_thoroughly(host, bridge="br0", **{**four, "addresses": ["192.168.5.4/24", "fd00:5::4/64"]})
    assert "global" in _ipv6(host, "four")
    attach_thoroughly(host, bridge="br0", **four)
    assert _ipv6(host, "four") == {"link"}
    attach_thoroughly(host, bridge="br0", netns="six", ipv6=False)
    assert _ipv6(host, "six") == set()

    said = refused(host, bridge="br0", netns="six", addresses=["fd00:5::6/64"], ipv6=False)
    assert said == "ipv6: False is mutually exclusive with what is of IPv6 in addresses; leave one of the two out"
