# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has both Docker and rules of others in iptables: those come first, and what is in the way is told."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import firewall
from iptables_lab import BR0_PUBLISHED, DOCKER, KINDS, PROGRAM, chain, docker_starts, everything, shown
from own_namespaces import guest, in_own_namespaces, needs_root, run, seen_source, udp

pytestmark = needs_root

OUT = [AcceptedBridge(family, "br0", ("vout", "vpublic")) for family in ("ip", "ip6")]

# ufw's own chains as far as they matter, with its default of denying what is routed.
UFW = """\
*filter
:FORWARD DROP
:ufw-before-forward -
:ufw-user-forward -
:ufw-after-forward -
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
COMMIT
"""

# What https://github.com/chaifeng/ufw-docker puts into /etc/ufw/after.rules.
UFW_DOCKER = """\
*filter
:ufw-docker-logging-deny -
:DOCKER-USER -
-A DOCKER-USER -j ufw-user-forward
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP
-A DOCKER-USER -i docker0 -o docker0 -j ACCEPT
-A DOCKER-USER -s 10.0.0.0/8 -j RETURN
-A DOCKER-USER -s 172.16.0.0/12 -j RETURN
-A DOCKER-USER -s 192.168.0.0/16 -j RETURN
-A DOCKER-USER -d 10.0.0.0/8 -m conntrack --ctstate NEW -j ufw-docker-logging-deny
-A DOCKER-USER -d 172.16.0.0/12 -m conntrack --ctstate NEW -j ufw-docker-logging-deny
-A DOCKER-USER -d 192.168.0.0/16 -m conntrack --ctstate NEW -j ufw-docker-logging-deny
-A DOCKER-USER -j RETURN
-A ufw-docker-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW DOCKER BLOCK] "
-A ufw-docker-logging-deny -j DROP
COMMIT
"""


def networks():
    """A bridge with a container, a private network outside and a public one, in both families."""
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    run("ip address add fd00:5::1/64 dev br0 nodad")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("out", None, "10.0.0.2", "10.0.0.1")
    guest("public", None, "203.0.113.2", "203.0.113.1")
    for name, address, gateway in (("web", "fd00:5::2", "fd00:5::1"), ("out", "fd00:10::2", "fd00:10::1")):
        run(f"ip -n {name} address add {address}/64 dev eth0 nodad")
        run(f"ip -n {name} route add default via {gateway}")
    run("ip address add fd00:10::1/64 dev vout nodad")


def docker_and_ufw(kind, block):
    """In the order of a boot: ufw, and then Docker, which puts its chains in front."""
    for program in ("iptables", "ip6tables"):
        run(f"{program}-{kind}-restore", text=UFW)
    rules = [line for line in DOCKER.partition("*filter\n")[2].splitlines() if line[:2] in ("-A", ":D")]
    front = [line.replace("-A FORWARD", "-I FORWARD") for line in reversed(rules) if line.startswith("-A FORWARD")]
    rest = [line for line in rules if not line.startswith("-A FORWARD")]
    run(f"iptables-{kind}-restore --noflush", text="\n".join(["*filter", *rest, *front, "COMMIT", ""]))
    if block:
        run(f"iptables-{kind}-restore --noflush", text=UFW_DOCKER)


def leaves(destination, family=socket.AF_INET):
    """Tell whether a datagram of the container arrives outside."""
    outside = udp("out", family=family)
    outside.settimeout(0.3)
    return seen_source(udp("web", family=family), outside, destination) is not None


def published_to(client, address, kind):
    """Tell whether a client reaches a port of the host that leads to the container."""
    inside = udp("web")
    inside.settimeout(0.3)
    port = inside.getsockname()[1]
    run(
        f"iptables-{kind} -t nat -A PREROUTING -d {address} -p udp --dport {port} "
        f"-j DNAT --to-destination 192.168.5.2:{port}"
    )
    return seen_source(udp(client), inside, address) is not None


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_the_block_of_ufw_docker_returns_passes_and_what_it_denies_is_told(kind):
    networks()
    docker_and_ufw(kind, block=True)
    before = everything()
    assert not leaves("10.0.0.2")
    IptablesForward().apply(add=OUT)
    assert shown()[1] == set(OUT)
    assert leaves("10.0.0.2") and leaves("fd00:10::2", socket.AF_INET6)
    assert published_to("out", "10.0.0.1", kind)
    # From public addresses the block denies it: the administrator's decision, of which a run tells.
    assert not published_to("public", "203.0.113.1", kind)
    assert not [one for one in firewall.warnings("br9", IptablesForward().read(), ["172.31.0.1/8"]) if "br9" in one]
    (said,) = firewall.warnings("br0", IptablesForward().read(), ["192.168.5.1/24", "fd00:5::1/64"])
    assert said == (
        "the rule `-A DOCKER-USER -d 192.168.0.0/16 -m conntrack --ctstate NEW -j ufw-docker-logging-deny` of iptables "
        "keeps new connections to br0 and its published ports from passing, and stays as it is; "
        "if it is to pass, run `iptables -I DOCKER-USER -o br0 -m conntrack --ctstate DNAT -j ACCEPT`"
    )
    run(f"iptables-{kind} -I DOCKER-USER -o br0 -m conntrack --ctstate DNAT -j ACCEPT")
    assert published_to("public", "203.0.113.1", kind)
    assert firewall.warnings("br0", IptablesForward().read(), ["192.168.5.1/24"]) == []
    run(f"iptables-{kind} -D DOCKER-USER 1")
    run(f"iptables-{kind} -t nat -F PREROUTING")
    IptablesForward().apply(remove=OUT)
    run(f"iptables-{kind} -t nat -X")
    now = [text for text in everything() if "PIPEFITTER" in text]
    assert not now and chain("FORWARD", kind) == [
        line for line in before[KINDS.index(kind) * 2].splitlines() if line.startswith("-A FORWARD")
    ]


@pytest.mark.parametrize("block", [False, True], ids=["ufw", "ufw-docker"])
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_ufw_route_denies_stays_denied_beside_docker_in_both_families(kind, block):
    """Whether the rule was there before, or comes later."""
    networks()
    docker_and_ufw(kind, block)
    run(f"iptables-{kind} -A ufw-user-forward -d 10.0.0.2/32 -j DROP")
    IptablesForward().apply(add=OUT)
    assert (leaves("10.0.0.2"), leaves("fd00:10::2", socket.AF_INET6)) == (False, True)
    run(f"ip6tables-{kind} -A ufw-user-forward -d fd00:10::2/128 -j REJECT")
    assert (leaves("10.0.0.2"), leaves("fd00:10::2", socket.AF_INET6)) == (False, False)
    run(f"iptables-{kind} -F ufw-user-forward")
    assert (leaves("10.0.0.2"), leaves("fd00:10::2", socket.AF_INET6)) == (True, False)


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_rule_that_denies_all_of_a_bridge_is_told_with_what_ufw_is_to_be_told(kind):
    networks()
    docker_and_ufw(kind, block=False)
    run(f"iptables-{kind} -A ufw-user-forward -i br0 -j DROP")
    run(f"ip6tables-{kind} -A ufw-user-forward -s fd00::/16 -j REJECT")
    run(f"iptables-{kind} -A ufw-user-forward -d 192.168.5.0/24 -p tcp -m tcp --dport 22 -j DROP")
    IptablesForward().apply(add=OUT)
    told = firewall.warnings("br0", IptablesForward().read(), ["192.168.5.1/24", "fd00:5::1/64"])
    assert len(told) == 2
    for said, program in zip(told, ("iptables", "ip6tables")):
        assert f"of {program} keeps what comes from br0 from passing" in said
        assert said.endswith("run `ufw route insert 1 allow in on br0`")


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_rule_of_ones_own_behind_docker_comes_before_ours(kind):
    networks()
    docker_starts(kind)
    IptablesForward().apply(add=OUT[:1])
    assert chain("DOCKER-USER", kind)[0] == "-A DOCKER-USER -j PIPEFITTER" and leaves("10.0.0.2")
    run(f"iptables-{kind} -A FORWARD -d 10.0.0.2/32 -j DROP")
    # The next run sees it.
    assert shown()[1] == frozenset()
    IptablesForward().apply(add=OUT[:1])
    assert shown()[1] == set(OUT[:1]) and not leaves("10.0.0.2")
    assert chain("FORWARD", kind)[-1] == "-A FORWARD -j PIPEFITTER"
    # Docker 28 drops what comes to its own bridges: to publish from one of these, ours come first.
    IptablesForward().apply(add=[BR0_PUBLISHED], remove=OUT[:1])
    assert shown()[1] == {BR0_PUBLISHED}
    assert chain("DOCKER-USER", kind)[0] == "-A DOCKER-USER -j PIPEFITTER"
    assert "-A FORWARD -j PIPEFITTER" not in chain("FORWARD", kind)


@pytest.mark.parametrize("block", [False, True], ids=["ufw", "ufw-docker"])
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_ufw_route_denies_stays_denied_where_ports_of_dockers_own_bridges_are_published_too(kind, block):
    networks()
    guest("dockers", None, "172.17.0.2", "172.17.0.1")
    run("ip link set vdockers name docker0")
    docker_and_ufw(kind, block)
    # As Docker 28 has it: what nobody published stays out.
    run(f"iptables-{kind} -A DOCKER -o docker0 -j DROP")
    before = [chain(name, kind) for name in ("FORWARD", "DOCKER-USER")]
    theirs = AcceptedBridge("ip", "docker0", within=False)
    IptablesForward().apply(add=[*OUT, theirs])
    assert shown()[1] == {*OUT, theirs}
    # Docker starts anew and has its chain first: nothing moves.
    run(f"iptables-{kind} -D FORWARD -j DOCKER-USER")
    run(f"iptables-{kind} -I FORWARD 1 -j DOCKER-USER")
    assert shown()[1] == {*OUT, theirs}
    for rule in ("-d 10.0.0.2/32", "-o docker0"):
        run(f"iptables-{kind} -A ufw-user-forward {rule} -j DROP")
    run(f"ip6tables-{kind} -A ufw-user-forward -d fd00:10::2/128 -j DROP")
    assert (leaves("10.0.0.2"), leaves("fd00:10::2", socket.AF_INET6)) == (False, False)
    inside = udp("dockers")
    inside.settimeout(0.3)
    port = inside.getsockname()[1]
    publishing = f"PREROUTING -d 10.0.0.1 -p udp --dport {port} -j DNAT --to-destination 172.17.0.2:{port}"
    run(f"iptables-{kind} -t nat -A {publishing}")
    assert (seen_source(udp("out"), inside, "10.0.0.1") is not None) is not block
    # The block asks ufw first, and the rest of ufw comes behind Docker.
    assert bool(firewall.warnings("docker0", IptablesForward().read())) is block
    for program in PROGRAM.values():
        run(f"{program}-{kind} -F ufw-user-forward")
    run(f"iptables-{kind} -t nat -D {publishing}")
    assert (leaves("10.0.0.2"), leaves("fd00:10::2", socket.AF_INET6)) == (True, True)
    # Ours gone, Docker's alone has the jump for all, and in the end nothing is left.
    IptablesForward().apply(remove=OUT)
    assert shown()[1] == {theirs}
    assert "-A DOCKER-USER -j PIPEFITTER" in chain("DOCKER-USER", kind)
    IptablesForward().apply(add=OUT)
    assert [line for line in chain("DOCKER-USER", kind) if "PIPEFITTER" in line] == [
        "-A DOCKER-USER -o docker0 -j PIPEFITTER",
        "-A DOCKER-USER -i docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j PIPEFITTER",
    ]
    IptablesForward().apply(remove=[*OUT, theirs])
    assert [chain(name, kind) for name in ("FORWARD", "DOCKER-USER")] == before
    assert not [text for text in everything() if "PIPEFITTER" in text]
