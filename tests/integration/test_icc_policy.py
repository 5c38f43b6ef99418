# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy by packets: who reaches whom, in both families, and what is left when it is taken away."""

from __future__ import annotations

import subprocess
import time

import pytest
from capture import Capture
from icc_lab import (
    ADDRESSES,
    Listeners,
    asks,
    attachment,
    icc,
    icc_thoroughly,
    reaches,
    reaches_each,
    shows,
    udp_refused,
    wire,
)
from lab_hosts import LAB
from wiring import (
    assert_same,
    attach,
    delete_namespace,
    make_bridge,
    make_containers,
    make_namespaces,
    name_namespace,
    ping,
    pings,
)

LINK = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["5432/tcp", "53/udp"]}


@pytest.fixture
def listeners():
    processes = Listeners()
    yield processes
    processes.end()


def link_local(host, netns):
    shown = host.ip("addr", "show", "dev", "eth1", netns=netns)[0]["addr_info"]
    return next(entry["local"] for entry in shown if entry["local"].startswith("fe80:"))


def arping(host, netns, address):
    return (
        host.run(
            "ip", "netns", "exec", netns, "busybox", "arping", "-c", "1", "-w", "1", "-I", "eth1", address, check=False
        ).returncode
        == 0
    )


def isolated(host, bridge="br0"):
    """Return which ports of a bridge are isolated."""
    return {
        entry["ifname"]: entry["linkinfo"]["info_slave_data"].get("isolated", False)
        for entry in host.ip("link", "show", "master", bridge)
        if entry
    }


def set_bridge_nf_call(host, value):
    for family in ("ip", "ip6"):
        host.run("sysctl", "-q", "-w", f"net.bridge.bridge-nf-call-{family}tables={value}")


def test_isolated_containers_reach_the_host_and_nothing_of_each_other(host):
    wire(host, "web1", "db1")
    before = shows(host)
    inside = link_local(host, "db1")

    done = icc_thoroughly(host, icc=False)

    assert done["policy"] == {"bridge": "br0", "icc": False, "egress": "allow", "host_access": "allow", "links": []}
    assert set(isolated(host).values()) == {True}
    assert pings(host, "web1", *ADDRESSES["db1"].values(), f"{inside}%eth1") == [False] * 3
    # Everybody on the link answers to ff02::1: the host alone is to be left.
    heard = host.run(
        "ip", "netns", "exec", "web1", "ping", "-n", "-c", "2", "-i", "0.3", "-W", "1", "ff02::1%eth1", check=False
    ).stdout
    assert inside not in heard and "fe80::" in heard
    assert not arping(host, "web1", ADDRESSES["db1"][4])
    assert arping(host, "web1", ADDRESSES["host"][4])
    assert pings(host, "web1", *ADDRESSES["host"].values()) == [True, True]

    done = icc_thoroughly(host, icc=True)
    assert done["policy"]["icc"] is True
    assert_same(before, shows(host))
    assert arping(host, "web1", ADDRESSES["db1"][4])
    assert pings(host, "web1", *ADDRESSES["db1"].values(), f"{inside}%eth1") == [True] * 3


def test_what_is_routed_around_isolation_is_dropped(hosta):
    # A container that sends its neighbour's packets to the gateway, on a host that forwards.
    wire(hosta, "web1", "db1", ip_forward=True)
    for words in (("192.168.5.11/32", "via", "192.168.5.1"), ("fd00:5::11/128", "via", "fd00:5::1")):
        hosta.run("ip", "-n", "web1", "route", "add", *words)
    assert pings(hosta, "web1", *ADDRESSES["db1"].values()) == [True, True]
    icc(hosta, icc=False)
    assert pings(hosta, "web1", *ADDRESSES["db1"].values()) == [False, False]


def test_a_new_attachment_is_isolated_before_its_first_packet(hosta):
    wire(hosta, "web1")
    icc(hosta, icc=False)
    make_namespaces(hosta, "db1")
    gateway = hosta.ip("link", "show", "dev", "br0")[0]["address"]
    with Capture(hosta, "web1", "not", "ether", "host", gateway) as capture:
        done = attach(hosta, bridge="br0", attachments=[attachment("db1")])
        assert any("isolated, master br0, up" in line for line in done["operations"])
        assert set(isolated(hosta).values()) == {True}
        ping(hosta, "db1", ADDRESSES["web1"][4])
    said = capture.said
    inside = hosta.ip("link", "show", "dev", "eth1", netns="db1")[0]["address"]
    assert "received by filter" in said
    assert ADDRESSES["db1"][4] not in said and inside not in said, said

    port = next(iter(done["attachments"]))["host_interface"]
    hosta.run("ip", "link", "set", port, "type", "bridge_slave", "isolated", "off")
    assert attach(hosta, bridge="br0", attachments=[attachment("db1")])["operations"] == [f"set {port} isolated"]
    assert attach(hosta, bridge="br0", attachments=[attachment("db1")])["changed"] is False


def test_a_link_leads_one_way_to_its_ports_only(hosta, listeners):
    services = ("5432/tcp", "81/tcp", "53/udp")
    wire(hosta, "web1", "db1", "db2")
    for name in ("web1", "db1", "db2"):
        listeners.listen(hosta, name, *services)
    assert all(reaches(hosta, "web1", "db1", *services).values())
    before = shows(hosta)
    icc_thoroughly(hosta, icc=False)
    assert not any(reaches(hosta, "web1", "db1", *services).values())

    done = icc_thoroughly(hosta, icc=False, links=[LINK])

    assert done["policy"]["links"] == [
        {"from": {"netns": "/run/netns/web1"}, "to": {"netns": "/run/netns/db1"}, "ports": ["5432/tcp", "53/udp"]}
    ]
    reached = reaches(hosta, "web1", "db1", *services)
    assert reached == {
        "5432/tcp 4": True,
        "5432/tcp 6": True,
        "81/tcp 4": False,
        "81/tcp 6": False,
        "53/udp 4": True,
        "53/udp 6": True,
    }
    others = reaches_each(hosta, [("db1", "web1"), ("db2", "db1"), ("web1", "db2"), ("db1", "db2")], *services)
    assert not any(yes for answers in others.values() for yes in answers.values()), others
    assert pings(hosta, "web1", *ADDRESSES["db1"].values()) == [False, False]

    icc_thoroughly(hosta, icc=True)
    assert_same(before, shows(hosta))
    assert all(reaches(hosta, "web1", "db1", *services).values())


def test_a_link_for_pings_and_one_for_sctp(hosta, listeners):
    wire(hosta, "web1", "db1")
    icc_thoroughly(hosta, icc=False, links=[{**LINK, "ports": ["icmp", "9899/sctp"]}])
    assert pings(hosta, "web1", *ADDRESSES["db1"].values()) == [True, True]
    assert pings(hosta, "db1", *ADDRESSES["web1"].values()) == [False, False]
    rules = hosta.run("nft", "list", "set", "ip", "pipefitter", "icc_links").stdout
    assert "sctp . 9899" in rules


def test_unlinking_cuts_a_connection_that_lives_and_leaves_the_other_links(hosta, listeners):
    wire(hosta, "web1", "db1", "db2")
    for name in ("db1", "db2"):
        listeners.listen(hosta, name, "5432/tcp")
    other = {**LINK, "to": {"netns": "db2"}}
    icc(hosta, icc=False, links=[LINK, other])
    cut, kept = [
        [listeners.converse(hosta, "web1", ADDRESSES[name][family], 5432) for family in (4, 6)]
        for name in ("db1", "db2")
    ]
    assert all(one.goes_on() for one in (*cut, *kept))

    icc_thoroughly(hosta, icc=False, links=[other])

    assert not any(one.goes_on() for one in cut)
    assert all(one.goes_on() for one in kept)
    assert not any(reaches(hosta, "web1", "db1", "5432/tcp").values())


@pytest.mark.parametrize("nf_call", [0, 1])
def test_the_same_policy_whether_bridged_packets_go_through_the_firewall_or_not(hosta, listeners, nf_call):
    set_bridge_nf_call(hosta, nf_call)
    try:
        wire(hosta, "web1", "db1")
        listeners.listen(hosta, "db1", "5432/tcp", "81/tcp", "53/udp")
        listeners.listen(hosta, "web1", "5432/tcp")
        icc(hosta, icc=False, links=[LINK])
        assert list(reaches(hosta, "web1", "db1", "5432/tcp", "53/udp", "81/tcp").values()) == [
            True,
            True,
            True,
            True,
            False,
            False,
        ]
        assert not any(reaches(hosta, "db1", "web1", "5432/tcp").values())
        # Egress is about what leaves the bridge, not about what stays on it.
        icc(hosta, icc=True, egress="deny")
        assert all(reaches(hosta, "web1", "db1", "5432/tcp", "81/tcp").values())
        assert hosta.run("sysctl", "-n", "net.bridge.bridge-nf-call-iptables").stdout.strip() == str(nf_call)
    finally:
        set_bridge_nf_call(hosta, 1)


@pytest.fixture
def lan(hosta, lab_name):
    """The LAN, where a service listens, and which knows the way to the containers."""
    run = [LAB, "run", "--name", lab_name, "--"]
    address = hosta.ip("-4", "addr", "show", "dev", "eth0")[0]["addr_info"][0]["local"]
    subprocess.run([*run, "ip", "route", "replace", "192.168.5.0/24", "via", address], check=True, timeout=60)
    yield "10.77.0.1"
    subprocess.run([*run, "ip", "route", "del", "192.168.5.0/24"], check=False, timeout=60)


def test_egress_and_host_access_are_denied_apart(hosta, lan, lab_name, listeners):
    wire(hosta, "web1", ip_forward=True)
    listeners.listen(hosta, "web1", "81/tcp")
    inward = [LAB, "run", "--name", lab_name, "--", "busybox", "nc", "-w", "1", ADDRESSES["web1"][4], "81"]

    def from_lan():
        return (
            subprocess.run(inward, input="hello", capture_output=True, text=True, timeout=60, check=False).stdout
            == "hello"
        )

    def sees():
        return dict(zip(("lan", "host", "host 6"), pings(hosta, "web1", lan, *ADDRESSES["host"].values())))

    hosta.run("iptables", "-P", "FORWARD", "ACCEPT")  # or Docker lets nobody in
    try:
        before = shows(hosta)
        assert sees() == {"lan": True, "host": True, "host 6": True} and from_lan()
        icc_thoroughly(hosta, icc=False)
        assert sees() == {"lan": True, "host": True, "host 6": True} and from_lan()
        icc_thoroughly(hosta, icc=False, egress="deny")
        assert sees() == {"lan": False, "host": True, "host 6": True} and from_lan()
        icc_thoroughly(hosta, icc=True, host_access="deny")
        assert sees() == {"lan": True, "host": False, "host 6": False}
        # The host's own connections go on, with neighbours that are not known any more.
        hosta.run("ip", "neigh", "flush", "dev", "br0")
        for family in (4, 6):
            assert hosta.run("ping", "-c", "1", "-W", "2", ADDRESSES["web1"][family], check=False).returncode == 0
        icc_thoroughly(hosta, state="absent")
        assert sees() == {"lan": True, "host": True, "host 6": True}
        assert_same(before, shows(hosta))
    finally:
        hosta.run("iptables", "-P", "FORWARD", "DROP")


def test_denied_host_access_ends_connections_that_are_open(hosta, listeners):
    wire(hosta, "web1")
    listeners.listen_on_host(hosta, "5432/tcp")
    living = [listeners.converse(hosta, "web1", address, 5432) for address in ADDRESSES["host"].values()]
    assert [one.goes_on() for one in living] == [True, True]
    icc(hosta, icc=True, host_access="deny")
    assert [one.goes_on() for one in living] == [False, False]
    # An ICMP error is an answer to the host, even if it is no reply of the connection.
    for family in (4, 6):
        assert udp_refused(hosta, ADDRESSES["web1"][family])


def test_bridges_are_kept_apart_from_an_isolated_one(hosta):
    wire(hosta, "web1", ip_forward=True)
    hosta.module("container_bridge", name="br1", addresses=["192.168.6.1/24"], ip_forward=True)
    make_namespaces(hosta, "far")
    attach(hosta, bridge="br1", netns="far", addresses=["192.168.6.10/24"], gateway="192.168.6.1")
    assert ping(hosta, "web1", "192.168.6.10")

    done = icc_thoroughly(hosta, icc=False)
    assert "keep br1 apart from isolated bridges" in done["operations"]
    assert not ping(hosta, "web1", "192.168.6.10") and not ping(hosta, "far", ADDRESSES["web1"][4])

    # A bridge that comes later is kept apart as it is made.
    hosta.module("container_bridge", name="br1", state="absent")
    hosta.module("container_bridge", name="br1", addresses=["192.168.6.1/24"], ip_forward=True)
    attach(hosta, bridge="br1", netns="far", addresses=["192.168.6.10/24"], gateway="192.168.6.1")
    assert not ping(hosta, "web1", "192.168.6.10") and not ping(hosta, "far", ADDRESSES["web1"][4])
    assert icc(hosta, icc=False)["changed"] is False


def test_removing_the_bridge_leaves_nothing_of_its_policy(hosta):
    before = shows(hosta)
    wire(hosta, "web1", "db1")
    icc(hosta, icc=False, links=[LINK], egress="deny", host_access="deny")
    hosta.module("container_bridge", name="br0", state="absent")
    for name in ("web1", "db1"):
        delete_namespace(hosta, name)
    assert_same(before, shows(hosta))


def test_anothers_bridge_is_as_it_was_afterwards(hosta):
    make_bridge(hosta, "br0", address="192.168.5.1/24")
    make_namespaces(hosta, "web1", "db1")
    attach(
        hosta,
        bridge="br0",
        attachments=[{"netns": name, "addresses": [f"{ADDRESSES[name][4]}/24"]} for name in ("web1", "db1")],
    )
    hosta.run("nft", "add", "table", "ip", "theirs")
    before = shows(hosta)
    icc_thoroughly(hosta, icc=False, links=[{**LINK, "ports": ["icmp"]}])
    assert ping(hosta, "web1", ADDRESSES["db1"][4]) and not ping(hosta, "db1", ADDRESSES["web1"][4])
    icc_thoroughly(hosta, icc=True)
    assert_same(before, shows(hosta))
    hosta.run("nft", "delete", "table", "ip", "theirs")


def test_repairs_what_a_flushed_ruleset_took_and_still_knows_the_way_back(hosta):
    wire(hosta, "web1", "db1")
    before = shows(hosta)
    icc(hosta, icc=False, links=[LINK], egress="deny")
    made = shows(hosta)
    hosta.run("nft", "delete", "table", "ip", "pipefitter")
    hosta.run("nft", "delete", "table", "ip6", "pipefitter")

    done = icc_thoroughly(hosta, icc=False, links=[LINK], egress="deny")

    assert "keep the containers of br0 from reaching each other" in done["operations"]
    assert_same({**made, "nft": []}, {**shows(hosta), "nft": []})
    hosta.run("nft", "flush", "chain", "ip6", "pipefitter", "icc_forward")
    done = icc_thoroughly(hosta, icc=False, links=[LINK], egress="deny")
    assert done["operations"] == ["repair the rules for isolated bridges in the nftables tables pipefitter"]
    icc_thoroughly(hosta, icc=True)
    assert_same(before, shows(hosta))
    # Nor is anything lost where isolation ends while they are away; another bridge of that name is another one.
    for ended in ({"icc": True}, {"state": "absent"}):
        icc(hosta, icc=False, links=[LINK])
        hosta.run("sh", "-c", "nft delete table ip pipefitter; nft delete table ip6 pipefitter")
        icc_thoroughly(hosta, **ended)
        assert_same(before, shows(hosta))
    icc(hosta, icc=False, links=[LINK])
    hosta.run("sh", "-c", "nft delete table ip pipefitter; nft delete table ip6 pipefitter; ip link delete br0")
    make_bridge(hosta, address="192.168.5.1/24")
    assert "sysctl" not in " ".join(icc(hosta, icc=True)["operations"])


def test_what_joins_after_a_flushed_ruleset_is_isolated_as_the_others_are(hosta):
    wire(hosta, "web1")
    icc(hosta, icc=False)
    for family in ("ip", "ip6"):
        hosta.run("nft", "delete", "table", family, "pipefitter")
    make_namespaces(hosta, "db1")
    hosta.run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")

    done = hosta.module("container_bridge", name="br0", members=["nic0"])
    attach(hosta, bridge="br0", attachments=[attachment("db1")])

    assert set(isolated(hosta).values()) == {True} and len(isolated(hosta)) == 3
    assert pings(hosta, "db1", *ADDRESSES["web1"].values()) == [False, False]
    assert any(
        "every port of br0 is isolated" in warning and "icc_policy" in warning for warning in map(str, done["warnings"])
    )
    hosta.run("ip", "link", "delete", "nic0")


def test_linked_containers_get_new_addresses_and_none_that_is_the_hosts(hosta):
    wire(hosta, "web1", "db1")
    icc(hosta, icc=False, links=[{**LINK, "ports": ["icmp"]}])
    inside = ("ip", "-n", "db1", "-6", "addr")
    hosta.run(*inside, "del", "fd00:5::11/64", "dev", "eth1")
    hosta.run(*inside, "add", "fd00:5::11/64", "dev", "eth1")
    hosta.run(*inside, "add", "fd00:5::1/64", "dev", "eth1")
    time.sleep(2.5)
    held = {
        entry["local"]: entry for entry in hosta.ip("-6", "addr", "show", "dev", "eth1", netns="db1")[0]["addr_info"]
    }
    assert not held["fd00:5::11"].get("dadfailed") and not held["fd00:5::11"].get("tentative")
    assert held["fd00:5::1"].get("dadfailed")
    hosta.run(*inside, "del", "fd00:5::1/64", "dev", "eth1")
    assert pings(hosta, "web1", *ADDRESSES["db1"].values()) == [True, True]


def test_containers_by_name_group_and_exposed_ports_with_docker_restarted(hosta, lab_name, listeners):
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24", "fd00:5::1/64"])
    make_containers(hosta, "web1")
    for name, number in (("db1", "0"), ("db2", "1")):
        words = (
            "--network",
            "none",
            "--stop-timeout",
            "1",
            "--label",
            "role=db",
            "--label",
            f"shard={number}",
            "--expose",
            "5432",
            "--expose",
            "53/udp",
        )
        hosta.run("docker", "run", "-d", "--name", name, *words, "pipefitter/busybox:latest", "sleep", "100000")
    names = ("web1", "db1", "db2")

    def wired():
        entries = [{"container": name, "addresses": attachment(name)["addresses"]} for name in names]
        attach(hosta, bridge="br0", attachments=entries)
        for name in names:
            name_namespace(hosta, name)
        for name in ("db1", "db2"):
            listeners.listen(hosta, name, "5432/tcp", "81/tcp", "53/udp")

    wired()
    done = icc_thoroughly(hosta, icc=False, links=[{"from": "web1", "to": {"label": "role=db"}, "ports": ["5432/tcp"]}])
    assert done["policy"]["links"] == [{"from": "web1", "to": name, "ports": ["5432/tcp"]} for name in ("db1", "db2")]
    for name in ("db1", "db2"):
        assert list(reaches(hosta, "web1", name, "5432/tcp", "53/udp").values()) == [True, True, False, False]

    done = icc_thoroughly(hosta, icc=False, links=[{"from": "web1", "to": "db1"}])
    assert done["policy"]["links"] == [{"from": "web1", "to": "db1", "ports": ["5432/tcp", "53/udp"]}]
    expected = [True, True, True, True, False, False]
    assert list(reaches(hosta, "web1", "db1", "5432/tcp", "53/udp", "81/tcp").values()) == expected

    listeners.end()
    hosta.run("ip", "-all", "netns", "delete")
    subprocess.run([LAB, "docker-restart", "--name", lab_name, "hosta"], check=True, timeout=60)
    hosta.run("docker", "start", *names)
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24", "fd00:5::1/64"])
    wired()
    icc(hosta, icc=False, links=[{"from": "web1", "to": "db1"}])
    assert icc(hosta, icc=False, links=[{"from": "web1", "to": "db1"}])["changed"] is False
    assert list(reaches(hosta, "web1", "db1", "5432/tcp", "53/udp", "81/tcp").values()) == expected
    assert not any(reaches(hosta, "web1", "db2", "5432/tcp").values())


def test_two_ways_to_name_a_container_do_not_take_turns(hosta):
    wire(hosta, "web1", "db1")
    icc(hosta, icc=False, links=[LINK])
    assert icc(hosta, icc=False, links=[{**LINK, "from": {"netns": "/run/netns/web1"}}])["changed"] is False
    assert asks(hosta, "web1", ("tcp", ADDRESSES["db1"][4], 5432)) == [
        False
    ]  # nobody listens, and the refusal comes back
