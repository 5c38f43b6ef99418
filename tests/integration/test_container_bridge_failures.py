# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_bridge where it must refuse, where it is interrupted, and where it runs many times at once."""

from __future__ import annotations

import re

import pytest
from lab_hosts import ModuleFailed
from wiring import assert_same, everything, held, make_bridge, make_ovs_bridge, ports, refused

FULL = {
    "name": "br0",
    "addresses": ["192.168.5.1/24", "fd00:5::1/64"],
    "mtu": 1400,
    "stp": False,
    "members": ["port0"],
    "ip_forward": True,
    "masquerade": True,
}


def make_port(host):
    host.run("ip", "link", "add", "port0", "up", "type", "veth", "peer", "name", "peer0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a-bridge-too-long"}, ("name", "17 bytes", "15")),
        ({"name": "a/b"}, ("name", "'/'")),
        ({"name": "a b"}, ("name", "' '")),
        ({"name": ".."}, ("name", "choose another")),
        ({"name": ""}, ("name", "empty")),
        ({"name": "eth0"}, ("name", "eth0", "not a Linux bridge")),
        ({"name": "br0", "addresses": ["192.168.5.0/24"]}, ("addresses[0]", "192.168.5.0/24", "subnet's own")),
        ({"name": "br0", "addresses": ["192.168.5.255/24"]}, ("addresses[0]", "broadcast")),
        ({"name": "br0", "addresses": ["192.168.5.1"]}, ("addresses[0]", "prefix length", "/24")),
        ({"name": "br0", "addresses": ["192.168.5.1/33"]}, ("addresses[0]", "0 to 32")),
        ({"name": "br0", "addresses": ["127.0.0.2/8"]}, ("addresses[0]", "loopback")),
        ({"name": "br0", "addresses": ["224.0.0.1/24"]}, ("addresses[0]", "multicast")),
        ({"name": "br0", "addresses": ["fe80::/64"]}, ("addresses[0]", "anycast")),
        ({"name": "br0", "addresses": ["300.1.1.1/24"]}, ("addresses[0]", "not an IPv4 or IPv6 address")),
        ({"name": "br0", "addresses": ["192.168.5.1/24", "192.168.5.1/25"]}, ("addresses[1]", "twice")),
        (
            {"name": "br0", "addresses": ["10.77.0.200/25"]},
            ("10.77.0.200/25", "overlaps route 10.77.0.0/24 via eth0", "allow_overlap"),
        ),
        ({"name": "br0", "mtu": 0}, ("mtu", "68 to 65535")),
        ({"name": "br0", "mtu": 70000}, ("mtu", "70000", "68 to 65535")),
        ({"name": "br0", "mac": "01:00:5e:00:00:01"}, ("mac", "multicast")),
        ({"name": "br0", "mac": "02:00:00:00:00"}, ("mac", "six bytes")),
        ({"name": "br0", "forward_delay": 31}, ("forward_delay", "0 to 30 seconds")),
        ({"name": "br0", "forward_delay": 1, "stp": True}, ("forward_delay", "2 seconds", "stp")),
        ({"name": "br0", "ageing_time": -1}, ("ageing_time", "out of range")),
        ({"name": "br0", "members": ["nope"]}, ("members[0]", "nope", "not an interface")),
        ({"name": "br0", "members": ["eth0"]}, ("members[0]", "eth0", "default route", "lock you out")),
        ({"name": "br0", "members": ["br0"]}, ("members[0]", "the bridge itself")),
        ({"name": "br0", "members": ["eth1", "eth1"]}, ("members[1]", "twice")),
        ({"name": "br0", "members": ["docker0"]}, ("members[0]", "is a bridge itself")),
        ({"name": "br0", "vlan_filtering": True}, ("vlan_filtering", "CONFIG_BRIDGE_VLAN_FILTERING")),
    ],
)
def test_refuses_with_a_sentence_and_changes_nothing(hosta, options, words):
    said = refused(hosta, "container_bridge", **options)
    for word in words:
        assert word in said


def test_refuses_a_member_that_one_of_several_default_ways_goes_by(hosta):
    make_port(hosta)
    hosta.run("ip", "link", "set", "port0", "up")
    words = "nexthop via 192.0.2.1 dev port0 onlink nexthop via 10.77.0.1 dev eth0"
    hosta.run("ip", "route", "add", "default", "metric", "500", *words.split())
    said = refused(hosta, "container_bridge", name="br0", members=["port0"])
    assert "members[0]" in said and "carries this host's default route" in said


def test_refuses_a_member_of_another_bridge(hosta):
    make_port(hosta)
    make_bridge(hosta, "other")
    hosta.run("ip", "link", "set", "port0", "master", "other")
    said = refused(hosta, "container_bridge", name="br0", members=["port0"])
    assert "members[0]" in said and "port of other" in said


def test_refuses_a_veth_of_that_name(hosta):
    make_port(hosta)
    assert "is a veth interface of this host and not a Linux bridge" in refused(hosta, "container_bridge", name="port0")


def test_accepts_an_overlap_that_was_allowed(hosta):
    assert hosta.module("container_bridge", name="br0", addresses=["10.77.0.200/25"], allow_overlap=True)["changed"]


def test_a_run_killed_at_any_operation_is_completed_by_the_next(host):
    make_port(host)
    for killed_after in range(20):
        host.module("container_bridge", name="br0", state="absent")
        if not host.module("container_bridge", die_after=killed_after, **FULL).get("killed"):
            break
        host.module("container_bridge", **FULL)
        assert host.module("container_bridge", **FULL)["changed"] is False
        assert held(host, "br0") == set(FULL["addresses"]), f"killed after {killed_after} operations"
        assert ports(host) == {"port0"}
    assert killed_after > 6  # or the loop proved nothing
    host.module("container_bridge", name="br0", state="absent")
    assert not [entry["ifname"] for entry in host.ip("link", "show") if entry["ifname"].startswith(("br0", "pfb"))]


def test_an_operation_that_fails_undoes_those_before_it(host):
    make_port(host)
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
    before = everything(host)
    for failing in range(20):
        try:
            host.module("container_bridge", fail_after=failing, **FULL)
            break
        except ModuleFailed as failure:
            assert "a fault that the test injected while trying to" in str(failure)
            assert re.search("(was|were) undone" if failing else "nothing had been changed", str(failure))
        assert_same(before, everything(host))
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            assert host.run("sysctl", "-n", name).stdout.strip() == "0"
    assert failing > 6


def test_eight_runs_at_once_make_one_bridge(host):
    make_port(host)
    results = host.modules_at_once("container_bridge", 8, **FULL)

    assert [result["changed"] for result in results].count(True) == 1
    assert host.module("container_bridge", **FULL)["changed"] is False
    assert [entry["ifname"] for entry in host.ip("link", "show") if entry["ifname"].startswith("pfb")] == []


def test_a_bridge_left_under_its_birth_name_is_taken_up(host):
    # What a run that was killed between the kernel's two answers leaves.
    from ansible_collections.pipefitter.container_network.plugins.module_utils.model.names import derived_name

    host.run("ip", "link", "add", derived_name("pfb", "br0"), "type", "bridge")

    done = host.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], mtu=1400)

    assert done["bridge"]["mtu"] == 1400
    assert [entry["ifname"] for entry in host.ip("link", "show") if entry["ifname"].startswith("pfb")] == []


@pytest.mark.parametrize(
    "words", [("10.88.0.11/24",), ("10.88.0.11/24", "valid_lft", "3600", "preferred_lft", "3600"), ("fd00:88::11/64",)]
)
def test_refuses_a_member_that_holds_an_address(hosta, words):
    # Whether an SSH session came in by it can't be known: sudo hides SSH_CONNECTION.
    make_port(hosta)
    hosta.run("ip", "addr", "add", words[0], "dev", "port0", *words[1:])
    said = refused(hosta, "container_bridge", name="br0", members=["port0"])
    assert "members[0]: 'port0' holds" in said and words[0] in said and "lock you out" in said


def test_refuses_a_port_of_open_vswitch(hosta):
    # Its userspace datapath sets no master that the kernel would show.
    make_port(hosta)
    make_ovs_bridge(hosta)
    hosta.run("ovs-vsctl", "add-port", "ovs0", "port0")
    said = refused(hosta, "container_bridge", name="br0", members=["port0"])
    assert "members[0]: 'port0' is a port of Open vSwitch bridge ovs0 already" in said


def test_settles_on_a_time_that_the_kernels_clock_rounds(hosta):
    assert hosta.module("container_bridge", name="br0", forward_delay=3.33, ageing_time=10.01)["changed"]
    assert hosta.module("container_bridge", name="br0", forward_delay=3.33, ageing_time=10.01)["operations"] == []


def test_a_bridge_that_was_down_has_its_addresses_still_when_a_run_is_undone(hosta):
    """The kernel drops IPv6 addresses as it sets a link down, also the ones that it had when it was down before."""
    hosta.run("ip", "link", "add", "br0", "type", "bridge")
    for address in ("192.168.5.1/24", "fd00:5::1/64"):
        hosta.run("ip", "addr", "add", address, "dev", "br0")
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    before = held(hosta, "br0")
    for failing in range(20):
        try:
            hosta.module("container_bridge", name="br0", ip_forward=True, fail_after=failing)
            break
        except ModuleFailed:
            assert held(hosta, "br0") == before
    assert failing > 1 and held(hosta, "br0") >= before


def test_undoing_the_hosts_switch_leaves_other_interfaces_forwarding(hosta):
    make_port(hosta)
    hosta.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv4.conf.port0.forwarding=1")
    failed = 0
    for failing in range(3, 8):
        with pytest.raises(ModuleFailed):
            hosta.module("container_bridge", fail_after=failing, **FULL)
        failed += 1
        assert hosta.run("sysctl", "-n", "net.ipv4.conf.port0.forwarding", "net.ipv4.ip_forward").stdout.split() == [
            "1",
            "0",
        ]
    assert failed == 5


def test_a_member_whose_mtu_takes_ipv6_off_the_bridge_is_refused(hosta):
    """Before it joins: the kernel would drop the addresses then, and each later run fail."""
    hosta.run("ip", "link", "add", "nic0", "mtu", "1000", "type", "veth", "peer", "name", "nic1")
    for there in (False, True):
        if there:
            hosta.module("container_bridge", name="br8", addresses=["fd00:8::1/64"])
        before = everything(hosta)
        with pytest.raises(ModuleFailed, match="bridge br8: mtu 1000 of its member nic0 is below 1280 bytes"):
            hosta.module("container_bridge", name="br8", addresses=["fd00:8::1/64"], members=["nic0"])
        assert_same(before, everything(hosta))


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("state", ["up", "down"])
def test_a_member_that_the_kernel_refuses_is_left_as_it_was(hosta, state, isolated):
    make_port(hosta)
    # It may have one user: a bridge or macvlans.
    hosta.run("ip", "link", "add", "link", "port0", "name", "mv0", "type", "macvlan")
    hosta.run("ip", "link", "set", "port0", state)
    make_bridge(hosta, "br0")
    if isolated:
        hosta.run("ip", "link", "add", "port1", "master", "br0", "type", "veth", "peer", "name", "peer1")
        hosta.run("bridge", "link", "set", "dev", "port1", "isolated", "on")
    before = everything(hosta)
    with pytest.raises(ModuleFailed, match="Device or resource busy.* while trying to set port0 .*nothing had been"):
        hosta.module("container_bridge", name="br0", members=["port0"])
    assert_same(before, everything(hosta))


def test_refuses_a_member_without_ethernet(hosta):
    hosta.run("ip", "tuntap", "add", "tun0", "mode", "tun")
    said = refused(hosta, "container_bridge", name="br0", members=["tun0"])
    assert "members[0]: 'tun0' is a tun interface without Ethernet frames" in said
    hosta.run("ip", "tuntap", "add", "tap0", "mode", "tap")
    assert hosta.module("container_bridge", name="br0", members=["tap0"])["changed"]
