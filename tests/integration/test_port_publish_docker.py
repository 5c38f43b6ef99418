# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish beside Docker and rules of others.

Containers of Docker, conflicts with what it published, its filter, its restart.
"""

from __future__ import annotations

import subprocess

import pytest
from lab_hosts import LAB
from publishing import HOST, LAN, Net, host_ports, publish, publish_thoroughly, ruleset
from wiring import BUSYBOX, make_containers, refused, until


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "space")
    make_containers(hosta, "web1", "web2")
    attachments = [
        {
            "container": f"web{number}",
            "bridge": "br0",
            "addresses": [f"192.168.5.2{number}/24", f"fd00:5::2{number}/64"],
            "gateway": "192.168.5.1",
        }
        for number in (1, 2)
    ]
    hosta.module("veth_attach", attachments=attachments)
    for name in ("web1", "web2"):
        pid = hosta.run("docker", "inspect", "-f", "{{.State.Pid}}", name).stdout.strip()
        hosta.run("ip", "netns", "attach", name, pid)
        net.serve(name, "80", "53/udp")
    yield net
    net.stop()


def docker_restarts(host):
    subprocess.run([LAB, "docker-restart", "--name", host.lab, host.name], check=True, timeout=60)


def test_what_docker_published_is_refused_with_the_name_of_its_container(net):
    net.host.run(
        "docker",
        "run",
        "-d",
        "--name",
        "theirs",
        "-p",
        "8080:80",
        "-p",
        "127.0.0.1:5353:53/udp",
        BUSYBOX,
        "sleep",
        "1000",
    )
    said = refused(net.host, "port_publish", bridge="br0", container="web1", ports=["8080:80"])
    assert "port 8080/tcp of IPv4" in said and "container theirs of Docker has it" in said
    assert "container theirs of Docker" in refused(
        net.host, "port_publish", bridge="br0", container="web1", ports=["53:53", "5353:53/udp"]
    )
    done = publish(net.host, container="web1", ports=["8080-8081:80", "10.77.0.11:5353:53/udp"])
    assert host_ports(done) == [(5353, 53, "udp"), (8081, 80, "tcp")]


def test_a_container_may_be_named_by_its_id(net):
    whole = net.host.run("docker", "inspect", "-f", "{{.Id}}", "web1").stdout.strip()
    publish(net.host, container="web1", ports=["8080:80"])
    assert publish(net.host, container=whole[:12], ports=["8080:80"])["changed"] is False
    assert publish(net.host, container=whole, state="absent")["publications"] == []


def test_what_an_image_exposes_is_published(net):
    exposed = ("--expose", "80", "--expose", "53/udp", "--expose", "90-91")
    net.host.run("docker", "run", "-d", "--network", "none", *exposed, "--name", "shown", BUSYBOX, "sleep", "1000")
    net.host.module("veth_attach", container="shown", bridge="br0", addresses=["192.168.5.30/24"])
    done = publish_thoroughly(
        net.host, container="shown", ports=["8080:80"], all_exposed=True, port_range="49000-49900"
    )
    assert host_ports(done, "shown") == [(8080, 80, "tcp"), (49000, 90, "tcp"), (49000, 53, "udp"), (49001, 91, "tcp")]


def test_docker_with_its_filter_lets_published_ports_through(net):
    assert "-P FORWARD DROP" in net.host.run("iptables", "-S", "FORWARD").stdout
    publish_thoroughly(net.host, container="web1", ports=["8080:80", "5353:53/udp"])
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4])


def test_a_restart_of_docker_takes_nothing_away(net):
    publish(net.host, netns="space", ports=["8080:80", "5353:53/udp"])
    net.serve("space", "80", "53/udp")
    docker_restarts(net.host)
    publish_thoroughly(net.host, netns="space", ports=["8080:80", "5353:53/udp"])
    for port, protocol in ((8080, "tcp"), (5353, "udp")):
        assert net.ask_from_lan(HOST[4], port, protocol) == ("space", LAN[4])


def test_the_rules_of_others_are_the_same_before_during_and_after(net):
    net.host.run("docker", "run", "-d", "--name", "theirs", "-p", "9090:80", BUSYBOX, "sleep", "1000")
    net.host.run(
        "nft",
        "add table inet theirs; add chain inet theirs f { type filter hook forward priority 10; }; "
        "add rule inet theirs f tcp dport 23 drop",
    )
    net.host.run("iptables-legacy", "-A", "FORWARD", "-s", "203.0.113.0/24", "-j", "DROP")
    before = ruleset(net.host)
    publish(net.host, container="web1", ports=["8080:80", "5353:53/udp", "127.0.0.1:8081:80"])
    assert ruleset(net.host) == before
    publish(net.host, state="absent")
    assert ruleset(net.host) == before
    net.host.run("iptables-legacy", "-F", "FORWARD")


def test_a_bridge_of_another_tool_is_let_through_while_something_is_published(net):
    net.host.run(
        "sh",
        "-c",
        "ip link set br0 alias ''; iptables -D DOCKER-USER -j PIPEFITTER; iptables -F PIPEFITTER; "
        "iptables -X PIPEFITTER",
    )
    before = ruleset(net.host)
    publish_thoroughly(net.host, container="web1", ports=["8080:80"])
    assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4])
    publish_thoroughly(net.host, state="absent")
    assert ruleset(net.host) == before


def test_a_container_of_dockers_own_network(hosta):
    hosta.run("docker", "run", "-d", "--name", "inner", BUSYBOX, "sleep", "1000")
    pid = hosta.run("docker", "inspect", "-f", "{{.State.Pid}}", "inner").stdout.strip()
    hosta.run("ip", "netns", "attach", "inner", pid)
    net = Net(hosta)
    net.serve("inner", "80")
    before = ruleset(hosta)
    publish_thoroughly(hosta, bridge="docker0", container="inner", interface="eth0", ports=["8080:80"])
    until(lambda: net.ask_from_lan(HOST[4], 8080) == ("inner", LAN[4]), "the container is not reached")
    publish_thoroughly(hosta, bridge="docker0", state="absent")
    assert ruleset(hosta) == before
    net.stop()


def test_follows_a_container_that_was_restarted(net):
    publish(net.host, container="web2", ports=["8080:80"])
    net.host.run("docker", "restart", "-t", "0", "web2")
    net.host.module("veth_attach", container="web2", bridge="br0", addresses=["192.168.5.99/24"], gateway="192.168.5.1")
    done = publish_thoroughly(net.host, container="web2", ports=["8080:80"])
    assert (
        "publish port 8080/tcp of IPv4 to 192.168.5.99:80 of container web2 "
        "instead of 192.168.5.22:80 of container web2" in done["operations"]
    )
