# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach with many attachments at once, and whether an interface speaks IPv6."""

from __future__ import annotations

import json

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    attach,
    attach_thoroughly,
    link,
    make_bridge,
    make_namespaces,
    make_ovs_bridge,
    ovs_ports,
    ping,
    refused,
    until,
)

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


def _closed(host):
    """Return which ports of Open vSwitch are closed, and which are marked as that."""
    shown = [
        host.run("ovs-vsctl", "--bare", "--columns=name", "find", "port", condition).stdout.split()
        for condition in ("protected=true", "external_ids:pipefitter-joining=1")
    ]
    return [sorted(names) for names in shown]


def test_many_that_join_open_vswitch_at_once_are_closed_to_each_other_until_all_have(hosta):
    make_ovs_bridge(hosta)
    hosta.run("ip", "address", "add", "192.168.5.1/24", "dev", "ovs0")
    hosta.run("ip", "link", "set", "ovs0", "up")
    make_namespaces(hosta, "old", *(f"web{number}" for number in range(_MANY)))
    attach(hosta, netns="old", host_interface="old", bridge="ovs0", addresses=["192.168.5.10/24"])
    assert ping(hosta, "old", "192.168.5.1")
    words = ("replace", "192.168.5.100", "lladdr", "02:00:00:00:00:99", "nud", "stale", "dev", "eth1")
    hosta.run("ip", "-n", "old", "neigh", *words)
    options = {"bridge": "ovs0", "attachments": _wanted()}

    with pytest.raises(ModuleFailed, match="were undone"):
        hosta.module("veth_attach", fail_after="look", **options)
    assert set(ovs_ports(hosta)) == {"old"} and _closed(hosta) == [[], []]

    watching = hosta.start("sh", "-c", "exec ovsdb-client monitor Port name,protected > /run/ports 2>&1")
    until(lambda: "old" in hosta.run("cat", "/run/ports", check=False).stdout, "nothing is watched")
    try:
        done = attach_thoroughly(hosta, **options)
        seen = until(lambda: _changes(hosta, "true") >= _MANY and hosta.run("cat", "/run/ports").stdout, "never closed")
    finally:
        watching.kill()
        watching.wait(60)
    assert "old" not in [line.split()[2] for line in seen.splitlines() if line.endswith("true")]
    opens = [line for line in done["operations"] if line.startswith("open port web")]
    assert len(opens) == _MANY and done["operations"][-_MANY:] == opens
    assert _closed(hosta) == [[], []]
    mac = link(hosta, "eth1", "web0")["address"]
    until(lambda: mac in hosta.run("ip", "-n", "old", "neigh").stdout, "old still knows web0 from former times")
    assert ping(hosta, "web0", "192.168.5.1") and ping(hosta, "web1", "192.168.5.100")

    # What a killed run left closed is opened; what somebody else closed stays.
    hosta.run("ovs-vsctl", "set", "port", "web3", "protected=true", "external_ids:pipefitter-joining=1")
    hosta.run("ovs-vsctl", "set", "port", "web4", "protected=true")
    done = attach_thoroughly(hosta, **options)
    assert done["operations"] == ["open port web3 of Open vSwitch bridge ovs0 to those that joined with it"]
    assert _closed(hosta) == [["web4"], []]
    # Beside a port that is protected for another reason, nobody is closed: it would not hear of them.
    attach(hosta, bridge="ovs0", attachments=_wanted(first=5), state="absent")
    for check in (True, False):
        told = hosta.module("veth_attach", check_mode=check, **options)["operations"]
        assert not [line for line in told if line.startswith("open port")]
    assert _closed(hosta) == [["web4"], []]


def _changes(host, protected):
    return len([line for line in host.run("cat", "/run/ports").stdout.splitlines() if line.endswith(f" {protected}")])
