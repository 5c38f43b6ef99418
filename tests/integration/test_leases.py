# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses with a lifetime (DHCP, router advertisements), where the same are asked for, or others are changed."""

from __future__ import annotations

import re
from itertools import count

import pytest
from lab_hosts import ModuleFailed
from wiring import attach, attach_thoroughly, held, make_bridge, make_namespaces, refused

_LEASED = (
    "address add 10.1.0.2/24 dev eth1 valid_lft 3600 preferred_lft 1800",
    "-6 address add fd00:5::36/128 dev eth1 nodad valid_lft 3000 preferred_lft 1500",
    "-6 address add fd00:5::77/64 dev eth1 nodad valid_lft 3000 preferred_lft 0",
    "route add default via 10.1.0.254 dev eth1 metric 50",
)


def _addresses(host, *words):
    """Return addresses with their lifetimes, to some minutes, and the routes."""
    shown = host.run("ip", *words, "address", "show").stdout + host.run("ip", *words, "route", "show").stdout
    lines = re.sub(r"(\d+)sec", lambda found: f"{round(int(found[1]) / 500)}", shown)
    # The link-local address of a new bridge is tentative for a moment.
    return sorted(line.strip() for line in lines.splitlines() if "fe80:" not in line)


def _fails_after(host, done, module, **options):
    try:
        host.module(module, fail_after=done, **options)
    except ModuleFailed as failure:
        assert "could not be undone" not in str(failure)
        return True
    return False


def _leased(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    attach(host, netns="probe", bridge="br0", addresses=[], ipv6=True)
    for words in _LEASED:
        host.run("ip", "-n", "probe", *words.split())


@pytest.mark.parametrize("asked", [
    {"addresses": ["10.1.0.2/24", "fd00:5::36/64", "fd00:5::77/64"]},
    {"addresses": ["10.1.0.2/24"], "mtu": 1000},
], ids=["the same", "without IPv6"])  # fmt: skip
def test_undoing_gives_leases_back(hosta, asked):
    _leased(hosta)
    before = _addresses(hosta, "-n", "probe")
    assert sum("lft" in line and "forever" not in line for line in before) == 3
    for done in count():
        if not _fails_after(hosta, done, "veth_attach", netns="probe", bridge="br0", **asked):
            break
        assert _addresses(hosta, "-n", "probe") == before, done
    assert done >= 2


def test_a_leased_address_is_to_stay_for_good_also_with_another_prefix_length(hosta):
    _leased(hosta)
    wanted = ["10.1.0.2/24", "fd00:5::36/64"]
    attach_thoroughly(hosta, netns="probe", bridge="br0", addresses=wanted)
    shown = [line for line in _addresses(hosta, "-n", "probe") if "forever" in line]
    assert held(hosta, "eth1", "probe") >= set(wanted)
    assert len(shown) >= 2


def test_a_bridge_keeps_its_leases_when_a_run_fails_and_with_a_small_mtu(hosta):
    make_bridge(hosta, "own")  # another tool's
    for words in (
        "address add 10.9.9.1/24 dev own valid_lft 3600 preferred_lft 3600",
        "-6 address add fd00:36::1/64 dev own nodad valid_lft 3000 preferred_lft 3000",
        "route add default via 10.9.9.254 dev own metric 5000",
    ):
        hosta.run("ip", *words.split())
    before = _addresses(hosta)
    for done in range(2):
        failed = _fails_after(
            hosta, done, "container_bridge", name="own", addresses=["10.9.9.1/24", "fd00:36::1/64", "10.9.8.1/24"]
        )
        assert failed and _addresses(hosta) == before
    said = refused(hosta, "container_bridge", name="own", mtu=1000)
    assert "the kernel takes IPv6 off it, and it is to have fd00:36::1/64" in said
    said = refused(hosta, "container_bridge", name="own", addresses=["fd00:36::1/128"])
    assert "address fd00:36::1/128 is there as fd00:36::1/64" in said
    assert _addresses(hosta) == before


_PARTICULAR = (
    "address add 10.1.0.2/24 dev {} metric 77",
    "address add 10.1.0.3/24 dev {} noprefixroute",
    "address add 10.4.0.2/24 dev {} preferred_lft 0",
    "address add 10.2.0.2/24 dev {} label {}:x broadcast 10.2.0.254",
    "address add 10.3.0.2 peer 10.3.0.9/32 dev {} scope link",
    "-6 address add fd00:6::2/64 dev {} nodad noprefixroute metric 90",
    "-6 address add fd00:7::2/64 dev {} metric 91 preferred_lft 0",
)


@pytest.mark.parametrize(
    "asked",
    [{"addresses": ["10.9.0.2/24"]}, {"addresses": ["fd00:7::2/60", "10.2.0.2/24"]}, {"state": "absent"}],
    ids=["others", "another prefix length", "absent"],
)
def test_undoing_gives_addresses_back_with_all_that_they_had(hosta, asked):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=[], ipv6=True)
    for words in _PARTICULAR:
        hosta.run("ip", "-n", "probe", *words.format("eth1", "eth1").split())
    before = _known(hosta, "-n", "probe")
    for done in ("look", *range(30)):
        if not _fails_after(hosta, done, "veth_attach", netns="probe", bridge="br0", **asked):
            break
        assert not (before ^ _known(hosta, "-n", "probe")), done
    assert done != "look" and done >= 1


@pytest.mark.parametrize("asked", [{"addresses": ["10.9.0.2/24"]}, {"state": "absent"}, {"up": False, "addresses": []}])
def test_undoing_gives_a_bridges_addresses_back_with_all_that_they_had(hosta, asked):
    hosta.module("container_bridge", name="br0", addresses=[])
    for words in _PARTICULAR:
        hosta.run("ip", *words.format("br0", "br0").split())
    before = _known(hosta)
    for done in ("look", *range(30)):
        if not _fails_after(hosta, done, "container_bridge", name="br0", **asked):
            break
        assert not (before ^ _known(hosta)), done
    assert done != "look" and done >= 1


def _known(host, *words):
    """Return addresses and routes but what the kernel numbers and does by itself."""
    lines = [re.sub(r"^\d+: |@if\d+|link/ether .*| tentative", "", line) for line in _addresses(host, *words)]
    routes = host.run("ip", *words, "-6", "route", "show").stdout.splitlines()
    return {line.strip() for line in [*lines, *routes] if not re.search("fe80|mtu", line)}
