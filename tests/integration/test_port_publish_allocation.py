# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish where it chooses ports: which are free, which are kept, and what a range that is used up says."""

from __future__ import annotations

import pytest
from publishing import BRIDGE, HOST, LAN, host_ports, publish, publish_thoroughly, two_servers
from wiring import refused


@pytest.fixture(name="net")
def fixture_net(hosta):
    with two_servers(hosta) as net:
        yield net


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


def test_automatic_ports_of_one_port_are_the_same_on_different_addresses(net):
    done = publish_thoroughly(net.host, netns="web1", ports=["10.77.0.11::80", "127.0.0.1::80"])
    assert host_ports(done) == [(49153, 80, "tcp")] * 2
    assert net.ask(HOST[4], 49153) == ("web1", HOST[4]) and net.ask("127.0.0.1", 49153) == ("web1", BRIDGE[4])
    assert net.nobody_answers((HOST[6], 49153, "tcp"), (BRIDGE[4], 49153, "tcp"))


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
