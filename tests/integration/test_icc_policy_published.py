# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy beside port_publish.

What isolated containers reach of ports that others published; and what of theirs is heard on the link.
"""

from __future__ import annotations

import pytest
from capture import Capture
from icc_lab import icc_thoroughly
from publishing import BRIDGE, HOST, LAN, Net, publish, publish_thoroughly, routed_on_lan
from wiring import attach, make_namespaces, pings

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


def filters(net, side="ingress"):
    """Return the tc filters of each port of br0."""
    ports = [entry["ifname"] for entry in net.host.ip("link", "show", "master", "br0")]
    return {port: net.host.run("tc", "filter", "show", "dev", port, side).stdout for port in ports}


def all_tagged(net):
    mac = net.host.ip("link", "show", "dev", "br0")[0]["address"]
    return all(f"pipefitter {mac}" in shown for shown in filters(net).values())


def test_published_ports_are_reached_through_isolation_and_nothing_else(net):
    """By a neighbour, and by the container itself, whatever br_netfilter does with what is bridged."""
    icc_thoroughly(net.host, icc=False)
    for who in ("web1", "web2", "far"):
        assert set(reached(net, who).values()) == {True}, who
    assert net.ask(BRIDGE[4], 8080, netns="web2") == ("web1", BRIDGE[4])
    for version in (4, 6):
        assert net.ask_from_lan(HOST[version], 8080) == ("web1", LAN[version])
        assert net.ask(HOST[version], 8080)[0] == "web1"
    direct = [(address, port, "tcp") for address in ("192.168.5.11", "fd00:5::11") for port in (80, 81)]
    assert net.nobody_answers(*direct, netns="web2") and net.nobody_answers(*direct, netns="far")
    # As it was published before the bridge was isolated, it can be so afterwards.
    done = publish_thoroughly(net.host, netns="web1", ports=["8081:81"])
    assert "warnings" not in done
    assert [net.ask(HOST[version], 8081, netns=who)[0] for who in ("web2", "far") for version in (4, 6)] == ["web1"] * 4


def test_the_bridge_learns_from_what_goes_to_the_host_itself(net):
    """Else what the host sends to a container would be flooded to all others as soon as its MAC is forgotten."""
    icc(net, icc=False)
    # One whose port is bound to its MAC needs not be learned of.
    attach(net.host, bridge="br0", attachments=[{"netns": "web2", "security": {"mac_spoofing": "allow"}}])
    mac = net.host.ip("link", "show", "dev", "eth1", netns="web2")[0]["address"]

    def learned():
        return mac in net.host.run("bridge", "fdb", "show", "br", "br0", "dynamic").stdout

    # With neighbours that nobody has to ask for, and no IPv6 that looks for routers by itself, connections are all
    # that there is to learn from.
    net.host.run("ip", "netns", "exec", "web2", "sysctl", "-qw", "net.ipv6.conf.eth1.disable_ipv6=1")
    host_mac = net.host.ip("link", "show", "dev", "br0")[0]["address"]
    net.host.run("ip", "-n", "web2", "neigh", "replace", BRIDGE[4], "lladdr", host_mac, "dev", "eth1")
    net.host.run("ip", "neigh", "replace", "192.168.5.12", "lladdr", mac, "dev", "br0")
    for port in filters(net):
        net.host.run("ip", "link", "set", port, "type", "bridge_slave", "fdb_flush")
    assert not learned()
    assert net.ask(HOST[4], 8080, netns="web2")[0] == "web1"
    assert learned()


def test_isolation_holds_against_frames_to_the_others_mac(net):
    """A neighbour that knows the MAC of another, and one that gives its packets for another the bridge's MAC."""
    icc(net, icc=False)
    bridge = net.host.ip("link", "show", "dev", "br0")[0]["address"]
    other = net.host.ip("link", "show", "dev", "eth1", netns="web1")[0]["address"]
    for mac in (other, bridge):
        for address in ("192.168.5.11", "fd00:5::11"):
            net.host.run("ip", "-n", "web2", "neigh", "replace", address, "lladdr", mac, "dev", "eth1")
        with Capture(net.host, "web1", "ip or ip6 or arp") as capture:
            direct = [(address, port, "tcp") for address in ("192.168.5.11", "fd00:5::11") for port in (80, 81)]
            assert net.nobody_answers(*direct, netns="web2")
        heard = [line for line in capture.said.splitlines() if "192.168.5.12" in line or "fd00:5::12" in line]
        assert not heard, heard
    net.host.run("ip", "-n", "web2", "neigh", "flush", "all")
    assert pings(net.host, "web2", "192.168.5.11", "fd00:5::11") == [False, False]


def test_what_takes_packets_past_br_netfilter_comes_and_goes_with_isolation(net):
    ports = sorted(filters(net))
    icc_thoroughly(net.host, icc=False)
    assert all_tagged(net)
    # One that joins later has it, too.
    make_namespaces(net.host, "web3")
    addresses = ["192.168.5.13/24", "fd00:5::13/64"]
    attach(net.host, bridge="br0", netns="web3", addresses=addresses, gateway=BRIDGE[4], gateway6=BRIDGE[6])
    assert len(filters(net)) == len(ports) + 1 and all_tagged(net)
    assert set(reached(net, "web3").values()) == {True}
    # Somebody else's filter stays, ours comes back, and says what is missing until then.
    net.host.run("tc", "filter", "del", "dev", ports[0], "ingress")
    other = ["dev", ports[1], "ingress", "protocol", "ip", "u32", "match", "ip", "dst", "198.51.100.1", "flowid", "1:1"]
    net.host.run("tc", "filter", "add", *other)
    warned = str(publish(net.host, netns="web1", ports=["8080:80", "5353:53/udp"]).get("warnings"))
    assert (f"{ports[0]} doesn't take packets past it, which a run of icc_policy mends" in warned) == net.bridged_filter
    done = icc_thoroughly(net.host, icc=False)
    assert done["operations"] == [f"let what {ports[0]} hands to the host pass bridge-nf-call-iptables"]
    assert all_tagged(net) and "u32" in filters(net)[ports[1]]
    icc_thoroughly(net.host, icc=True)
    left = filters(net)
    assert "u32" in left.pop(ports[1]) and set(left.values()) == {""}
    net.host.run("tc", "qdisc", "del", "dev", ports[1], "clsact")
    assert "clsact" not in net.host.run("tc", "qdisc", "show").stdout


def test_a_host_that_filters_tagged_frames_is_told(net):
    icc(net, icc=False)
    net.host.run("sysctl", "-qw", "net.bridge.bridge-nf-filter-vlan-tagged=1")
    try:
        warned = str(publish(net.host, netns="web1", ports=["8080:80", "5353:53/udp"]).get("warnings"))
        assert ("net.bridge.bridge-nf-filter-vlan-tagged is 1" in warned) == net.bridged_filter
        assert set(reached(net, "web2").values()) == {not net.bridged_filter}
    finally:
        net.host.run("sysctl", "-qw", "net.bridge.bridge-nf-filter-vlan-tagged=0")


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
