# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish on a host that has publications: moved, taken away, and put back where somebody took them away."""

from __future__ import annotations

import pytest
from publishing import HOST, LAN, Flow, Net, host_ports, publish, publish_thoroughly, two_servers
from wiring import assert_same, everything


@pytest.fixture(name="net")
def fixture_net(hosta):
    with two_servers(hosta) as net:
        yield net


def our_tables(host):
    return sorted(
        host.run("sh", "-c", "nft -s list table ip pipefitter; nft -s list table ip6 pipefitter").stdout.split()
    )


def test_what_was_published_is_gone_without_a_trace(net):
    before = everything(net.host)
    sysctls = net.host.run("sysctl", "-a", "--pattern", r"route_localnet|forwarding|bridge-nf").stdout
    publish(
        net.host,
        publications=[
            {"netns": "web1", "ports": ["8080:80", "127.0.0.1:53:53/udp"]},
            {"netns": "web2", "ports": ["81"]},
        ],
    )
    assert net.ask_from_lan(HOST[4], 8080)
    publish_thoroughly(net.host, state="absent", netns="web1", ports=["8080:80"])
    publish_thoroughly(net.host, state="absent", netns="web1")
    publish_thoroughly(net.host, state="absent", publications=[{"netns": "web2"}])
    assert_same(before, everything(net.host))
    publish(net.host, netns="web1", ports=["8080:80"])
    publish_thoroughly(net.host, state="absent")
    assert_same(before, everything(net.host))
    assert net.host.run("sysctl", "-a", "--pattern", r"route_localnet|forwarding|bridge-nf").stdout == sysctls
    assert net.ask_from_lan(HOST[4], 8080) is None


@pytest.mark.parametrize("version", [4, 6])
def test_udp_flows_follow_a_publication_that_is_moved_and_end_with_it(net, version):
    client = Flow(net.host, version=version)
    assert client.ask() is None, "before it is published"
    publish(net.host, netns="web1", ports=["5353:53/udp"])
    assert client.ask() == "web1"
    moved = publish_thoroughly(
        net.host, publications=[{"netns": "web1", "ports": []}, {"netns": "web2", "ports": ["5353:53/udp"]}]
    )
    assert [line.split(" to ")[0] for line in moved["operations"][:2]] == [
        "publish port 5353/udp of IPv4",
        "publish port 5353/udp of IPv6",
    ]
    assert client.ask() == "web2"
    publish(net.host, netns="web2", state="absent")
    assert client.ask() is None
    client.close()
    # What the client sent since is one way, to the host itself.
    assert "192.168.5." not in flows(net.host, 5353) and "fd00:5:" not in flows(net.host, 5353)


def flows(host, port):
    """Return what conntrack knows of a port of the host."""
    return "\n".join(
        line for line in host.run("cat", "/proc/net/nf_conntrack").stdout.splitlines() if f"dport={port} " in line
    )


def test_a_tcp_port_that_is_moved_leads_new_connections_elsewhere_at_once(net):
    publish(net.host, netns="web1", ports=["8080:80"])
    assert [net.ask_from_lan(HOST[version], 8080) for version in (4, 6)] == [("web1", LAN[4]), ("web1", LAN[6])]
    publish_thoroughly(net.host, publications=[{"netns": "web1", "ports": []}, {"netns": "web2", "ports": ["8080:80"]}])
    assert [net.ask_from_lan(HOST[version], 8080) for version in (4, 6)] == [("web2", LAN[4]), ("web2", LAN[6])]


def test_follows_the_address_of_its_container(net):
    publish(net.host, netns="web1", ports=["8080:80"])
    net.host.module(
        "veth_attach",
        netns="web1",
        bridge="br0",
        addresses=["192.168.5.77/24", "fd00:5::77/64"],
        gateway="192.168.5.1",
        gateway6="fd00:5::1",
    )
    done = publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
    assert (
        done["operations"][0] == "publish port 8080/tcp of IPv4 to 192.168.5.77:80 of netns /run/netns/web1 "
        "instead of 192.168.5.11:80 of netns /run/netns/web1"
    )
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4])
    assert net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])


def test_purge_leaves_only_what_is_named(net):
    publish(net.host, publications=[{"netns": "web1", "ports": ["8080:80"]}, {"netns": "web2", "ports": ["8081:80"]}])
    done = publish_thoroughly(net.host, netns="web1", ports=["8082:80"], purge=True)
    assert [host_ports(done), host_ports(done, "web2")] == [[(8082, 80, "tcp")], []]
    for options in ({"publications": [], "purge": True}, {"netns": "web1", "ports": []}):
        publish(net.host, netns="web1", ports=["8082:80"])
        assert publish_thoroughly(net.host, **options)["publications"] == []
        assert publish(net.host, **options)["changed"] is False
        assert "pipefitter" not in net.host.run("nft", "list", "ruleset").stdout, (
            "nothing is protected where nothing is published"
        )


# What somebody may do, and what check mode says of it.
NAMED = {
    "nft flush ruleset": ["publish port 8080/tcp of IPv6 to [fd00:5::11]:80 of netns /run/netns/web1"],
    "nft delete table ip pipefitter": ["publish port 8080/tcp of IPv4 to 192.168.5.11:80 of netns /run/netns/web1"],
    "nft flush chain ip pipefitter publish_prerouting": ["repair"],
    "nft flush chain ip6 pipefitter publish_forward": ["repair"],
    "nft flush chain ip pipefitter publish_raw; nft delete chain ip pipefitter publish_raw": ["repair"],
    "nft flush map ip pipefitter publish_any": [
        "publish port 8080/tcp of IPv4 to 192.168.5.11:80 of netns /run/netns/web1"
    ],
    "nft flush set ip pipefitter publish_protected": ["repair", "let only published ports be reached"],
    "sysctl -q -w net.ipv4.conf.br0.route_localnet=0": ["set sysctl net.ipv4.conf.br0.route_localnet from 0 to 1"],
}


def test_what_somebody_took_away_is_put_back(net):
    options = {
        "publications": [{"netns": "web1", "ports": ["8080:80", "53:53/udp"]}, {"netns": "web2", "ports": ["80"]}]
    }
    for damage, named in NAMED.items():
        first = publish(net.host, **options)
        whole = our_tables(net.host)
        net.host.run("sh", "-c", damage)
        missing = publish(net.host, check_mode=True, **options)
        assert missing["changed"] and any(word in " ".join(missing["operations"]) for word in named), (
            damage,
            missing["operations"],
        )
        repaired = publish_thoroughly(net.host, **options)
        assert repaired["changed"] and repaired["publications"] == first["publications"], damage
        assert our_tables(net.host) == whole, damage
        assert net.ask("127.0.0.1", 8080) and net.ask_from_lan(HOST[6], 8080), damage
        net.host.run("sh", "-c", damage)
        publish(net.host, state="absent")
        assert "pipefitter" not in net.host.run("nft", "list", "ruleset").stdout, damage
        assert net.host.run("sysctl", "-n", "net.ipv4.conf.br0.route_localnet").stdout.strip() == "0", damage


def test_a_bridge_takes_its_publications_along(net):
    Net(net.host, "far", bridge="br1", subnet=6)
    publish(net.host, netns="web1", ports=["8080:80"])
    publish(net.host, bridge="br1", netns="far", ports=["8081:80"])
    gone = net.host.module("container_bridge", name="br0", state="absent")
    assert "stop publishing port 8080/tcp of IPv4 to 192.168.5.11:80 of netns /run/netns/web1" in gone["operations"]
    shown = net.host.run("nft", "list", "ruleset").stdout
    assert "br0" not in shown and "8080" not in shown and "8081" in shown
    net.host.module("container_bridge", name="br1", state="absent")
    assert "pipefitter" not in net.host.run("nft", "list", "ruleset").stdout
