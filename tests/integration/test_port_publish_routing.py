# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish on a host with a second way out, by which it answers what comes to its address there."""

from __future__ import annotations

import pytest
from publishing import CLIENT, HOST, LAN, PYTHON, Net, publish, publish_thoroughly
from wiring import attach, make_namespaces, warned

# The provider's network, the host's address there and the provider's own; a client behind it.
PROVIDER = {4: ("198.51.100.2/24", "198.51.100.1/24"), 6: ("2001:db8:100::2/64", "2001:db8:100::1/64")}
CLIENTS = {4: "203.0.113.9", 6: "2001:db8:9::9"}


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "web1")
    net.serve("web1", "80")
    net.serve("host", "6060", netns="")
    make_namespaces(hosta, "isp")
    hosta.run("ip", "link", "add", "wan2", "type", "veth", "peer", "name", "up0", "netns", "isp")
    hosta.run("ip", "link", "set", "wan2", "up")
    hosta.run("ip", "-n", "isp", "link", "set", "up0", "up")
    for family, (own, theirs) in PROVIDER.items():
        nodad = ["nodad"] if family == 6 else []
        hosta.run("ip", "address", "add", own, "dev", "wan2", *nodad)
        hosta.run("ip", "-n", "isp", "address", "add", theirs, "dev", "up0", *nodad)
        hosta.run("ip", "-n", "isp", "address", "add", CLIENTS[family], "dev", "lo")
        route = [f"-{family}", "route", "replace", own.partition("/")[0], "dev", "up0", "src", CLIENTS[family]]
        hosta.run("ip", "-n", "isp", *route)
        # The way by the main table ends elsewhere.
        hosta.run("ip", f"-{family}", "route", "add", CLIENTS[family], "via", LAN[family])
        hosta.run("ip", f"-{family}", "route", "add", "default", "via", theirs.partition("/")[0], "table", "100")
        hosta.run("ip", f"-{family}", "rule", "add", "from", own.partition("/")[0], "lookup", "100")
    yield net
    net.stop()
    for family, (own, _theirs) in PROVIDER.items():
        hosta.run("ip", f"-{family}", "route", "del", CLIENTS[family])
        hosta.run("ip", f"-{family}", "rule", "del", "from", own.partition("/")[0])
    hosta.run("ip", "link", "del", "wan2")


def answers(net, family, port):
    own = PROVIDER[family][0].partition("/")[0]
    inside = ["ip", "netns", "exec", "isp", *PYTHON, "-c", CLIENT, own, str(port), "tcp"]
    return net.host.run(*inside).stdout.split(" ")[0]


def told(done):
    return [line for line in warned(done) if "lookup" in line]


def test_answers_that_leave_by_the_main_table_are_told_with_the_rule_that_helps(net):
    said = told(publish_thoroughly(net.host, netns="web1", ports=["8080:80"]))
    assert len(said) == 2
    for family, line in zip((4, 6), said):
        own = PROVIDER[family][0].partition("/")[0]
        container = {4: "192.168.5.11", 6: "fd00:5::11"}[family]
        command = "ip rule" if family == 4 else "ip -6 rule"
        assert line.startswith(f"ports that are published at {own} answer by the main routing table")
        assert f"`{command} add from {container} lookup 100`" in line
        assert (answers(net, family, 6060), answers(net, family, 8080)) == ("host", "-")
        net.host.run("ip", f"-{family}", "rule", "add", "from", container, "lookup", "100")
        try:
            assert answers(net, family, 8080) == "web1"
            remaining = told(publish(net.host, netns="web1", ports=["8080:80"]))
            assert [other for other in said if other != line] == remaining
        finally:
            net.host.run("ip", f"-{family}", "rule", "del", "from", container)


def test_ports_at_other_addresses_are_none_of_it(net):
    done = publish(net.host, netns="web1", ports=[f"{HOST[4]}:8080:80", f"[{HOST[6]}]:8080:80"])
    assert told(done) == []
    assert net.ask_from_lan(HOST[4], 8080)[0] == "web1"


def test_what_leads_to_the_addresses_of_an_interface_that_moved_is_told(hosta):
    for name, address in (("br0", "192.168.5.1/24"), ("br1", "192.168.6.1/24")):
        hosta.module("container_bridge", name=name, addresses=[address])
    make_namespaces(hosta, "web1", "web2")
    attach(hosta, netns="web1", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")
    attach(hosta, netns="web2", bridge="br0", addresses=["192.168.5.11/24"])
    hosta.module("port_publish", bridge="br0", netns="web1", ports=["8080:80"])
    hosta.module(
        "icc_policy",
        bridge="br0",
        icc=False,
        links=[{"from": {"netns": "web2"}, "to": {"netns": "web1"}, "ports": ["80"]}],
    )
    told = " ".join(map(str, warned(attach(hosta, netns="web1", bridge="br1", addresses=["192.168.6.10/24"]))))
    assert "port 8080/tcp of IPv4 of the host, published on br0, still lead to 192.168.5.10" in told
    assert "links of bridge br0 still speak of 192.168.5.10, which eth1 of netns /run/netns/web1 has no more" in told
    hosta.module("port_publish", bridge="br0", state="absent")
    hosta.module("icc_policy", bridge="br0", state="absent")
    back = {"netns": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}
    assert not warned(attach(hosta, **back))
