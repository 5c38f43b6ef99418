# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two containers that ask for one address or one MAC on one bridge, in tasks of their own."""

from __future__ import annotations

import json

import pytest
from service import pipefitter, states
from wiring import (
    attach,
    delete_namespace,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    name_namespace,
    refused,
)

_MAC = "02:00:00:00:05:10"
_WEB1 = {"container": "web1", "addresses": ["192.168.5.10/24", "fd00:5::10/64"], "mac": _MAC}


@pytest.mark.parametrize("bridge", ["br0", "ovs0"])
def test_what_a_container_has_is_not_given_to_another(hosta, bridge):
    (make_bridge if bridge == "br0" else make_ovs_bridge)(hosta, bridge)
    make_containers(hosta, "web1", "web2")
    make_namespaces(hosta, "probe")
    attach(hosta, bridge=bridge, **_WEB1)
    for asked in (["192.168.5.10/16"], ["192.168.5.11/24", "fd00:5::10/64"]):
        assert refused(hosta, container="web2", bridge=bridge, addresses=asked) == (
            f"addresses: {asked[-1]} is asked for for eth1 of container web2, and eth1 of container web1 has it on "
            f"{bridge} already; give another, or detach that one first (state absent)"
        )
    assert refused(hosta, netns="probe", bridge=bridge, mac=_MAC) == (
        f"mac: {_MAC} is to be that of eth1 of netns /run/netns/probe, and eth1 of container web1 has it on {bridge} "
        "already; give one of them another mac or mac_seed"
    )
    attach(hosta, netns="probe", bridge=bridge, addresses=["192.168.5.11/24"])
    assert "fd00:5::10/64 is asked for" in refused(hosta, netns="probe", bridge=bridge, addresses=["fd00:5::10/64"])

    # Its own namespace of before, kept by somebody, isn't in its way; and what ended is in nobody's.
    name_namespace(hosta, "web1")
    hosta.run("docker", "restart", "-t", "0", "web1")
    assert attach(hosta, bridge=bridge, **_WEB1)["changed"]
    delete_namespace(hosta, "web1")
    hosta.run("docker", "rm", "-f", "web1")
    attach(hosta, bridge=bridge, **{**_WEB1, "container": "web2"})
    name_namespace(hosta, "web2")
    assert held(hosta, "eth1", "web2") == set(_WEB1["addresses"]) and link(hosta, "eth1", "web2")["address"] == _MAC


def test_another_vlan_of_open_vswitch_has_addresses_of_its_own(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "red", "blue")
    options = {"bridge": "ovs0", "addresses": ["192.168.5.10/24"], "mac": _MAC}
    attach(hosta, netns="red", vlan=10, **options)
    attach(hosta, netns="blue", vlan=20, **options)
    said = refused(hosta, netns="blue", vlan=10, **options)
    assert f"mac: {_MAC}" in said and "eth1 of netns /run/netns/red has it on ovs0, in VLAN 10, already" in said


def test_what_docker_attached_and_what_the_host_has_count_too(hosta):
    make_containers(hosta, "web1", network="bridge")
    make_namespaces(hosta, "probe")
    (network,) = json.loads(hosta.run("docker", "network", "inspect", "bridge").stdout)
    (theirs,) = (entry["IPv4Address"] for entry in network["Containers"].values())
    (port,) = hosta.ip("link", "show", "master", "docker0")
    assert refused(hosta, netns="probe", bridge="docker0", addresses=[theirs]) == (
        f"addresses: {theirs} is asked for for eth1 of netns /run/netns/probe, and the container behind "
        f"{port['ifname']} has it on docker0 already; give another, or take it from that one first"
    )
    make_bridge(hosta, address="192.168.5.1/24")
    (asked,) = held(hosta, "docker0")
    assert refused(hosta, netns="probe", bridge="br0", addresses=[asked]) == (
        f"addresses: {asked} is asked for for eth1 of netns /run/netns/probe, and is an address of docker0 of this "
        "host, which is reached by br0 too; give another"
    )


def test_what_is_recorded_for_a_container_that_has_stopped_is_kept_for_it(hosta):
    hosta.module("host_program")
    make_bridge(hosta)
    make_containers(hosta, "web1", "web2")
    attach(hosta, bridge="br0", **_WEB1)
    hosta.run("docker", "stop", "-t", "0", "web1")
    web2 = {**_WEB1, "container": "web2", "bridge": "br0"}
    assert refused(hosta, **web2) == (
        "addresses: 192.168.5.10/24 is asked for for eth1 of container web2, and is recorded for eth1 of container "
        "web1 on br0; give another, or take that one out of the record first "
        '(state absent, or: pipefitter forget "eth1 of container web1")'
    )
    # As it was recorded before anybody compared: the first that comes is wired, the other is told of.
    stored = "cd /var/lib/pipefitter/attachment && tar cf /run/web1.tar ."
    hosta.run("sh", "-c", stored)
    assert pipefitter(hosta, "forget", "eth1 of container web1").returncode == 0
    attach(hosta, **web2)
    hosta.run("tar", "xf", "/run/web1.tar", "-C", "/var/lib/pipefitter/attachment")
    hosta.run("docker", "start", "web1")
    assert not attach(hosta, **web2)["changed"]
    assert pipefitter(hosta, "reconcile").returncode == 1
    assert states(hosta) == {"eth1 of container web1": "failed", "eth1 of container web2": "in order"}
    assert "eth1 of container web2 has it on br0 already" in pipefitter(hosta, "status").stdout
    hosta.run("docker", "restart", "-t", "0", "web1", "web2")
    assert pipefitter(hosta, "reconcile").returncode == 1
    assert sorted(states(hosta).values()) == ["failed", "in order"]
