# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our chain in a filter that drops what is forwarded, in both kinds of iptables, and what is then let through."""

from __future__ import annotations

import fcntl
import os

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import iptables_forward
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from iptables_lab import BR0, BR0_PUBLISHED, BR0_V6, BR1, BR1_OUT, KINDS, chain, docker_starts, everything, saved, shown
from own_namespaces import guest, in_own_namespaces, needs_root, run, seen_source, udp

pytestmark = needs_root


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_bridges_that_are_let_out_are_let_to_each_other(kind):
    docker_starts(kind)
    before = everything()
    one, other, closed = AcceptedBridge("ip", "br0", ("eth0",)), BR1_OUT, AcceptedBridge("ip", "br2")
    IptablesForward().apply(add=[one, closed])
    assert not any("-o br1" in rule for rule in chain("PIPEFITTER", kind))
    IptablesForward().apply(add=[other])
    assert shown()[1] == {one, other, closed}
    assert chain("PIPEFITTER", kind)[-2:] == [
        "-A PIPEFITTER -i br0 -o br1 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o br0 -j ACCEPT",
    ]
    run(f"iptables-{kind} -D PIPEFITTER -i br0 -o br1 -j ACCEPT")
    assert shown()[1] == {other, closed}
    IptablesForward().apply(add=[one])
    assert shown()[1] == {one, other, closed}
    IptablesForward().apply(remove=[other])
    assert shown()[1] == {one, closed}
    assert not any("br1" in rule for rule in chain("PIPEFITTER", kind))
    # A way out may itself be a bridge of ours.
    through = AcceptedBridge("ip", "br0", ("br1", "eth0"))
    IptablesForward().apply(add=[through, other], remove=[one])
    assert shown()[1] == {through, other, closed}
    IptablesForward().apply(remove=[through, other, closed])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_stays_on_a_bridge_is_accepted_or_not(kind):
    docker_starts(kind)
    before = everything()
    IptablesForward().apply(add=[BR0_PUBLISHED, BR1])
    assert shown()[1] == {BR0_PUBLISHED, BR1}
    assert [rule for rule in chain("PIPEFITTER", kind) if "br0" in rule] == [
        "-A PIPEFITTER -o br0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        "-A PIPEFITTER -i br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    IptablesForward().apply(add=[BR0], remove=[BR0_PUBLISHED])
    assert shown()[1] == {BR0, BR1}
    # One that has lost this rule is read as one that never had it.
    run(f"iptables-{kind} -D PIPEFITTER -i br0 -o br0 -j ACCEPT")
    assert shown()[1] == {BR0_PUBLISHED, BR1}
    IptablesForward().apply(remove=[BR1])
    assert shown()[1] == {BR0_PUBLISHED}
    run(f"iptables-{kind} -D PIPEFITTER 1")
    assert (shown()[1], IptablesForward().read().remains) == (frozenset(), {BR0_PUBLISHED})
    IptablesForward().apply(remove=[BR0_PUBLISHED])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_was_added_is_read_back_and_goes_without_a_trace(kind):
    docker_starts(kind, ip6=True)
    before = everything()
    ours = IptablesForward()
    assert shown() == ({"ip", "ip6"}, frozenset())
    ours.apply(add=[BR1_OUT, BR0, BR0_V6])
    assert shown() == ({"ip", "ip6"}, {BR0, BR1_OUT, BR0_V6})
    assert chain("DOCKER-USER", kind) == ["-A DOCKER-USER -j PIPEFITTER", "-A DOCKER-USER -j RETURN"]
    ours.apply(remove=[BR0])
    assert shown() == ({"ip", "ip6"}, {BR1_OUT, BR0_V6})
    assert chain("PIPEFITTER", kind) == [
        "-A PIPEFITTER -i br1 -o br1 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o eth0 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o tun0 -j ACCEPT",
        "-A PIPEFITTER -o br1 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        "-A PIPEFITTER -i br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    ours.apply(add=[BR1], remove=[BR1_OUT])
    assert shown() == ({"ip", "ip6"}, {BR1, BR0_V6})
    ours.apply(remove=[BR1, BR0_V6])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_second_run_writes_nothing(kind, monkeypatch):
    docker_starts(kind)
    IptablesForward().apply(add=[BR0])
    monkeypatch.setattr(iptables_forward._Filter, "restore", None)
    IptablesForward().apply(add=[BR0], remove=[BR1])


@pytest.mark.parametrize(
    "damage",
    [
        "-F DOCKER-USER",
        "-D DOCKER-USER -j PIPEFITTER",
        "-F PIPEFITTER",
        "-D PIPEFITTER 2",
        "-D PIPEFITTER 3",
        "-I DOCKER-USER 1 -j RETURN",
        "-I PIPEFITTER 1 -j DROP",
        "-A PIPEFITTER -s 10.1.2.3/32 -j ACCEPT",
        "-I PIPEFITTER 2 -i br0 -m conntrack --ctstate NEW -j DROP",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_damaged_rules_count_as_absent_and_are_repaired(kind, damage):
    docker_starts(kind)
    IptablesForward().apply(add=[BR0])
    run(f"iptables-{kind} {damage}")
    assert shown() == ({"ip"}, frozenset())
    IptablesForward().apply(add=[BR0])
    assert shown() == ({"ip"}, {BR0})
    IptablesForward().apply(remove=[BR0])
    assert "PIPEFITTER" not in saved(kind)


@pytest.mark.parametrize("name", ["br+", "br*", "a/b", "b r", 'b"r', "!br", "-i", "sixteen_bytes_xy", ""])
@in_own_namespaces
def test_a_name_that_means_more_than_itself_is_refused(name):
    docker_starts("nft")
    before = everything()
    with pytest.raises(InvalidOption):
        IptablesForward().apply(add=[AcceptedBridge("ip", name)])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["5", "a.b_c@d-e", "br+0", "fifteen_bytes_x"])
@in_own_namespaces
def test_an_unusual_name_is_meant_literally(kind, name):
    docker_starts(kind)
    IptablesForward().apply(add=[AcceptedBridge("ip", name)])
    assert shown()[1] == {AcceptedBridge("ip", name)}


@in_own_namespaces
def test_five_hundred_bridges_are_one_transaction_each_way():
    docker_starts("nft")
    many = {AcceptedBridge("ip", f"br{number}") for number in range(500)}
    IptablesForward().apply(add=many)
    assert shown()[1] == many
    IptablesForward().apply(remove=many)
    assert not chain("PIPEFITTER")


@pytest.mark.parametrize("formerly", [[], [BR1, AcceptedBridge("ip6", "br1")]])
@in_own_namespaces
def test_a_family_that_fails_takes_the_other_back(tmp_path, monkeypatch, formerly):
    docker_starts("nft", ip6=True)
    IptablesForward().apply(add=formerly)
    before = everything()
    failing = tmp_path / "ip6tables-nft-restore"
    failing.write_text("#!/bin/sh\necho 'ip6tables-nft-restore: line 3 failed' >&2; exit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for change in ({"add": [BR0, BR0_V6]}, {"remove": formerly}):
        if any(change.values()):
            with pytest.raises(PipefitterError, match="ip6tables-nft-restore .* line 3 failed"):
                IptablesForward().apply(**change)
        assert everything() == before


@in_own_namespaces
def test_the_lock_of_iptables_is_waited_for(monkeypatch):
    monkeypatch.setattr(iptables_forward, "_LOCK_WAIT", "1")
    docker_starts("legacy")
    with open("/run/xtables.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PipefitterError, match="xtables lock"):
            IptablesForward().apply(add=[BR0])
    IptablesForward().apply(add=[BR0])
    assert shown()[1] == {BR0}


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_packets_of_our_bridge_pass_and_strangers_do_not(kind):
    run("sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("db", "br0", "192.168.5.3", "192.168.5.1")
    guest("out", None, "10.0.0.2", "10.0.0.1")
    docker_starts(kind)
    web, neighbour, outside = udp("web"), udp("db"), udp("out")
    neighbour.settimeout(0.2)
    outside.settimeout(0.2)
    assert seen_source(web, outside, "10.0.0.2") is None
    assert seen_source(web, neighbour, "192.168.5.3") is None

    IptablesForward().apply(add=[BR0])
    assert seen_source(web, neighbour, "192.168.5.3") == "192.168.5.2"
    assert seen_source(web, outside, "10.0.0.2") is None, (
        "it left by an interface that is none of its uplinks, such as Docker's networks"
    )
    IptablesForward().apply(add=[AcceptedBridge("ip", "br0", ("vout",))], remove=[BR0])
    assert seen_source(web, outside, "10.0.0.2") == "192.168.5.2"
    outside.sendto(b"reply", ("192.168.5.2", web.getsockname()[1]))
    assert web.recv(16) == b"reply"
    neighbour.settimeout(0.2)
    assert seen_source(udp("out"), neighbour, "192.168.5.3") is None, "a new connection from outside came in"


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_ports_are_published_from_a_bridge_whose_containers_another_keeps_apart(kind):
    run("sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("db", "br0", "192.168.5.3", "192.168.5.1")
    guest("out", None, "10.0.0.2", "10.0.0.1")
    docker_starts(kind)
    run(f"iptables-{kind} -A FORWARD -i br0 -o br0 -j DROP")  # as Docker has it with enable_icc=false
    web, neighbour = udp("web"), udp("db")
    port = neighbour.getsockname()[1]
    run(f"iptables-{kind} -t nat -A PREROUTING -d 10.0.0.1 -p udp --dport {port} -j DNAT --to-destination 192.168.5.3")
    IptablesForward().apply(add=[BR0_PUBLISHED])
    neighbour.settimeout(0.2)
    assert seen_source(web, neighbour, "192.168.5.3") is None, "the other's isolation is gone"
    assert seen_source(udp("out"), neighbour, "10.0.0.1") == "10.0.0.2"
    IptablesForward().apply(add=[BR0])
    assert seen_source(web, neighbour, "192.168.5.3") == "192.168.5.2"
