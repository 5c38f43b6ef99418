# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish where rules of others lead a port elsewhere and nobody listens on it."""

from __future__ import annotations

import json
import subprocess

import pytest
from lab_hosts import LAB
from publishing import HOST, LAN, Net, host_ports, publish, publish_thoroughly, ruleset
from wiring import BUSYBOX, refused


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "web1")
    net.serve("web1", "80")
    yield net
    net.stop()


_SPACE = """table inet theirs {
    map ports { type inet_service : ipv4_addr; elements = { 8084 : 192.0.2.7 }; }
    chain pre { type nat hook prerouting priority dstnat; }
}"""


@pytest.mark.parametrize(
    ("put", "remove", "ports", "who"),
    [
        (
            "iptables-nft -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 192.0.2.7:80",
            "iptables-nft -t nat -D PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 192.0.2.7:80",
            ["8080:80"],
            (
                "port 8080/tcp of IPv4",
                "'-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.0.2.7:80' of iptables, "
                "table nat, has it",
            ),
        ),
        (
            "iptables-legacy -t nat -A PREROUTING -d 10.77.0.11 -p tcp -m multiport --dports 8070,8080:8085 "
            "-j REDIRECT --to-ports 9",
            "iptables-legacy -t nat -F PREROUTING",
            ["10.77.0.11:8080:80"],
            ("10.77.0.11:8080/tcp", "-j REDIRECT --to-ports 9' of iptables, table nat, has it"),
        ),
        (
            "ip6tables-nft -t nat -N CNI-DN; ip6tables-nft -t nat -A CNI-DN -p tcp "
            "-j DNAT --to-destination [fd00::7]:80;"
            " ip6tables-nft -t nat -A PREROUTING -p tcp --dport 8080 -j CNI-DN",
            "ip6tables-nft -t nat -D PREROUTING -p tcp --dport 8080 -j CNI-DN; ip6tables-nft -t nat -F CNI-DN; "
            "ip6tables-nft -t nat -X CNI-DN",
            ["8080:80"],
            ("port 8080/tcp of IPv6", "'-A PREROUTING -p tcp -m tcp --dport 8080 -j CNI-DN' of ip6tables"),
        ),
        (
            f"nft '{_SPACE}'; nft add rule inet theirs pre tcp dport 8080 dnat ip to 192.0.2.7:80",
            "nft delete table inet theirs",
            ["8080:80"],
            ("port 8080/tcp of IPv4", "a rule in chain pre of the nftables table inet theirs has it"),
        ),
        (
            f"nft '{_SPACE}'; nft add rule inet theirs pre dnat ip to tcp dport map @ports",
            "nft delete table inet theirs",
            ["8084:80"],
            ("port 8084/tcp of IPv4", "nftables table inet theirs has it"),
        ),
        (
            "nft 'add chain ip nat theirs { type nat hook prerouting priority -110; }'; "
            "nft add rule ip nat theirs tcp dport 8080 dnat to 192.0.2.7:80",
            "nft flush chain ip nat theirs; nft delete chain ip nat theirs",
            ["8080:80"],
            ("port 8080/tcp of IPv4", "a rule in chain theirs of the nftables table ip nat has it"),
        ),
    ],
    ids=[
        "iptables-nft",
        "iptables-legacy",
        "ip6tables, by a chain",
        "nftables",
        "nftables, by a map",
        "nftables, in the table of iptables",
    ],
)
def test_a_port_that_a_rule_leads_elsewhere_is_refused_and_an_automatic_one_passes_it_over(
    net, put, remove, ports, who
):
    net.host.run("sh", "-e", "-c", put)
    try:
        said = refused(net.host, "port_publish", bridge="br0", netns="web1", ports=ports)
        assert all(word in said for word in (*who, "choose another host port, or free that one")), said
        number = int(ports[0].split(":")[-2])
        before = ruleset(net.host)
        done = publish_thoroughly(net.host, netns="web1", ports=["80"], port_range=f"{number}-{number + 9}")
        (published,) = host_ports(done)
        assert number < published[0] and net.ask_from_lan(HOST[4], published[0]) == ("web1", LAN[4])
        assert ruleset(net.host) == before
    finally:
        net.host.run("sh", "-c", remove)
    assert publish(net.host, netns="web1", ports=ports)["changed"]


def test_a_port_of_an_address_that_only_passes_through_is_free(net):
    rule = (
        "PREROUTING",
        "-d",
        "203.0.113.9",
        "-p",
        "tcp",
        "--dport",
        "8080",
        "-j",
        "DNAT",
        "--to-destination",
        "192.0.2.7:80",
    )
    net.host.run("iptables-nft", "-t", "nat", "-A", *rule)
    try:
        publish_thoroughly(net.host, netns="web1", ports=["8080:80"])
        assert net.ask_from_lan(HOST[4], 8080) == ("web1", LAN[4])
    finally:
        net.host.run("iptables-nft", "-t", "nat", "-D", *rule)


def test_a_port_that_somebody_takes_later_is_left_as_it_is(net):
    # Who was first keeps it: nothing is claimed anew, so nothing is asked.
    publish(net.host, netns="web1", ports=["8080:80"])
    rule = ("PREROUTING", "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "192.0.2.7:80")
    net.host.run("iptables-nft", "-t", "nat", "-A", *rule)
    try:
        assert publish(net.host, netns="web1", ports=["8080:80"])["changed"] is False
    finally:
        net.host.run("iptables-nft", "-t", "nat", "-D", *rule)


def docker_restarts(host, **settings):
    """Restart dockerd with its settings changed; return those it had."""
    former = host.run("cat", "/etc/docker/daemon.json").stdout
    host.run("tee", "/etc/docker/daemon.json", text=json.dumps({**json.loads(former), **settings}))
    subprocess.run([LAB, "docker-restart", "--name", host.lab, host.name], check=True, timeout=60)
    return json.loads(former)


def test_what_docker_published_without_its_proxy_is_refused(net):
    former = docker_restarts(net.host, **{"userland-proxy": False})
    try:
        net.host.run(
            "docker",
            "run",
            "-d",
            "--name",
            "theirs",
            "-p",
            "8080:80",
            "-p",
            "10.77.0.11:5353:53/udp",
            BUSYBOX,
            "sleep",
            "1000",
        )
        assert "docker-proxy" not in net.host.run("ps", "-e").stdout
        for port, found in (("8080:80", "port 8080/tcp of IPv4"), ("5353:53/udp", "port 5353/udp of IPv4")):
            said = refused(net.host, "port_publish", bridge="br0", netns="web1", ports=[port])
            assert found in said and "container theirs of Docker has it" in said
        # Where Docker can't be asked, its rules are still in effect.
        net.host.run("mv", "/var/run/docker.sock", "/var/run/docker.away")
        try:
            said = refused(net.host, "port_publish", bridge="br0", netns="web1", ports=["8080:80"])
        finally:
            net.host.run("mv", "/var/run/docker.away", "/var/run/docker.sock")
        assert (
            "'-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172." in said
            and "of iptables, table nat, has it" in said
        )
    finally:
        net.host.run("docker", "rm", "-f", "theirs", check=False)
        net.host.run("tee", "/etc/docker/daemon.json", text=json.dumps(former))
        subprocess.run([LAB, "docker-restart", "--name", net.host.lab, net.host.name], check=True, timeout=60)
