# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish by packets: who reaches a published port, from where, and whom the container sees."""

from __future__ import annotations

import socket

import pytest
from publishing import BRIDGE, HOST, LAN, Net, host_ports, publish, publish_thoroughly
from wiring import assert_same, everything


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "web1", "web2")
    net.serve("web1", "80", "81", "53/udp")
    net.serve("web2", "80", "81", "53/udp")
    yield net
    net.stop()
    hosta.run("sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")


def bridged_filter(host, on):
    host.run("sysctl", "-q", "-w", *(f"net.bridge.bridge-nf-call-{name}={int(on)}" for name in ("iptables", "ip6tables")))


@pytest.mark.parametrize("filtered", [False, True], ids=["bridge-nf-call 0", "bridge-nf-call 1"])
def test_is_reached_from_everywhere_and_sees_the_client(net, filtered):
    bridged_filter(net.host, filtered)
    other = Net(net.host, "far", bridge="br1", subnet=6)
    publish_thoroughly(net.host, publications=[{"netns": "web1", "ports": ["8080:80", "5353:53/udp"]}])

    for version in (4, 6):
        for port, protocol in ((8080, "tcp"), (5353, "udp")):
            lan, bridge = HOST[version], BRIDGE[version]
            assert net.ask_from_lan(lan, port, protocol) == ("web1", LAN[version])
            assert net.ask(lan, port, protocol) == ("web1", lan)
            assert net.ask(bridge, port, protocol) == ("web1", bridge)
            assert net.ask(lan, port, protocol, netns="web2") == ("web1", bridge), "a neighbour, by hairpin"
            assert net.ask(lan, port, protocol, netns="web1") == ("web1", bridge), "the container itself, by hairpin"
            assert net.ask(bridge, port, protocol, netns="web1") == ("web1", bridge)
            far = "192.168.6.11" if version == 4 else "fd00:6::11"
            assert net.ask(lan, port, protocol, netns="far") == ("web1", far), "from another bridge"
    assert net.ask("127.0.0.1", 8080) == ("web1", BRIDGE[4])
    assert net.ask("127.0.0.1", 5353, "udp") == ("web1", BRIDGE[4])
    other.stop()


def test_what_was_published_is_gone_without_a_trace(net):
    before = everything(net.host)
    sysctls = net.host.run("sysctl", "-a", "--pattern", r"route_localnet|forwarding|bridge-nf").stdout
    publish(net.host, publications=[{"netns": "web1", "ports": ["8080:80", "127.0.0.1:53:53/udp"]}, {"netns": "web2", "ports": ["81"]}])
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
