# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our chain behind DOCKER-USER, in both kinds of iptables, and what Docker's DROP then lets through."""

from __future__ import annotations

import fcntl
import json
import os
import re

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    InvalidOption,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import docker_user
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.docker_user import DockerUser
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.docker_user import AcceptedBridge
from own_namespaces import guest, in_own_namespaces, needs_root, run, seen_source, udp

pytestmark = needs_root

KINDS = ("nft", "legacy")
PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
BR0, BR1 = AcceptedBridge("ip", "br0"), AcceptedBridge("ip", "br1")
BR1_OUT = AcceptedBridge("ip", "br1", ("eth0", "tun0"))
BR0_V6 = AcceptedBridge("ip6", "br0")

# What Docker Engine 20.10 leaves behind with one published port, as iptables-save prints it.
DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""
DOCKER_V6 = "*filter\n:FORWARD DROP\n:DOCKER-USER -\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n"


def docker_starts(kind, *, ip6=False):
    run(f"iptables-{kind}-restore", text=DOCKER)
    if ip6:
        run(f"ip6tables-{kind}-restore", text=DOCKER_V6)


def saved(kind, family="ip"):
    """The complete ruleset, without counters and the time of day."""
    text = run(f"{PROGRAM[family]}-{kind}-save")
    return re.sub(r"\[\d+:\d+\]", "[0:0]", "\n".join(line for line in text.splitlines() if line[:1] != "#"))


def everything():
    """All rulesets of the namespace, in the eyes of each tool."""
    rulesets = [saved(kind, family) for kind in KINDS for family in PROGRAM]
    listed = json.loads(run("nft -j list ruleset"))["nftables"]
    rulesets.append(re.sub(r'"(handle|packets|bytes)": \d+', r'"\1": 0', json.dumps(listed)))
    return rulesets


def chain(name, kind="nft"):
    return [line for line in saved(kind).splitlines() if line.startswith(f"-A {name} ")]


@in_own_namespaces
def test_a_host_without_docker_is_read_without_a_process(monkeypatch):
    monkeypatch.setattr(docker_user, "_run", None)
    assert DockerUser().accepted_bridges() == (frozenset(), frozenset())
    with open("/proc/thread-self/net/ip_tables_names", encoding="ascii") as names:
        assert names.read() == "", "looking made a legacy table"


@in_own_namespaces
def test_iptables_without_docker_is_not_for_us():
    for kind in KINDS:
        run(f"iptables-{kind} -P FORWARD DROP")
    assert DockerUser().accepted_bridges() == (frozenset(), frozenset())
    before = everything()
    DockerUser().apply(remove=[BR0])
    with pytest.raises(Refused, match="DOCKER-USER of iptables"):
        DockerUser().apply(add=[BR0])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_was_added_is_read_back_and_goes_without_a_trace(kind):
    docker_starts(kind, ip6=True)
    before = everything()
    ours = DockerUser()
    assert ours.accepted_bridges() == ({"ip", "ip6"}, frozenset())
    ours.apply(add=[BR1_OUT, BR0, BR0_V6])
    assert ours.accepted_bridges() == ({"ip", "ip6"}, {BR0, BR1_OUT, BR0_V6})
    assert chain("DOCKER-USER", kind) == ["-A DOCKER-USER -j PIPEFITTER", "-A DOCKER-USER -j RETURN"]
    ours.apply(remove=[BR0])
    assert ours.accepted_bridges() == ({"ip", "ip6"}, {BR1_OUT, BR0_V6})
    assert chain("PIPEFITTER", kind) == [
        "-A PIPEFITTER -i br1 -o br1 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o eth0 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o tun0 -j ACCEPT",
        "-A PIPEFITTER -o br1 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        "-A PIPEFITTER -i br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    ours.apply(add=[BR1], remove=[BR1_OUT])
    assert ours.accepted_bridges() == ({"ip", "ip6"}, {BR1, BR0_V6})
    ours.apply(remove=[BR1, BR0_V6])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_second_run_writes_nothing(kind, monkeypatch):
    docker_starts(kind)
    DockerUser().apply(add=[BR0])
    monkeypatch.setattr(docker_user._Filter, "restore", None)
    DockerUser().apply(add=[BR0], remove=[BR1])


@in_own_namespaces
def test_one_family_may_filter_alone():
    docker_starts("nft")
    assert DockerUser().accepted_bridges() == ({"ip"}, frozenset())
    with pytest.raises(Refused, match="DOCKER-USER of ip6tables"):
        DockerUser().apply(add=[BR0, BR0_V6])
    assert not chain("PIPEFITTER")


@in_own_namespaces
def test_where_both_kinds_have_the_chain_both_must_accept():
    for kind in KINDS:
        docker_starts(kind)
    before = everything()
    DockerUser().apply(add=[BR0])
    assert DockerUser().accepted_bridges() == ({"ip"}, {BR0})
    run("iptables-legacy -F PIPEFITTER")
    assert DockerUser().accepted_bridges() == ({"ip"}, frozenset())
    DockerUser().apply(add=[BR0])
    assert DockerUser().accepted_bridges() == ({"ip"}, {BR0})
    DockerUser().apply(remove=[BR0])
    assert everything() == before


@pytest.mark.parametrize(
    "damage",
    [
        "-F DOCKER-USER",
        "-D DOCKER-USER -j PIPEFITTER",
        "-F PIPEFITTER",
        "-D PIPEFITTER 1",
        "-D PIPEFITTER 2",
        "-I DOCKER-USER 1 -j RETURN",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_damaged_rules_count_as_absent_and_are_repaired(kind, damage):
    docker_starts(kind)
    DockerUser().apply(add=[BR0])
    run(f"iptables-{kind} {damage}")
    assert DockerUser().accepted_bridges() == ({"ip"}, frozenset())
    DockerUser().apply(add=[BR0])
    assert DockerUser().accepted_bridges() == ({"ip"}, {BR0})
    DockerUser().apply(remove=[BR0])
    assert "PIPEFITTER" not in saved(kind)


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_rules_of_the_administrator_stay_as_they_are_and_in_front(kind):
    docker_starts(kind)
    run(f"iptables-{kind} -I DOCKER-USER 1 -s 203.0.113.0/24 -m comment --comment mine -j DROP")
    before = everything()
    DockerUser().apply(add=[BR0])
    run(f"iptables-{kind} -I DOCKER-USER 1 -s 198.51.100.0/24 -j DROP")
    DockerUser().apply(add=[BR1])
    first, second = (line.split()[2:4] for line in chain("DOCKER-USER", kind)[:2])
    assert (first, second) == (["-s", "198.51.100.0/24"], ["-j", "PIPEFITTER"])
    run(f"iptables-{kind} -D DOCKER-USER 1")
    DockerUser().apply(remove=[BR0, BR1])
    assert everything() == before


@pytest.mark.parametrize("name", ["br+", "br*", "a/b", "b r", 'b"r', "!br", "-i", "sixteen_bytes_xy", ""])
@in_own_namespaces
def test_a_name_that_means_more_than_itself_is_refused(name):
    docker_starts("nft")
    before = everything()
    with pytest.raises(InvalidOption):
        DockerUser().apply(add=[AcceptedBridge("ip", name)])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["5", "a.b_c@d-e", "br+0", "fifteen_bytes_x"])
@in_own_namespaces
def test_an_unusual_name_is_meant_literally(kind, name):
    docker_starts(kind)
    DockerUser().apply(add=[AcceptedBridge("ip", name)])
    assert DockerUser().accepted_bridges()[1] == {AcceptedBridge("ip", name)}


@in_own_namespaces
def test_five_hundred_bridges_are_one_transaction_each_way():
    docker_starts("nft")
    many = {AcceptedBridge("ip", f"br{number}") for number in range(500)}
    DockerUser().apply(add=many)
    assert DockerUser().accepted_bridges()[1] == many
    DockerUser().apply(remove=many)
    assert not chain("PIPEFITTER")


@pytest.mark.parametrize("formerly", [[], [BR1, AcceptedBridge("ip6", "br1")]])
@in_own_namespaces
def test_a_family_that_fails_takes_the_other_back(tmp_path, monkeypatch, formerly):
    docker_starts("nft", ip6=True)
    DockerUser().apply(add=formerly)
    before = everything()
    failing = tmp_path / "ip6tables-nft-restore"
    failing.write_text("#!/bin/sh\necho 'ip6tables-nft-restore: line 3 failed' >&2; exit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for change in ({"add": [BR0, BR0_V6]}, {"remove": formerly}):
        if any(change.values()):
            with pytest.raises(PipefitterError, match="ip6tables-nft-restore .* line 3 failed"):
                DockerUser().apply(**change)
        assert everything() == before


@in_own_namespaces
def test_the_lock_of_iptables_is_waited_for(monkeypatch):
    monkeypatch.setattr(docker_user, "_LOCK_WAIT", "1")
    docker_starts("legacy")
    with open("/run/xtables.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PipefitterError, match="xtables lock"):
            DockerUser().apply(add=[BR0])
    DockerUser().apply(add=[BR0])
    assert DockerUser().accepted_bridges()[1] == {BR0}


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

    DockerUser().apply(add=[BR0])
    assert seen_source(web, neighbour, "192.168.5.3") == "192.168.5.2"
    assert seen_source(web, outside, "10.0.0.2") is None, "it left by an interface that is none of its uplinks, such as Docker's networks"
    DockerUser().apply(add=[AcceptedBridge("ip", "br0", ("vout",))], remove=[BR0])
    assert seen_source(web, outside, "10.0.0.2") == "192.168.5.2"
    outside.sendto(b"reply", ("192.168.5.2", web.getsockname()[1]))
    assert web.recv(16) == b"reply"
    neighbour.settimeout(0.2)
    assert seen_source(udp("out"), neighbour, "192.168.5.3") is None, "a new connection from outside came in"
