# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose iptables drops forwarded traffic, with Docker and without.

By policy or by a rule at the end, in either kind of iptables.
"""

from __future__ import annotations

import subprocess

import pytest
from filtering import BRIDGE, bridge, bridge_thoroughly, coexists, without_docker
from lab_hosts import LAB, ModuleFailed
from publishing import Net, publish, publish_thoroughly, ruleset
from wiring import attach, make_bridge, make_namespaces, ping

# Reachable neighbours and running connections are what people let pass; the rest they end.
DROPS = {
    "policy": (("-P", "FORWARD", "DROP"),),
    "trailing drop": (("-A", "FORWARD", "-s", "203.0.113.7", "-j", "ACCEPT"), ("-A", "FORWARD", "-j", "DROP")),
    "trailing reject": (("-A", "FORWARD", "-m", "comment", "--comment", "all the rest", "-j", "REJECT"),),
}


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_what_iptables_drops_passes_for_our_bridges(hosta, walled_in, kind, drop):
    def close():
        for words in DROPS[drop]:
            hosta.run(f"iptables-{kind}", *words)
            hosta.run(f"ip6tables-{kind}", *(word.replace("203.0.113.7", "2001:db8::7") for word in words))

    with without_docker(hosta):
        operations = coexists(walled_in(hosta), close)
    assert operations == [
        "let IPv4 traffic within br0 and from it to eth0 pass the host's iptables filter",
        "let IPv6 traffic within br0 and from it to eth0 pass the host's iptables filter",
    ]


def test_the_jump_moves_when_docker_comes(hosta, walled_in):
    with without_docker(hosta):
        hosta.run("iptables", "-P", "FORWARD", "DROP")
        walled = walled_in(hosta)
        walled.all_pass()
        assert hosta.run("iptables", "-S", "FORWARD").stdout.splitlines()[1:] == ["-A FORWARD -j PIPEFITTER"]
        subprocess.run([LAB, "docker-restart", "--name", hosta.lab, hosta.name], check=True, timeout=60)
        bridge_thoroughly(hosta)
        assert "PIPEFITTER" not in hosta.run("iptables", "-S", "FORWARD").stdout
        assert hosta.run("iptables", "-S", "DOCKER-USER").stdout.splitlines()[1] == "-A DOCKER-USER -j PIPEFITTER"
        walled.all_pass()
        walled.unchanged()
        walled.taken_away()
        assert "PIPEFITTER" not in hosta.run("iptables-save").stdout


def test_docker_before_and_after_its_restart(hosta, walled_in):
    assert "-P FORWARD DROP" in hosta.run("iptables", "-S", "FORWARD").stdout
    walled = walled_in(hosta)
    walled.all_pass()
    subprocess.run([LAB, "docker-restart", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    # Docker puts its own rules in another order.
    theirs = _without_ours(hosta)
    bridge_thoroughly(hosta)
    walled.all_pass()
    walled.unchanged()
    assert _without_ours(hosta) == theirs
    walled.taken_away()
    assert _without_ours(hosta) == theirs
    assert "PIPEFITTER" not in str(ruleset(hosta))


def _without_ours(host):
    return [line for text in ruleset(host)[:4] for line in text.splitlines() if "PIPEFITTER" not in line]


def test_a_flushed_ruleset_is_told_and_repaired(hosta, walled_in):
    """All of nftables goes, Docker's rules and ours.

    Check mode says what is missing, and one run of each brings it back.
    """
    kept = hosta.run("iptables-nft-save").stdout
    walled = walled_in(hosta)
    hosta.run("nft", "flush", "ruleset")
    hosta.run("iptables", "-P", "FORWARD", "DROP")
    try:
        walled.none_pass(4)
        missing = bridge_thoroughly(hosta)["operations"]
        assert "let IPv4 traffic within br0 and from it to eth0 pass the host's iptables filter" in missing
        assert "masquerade 192.168.5.0/24 when it leaves by another interface than br0" in missing
        missing = publish_thoroughly(hosta, **walled.publishes)["operations"]
        assert any(line.startswith("publish port 8080/tcp of IPv4") for line in missing), missing
        checked = hosta.module("icc_policy", check_mode=True, **walled.links)["operations"]
        assert hosta.module("icc_policy", **walled.links)["operations"] == checked
        assert "keep the containers of br0 from reaching each other" in checked
        walled.all_pass()
        walled.unchanged()
        walled.taken_away()
        assert "pipefitter" not in hosta.run("nft", "list", "ruleset").stdout.lower()
    finally:
        hosta.run("iptables-nft-restore", text=kept)


def test_a_bridge_that_is_removed_leaves_nothing(hosta, walled_in):
    walled = walled_in(hosta)
    walled.all_pass()
    assert "5353" in _flows(hosta)
    hosta.run("iptables", "-D", "DOCKER-USER", "-j", "PIPEFITTER")  # what has lost its jump goes too
    walled.taken_away()
    assert "pipefitter" not in hosta.run("nft", "list", "ruleset").stdout.lower()
    assert "PIPEFITTER" not in hosta.run("iptables-save").stdout + hosta.run("ip6tables-save").stdout
    assert hosta.run("ls", "/run/pipefitter").stdout.split() == ["changing", "lock"]
    assert "5353" not in _flows(hosta)
    assert not hosta.run("sh", "-c", "ls -d /proc/sys/net/ipv?/*/br0 2>/dev/null", check=False).stdout


def _flows(host):
    """Return the UDP flows that the kernel tracks."""
    return host.run(
        "sh", "-c", "grep udp /proc/net/nf_conntrack || conntrack -L -p udp 2>/dev/null", check=False
    ).stdout


def test_a_bridge_of_another_tool_passes_as_long_as_one_of_ours_needs_it(hosta):
    make_bridge(hosta, "br0", address="192.168.5.1/24")
    make_namespaces(hosta, "web1", "db1")
    attach(
        hosta,
        bridge="br0",
        attachments=[
            {"netns": name, "addresses": [f"192.168.5.{number}/24"]} for name, number in (("web1", 11), ("db1", 12))
        ],
    )
    before = ruleset(hosta)

    def within():
        rules = hosta.run("iptables", "-S", "PIPEFITTER").stdout
        assert "-o br0 -m conntrack" in rules
        return "-i br0 -o br0" in rules

    publish(hosta, netns="web1", ports=["8080:80"])
    assert not within(), "what stays on it is for the other tool to decide"
    link = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["icmp"]}
    hosta.module("icc_policy", bridge="br0", icc=False, links=[link])
    assert within()
    assert hosta.module("port_publish", bridge="br0", netns="web1", ports=["8080:80"])["operations"] == []

    assert hosta.module("icc_policy", bridge="br0", icc=False)["changed"]
    assert not within(), "there is still a published port, and no link"
    hosta.module("icc_policy", bridge="br0", icc=False, links=[link])
    publish(hosta, state="absent")
    assert ping(hosta, "web1", "192.168.5.12"), "there is still a link"
    hosta.module("icc_policy", bridge="br0", state="absent")
    assert ruleset(hosta) == before


def test_bridges_reach_each_other_beside_docker_and_none_of_its_networks(hosta):
    net = Net(hosta, "web1")
    assert bridge(hosta)["changed"]
    other = {"name": "br1", "addresses": ["192.168.6.1/24", "fd00:6::1/64"], "ip_forward": True}
    make_namespaces(hosta, "far", "docked")
    assert hosta.module("container_bridge", **other)["changed"]
    attach(
        hosta,
        bridge="br1",
        netns="far",
        addresses=["192.168.6.10/24", "fd00:6::10/64"],
        gateway="192.168.6.1",
        gateway6="fd00:6::1",
    )
    hosta.run("sh", "-c", "ip link add vd type veth peer name eth0 netns docked && ip link set vd master docker0 up")
    hosta.run(
        "sh",
        "-c",
        "ip -n docked addr add 172.17.0.99/16 dev eth0 && ip -n docked link set eth0 up && "
        "ip -n docked route add default via 172.17.0.1",
    )
    for words in (("web1", "192.168.6.10"), ("web1", "fd00:6::10"), ("far", "192.168.5.11"), ("far", "fd00:5::11")):
        assert ping(hosta, *words), words
    assert not ping(hosta, "web1", "172.17.0.99")
    # The first bridge knew nothing of the second, and has nothing to change.
    done = bridge(hosta)
    assert done["operations"] == [], "\n".join(
        [*done["operations"], hosta.run("iptables", "-S", "PIPEFITTER").stdout, str(hosta.ip("route"))]
    )
    hosta.module("container_bridge", name="br1", state="absent")
    assert "br1" not in hosta.run("iptables-save").stdout
    done = bridge(hosta)
    assert done["operations"] == [], "\n".join(
        [*done["operations"], hosta.run("iptables", "-S", "PIPEFITTER").stdout, str(hosta.ip("route"))]
    )
    net.stop()


@pytest.mark.parametrize("fault", ["die_after", "fail_after"])
def test_a_run_that_ends_early_is_taken_back_or_made_good(hosta, fault):
    with without_docker(hosta):
        hosta.run("iptables", "-P", "FORWARD", "DROP")
        before = ruleset(hosta)
        planned = hosta.module("container_bridge", check_mode=True, **BRIDGE)["operations"]
        for number in range(3, len(planned) + 1):
            try:
                hosta.module("container_bridge", **{fault: number}, **BRIDGE)
            except ModuleFailed as failure:
                assert fault == "fail_after" and "undone" in str(failure), failure
                assert ruleset(hosta) == before
            bridge_thoroughly(hosta)
            hosta.module("container_bridge", name="br0", state="absent")
            assert ruleset(hosta) == before
