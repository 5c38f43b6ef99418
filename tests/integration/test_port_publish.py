# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish by packets: who reaches a published port, from where, and whom the container sees."""

from __future__ import annotations

import socket

import pytest
from publishing import BRIDGE, HOST, LAN, Flow, Net, host_ports, publish, publish_thoroughly, routed_on_lan
from wiring import assert_same, everything, refused


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "web1", "web2")
    net.serve("web1", "80", "81", "53/udp")
    net.serve("web2", "80", "81", "53/udp")
    yield net
    net.stop()
    hosta.run("sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")


def our_tables(host):
    return sorted(
        host.run("sh", "-c", "nft -s list table ip pipefitter; nft -s list table ip6 pipefitter").stdout.split()
    )


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
    # A host that lets its LAN reach 127.0.0.1, as another tool may have set it up: the client gets through, to what is not published.
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


def test_automatic_ports_are_kept_and_busy_ones_passed_over(net):
    publish(net.host, netns="web2", ports=["50001:80"])
    net.serve("busy", "50000", netns="")
    net.host.run("sysctl", "-q", "-w", "net.ipv4.ip_local_reserved_ports=50002,50004-50005")
    done = publish_thoroughly(net.host, netns="web1", ports=["80", "81"], port_range="50000-50010")
    assert host_ports(done) == [(50003, 80, "tcp"), (50006, 81, "tcp")]
    net.stop()
    again = publish_thoroughly(net.host, netns="web1", ports=["81", "80", "82"], port_range="50000-50010")
    assert host_ports(again) == [(50000, 82, "tcp"), (50003, 80, "tcp"), (50006, 81, "tcp")]
    moved = publish_thoroughly(net.host, netns="web1", ports=["80"], port_range="49000-49900")
    assert host_ports(moved) == [(49000, 80, "tcp")]
    net.host.run("sysctl", "-q", "-w", "net.ipv4.ip_local_reserved_ports=")


def test_the_first_free_port_of_a_range_is_taken(net):
    publish(net.host, netns="web2", ports=["8000:80"])
    assert host_ports(publish_thoroughly(net.host, netns="web1", ports=["8000-8002:80", "8000-8002:81"])) == [
        (8001, 80, "tcp"),
        (8002, 81, "tcp"),
    ]


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


def test_automatic_ports_of_one_port_are_the_same_on_different_addresses(net):
    done = publish_thoroughly(net.host, netns="web1", ports=["10.77.0.11::80", "127.0.0.1::80"])
    assert host_ports(done) == [(49153, 80, "tcp")] * 2
    assert net.ask(HOST[4], 49153) == ("web1", HOST[4]) and net.ask("127.0.0.1", 49153) == ("web1", BRIDGE[4])
    assert net.nobody_answers((HOST[6], 49153, "tcp"), (BRIDGE[4], 49153, "tcp"))


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


def test_a_port_that_is_busy_in_one_family_is_passed_over_in_both(net):
    # 41 and 26 are IPPROTO_IPV6 and IPV6_V6ONLY.
    listen = (
        "import socket, time; one = socket.socket(socket.AF_INET6); one.setsockopt(41, 26, 1); one.bind(('::', 50000));"
    )
    listen += " one.listen(); print('ready', flush=True); time.sleep(60)"
    process = net.host.start("python3", "-c", listen, stdout=-1, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        done = publish_thoroughly(net.host, netns="web1", ports=["80"], port_range="50000-50010")
        assert host_ports(done) == [(50001, 80, "tcp")]
        assert net.ask_from_lan(HOST[4], 50001) == ("web1", LAN[4]) and net.ask_from_lan(HOST[6], 50001) == (
            "web1",
            LAN[6],
        )
        # Published in the other family alone, it is free.
        assert host_ports(publish(net.host, netns="web1", ports=["0.0.0.0:50000:80"])) == [(50000, 80, "tcp")]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def test_a_range_is_used_up_and_then_refused_and_freed_ports_are_used_again(net):
    done = publish(net.host, netns="web1", ports=["80", "81", "53"], port_range="50000-50002")
    assert [port[0] for port in host_ports(done)] == [50000, 50001, 50002]
    said = refused(net.host, "port_publish", bridge="br0", netns="web2", ports=["80"], port_range="50000-50002")
    assert "no port of 50000-50002/tcp is free for port 80 of netns /run/netns/web2; widen the range" in said
    # Another protocol has ports of its own.
    assert host_ports(publish(net.host, netns="web2", ports=["53/udp"], port_range="50000-50002"), "web2") == [
        (50000, 53, "udp")
    ]
    publish(net.host, netns="web1", ports=["80", "53"], port_range="50000-50002")
    assert (50001, 80, "tcp") in host_ports(
        publish(net.host, netns="web2", ports=["80"], port_range="50000-50002"), "web2"
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
        done["operations"][0]
        == "publish port 8080/tcp of IPv4 to 192.168.5.77:80 of netns /run/netns/web1 instead of 192.168.5.11:80 of netns /run/netns/web1"
    )
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


def test_only_the_families_a_container_has(net):
    net.host.module("veth_attach", netns="web1", bridge="br0", addresses=["192.168.5.11/24"], gateway="192.168.5.1")
    done = publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
    assert done["publications"][0]["ports"] == [
        {"host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80, "protocol": "tcp"}
    ]


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


def test_default_host_ip_stands_for_ports_without_one(net):
    publish_thoroughly(net.host, netns="web1", ports=["8080:80", "10.77.0.11:8081:80"], default_host_ip="127.0.0.1")
    assert net.ask("127.0.0.1", 8080) and net.ask_from_lan(HOST[4], 8080) is None and net.ask_from_lan(HOST[4], 8081)


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


def test_warns_where_the_host_does_not_forward(hosta):
    net = Net(hosta, "web1", forward=None)
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    assert "net.ipv4.ip_forward is 0" in str(publish(hosta, netns="web1", ports=["8080:80"])["warnings"])
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    net.stop()
