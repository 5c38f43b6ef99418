# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish where it must refuse, where it is interrupted, and where it runs many times at once."""

from __future__ import annotations

from itertools import count

import pytest
from conftest import clean
from lab_hosts import ModuleFailed
from publishing import HOST, LAN, Net, host_ports, publish
from wiring import assert_same, delete_namespace, everything, make_bridge, make_namespaces, refused


@pytest.fixture(name="net", scope="module")
def fixture_net(lab_hosts):
    net = Net(lab_hosts["hosta"], "web1", "web2")
    make_namespaces(net.host, "bare")
    net.host.module("veth_attach", netns="bare", bridge="br0", addresses=[])
    make_bridge(net.host, "br9", address="192.168.9.1/24")
    publish(net.host, netns="web2", ports=["7000:80", "127.0.0.1:7001:80", "10.77.0.11:7002:80"])
    net.serve("theirs", "7100", "7101/udp", netns="")
    yield net
    net.stop()
    clean(net.host)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ports": ["0:80"]}, ("ports[0]", "port 0", "1 to 65535")),
        ({"ports": ["70000:80"]}, ("ports[0]", "70000", "1 to 65535")),
        ({"ports": ["8080:0"]}, ("ports[0]", "port 0")),
        ({"ports": ["80", "8080:70000"]}, ("ports[1]", "70000")),
        ({"ports": ["8000-8010:80-81"]}, ("ports[0]", "11 and 2 ports", "same length")),
        ({"ports": ["8010-8000:80"]}, ("ports[0]", "ends before it begins")),
        ({"ports": ["8080:80/icmp"]}, ("ports[0]", "'icmp'", "tcp, udp, sctp")),
        ({"ports": ["8080:80/"]}, ("ports[0]", "no protocol after the slash")),
        ({"ports": ["http"]}, ("ports[0]", "'http'", "where a port is needed")),
        ({"ports": [""]}, ("ports[0]", "where a port is needed")),
        ({"ports": [":80"]}, ("ports[0]", "has no host port before the colon")),
        ({"ports": ["-80"]}, ("ports[0]", "where a port is needed")),
        ({"ports": ["1:2:3:4"]}, ("ports[0]", "IPv6 address without brackets")),
        ({"ports": ["2001:db8::1:8080:80"]}, ("ports[0]", "without brackets")),
        ({"ports": ["[fd00::1]80"]}, ("ports[0]", "no colon")),
        ({"ports": ["10.0.0.300:8080:80"]}, ("ports[0]", "10.0.0.300", "not an IPv4 or IPv6 address")),
        ({"ports": ["10.99.9.9:8080:80"]}, ("10.99.9.9", "does not have", "one of its addresses")),
        ({"ports": ["[fd00:99::9]:8080:80"]}, ("fd00:99::9", "does not have")),
        ({"ports": ["[::1]:8080:80"]}, ("ports[0]", "::1", "127.0.0.1")),
        ({"ports": ["[::ffff:127.0.0.1]:8080:80"]}, ("ports[0]", "IPv4-mapped")),
        ({"ports": ["[fe80::1]:8080:80"]}, ("ports[0]", "link-local")),
        ({"ports": ["224.0.0.1:8080:80"]}, ("ports[0]", "multicast")),
        ({"ports": ["8080:80", "8080:81"]}, ("ports", "8080", "twice")),
        ({"ports": [{"container_port": 80, "port": 1}]}, ("ports[0]", "'port'", "container_port")),
        ({"ports": [{"host_port": 80}]}, ("ports[0].container_port", "is required; give the port of the container")),
        ({"ports": [{"container_port": 80, "protocol": "gre"}]}, ("ports[0]", "'gre'")),
        ({}, ("ports", "all_exposed")),
        ({"ports": ["80"], "netns": None}, ("container", "exactly one")),
        ({"ports": ["80"], "port_range": "49153"}, None),
        ({"ports": ["80"], "port_range": "50000-40000"}, ("port_range", "ends before it begins")),
        ({"ports": ["80"], "port_range": "1-70000"}, ("port_range", "70000")),
        ({"ports": ["80"], "default_host_ip": "nowhere"}, ("default_host_ip", "nowhere")),
        (
            {"ports": ["80", "81", "82"], "port_range": "7000-7001"},
            ("ports", "no port of 7000-7001/tcp is free", "widen"),
        ),
        (
            {"ports": ["7000:80"]},
            ("port 7000/tcp of IPv4", "the publication of port 80 of netns /run/netns/web2 on br0 has it"),
        ),
        ({"ports": ["127.0.0.1:7000:80"]}, ("127.0.0.1:7000/tcp", "/run/netns/web2")),
        ({"ports": ["7001:80"]}, ("port 7001/tcp of IPv4", "/run/netns/web2")),
        ({"ports": ["7100:80"]}, ("port 7100/tcp of IPv4", "process python3 (pid ", "of this host has it")),
        ({"ports": ["10.77.0.11:7100:80"]}, ("10.77.0.11:7100/tcp", "process python3")),
        ({"ports": ["7101:80/udp"]}, ("port 7101/udp of IPv4", "process python3")),
        ({"ports": ["80:80"], "netns": "bare"}, ("/run/netns/bare", "no address on its eth1 on bridge br0")),
        ({"ports": ["80:80"], "interface": "eth7"}, ("/run/netns/web1", "no interface eth7 on bridge br0")),
        ({"ports": ["80:80"], "bridge": "br9"}, ("/run/netns/web1", "no interface eth1 on bridge br9")),
        ({"ports": ["80:80"], "bridge": "br*"}, ("bridge", "firewall rule")),
        ({"ports": ["80:80"], "netns": "nowhere"}, ("/run/netns/nowhere", "doesn't exist")),
        ({"netns": None, "container": "nobody", "ports": ["80:80"]}, ("'nobody'", "not known")),
        ({"all_exposed": True}, ("all_exposed", "no image")),
        ({"publications": [], "ports": ["80"], "netns": None}, ("ports", "mutually exclusive with publications")),
        (
            {
                "publications": [{"netns": "web1", "ports": ["80"]}, {"netns": "/run/netns/web1", "ports": ["81"]}],
                "netns": None,
            },
            ("publications[1].netns", "twice"),
        ),
        (
            {
                "publications": [{"netns": "web1", "ports": ["80:80"]}, {"netns": "web2", "ports": ["80:80"]}],
                "netns": None,
            },
            ("port 80/tcp", "/run/netns/web1"),
        ),
    ],
)
def test_refuses_with_a_sentence_and_changes_nothing(net, options, words):
    options = {key: value for key, value in {"bridge": "br0", "netns": "web1", **options}.items() if value is not None}
    if words is None:
        assert publish(net.host, check_mode=True, **options)["changed"]
        return
    said = refused(net.host, "port_publish", **options)
    assert all(word in said for word in words), said


def test_other_protocols_and_addresses_are_no_conflict(net):
    done = publish(
        net.host, check_mode=True, netns="web1", ports=["7100:80/udp", "7101:80", "127.0.0.1:7002:80", "7000:80/udp"]
    )
    assert len(host_ports(done)) == 4


def test_a_bridge_that_is_missing_is_refused_and_in_check_mode_assumed(net):
    with pytest.raises(ModuleFailed, match="bridge: 'br8' is not a bridge of this host"):
        publish(net.host, bridge="br8", netns="web1", ports=["80:80"])
    checked = publish(net.host, bridge="br8", netns="web1", ports=["80:80", "81"], check_mode=True, diff=True)
    assert checked["diff"]["before"] == "protect: false\npublications: []\n"
    assert "protect: true" in checked["diff"]["after"] and "host_port: 80" in checked["diff"]["after"]
    assert "container_port: 81" in checked["diff"]["after"]
    assert checked["operations"][0] == "publish 80:80/tcp of netns /run/netns/web1 on br8"
    assert "br8 is not there" in str(checked["warnings"])


def test_a_bridge_that_is_an_interface_of_another_kind_is_refused_in_check_mode_too(net):
    net.host.run("ip", "link", "add", "veth7", "type", "veth", "peer", "name", "veth8")
    try:
        for module, options in (("port_publish", {"ports": ["80:80"]}), ("veth_attach", {"addresses": []})):
            said = refused(net.host, module, bridge="veth7", netns="web1", **options)
            assert said.startswith("bridge: 'veth7' is a veth interface of this host and not a bridge; "), said
    finally:
        net.host.run("ip", "link", "del", "veth7")


def test_host_addresses_that_can_not_serve_are_refused_by_the_option_they_stand_in(net):
    broadcast = "10.77.0.255 was asked for, which is the broadcast address of a subnet of this host; give one of its "
    for option, options in (
        ("ports", {"ports": ["10.77.0.255:8080:80"]}),
        ("default_host_ip", {"ports": ["8080:80"], "default_host_ip": "10.77.0.255"}),
    ):
        said = refused(net.host, "port_publish", bridge="br0", netns="web1", **options)
        assert said.startswith(f"{option}: host address {broadcast}"), said
    for option, options in (
        ("default_host_ip", {"ports": ["8080:80", "81"], "default_host_ip": "10.99.9.9"}),
        ("ports", {"ports": ["8080:80", "10.99.9.9:81:81"]}),
        ("ports", {"ports": ["10.77.0.0:8080:80"]}),
    ):
        said = refused(net.host, "port_publish", bridge="br0", netns="web1", **options)
        assert said.startswith(f"{option}: host address ") and "which this host does not have" in said, said


def test_what_was_published_on_an_address_that_is_gone_can_be_taken_away(net):
    net.host.run("ip", "address", "add", "10.9.9.5/32", "dev", "lo")
    publish(net.host, netns="web1", ports=["10.9.9.5:8080:80", "81:81"])
    net.host.run("ip", "address", "del", "10.9.9.5/32", "dev", "lo")
    assert "10.9.9.5 was asked for, which this host does not have" in refused(
        net.host, "port_publish", bridge="br0", netns="web1", ports=["10.9.9.5:8080:80", "81:81"]
    )
    left = publish(net.host, netns="web1", ports=["10.9.9.5:8080:80"], state="absent")
    assert left["changed"] and host_ports(left) == [(81, 81, "tcp")]
    assert host_ports(publish(net.host, netns="web1", state="absent")) == []


_FULL = {"publications": [{"netns": "one", "ports": ["8080:80", "53:53/udp"]}, {"netns": "two", "ports": ["80"]}]}
_OTHER = {
    "publications": [{"netns": "two", "ports": ["8080:80", "53:53/udp"]}, {"netns": "one", "ports": []}],
    "protect": False,
}


@pytest.fixture(name="pair")
def fixture_pair(hosta):
    clean(hosta)  # the tests above share what they stand on
    # Not marked as ours: so that what a bridge of another tool needs is done and undone, too.
    net = Net(hosta, "one", "two")
    hosta.run("ip", "link", "set", "br0", "alias", "")
    hosta.module("container_bridge", name="br7", state="absent")
    yield hosta
    net.stop()


def test_a_run_killed_anywhere_is_completed_by_the_next(pair):
    for done in count():
        killed = publish(pair, die_after=done, **_FULL).get("killed")
        publish(pair, **_FULL)
        assert publish(pair, **_FULL)["changed"] is False
        if not killed:
            break
        publish(pair, die_after=done, state="absent")
        publish(pair, state="absent")
        assert "pipefitter" not in pair.run("nft", "list", "ruleset").stdout
        assert pair.run("sysctl", "-n", "net.ipv4.conf.br0.route_localnet").stdout.strip() == "0"
        assert "1" not in pair.run("sh", "-c", "cat /sys/class/net/br0/brif/*/hairpin_mode").stdout
    assert done >= 3


@pytest.mark.parametrize("start", [{"state": "absent"}, _OTHER], ids=["from nothing", "from other publications"])
def test_an_operation_that_fails_undoes_those_before_it(pair, start):
    publish(pair, **start)

    def shown():
        modes = pair.run(
            "sh", "-c", "cat /sys/class/net/br0/brif/*/hairpin_mode /proc/sys/net/ipv4/conf/br0/route_localnet"
        ).stdout
        return everything(pair), modes

    before = shown()
    for failing in count():
        try:
            publish(pair, fail_after=failing, **_FULL)
            break
        except ModuleFailed as failure:
            assert "a fault that the test injected while trying to" in str(failure)
        after = shown()
        assert_same(before[0], after[0])
        assert before[1] == after[1]
    assert failing >= 2


def test_eight_runs_at_once_publish_once(pair):
    results = pair.modules_at_once("port_publish", 8, bridge="br0", **_FULL)
    assert sorted(result["changed"] for result in results) == [False] * 7 + [True]
    assert len({str(result["publications"]) for result in results}) == 1


def test_a_gone_container_can_be_taken_away_and_its_port_given_to_another(pair):
    publish(pair, netns="one", ports=["8080:80"])
    delete_namespace(pair, "one")
    assert "/run/netns/one" in refused(pair, "port_publish", bridge="br0", netns="two", ports=["8080:80"])
    assert publish(pair, netns="one", state="absent")["publications"] == []
    assert host_ports(publish(pair, netns="two", ports=["8080:80"]), "two") == [(8080, 80, "tcp")]


def test_ten_thousand_ports_are_one_run(pair):
    ports = ["10000-19999:10000-19999"]
    done = publish(pair, netns="one", ports=ports)
    assert len(host_ports(done, "one")) == 10000
    assert publish(pair, netns="one", ports=ports)["changed"] is False
    net = Net(pair, "far", bridge="br1", subnet=6)
    net.serve("one", "10000", "19999", netns="one")
    assert net.ask_from_lan(HOST[4], 10000) == net.ask_from_lan(HOST[4], 19999) == ("one", LAN[4])
    net.stop()
    publish(pair, state="absent")
    assert "publish" not in pair.run("nft", "list", "ruleset").stdout
