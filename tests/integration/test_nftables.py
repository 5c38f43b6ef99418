# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading by the real nft, and what a peer sees of it."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    InvalidOption,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import masquerade
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import tables as nftables
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.masquerade import Masquerades
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.masquerade import Masquerade
from own_namespaces import guest, in_own_namespaces, needs_root, run, seen_source, udp

pytestmark = needs_root

V4 = Masquerade("br0", "192.168.5.0/24")
V6 = Masquerade("br0", "fd00:5::/64")
SECOND = Masquerade("br1", "192.168.6.0/24")


def tables():
    listing = json.loads(run("nft -j list tables"))["nftables"]
    return {(entry["table"]["family"], entry["table"]["name"]) for entry in listing if "table" in entry}


def rules():
    return sum("rule" in entry for entry in json.loads(run("nft -j list ruleset"))["nftables"])


@in_own_namespaces
def test_a_host_without_our_tables_is_read_without_a_process(monkeypatch):
    monkeypatch.setattr(nftables, "run", None)
    assert Masquerades().in_effect() == frozenset()


@in_own_namespaces
def test_tables_without_masquerades_are_read_without_a_process_for_who_asks_for_none(monkeypatch):
    for family in ("ip", "ip6"):
        run(f"nft add table {family} pipefitter")
        run(f"nft add set {family} pipefitter publish_protected {{ type ifname; }}")
    with monkeypatch.context() as without_nft:
        without_nft.setattr(nftables.program, "begin", None)
        assert Masquerades().in_effect(needed=False) == frozenset()
        with pytest.raises(TypeError):
            Masquerades().in_effect()
    Masquerades().apply(add=[V4])
    assert Masquerades().in_effect(needed=False) == Masquerades().in_effect() == {V4}


@in_own_namespaces
def test_what_was_added_is_read_back_and_goes_without_a_trace():
    ours = Masquerades()
    ours.apply(add=[V4, V6, SECOND])
    assert ours.in_effect() == {V4, V6, SECOND}
    before = run("nft list ruleset")
    ours.apply(add=[V4, V6], remove=[Masquerade("br9", "10.9.0.0/16")])
    assert run("nft list ruleset") == before
    ours.apply(remove=[V6])
    assert tables() == {("ip", "pipefitter")}
    ours.apply(remove=[V4, SECOND])
    assert ours.in_effect() == frozenset() and tables() == set()


@in_own_namespaces
def test_a_thousand_bridges_take_as_many_rules_as_one():
    ours = Masquerades()
    many = {Masquerade(f"br{number}", f"10.{number >> 8}.{number & 255}.0/24") for number in range(1000)}
    ours.apply(add=many)
    assert ours.in_effect() == many
    assert rules() == 4


@pytest.mark.parametrize("subnet", ["0.0.0.0/0", "10.0.0.1/32", "10.0.0.0/8", "::/0", "fd00::1/128"])
@in_own_namespaces
def test_every_length_of_prefix_is_read_back(subnet):
    ours = Masquerades()
    ours.apply(add=[Masquerade("br0", subnet)])
    assert ours.in_effect() == {Masquerade("br0", subnet)}
    ours.apply(remove=[Masquerade("br0", subnet)])
    assert tables() == set()


@pytest.mark.parametrize("name", ["5", "a.b_c@d-e", "br+0", "fifteen_bytes_x"])
@in_own_namespaces
def test_an_unusual_name_is_meant_literally(name):
    ours = Masquerades()
    ours.apply(add=[Masquerade(name, "10.0.0.0/8")])
    assert ours.in_effect() == {Masquerade(name, "10.0.0.0/8")}


@pytest.mark.parametrize("name", ["br*", "br+", "@set", "!br", 'b"r', "b r", "sixteen_bytes_xy", ""])
@in_own_namespaces
def test_a_name_that_means_more_than_itself_is_refused(name):
    with pytest.raises(InvalidOption):
        Masquerades().apply(add=[Masquerade(name, "10.0.0.0/8")])
    assert tables() == set()


@in_own_namespaces
def test_a_subnet_within_that_of_another_bridge():
    ours = Masquerades()
    outer, inner = Masquerade("br0", "10.0.0.0/8"), Masquerade("br1", "10.1.0.0/16")
    ours.apply(add=[inner])
    ours.apply(add=[outer])
    assert ours.in_effect() == {outer, inner}
    ours.apply(remove=[outer])
    assert ours.in_effect() == {inner}


@in_own_namespaces
def test_one_subnet_on_two_bridges_stays_for_the_other():
    ours = Masquerades()
    twin = Masquerade("br1", V4.subnet)
    ours.apply(add=[V4, twin])
    ours.apply(remove=[V4])
    assert ours.in_effect() == {twin}


@in_own_namespaces
def test_subnets_of_one_bridge_that_contain_each_other_are_refused():
    with pytest.raises(Refused, match="192.168.5.128/25"):
        Masquerades().apply(add=[V4, Masquerade("br0", "192.168.5.128/25")])
    assert tables() == set()


@pytest.mark.parametrize(
    "damage",
    [
        "flush chain ip pipefitter postrouting",
        "delete chain ip pipefitter postrouting",
        "add rule ip pipefitter postrouting accept",
        "flush set ip pipefitter masquerade_sources",
        "delete chain ip pipefitter postrouting; delete set ip pipefitter bridge_local",
        "delete table ip pipefitter",
    ],
)
@in_own_namespaces
def test_a_damaged_table_counts_as_absent_and_is_repaired(damage):
    ours = Masquerades()
    ours.apply(add=[V4, V6])
    whole = run("nft list ruleset")
    run(["nft", damage])
    assert ours.in_effect() == {V6}
    ours.apply(add=[V4])
    assert ours.in_effect() == {V4, V6}
    assert sorted(run("nft list ruleset")) == sorted(whole)


@pytest.mark.parametrize(
    "made",
    [
        "add table ip pipefitter; add set ip pipefitter bridge_local { type ipv4_addr; }",
        "add table ip pipefitter; add chain ip pipefitter postrouting",
        "add table ip pipefitter; add map ip pipefitter masquerade_sources { type ipv4_addr : mark; }",
    ],
)
@in_own_namespaces
def test_a_table_of_another_tool_is_left_alone(made):
    run(["nft", made])
    before = run("nft list ruleset")
    for attempt in (
        Masquerades().in_effect,
        lambda: Masquerades().apply(add=[V4]),
        lambda: Masquerades().apply(remove=[V4]),
    ):
        with pytest.raises(Refused, match="delete table ip pipefitter"):
            attempt()
    assert run("nft list ruleset") == before


@in_own_namespaces
def test_a_table_of_our_name_that_another_tool_uses_is_shared():
    run(["nft", "add table ip pipefitter; add chain ip pipefitter input { type filter hook input priority 0; }"])
    before = run("nft list ruleset")
    ours = Masquerades()
    assert ours.in_effect() == set()
    ours.apply(add=[V4])
    assert ours.in_effect() == {V4}
    ours.apply(remove=[V4])
    assert run("nft list ruleset") == before


@in_own_namespaces
def test_what_others_put_into_our_table_outlives_us():
    ours = Masquerades()
    ours.apply(add=[V4])
    run("nft add chain ip pipefitter theirs")
    ours.apply(remove=[V4])
    assert run("nft list ruleset").split() == "table ip pipefitter { chain theirs { } }".split()


@in_own_namespaces
def test_a_transaction_that_fails_changes_nothing():
    with pytest.raises(PipefitterError, match="nothing was changed"):
        Masquerades().apply(add=[V6, Masquerade("br0", "10.0.0.0/33")])
    assert tables() == set()


@in_own_namespaces
def test_two_runs_at_once_lose_nothing():
    many = [Masquerade(f"br{number}", f"10.0.{number}.0/24") for number in range(16)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda each: Masquerades().apply(add=[each]), many))
    assert Masquerades().in_effect() == set(many)
    assert rules() == 4


@in_own_namespaces
def test_a_peer_sees_the_host_where_traffic_leaves_the_bridge_and_the_source_where_not():
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    # First, so that a masquerade on lo would choose its address.
    guest("out", None, "10.0.0.2", "10.0.0.1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("db", "br0", "192.168.5.3", "192.168.5.1")
    Masquerades().apply(add=[V4, SECOND])
    outside, neighbour = udp("out"), udp("db")
    here = udp(None)
    assert seen_source(udp("web"), outside, "10.0.0.2") == "10.0.0.1"
    # Through the ip hooks also where the bridge hands its frames to them.
    run("sysctl -qw net.bridge.bridge-nf-call-iptables=1")
    assert seen_source(udp("web"), neighbour, "192.168.5.3") == "192.168.5.2"
    assert seen_source(udp("web"), here, "192.168.5.1") == "192.168.5.2"
    assert seen_source(udp(None, "192.168.5.1"), here, "192.168.5.1") == "192.168.5.1"
    assert seen_source(udp(None, "192.168.5.1"), neighbour, "192.168.5.3") == "192.168.5.1"
    Masquerades().apply(remove=[V4])
    assert seen_source(udp("web"), outside, "10.0.0.2") == "192.168.5.2"


@pytest.mark.parametrize("family", [4, 6])
@in_own_namespaces
def test_what_another_bridge_switches_keeps_its_source(family):
    """Where bridged frames go through the firewall, and the other bridge has the same subnet."""
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0")
    for name in ("br0", "other"):
        run(f"ip link add {name} type bridge")
        run(f"ip link set {name} up")
    run("sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1")
    net, out = {4: ("192.168.5.", "10.0.0."), 6: ("fd00:5::", "fd00:a::")}[family]
    run(f"ip address add {net}1/{24 if family == 4 else 64} dev br0{' nodad' if family == 6 else ''}")
    guest("web", "br0", f"{net}2", f"{net}1")
    guest("one", "other", f"{net}8", f"{net}1")
    guest("two", "other", f"{net}9", f"{net}1")
    guest("out", None, f"{out}2", f"{out}1")
    Masquerades().apply(add=[V4, V6])
    assert Masquerades().in_effect() == {V4, V6}
    of = {"family": socket.AF_INET6 if family == 6 else socket.AF_INET}
    assert seen_source(udp("one", **of), udp("two", **of), f"{net}9") == f"{net}8"
    # What is routed shows the host's address, from a container and from the host by its address on the bridge.
    assert seen_source(udp("web", **of), udp("out", **of), f"{out}2") == f"{out}1"
    assert seen_source(udp(None, f"{net}1", **of), udp("out", **of), f"{out}2") == f"{out}1"


@in_own_namespaces
def test_an_older_kernel_masquerades_by_source_alone(monkeypatch):
    monkeypatch.setattr(masquerade, "kernel_version", lambda: (5, 4))
    Masquerades().apply(add=[V4])
    assert Masquerades().in_effect() == {V4}
    assert "ip saddr @masquerade_sources masquerade" in run("nft list ruleset")
    # With the kernel's successor, the next run sees that these are not the rules.
    monkeypatch.setattr(masquerade, "kernel_version", lambda: (5, 10))
    assert Masquerades().in_effect() == frozenset()
    Masquerades().apply(add=[V4])
    assert Masquerades().in_effect() == {V4}


@in_own_namespaces
def test_a_peer_sees_the_host_over_ipv6_too():
    run("sysctl -qw net.ipv6.conf.all.forwarding=1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add fd00:5::1/64 dev br0 nodad")
    guest("web", "br0", "fd00:5::2", "fd00:5::1")
    guest("out", None, "fd00:a::2", "fd00:a::1")
    Masquerades().apply(add=[V6])
    outside = udp("out", family=socket.AF_INET6)
    assert seen_source(udp("web", family=socket.AF_INET6), outside, "fd00:a::2") == "fd00:a::1"


@pytest.mark.parametrize("moment", ["before a change", "before a listing"])
@in_own_namespaces
def test_a_ruleset_that_another_program_flushes_after_it_was_read_is_read_again(monkeypatch, moment):
    ours = Masquerades()
    ours.apply(add=[V4])
    flushed = []
    real = nftables.program.begin

    def begin_nft(argv, text=None):
        if not flushed and ('"list"' in (text or "")) is (moment == "before a listing"):
            flushed.append(run("nft flush ruleset"))
        return real(argv, text)

    monkeypatch.setattr(nftables.program, "begin", begin_nft)
    ours.apply(add=[SECOND])
    assert len(flushed) == 1
    assert ours.in_effect() == {SECOND}, "what the flush took is for the next look to notice"
