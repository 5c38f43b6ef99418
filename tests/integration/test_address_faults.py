# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that are there and not as they would be made: with a peer, without a route, deprecated, or another's."""

from __future__ import annotations

import json
import re
from itertools import count

from lab_hosts import ModuleFailed
from wiring import attach, attach_thoroughly, make_bridge, make_namespaces, refused, until

WANTED = ["10.1.0.2/24", "10.1.0.3/24", "10.2.0.2/24", "fd00:5::2/64", "fd00:6::2/64"]
SPOILED = (
    "address add 10.1.0.2 peer 10.8.0.9/24 dev {}",
    "address add 10.1.0.3/24 dev {} preferred_lft 0",
    "address add 10.2.0.2/24 dev {} noprefixroute metric 77",
    "address add fd00:5::2/64 dev {} nodad noprefixroute",
    "address add fd00:6::2 peer fd00:7::9/64 dev {} nodad preferred_lft 0",
)
ROUTES = ("10.1.0.0/24", "10.2.0.0/24", "fd00:5::/64", "fd00:6::/64")


def spoil(host, link, *words):
    host.run("ip", *words, "address", "flush", "dev", link, "scope", "global")
    for line in SPOILED:
        host.run("ip", *words, *line.format(link).split())


def shown(host, link, *words):
    """All that addresses have, and the routes; the kernel's own order is kept."""
    text = host.run("ip", *words, "address", "show", "dev", link).stdout
    routes = [host.run("ip", *words, family, "route", "show", "dev", link).stdout for family in ("-4", "-6")]
    lines = [re.sub(" tentative", "", line.strip()) for line in "\n".join([text, *routes]).splitlines()]
    return sorted(line for line in lines if "fe80" not in line and not line.startswith("link/") and "qdisc" not in line)


def assert_made_right(host, link, *words):
    lines = shown(host, link, *words)
    assert not [line for line in lines if re.search("peer|deprecated|noprefixroute|preferred_lft 0", line)]
    assert {route for route in ROUTES if not [line for line in lines if line.startswith(f"{route} ")]} == set()


def test_addresses_of_an_attachment_are_made_right(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {"netns": "probe", "bridge": "br0", "addresses": WANTED}
    gateways = {"gateway": "10.2.0.1", "gateway6": "fd00:5::1"}
    attach(hosta, **wanted, **gateways)
    spoil(hosta, "eth1", "-n", "probe")
    before = shown(hosta, "eth1", "-n", "probe")
    for done in count():
        try:
            hosta.module("veth_attach", fail_after=done, **wanted)
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert shown(hosta, "eth1", "-n", "probe") == before, done
        else:
            break
    assert done > len(WANTED)
    assert_made_right(hosta, "eth1", "-n", "probe")
    spoil(hosta, "eth1", "-n", "probe")
    done = attach_thoroughly(hosta, **wanted, **gateways)
    assert [line for line in done["operations"] if line.startswith("make address")] == [
        f"make address {address} of eth1 anew, without {fault} in netns /run/netns/probe"
        for address, fault in zip(WANTED, ("peer", "deprecated", "noprefixroute", "noprefixroute", "peer"))
    ]
    assert_made_right(hosta, "eth1", "-n", "probe")


def test_a_route_stays_where_its_only_address_is_made_right(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["10.1.0.2/24"], "gateway": "10.1.0.1"}
    attach(hosta, **wanted)
    hosta.run("ip", "-n", "probe", "route", "add", "10.50.0.0/16", "via", "10.1.0.9")  # somebody else's
    hosta.run("ip", "-n", "probe", "address", "change", "10.1.0.2/24", "dev", "eth1", "preferred_lft", "0")
    before = shown(hosta, "eth1", "-n", "probe")
    done = attach_thoroughly(hosta, **wanted)
    assert done["operations"] == ["make address 10.1.0.2/24 of eth1 anew, without deprecated in netns /run/netns/probe"]
    after = shown(hosta, "eth1", "-n", "probe")
    assert [line for line in after if "via" in line] == [line for line in before if "via" in line] != []


def test_addresses_of_our_bridge_are_made_right_and_those_of_another_tools_stay(hosta):
    hosta.module("container_bridge", name="br0", addresses=WANTED)
    make_bridge(hosta, "own")
    spoil(hosta, "br0")
    spoil(hosta, "own")
    before = shown(hosta, "own")
    assert hosta.module("container_bridge", name="own", addresses=WANTED)["operations"] == []
    assert shown(hosta, "own") == before
    hosta.run("ip", "link", "del", "own")
    checked = hosta.module("container_bridge", name="br0", addresses=WANTED, check_mode=True)
    done = hosta.module("container_bridge", name="br0", addresses=WANTED)
    assert checked["operations"] == done["operations"] and len(done["operations"]) == len(WANTED)
    assert_made_right(hosta, "br0")
    assert hosta.module("container_bridge", name="br0", addresses=WANTED)["changed"] is False


def test_an_address_that_another_machine_has_is_a_failure(hosta):
    hosta.module("container_bridge", name="br0", addresses=["fd00:5::1/64"])
    make_namespaces(hosta, "probe", "other")
    attach(hosta, netns="other", bridge="br0", addresses=["fd00:5::7/64"])
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["fd00:5::9/64", "fd00:5::7/64"]}
    attach(hosta, netns="probe", bridge="br0", addresses=["fd00:5::2/64", "fd00:5::9/64"])
    hosta.run("ip", "-n", "probe", "address", "add", "fd00:5::7/64", "dev", "eth1")
    hosta.run("sysctl", "-qw", "net.ipv6.conf.br0.accept_dad=1")
    hosta.run("ip", "address", "add", "fd00:5::2/64", "dev", "br0")

    def failed(*words):
        return "dadfailed" in json.dumps(json.loads(hosta.run("ip", "-j", *words).stdout))

    until(lambda: failed("-n", "probe", "address", "show", "eth1") and failed("address", "show", "br0"), "no duplicate")
    said = refused(hosta, **wanted)
    assert said.startswith(
        "addresses: fd00:5::7/64 is on eth1 in netns /run/netns/probe and can't be used, as another machine had it"
    )
    said = refused(hosta, "container_bridge", name="br0", addresses=["fd00:5::1/64", "fd00:5::2/64"])
    assert said.startswith("addresses: fd00:5::2/64 is on br0 and can't be used, as another machine had it")
    hosta.module("veth_attach", netns="other", state="absent")
    hosta.run("ip", "-n", "probe", "address", "del", "fd00:5::7/64", "dev", "eth1")
    assert attach(hosta, **wanted)["changed"] and not attach(hosta, **wanted)["changed"]
