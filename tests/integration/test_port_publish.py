# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish by packets: who reaches a published port, from where, and whom the container sees."""

from __future__ import annotations

import json
import socket

import pytest
from publishing import (
    BRIDGE,
    CLIENT,
    HOST,
    LAN,
    PYTHON,
    Net,
    host_ports,
    on_lan,
    publish,
    publish_thoroughly,
    routed_on_lan,
    two_servers,
)
from wiring import warned


@pytest.fixture(name="net")
def fixture_net(hosta):
    with two_servers(hosta) as net:
        yield net


def bridged_filter(host, on):
    host.run(
        "sysctl", "-q", "-w", *(f"net.bridge.bridge-nf-call-{name}={int(on)}" for name in ("iptables", "ip6tables"))
    )


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


def test_ports_in_every_form(net):
    net.serve("web1", "9000", "9001", "9002")
    done = publish_thoroughly(
        net.host,
        publications=[
            {
                "netns": "web1",
                "ports": [
                    "8080:80",
                    "127.0.0.1:8081:81",
                    "10.77.0.11::80",
                    "81",
                    "8000-8002:9000-9002",
                    "53:53/udp",
                    "[fd00:10:77::11]:8443:80",
                ],
            },
            {
                "netns": "web2",
                "ports": [
                    {"host_ip": "0.0.0.0", "host_port": 8090, "container_port": 80},
                    {"container_port": 53, "protocol": "udp"},
                ],
            },
        ],
    )

    assert host_ports(done) == [
        (53, 53, "udp"),
        *((8000 + number, 9000 + number, "tcp") for number in range(3)),
        (8080, 80, "tcp"),
        (8081, 81, "tcp"),
        (8443, 80, "tcp"),
        (49153, 80, "tcp"),
        (49154, 81, "tcp"),
    ]
    assert host_ports(done, "web2") == [(8090, 80, "tcp"), (49153, 53, "udp")]
    for port in (8000, 8001, 8002, 8080, 49153, 49154):
        assert net.ask_from_lan(HOST[4], port) == ("web1", LAN[4])
    assert net.ask_from_lan(HOST[4], 53, "udp") == ("web1", LAN[4])
    assert net.ask_from_lan(HOST[6], 8443) == ("web1", LAN[6])
    assert net.ask_from_lan(HOST[4], 8443) is None
    assert net.ask_from_lan(HOST[6], 49153) is None, "published on an IPv4 address alone"
    assert net.ask("192.168.5.1", 49153) is None, "another address of the host"
    assert net.ask_from_lan(HOST[4], 8090) == ("web2", LAN[4])
    assert net.ask_from_lan(HOST[6], 8090) is None
    assert net.ask("127.0.0.1", 8081) == ("web1", BRIDGE[4])
    assert net.ask(HOST[4], 8081) is None
    # What is returned can be asked for again.
    assert (
        publish(
            net.host, publications=[{key: entry[key] for key in ("netns", "ports")} for entry in done["publications"]]
        )["changed"]
        is False
    )


def test_sctp_is_published(net):
    # The kernel translates it whether or not it has sockets for it.
    done = publish_thoroughly(net.host, netns="web1", ports=["7777:77/sctp"])
    assert host_ports(done) == [(7777, 77, "sctp")]
    assert "sctp . 7777" in net.host.run("nft", "list", "map", "ip6", "pipefitter", "publish_any").stdout
    publish_thoroughly(net.host, netns="web1", state="absent")


def test_sctp_is_reached(net):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError as error:
        pytest.skip(f"this kernel has no SCTP sockets to ask with: {error}")
    publish(net.host, netns="web1", ports=["7777:77/sctp"])
    net.serve("web1", "77/sctp")
    for version in (4, 6):
        assert net.ask_from_lan(HOST[version], 7777, "sctp") == ("web1", LAN[version])
    assert net.ask("127.0.0.1", 7777, "sctp") == ("web1", BRIDGE[4])


def test_a_port_on_loopback_stays_on_the_host(net):
    net.serve("hidden", "6060", netns="")  # a service of the host that listens everywhere, on 127.0.0.1 too
    publish(net.host, netns="web1", ports=["127.0.0.1:8080:80", "127.0.0.1:5353:53/udp"])

    assert net.ask("127.0.0.1", 8080) == net.ask("127.0.0.1", 5353, "udp") == ("web1", BRIDGE[4])
    assert net.nobody_answers((HOST[4], 8080, "tcp"), (HOST[4], 5353, "udp"), (HOST[6], 8080, "tcp"), lan=True)
    with routed_on_lan("127.0.0.1/32", net.host):
        assert net.nobody_answers(("127.0.0.1", 8080, "tcp"), ("127.0.0.1", 5353, "udp"), lan=True)
    with routed_on_lan("192.168.5.0/24", net.host), routed_on_lan("fd00:5::/64", net.host):
        by_route = [
            (address, *port) for address in ("192.168.5.11", "fd00:5::11") for port in ((80, "tcp"), (53, "udp"))
        ]
        assert net.nobody_answers(*by_route, lan=True), "an unpublished address, by a route to this host"
    # A host that lets its LAN reach 127.0.0.1, as another tool may have set it up: the client gets through, to what is
    # not published.
    net.host.run("sysctl", "-q", "-w", "net.ipv4.conf.eth0.route_localnet=1")
    try:
        with routed_on_lan("127.0.0.1/32", net.host):
            assert net.ask_from_lan("127.0.0.1", 6060)[0] == "hidden"
            assert net.nobody_answers(("127.0.0.1", 8080, "tcp"), ("127.0.0.1", 5353, "udp"), lan=True)
    finally:
        net.host.run("sysctl", "-q", "-w", "net.ipv4.conf.eth0.route_localnet=0")
    # A container that sends to 127.0.0.1 over its own interface.
    net.host.run("ip", "netns", "exec", "web2", "sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1")
    net.host.run("ip", "-n", "web2", "route", "del", "local", "127.0.0.1", "table", "local", check=False)
    net.host.run("ip", "-n", "web2", "route", "del", "local", "127.0.0.0/8", "table", "local", check=False)
    net.host.run("ip", "-n", "web2", "addr", "flush", "dev", "lo", check=False)
    net.host.run("ip", "-n", "web2", "route", "add", "127.0.0.1/32", "via", "192.168.5.1", "src", "192.168.5.12")
    assert net.nobody_answers(
        *(("127.0.0.1", *port) for port in ((8080, "tcp"), (6060, "tcp"), (5353, "udp"))), netns="web2"
    )
    assert net.ask("192.168.5.1", 6060, netns="web2") == ("hidden", "192.168.5.12"), "the way itself is open"


def test_unpublished_ports_are_protected_and_replies_pass(net):
    net.host.run("iptables", "-P", "FORWARD", "ACCEPT")  # or it would be Docker that protects
    publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
    with routed_on_lan("192.168.5.0/24", net.host), routed_on_lan("fd00:5::/64", net.host):
        for version, address in ((4, "192.168.5.11"), (6, "fd00:5::11")):
            assert net.ask_from_lan(address, 81) is None
            assert net.ask_from_lan(HOST[version], 8080) == ("web1", LAN[version])
        # Replies to what a container began, and the host itself, are not kept out.
        assert net.host.run("ip", "netns", "exec", "web1", "ping", "-c1", "-W2", LAN[4], check=False).returncode == 0
        assert net.ask("192.168.5.11", 81) == ("web1", BRIDGE[4])
        assert net.ask("192.168.5.11", 81, netns="web2") == ("web1", "192.168.5.12"), "neighbours are not outside"
        publish_thoroughly(net.host, netns="web1", ports=["8080:80"], protect=False)
        assert net.ask_from_lan("192.168.5.11", 81) == ("web1", LAN[4])
    net.host.run("iptables", "-P", "FORWARD", "DROP")


def test_the_container_itself_over_a_port_made_by_another_tool_is_left_alone(net):
    # Its hairpin mode is not ours to set.
    net.host.run("sh", "-c", "for port in /sys/class/net/br0/brif/*; do ip link set ${port##*/} alias ''; done")
    publish(net.host, netns="web1", ports=["8080:80"])
    modes = net.host.run("sh", "-c", "cat /sys/class/net/br0/brif/*/hairpin_mode").stdout.split()
    assert modes == ["0", "0"]


def test_one_port_on_each_address_leads_to_a_container_of_its_own(net):
    publish_thoroughly(
        net.host,
        publications=[
            {
                "netns": "web1",
                "ports": ["127.0.0.1:8080:80", "10.77.0.11:8080:80", "[fd00:10:77::11]:8080:80", "[::]:8090:80"],
            },
            {
                "netns": "web2",
                "ports": ["127.0.0.2:8080:80", "192.168.5.1:8080:80", "[fd00:5::1]:8080:80", "0.0.0.0:8090:80"],
            },
        ],
    )
    for address, name in (
        ("127.0.0.1", "web1"),
        ("127.0.0.2", "web2"),
        (HOST[4], "web1"),
        (BRIDGE[4], "web2"),
        (HOST[6], "web1"),
        (BRIDGE[6], "web2"),
    ):
        assert net.ask(address, 8080)[0] == name, address
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4]) and net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])
    assert net.ask_from_lan(HOST[4], 8090) == ("web2", LAN[4]) and net.ask_from_lan(HOST[6], 8090) == ("web1", LAN[6])


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_range_is_published_port_by_port_in_both_families(net, protocol):
    net.serve("web1", *(f"{port}/{protocol}" for port in (9000, 9001, 9002)))
    publish_thoroughly(
        net.host, netns="web1", ports=[f"9000-9001:9000-9001/{protocol}", f"8001-8002:9001-9002/{protocol}"]
    )
    for version in (4, 6):
        for port in (9000, 9001, 8001, 8002):
            assert net.ask_from_lan(HOST[version], port, protocol) == ("web1", LAN[version])
    assert net.nobody_answers(
        *((HOST[version], port, protocol) for version in (4, 6) for port in (8000, 8003, 9002)), lan=True
    )


def test_a_container_with_two_networks_is_reached_by_the_one_that_is_not_its_way_out(net):
    # Its replies leave by the other bridge: the reverse path filter must not take them for forged.
    net.host.module("container_bridge", name="br1", addresses=["192.168.6.1/24", "fd00:6::1/64"], ip_forward=True)
    both = {
        "netns": "web1",
        "addresses": ["192.168.6.11/24", "fd00:6::11/64"],
        "gateway": "192.168.6.1",
        "gateway6": "fd00:6::1",
    }
    net.host.module("veth_attach", bridge="br0", netns="web1", addresses=["192.168.5.11/24", "fd00:5::11/64"])
    net.host.module("veth_attach", bridge="br1", interface="eth2", **both)
    publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4])
    assert net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])


def test_is_reached_in_ipv6_as_soon_as_its_bridge_is_there(hosta):
    # As long as the kernel looks for duplicates of the bridge's link-local address, it forwards to no neighbour.
    for _round in range(3):
        net = Net(hosta, "web1")
        net.serve("web1", "80")
        publish(hosta, netns="web1", ports=["8080:80"])
        assert net.ask_from_lan(HOST[6], 8080) == ("web1", LAN[6])
        assert not any(entry.get("tentative") for entry in hosta.ip("addr", "show", "dev", "br0")[0]["addr_info"])
        net.stop()
        hosta.module("container_bridge", name="br0", state="absent")
        hosta.run("ip", "netns", "delete", "web1")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_at_a_link_local_address_it_is_refused_at_once(net, protocol):
    """A client there has such an address itself, and from that the kernel forwards nothing (ip6_forward())."""
    publish_thoroughly(net.host, netns="web1", ports=["8080:80", "8080:53/udp"])
    interface = json.loads(on_lan(net.host, "ip", "-j", "-6", "route", "get", HOST[6]))[0]["dev"]
    held = [entry["local"] for entry in net.host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]]
    link_local = next(address for address in held if address.startswith("fe80:"))
    address = f"{link_local}%{interface}"
    assert net.ask_from_lan(HOST[6], 8080, protocol)[0] == "web1"
    assert "refused" in on_lan(net.host, *PYTHON, "-c", CLIENT, address, "8080", protocol)
    assert "refused" in net.host.run(*PYTHON, "-c", CLIENT, f"{link_local}%eth0", "8080", protocol).stdout
    net.serve("host", "6060", "6060/udp", netns="")
    assert net.ask_from_lan(address, 6060, protocol)[0] == "host"


def test_only_the_families_a_container_has(net):
    net.host.module("veth_attach", netns="web1", bridge="br0", addresses=["192.168.5.11/24"], gateway="192.168.5.1")
    done = publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
    assert done["publications"][0]["ports"] == [
        {"host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80, "protocol": "tcp"}
    ]


def test_default_host_ip_stands_for_ports_without_one(net):
    publish_thoroughly(net.host, netns="web1", ports=["8080:80", "10.77.0.11:8081:80"], default_host_ip="127.0.0.1")
    assert net.ask("127.0.0.1", 8080) and net.ask_from_lan(HOST[4], 8080) is None and net.ask_from_lan(HOST[4], 8081)


def test_warns_of_a_container_whose_answers_find_no_way_out(net):
    assert not [line for line in warned(publish(net.host, netns="web1", ports=["8080:80"])) if "route" in line]
    assert net.ask_from_lan(HOST[4], 8080)
    net.host.run("ip", "-n", "web1", "route", "delete", "default")
    said = [line for line in warned(publish(net.host, netns="web1", ports=["8080:80"])) if "route" in line]
    assert said == [
        "ports that are published for eth1 of netns /run/netns/web1 answer nobody outside of the container's subnets "
        "in IPv4: no route leads out of these; give its attachment the bridge's address as gateway"
    ]
    assert net.ask_from_lan(HOST[4], 8080) is None
    # Where nobody else is to reach it, there is nothing to say.
    only = publish(net.host, netns="web1", ports=["127.0.0.1:8080:80"])
    assert not [line for line in warned(only) if "route" in line]


def test_warns_where_the_host_does_not_forward(hosta):
    net = Net(hosta, "web1", forward=None)
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    assert "net.ipv4.ip_forward is 0" in str(publish(hosta, netns="web1", ports=["8080:80"])["warnings"])
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    net.stop()
