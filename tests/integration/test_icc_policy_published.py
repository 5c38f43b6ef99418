# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy beside port_publish.

What isolated containers reach of ports that others published; and what of theirs is heard on the link.
"""

from __future__ import annotations

import pytest
from capture import Capture
from publishing import BRIDGE, HOST, LAN, Net, publish, publish_thoroughly, routed_on_lan
from wiring import pings

_PUBLISHED = ((8080, "tcp"), (5353, "udp"))


@pytest.fixture(name="net", params=[0, 1], ids=["bridge-nf-call 0", "bridge-nf-call 1"])
def fixture_net(hosta, request):
    """web1 publishes two ports, web2 is its neighbour, far is on another bridge.

    Bridged packets go through the firewall or not.
    """
    hosta.run(
        "sysctl",
        "-q",
        "-w",
        *(f"net.bridge.bridge-nf-call-{name}={request.param}" for name in ("iptables", "ip6tables")),
    )
    net = Net(hosta, "web1", "web2")
    net.bridged_filter = bool(request.param)
    Net(hosta, "far", bridge="br1", subnet=6)
    net.serve("web1", "80", "81", "53/udp")
    net.serve("host", "6060", netns="")
    publish(hosta, netns="web1", ports=["8080:80", "5353:53/udp"])
    yield net
    net.stop()
    hosta.run("sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")


def icc(net, **options):
    return net.host.module("icc_policy", bridge="br0", **options)


def reached(net, netns):
    """Tell for each published port, by family and protocol, whether a container reaches it by the host's address."""
    return {
        (version, protocol): bool(net.ask(HOST[version], port, protocol, netns=netns))
        for version in (4, 6)
        for port, protocol in _PUBLISHED
    }


def test_published_ports_are_reached_through_isolation_and_nothing_else(net):
    icc(net, icc=False)
    # What br_netfilter translates into the bridge that it came from, the kernel bridges
    # (br_nf_pre_routing_finish() in net/bridge/br_netfilter_hooks.c), and that is what isolation keeps apart.
    assert set(reached(net, "web2").values()) == {not net.bridged_filter}
    assert set(reached(net, "far").values()) == {True}
    for version in (4, 6):
        assert net.ask_from_lan(HOST[version], 8080) == ("web1", LAN[version])
        assert net.ask(HOST[version], 8080)[0] == "web1"
    direct = [(address, port, "tcp") for address in ("192.168.5.11", "fd00:5::11") for port in (80, 81)]
    assert net.nobody_answers(*direct, netns="web2") and net.nobody_answers(*direct, netns="far")
    # As it was published before the bridge was isolated, it can be so afterwards.
    done = publish_thoroughly(net.host, netns="web1", ports=["8081:81"])
    assert ("containers of br0 don't reach ports published for br0" in str(done.get("warnings"))) == net.bridged_filter
    assert net.ask(HOST[4], 8081, netns="far")[0] == "web1"


def test_without_egress_the_lan_is_out_of_reach_and_the_host_is_not(net):
    with routed_on_lan("192.168.5.0/24", net.host), routed_on_lan("fd00:5::/64", net.host):
        icc(net, icc=False)
        assert pings(net.host, "web2", *LAN.values()) == [True, True]
        icc(net, icc=False, egress="deny")
        assert pings(net.host, "web2", *LAN.values()) == [False, False]
    assert net.ask(BRIDGE[4], 6060, netns="web2") == ("host", "192.168.5.12")
    assert net.ask(BRIDGE[6], 6060, netns="web2") == ("host", "fd00:5::12")
    # What comes from outside is not egress: ports stay published.
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4]) and net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])


def test_without_access_to_the_host_its_services_are_out_of_reach_and_ports_stay_published(net):
    icc(net, icc=False, host_access="deny")
    services = [(address, 6060, "tcp") for address in (BRIDGE[4], BRIDGE[6], HOST[4], HOST[6])]
    assert net.nobody_answers(*services, netns="web2")
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4]) and net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])
    with routed_on_lan("192.168.5.0/24", net.host), routed_on_lan("fd00:5::/64", net.host):
        assert pings(net.host, "web2", *LAN.values()) == [True, True]


def test_nothing_that_an_isolated_container_sends_is_heard_by_another(net):
    """Broadcast, multicast, ARP, neighbour solicitations, and frames to a MAC that it made up."""
    mac = net.host.ip("link", "show", "dev", "eth1", netns="web1")[0]["address"]

    def heard():
        with Capture(net.host, "web2", "ether", "src", mac) as capture:
            script = """
                ping -c1 -W1 -b 192.168.5.255 & ping -c1 -W1 224.0.0.1 & ping -c1 -W1 ff02::1%eth1 &
                ping -c1 -W1 192.168.5.99 & ping -c1 -W1 fd00:5::99 &
                ip neigh replace 192.168.5.98 lladdr 02:00:00:00:00:98 dev eth1; ping -c1 -W1 192.168.5.98; wait
            """
            net.host.run("ip", "netns", "exec", "web1", "sh", "-c", script, check=False)
        return capture.said

    aloud = heard()
    for words in (
        "> 192.168.5.255: ICMP",
        "> 224.0.0.1: ICMP",
        "> ff02::1: ICMP6",
        "who-has 192.168.5.99",
        "who has fd00:5::99",
        "> 192.168.5.98: ICMP",
    ):
        assert words in aloud, aloud
    icc(net, icc=False)
    assert "192.168.5." not in (silent := heard()) and "fd00:5:" not in silent and "ff02:" not in silent, silent
