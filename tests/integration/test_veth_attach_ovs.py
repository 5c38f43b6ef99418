# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach on Open vSwitch bridges with a datapath in userspace."""

from __future__ import annotations

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    assert_same,
    attach,
    attach_thoroughly,
    container_pid,
    delete_namespace,
    everything,
    gone,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    ovs_ports,
    ping,
    ports,
    refused,
    tcp_answer,
)


def _tag(host, port):
    return host.run("ovs-vsctl", "get", "port", port, "tag", "trunks", "vlan_mode").stdout.split()


def test_separates_vlans_and_carries_tcp(host):
    make_ovs_bridge(host)
    make_namespaces(host, "red1", "red2", "blue")

    attach_thoroughly(
        host,
        bridge="ovs0",
        attachments=[
            {"netns": "red1", "vlan": 10, "addresses": ["192.168.5.10/24", "fd00:5::10/64"]},
            {"netns": "red2", "vlan": 10, "addresses": ["192.168.5.11/24", "fd00:5::11/64"]},
            {"netns": "blue", "vlan": 20, "addresses": ["192.168.5.12/24", "fd00:5::12/64"]},
        ],
    )

    assert ping(host, "red1", "192.168.5.11") and ping(host, "red1", "fd00:5::11")
    assert not ping(host, "red1", "192.168.5.12") and not ping(host, "blue", "fd00:5::11")
    assert tcp_answer(host, "red1", "red2", "192.168.5.11") == "hello"


def test_the_mtu_of_one_attachment_is_no_others(hosta):
    """The bridge's own interface follows the smallest port."""
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "small", "other", "third")
    small = {"netns": "small", "mtu": 1400}

    def mtus():
        return [link(hosta, "eth1", name)["mtu"] for name in ("small", "other", "third")]

    attach_thoroughly(hosta, bridge="ovs0", **small)
    attach_thoroughly(hosta, bridge="ovs0", netns="other")
    attach_thoroughly(hosta, bridge="ovs0", attachments=[small, {"netns": "third"}])
    assert mtus() == [1400, 1500, 1500]

    everyone = {"bridge": "ovs0", "attachments": [small, {"netns": "other"}, {"netns": "third"}]}
    assert not attach(hosta, **everyone)["changed"]
    hosta.run("ip", "link", "add", "up1", "mtu", "9000", "type", "veth", "peer", "name", "up1x")
    hosta.run(
        "ovs-vsctl",
        "add-port",
        "ovs0",
        "up1",
        "--",
        "add-port",
        "ovs0",
        "own1",
        "--",
        "set",
        "interface",
        "own1",
        "type=internal",
    )
    attach_thoroughly(hosta, **everyone)
    assert mtus() == [1400, 9000, 9000]
    hosta.run("ovs-vsctl", "set", "interface", "ovs0", "mtu_request=1450")
    attach_thoroughly(hosta, **everyone)
    assert mtus() == [1400, 1450, 1450]


def test_an_uplink_of_dpdk_says_its_mtu(hosta):
    """It has no interface of the host. Without DPDK it carries nothing here, but its row is the same."""
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    hosta.run(
        "ovs-vsctl",
        "--no-wait",
        "add-port",
        "ovs0",
        "p0",
        "--",
        "set",
        "interface",
        "p0",
        "type=dpdk",
        "mtu_request=9000",
    )
    attach_thoroughly(hosta, bridge="ovs0", netns="probe")
    assert link(hosta, "eth1", "probe")["mtu"] == 9000
    hosta.run(
        "sh", "-e", "-c", "ip link add up1 mtu 4000 type veth peer name up1x; ovs-vsctl --no-wait add-port ovs0 up1"
    )
    attach_thoroughly(hosta, bridge="ovs0", netns="probe")
    assert link(hosta, "eth1", "probe")["mtu"] == 4000


def test_corrects_a_port_in_place(hosta):
    make_ovs_bridge(hosta)
    make_ovs_bridge(hosta, "ovs1")
    make_namespaces(hosta, "probe")
    wanted = {
        "netns": "probe",
        "bridge": "ovs0",
        "host_interface": "probe0",
        "vlan": 10,
        "addresses": ["192.168.5.10/24"],
    }
    attach_thoroughly(hosta, **wanted)
    index = link(hosta, "eth1", "probe")["ifindex"]
    drifts = (
        ("set", "port", "probe0", "tag=20"),
        ("clear", "port", "probe0", "tag"),
        ("set", "port", "probe0", "trunks=10,20", "vlan_mode=trunk"),
        ("remove", "port", "probe0", "external_ids", "pipefitter"),
        ("del-port", "probe0"),
        ("del-port", "probe0", "--", "add-port", "ovs1", "probe0"),
    )
    for drift in drifts:
        hosta.run("ovs-vsctl", *drift)
        assert attach(hosta, **wanted)["changed"], drift
        assert hosta.run("ovs-vsctl", "port-to-br", "probe0").stdout.strip() == "ovs0"
        assert _tag(hosta, "probe0") == ["10", "[]", "[]"]
        assert link(hosta, "eth1", "probe")["ifindex"] == index
    assert not attach(hosta, **wanted)["changed"]
    hosta.run("ip", "netns", "exec", "probe", "ethtool", "-K", "eth1", "tx", "on")
    switched = attach_thoroughly(hosta, **wanted)
    assert [line.partition(" in ")[0] for line in switched["operations"]] == [
        "switch the TX checksum offload of eth1 off (userspace datapath)"
    ]

    # Another tag, then none: the port stays the same one, as its id in the database shows.
    uuid = hosta.run("ovs-vsctl", "get", "port", "probe0", "_uuid").stdout
    assert len(attach_thoroughly(hosta, **{**wanted, "vlan": 4094})["operations"]) >= 1
    assert _tag(hosta, "probe0") == ["4094", "[]", "[]"]
    attach_thoroughly(hosta, **{**wanted, "vlan": None})
    assert _tag(hosta, "probe0") == ["[]", "[]", "[]"]
    assert hosta.run("ovs-vsctl", "get", "port", "probe0", "_uuid").stdout == uuid


def test_moves_between_a_linux_bridge_and_open_vswitch(host):
    make_bridge(host)
    make_ovs_bridge(host)
    make_namespaces(host, "probe")
    shared = {"netns": "probe", "host_interface": "probe0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}
    attach(host, bridge="br0", **shared)
    index = link(host, "eth1", "probe")["ifindex"]

    attach_thoroughly(host, bridge="ovs0", vlan=7, **shared)
    assert (ports(host), ovs_ports(host), _tag(host, "probe0")[0]) == (set(), {"probe0"}, "7")
    attach_thoroughly(host, bridge="br0", **shared)
    assert (ports(host), ovs_ports(host)) == ({"probe0"}, set())
    assert link(host, "eth1", "probe")["ifindex"] == index


def test_purges_and_removes_ports_from_the_database(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "one", "two", "three")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "foreign0", "--", "set", "interface", "foreign0", "type=internal")
    listed = [{"netns": name, "host_interface": f"{name}0"} for name in ("one", "two", "three")]
    attach(hosta, bridge="ovs0", attachments=listed)
    assert ovs_ports(hosta) == {"one0", "two0", "three0", "foreign0"}

    attach_thoroughly(hosta, bridge="ovs0", attachments=listed[:2], purge=True)
    assert ovs_ports(hosta) == {"one0", "two0", "foreign0"}
    attach_thoroughly(hosta, netns="two", state="absent")
    assert ovs_ports(hosta) == {"one0", "foreign0"}
    # The namespace goes, and with it the veth, but not its port: that is in the database until we remove it.
    delete_namespace(hosta, "one")
    assert ovs_ports(hosta) == {"one0", "foreign0"}
    attach_thoroughly(hosta, netns="one", state="absent")
    assert ovs_ports(hosta) == {"foreign0"}


def test_a_container_restart_leaves_no_dead_port_after_the_next_run(host):
    make_ovs_bridge(host)
    make_containers(host, "web1")
    wanted = {"container": "web1", "bridge": "ovs0", "vlan": 10, "addresses": ["192.168.5.10/24"]}
    first = attach(host, **wanted)
    name = first["attachments"][0]["host_interface"]
    host.run("docker", "restart", "-t", "0", "web1")
    gone(host, name)
    assert ovs_ports(host) == {name}

    attach_thoroughly(host, **wanted)

    assert ovs_ports(host) == {name}
    assert host.run("ovs-vsctl", "get", "interface", name, "error").stdout.strip() == "[]"
    assert "inet 192.168.5.10/24" in host.run("nsenter", "-n", "-t", container_pid(host, "web1"), "ip", "addr").stdout
    # A purge takes the port of a container that is gone.
    host.run("docker", "rm", "-f", "web1")
    gone(host, name)
    make_namespaces(host, "probe")
    attach(host, netns="probe", bridge="ovs0", host_interface="probe0", purge=True)
    assert ovs_ports(host) == {"probe0"}


def test_says_that_the_database_does_not_answer(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    before = everything(hosta)
    database = hosta.run("cat", "/run/openvswitch/ovsdb-server.pid").stdout.strip()
    hosta.run("kill", "-STOP", database)
    try:
        with pytest.raises(
            ModuleFailed,
            match="timed out after 10 s waiting for ovsdb-server to answer on .*db.sock; check that it is not stopped",
        ):
            attach(hosta, netns="probe", bridge="ovs0")
    finally:
        hosta.run("kill", "-CONT", database)
    assert_same(before, everything(hosta))


def test_says_that_open_vswitch_does_not_run(host):
    make_ovs_bridge(host)
    make_bridge(host)
    make_namespaces(host, "probe", "second")
    attach(host, netns="probe", bridge="ovs0")
    before = everything(host)
    # Its end removes the socket.
    host.run("mv", "/run/openvswitch/db.sock", "/run/openvswitch/db.sock.away")
    try:
        with pytest.raises(ModuleFailed, match="bridge: 'ovs0' is .*Open vSwitch does not run"):
            attach(host, netns="second", bridge="ovs0")
        # What has nothing to do with it goes on.
        assert attach(host, netns="second", bridge="br0")["changed"]
        attach(host, netns="second", state="absent")
    finally:
        host.run("mv", "/run/openvswitch/db.sock.away", "/run/openvswitch/db.sock")
    assert everything(host)["ovs"] == before["ovs"]


def test_says_that_the_switch_does_not_confirm(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    before = everything(hosta)
    switch = hosta.run("cat", "/run/openvswitch/ovs-vswitchd.pid").stdout.strip()
    hosta.run("kill", "-STOP", switch)
    try:
        with pytest.raises(ModuleFailed, match="waiting for ovs-vswitchd to confirm the change"):
            attach(hosta, netns="probe", bridge="ovs0")
    finally:
        hosta.run("kill", "-CONT", switch)
    assert_same(before, everything(hosta))


def test_leaves_a_port_of_others_that_has_the_name(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "taken0", "--", "set", "interface", "taken0", "type=internal")
    assert "host_interface: 'taken0' is taken" in refused(hosta, netns="probe", bridge="ovs0", host_interface="taken0")
