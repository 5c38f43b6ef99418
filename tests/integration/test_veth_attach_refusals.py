# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach given what can't be: one sentence that names the option, and a host on which nothing changed."""

from __future__ import annotations

import pytest
from conftest import clean
from lab_hosts import ModuleFailed
from wiring import assert_same, attach, everything, make_bridge, make_containers, make_namespaces, refused

_ONE = {"netns": "probe", "bridge": "br0"}

# What is asked for beside _ONE (None takes an option out of it), and words that the sentence must have.
_BAD = {
    "malformed address": (
        {"addresses": ["192.168.5.300/24"]},
        "addresses[0]",
        "'192.168.5.300/24'",
        "is not an IPv4 or IPv6 address",
    ),
    "short address": ({"addresses": ["10.1/16"]}, "addresses[0]", "is not an IPv4 or IPv6 address"),
    "address without prefix length": (
        {"addresses": ["192.168.5.10"]},
        "addresses[0]",
        "has no prefix length",
        "192.168.5.10/24",
    ),
    "prefix length of 33": ({"addresses": ["192.168.5.10/33"]}, "addresses[0]", "0 to 32"),
    "loopback address": ({"addresses": ["127.0.0.1/8"]}, "addresses[0]", "loopback"),
    "multicast address": ({"addresses": ["224.0.0.5/24"]}, "addresses[0]", "multicast"),
    "reserved address": ({"addresses": ["240.0.0.1/24"]}, "addresses[0]", "240.0.0.0/4"),
    "subnet's own address": ({"addresses": ["192.168.5.0/24"]}, "addresses[0]", "subnet's own address"),
    "broadcast address": ({"addresses": ["192.168.5.255/24"]}, "addresses[0]", "broadcast"),
    "IPv6 multicast address": ({"addresses": ["ff02::1/64"]}, "addresses[0]", "multicast"),
    "IPv6 loopback address": ({"addresses": ["::1/128"]}, "addresses[0]", "loopback"),
    "address twice": ({"addresses": ["fd00:5::1/64", "fd00:5:0::1/64"]}, "addresses[1]", "twice"),
    "gateway of IPv6": ({"addresses": ["fd00:5::10/64"], "gateway": "fd00:5::1"}, "gateway:", "IPv4", "gateway6"),
    "gateway6 of IPv4": (
        {"addresses": ["192.168.5.10/24"], "gateway6": "192.168.5.1"},
        "gateway6:",
        "IPv6",
        "gateway takes",
    ),
    "gateway without an address": (
        {"addresses": ["fd00:5::10/64"], "gateway": "192.168.5.1"},
        "gateway:",
        "requires an IPv4 address",
    ),
    "gateway that is its own address": (
        {"addresses": ["192.168.5.10/24"], "gateway": "192.168.5.10"},
        "gateway:",
        "own address",
    ),
    "slash in the interface": ({"interface": "eth/1"}, "interface:", "'eth/1'", "'/'"),
    "space in the interface": ({"interface": "eth 1"}, "interface:", "' '"),
    "16 bytes in the interface": ({"interface": "sixteen-bytes-xx"}, "interface:", "16 bytes", "at most 15"),
    "16 bytes in 15 characters": ({"interface": "fünfzehn-zeichen"[:15]}, "interface:", "16 bytes"),
    "loopback interface": ({"interface": "lo"}, "interface:", "loopback"),
    "slash in the host interface": ({"host_interface": "a/b"}, "host_interface:", "'/'"),
    "16 bytes in the host interface": ({"host_interface": "sixteen-bytes-xx"}, "host_interface:", "16 bytes"),
    "slash in the bridge": ({"bridge": "br/0"}, "bridge:", "'/'"),
    "multicast MAC": ({"mac": "01:00:5e:00:00:01"}, "mac:", "multicast"),
    "MAC of zeros": ({"mac": "00:00:00:00:00:00"}, "mac:", "zeros"),
    "malformed MAC": ({"mac": "02:00:00:00:00"}, "mac:", "is not a MAC address"),
    "MAC and its seed": ({"mac": "02:00:00:00:00:01", "mac_seed": "one"}, "mac_seed:", "one of the two"),
    "MTU 0": ({"mtu": 0}, "mtu: 0", "68 to 65535"),
    "MTU 70000": ({"mtu": 70000}, "mtu: 70000", "68 to 65535"),
    "MTU too small for IPv6": ({"mtu": 1000, "addresses": ["fd00:5::10/64"]}, "mtu: 1000", "1280"),
    "VLAN 0": ({"vlan": 0}, "vlan: 0", "1 to 4094"),
    "VLAN 4095": ({"vlan": 4095}, "vlan: 4095", "1 to 4094"),
    "VLAN on a Linux bridge": ({"vlan": 10}, "vlan: 10", "br0", "Linux bridge", "Open vSwitch"),
    "no bridge": ({"bridge": None}, "bridge:", "is required for an attachment"),
    "two selectors": ({"container": "web1"}, "container:", "container and netns", "exactly one"),
    "no selector": ({"netns": None}, "container:", "exactly one"),
    "missing container": ({"netns": None, "container": "nobody"}, "'nobody'", "not known"),
    "container missing in the engine asked": (
        {"netns": None, "container": "nobody", "runtime": "docker"},
        "'nobody'",
        "not known to docker",
        "runtime",
    ),
    "missing namespace": ({"netns": "nowhere"}, "netns /run/netns/nowhere", "doesn't exist"),
    "missing process": ({"netns": None, "pid": 4194300}, "pid 4194300", "no such process"),
    "process 0": ({"netns": None, "pid": 0}, "pid: 0", "above 0"),
    "process of the host": ({"netns": None, "pid": 1}, "pid 1", "host's network"),
    "route with host bits": ({"routes": [{"destination": "10.0.0.1/8"}]}, "routes[0].destination", "10.0.0.0/8"),
    "default route as a route": (
        {"routes": [{"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}]},
        "routes[0].destination",
        "gateway",
    ),
    "route through the other family": (
        {"routes": [{"destination": "10.0.0.0/8", "gateway": "fd00::1"}]},
        "routes[0].gateway",
        "IPv4",
    ),
    "interface twice in a list": (
        {"netns": None, "attachments": [{"netns": "probe"}, {"netns": "/run/netns/probe"}]},
        "attachments[1].interface",
        "attachments[0]",
    ),
    "address twice in a list": (
        {
            "netns": None,
            "attachments": [
                {"netns": "probe", "addresses": ["10.0.0.1/8"]},
                {"netns": "probe", "interface": "eth2", "addresses": ["10.0.0.1/16"]},
            ],
        },
        "attachments[1].addresses",
        "attachments[0]",
    ),
    "bad entry of a list": (
        {"netns": None, "attachments": [{"netns": "probe"}, {"netns": "probe", "interface": "a b"}]},
        "attachments[1].interface",
    ),
    "selector beside a list": ({"attachments": [{"netns": "probe"}]}, "netns:", "mutually exclusive with attachments"),
}


def test_names_a_bridge_that_is_missing_and_supposes_it_in_check_mode(host):
    make_namespaces(host, "probe")
    before = everything(host)

    with pytest.raises(
        ModuleFailed,
        match=r"bridge: 'br9' is neither a Linux bridge nor an Open vSwitch bridge of this host; create it first",
    ):
        attach(host, netns="probe", bridge="br9")
    checked = host.module("veth_attach", check_mode=True, netns="probe", bridge="br9")

    assert checked["changed"] and "br9 is not there" in str(checked["warnings"])
    assert_same(before, everything(host))


def test_supposes_a_missing_bridge_to_be_of_open_vswitch_where_a_vlan_is_asked_for(host):
    make_namespaces(host, "probe", "second")
    items = [{"netns": "probe", "vlan": 7, "addresses": ["10.0.0.2/24"]}, {"netns": "second"}]

    checked = host.module("veth_attach", check_mode=True, bridge="ovs7", attachments=items)

    assert checked["changed"] and "as an Open vSwitch bridge" in str(checked["warnings"])
    assert any("ovs7" in line and "7" in line for line in checked["operations"])


def test_purges_no_bridge_that_is_missing(host):
    with pytest.raises(
        ModuleFailed,
        match=r"bridge: 'br9' is neither a Linux bridge nor an Open vSwitch bridge of this host; create it first",
    ):
        attach(host, bridge="br9", attachments=[], purge=True)
    checked = host.module("veth_attach", check_mode=True, bridge="br9", attachments=[], purge=True)
    assert not checked["changed"] and "br9 is not there" in str(checked["warnings"])


def test_leaves_names_that_others_have_taken(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe", "second")
    make_containers(hosta, "web1", network="bridge")
    hosta.run(
        "sh",
        "-c",
        "ip link add taken0 type veth peer name eth5 netns probe; ip link add alone0 type veth peer name alone1",
    )
    attach(hosta, netns="second", bridge="br0", host_interface="second0")

    said = refused(hosta, container="web1", bridge="br0", interface="eth0")
    assert all(
        word in said
        for word in ("interface: 'eth0' is taken in container web1", "this collection did not make", "choose another")
    )
    said = refused(hosta, netns="probe", bridge="br0", interface="eth5")
    assert all(word in said for word in ("interface: 'eth5' is taken", "a veth interface", "choose another"))
    said = refused(hosta, netns="probe", bridge="br0", host_interface="alone0")
    assert all(
        word in said for word in ("host_interface: 'alone0' is taken on this host", "not ours", "choose another")
    )
    said = refused(hosta, netns="probe", bridge="br0", host_interface="eth0")
    assert "host_interface: 'eth0' is taken on this host" in said
    said = refused(hosta, netns="probe", bridge="br0", host_interface="second0")
    assert "host_interface: 'second0' is taken on this host by the attachment eth1 of netns /run/netns/second" in said
    said = refused(hosta, netns="probe", bridge="br0", interface="eth5", state="absent")
    assert "interface: 'eth5'" in said and "was not made by this collection and stays" in said
    said = refused(
        hosta, bridge="br0", attachments=[{"netns": name, "host_interface": "same0"} for name in ("probe", "second")]
    )
    assert "attachments[1].host_interface: 'same0'" in said


def test_tells_two_names_of_one_container_apart_from_two_containers(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    identity = hosta.run("docker", "inspect", "-f", "{{.Id}}", "web1").stdout.strip()

    said = refused(hosta, bridge="br0", attachments=[{"container": "web1"}, {"container": identity}])

    assert "container web1" in said and "same network namespace" in said and "eth1" in said


def test_says_what_is_wrong_with_a_container(hosta):
    make_bridge(hosta)
    make_containers(hosta, "stopped", "shares")
    hosta.run("docker", "stop", "-t", "0", "stopped")
    hosta.run(
        "docker", "run", "-d", "--name", "hosts", "--network", "host", "pipefitter/busybox:latest", "sleep", "1000"
    )

    assert "container stopped must be running, and it is exited; start it" in refused(
        hosta, container="stopped", bridge="br0"
    )
    assert "shares the host's network" in refused(hosta, container="hosts", bridge="br0")
    assert not attach(hosta, container="stopped", state="absent")["changed"]
    assert not attach(hosta, container="nobody", state="absent")["changed"]


def test_says_that_a_bridge_of_open_vswitch_has_no_datapath(host):
    host.run("ovs-vsctl", "--no-wait", "add-br", "dead0")
    make_namespaces(host, "probe")
    said = refused(host, netns="probe", bridge="dead0")
    assert "Open vSwitch bridge dead0 is in the database but has no network device" in said
    assert "datapath_type=netdev" in said and "\n" not in said


def test_takes_no_other_interface_for_a_bridge(hosta):
    make_namespaces(hosta, "probe")
    with pytest.raises(ModuleFailed, match="bridge: 'eth0' is .* interface of this host and not a bridge; make it"):
        attach(hosta, netns="probe", bridge="eth0")


def test_refuses_names_that_other_links_bear_beside_their_own(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    hosta.run("ip", "link", "property", "add", "dev", "eth1", "altname", "front0")
    hosta.run("ip", "link", "property", "add", "dev", "br0", "altname", "lan")
    hosta.run("ip", "-n", "probe", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    hosta.run("ip", "-n", "probe", "link", "property", "add", "dev", "up0", "altname", "eth1")
    said = refused(hosta, **_ONE, interface="eth7", host_interface="front0")
    assert "host_interface: 'front0' is taken on this host as an alternative name of eth1" in said
    said = refused(hosta, **_ONE, interface="eth1")
    assert "interface: 'eth1' is taken in netns /run/netns/probe as an alternative name of up0" in said
    said = refused(hosta, netns="probe", bridge="lan", interface="eth7")
    assert said == "bridge: 'lan' is an alternative name of br0; give br0"
    said = refused(hosta, "container_bridge", name="front0")
    assert "name: 'front0' is an alternative name of eth1 on this host; choose another name" in said
    said = refused(hosta, "container_bridge", name="br1", members=["front0"])
    assert said == "members[0]: 'front0' is an alternative name of eth1; give eth1"
    # An attachment's own may become its name.
    attach(hosta, **_ONE, interface="eth7")
    assert attach(hosta, **_ONE, interface="eth7", host_interface="probe-eth7")["changed"]


@pytest.fixture(scope="module")
def untouched(lab_hosts):
    """A host that each of these tests leaves as it is, and what it shows.

    Last in this file, as others' ends clean the host.
    """
    host = lab_hosts["hosta"]
    make_bridge(host)
    make_namespaces(host, "probe")
    yield host, everything(host)
    clean(host)


@pytest.mark.parametrize("what", _BAD)
def test_refuses(untouched, what):
    host, before = untouched
    changes, *words = _BAD[what]
    options = {key: value for key, value in {**_ONE, **changes}.items() if value is not None}
    with pytest.raises(ModuleFailed) as failure:
        attach(host, **options)
    said = failure.value.result["msg"]
    assert [word for word in words if word not in said] == [], said
    assert "\n" not in said and "exception" not in failure.value.result
    assert_same(before, everything(host))


@pytest.mark.parametrize("address", ["192.168.5.1/24", "192.168.5.1/16", "fd00:5::1/64"])
def test_the_bridges_own_address_is_nobody_elses(hosta, address):
    clean(hosta)  # the tests above share what they stand on
    make_bridge(hosta, address="192.168.5.1/24")
    hosta.run("ip", "address", "add", "fd00:5::1/64", "dev", "br0")
    make_bridge(hosta, "br1")
    make_namespaces(hosta, "probe")
    assert refused(hosta, **_ONE, addresses=["192.168.5.77/24", address]) == (
        f"addresses: {address} is asked for for eth1 of netns /run/netns/probe, and is an address of br0 itself, "
        "which its neighbours would no longer reach; give another"
    )
    attach(hosta, netns="probe", bridge="br1", addresses=[address])  # a network of its own
