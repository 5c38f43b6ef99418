# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass that is killed after any of its operations is completed by the next, with nothing left over."""

from __future__ import annotations

import itertools
import pathlib

import pytest
from ansible_collections.pipefitter.container_network.tests.effort import KILLED_PASSES
from leftovers import assert_nothing_left_over, lasting
from service import pipefitter, states
from wiring import gone, make_containers, until

_PROGRAM = str(pathlib.Path(__file__).with_name("dying_program.py"))

_TASKS = [
    ("container_bridge", {"name": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"], "masquerade": True}),
    ("ovs_vlan_port", {"bridge": "ovs0", "create_bridge": True, "bridge_options": {"datapath_type": "netdev"}}),
    (
        "veth_attach",
        {
            "attachments": [
                {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]},
                {"container": "db1", "bridge": "br0", "addresses": ["192.168.5.11/24", "fd00:5::11/64"]},
                {"container": "web1", "bridge": "ovs0", "interface": "eth2", "addresses": ["10.9.0.1/24"]},
            ]
        },
    ),
    ("ovs_vlan_port", {"bridge": "ovs0", "ports": [{"container": "web1", "interface": "eth2", "tag": 6}]}),
    ("icc_policy", {"bridge": "br0", "icc": False, "links": [{"from": "db1", "to": "web1", "ports": ["80"]}]}),
    ("port_publish", {"bridge": "br0", "container": "web1", "ports": ["8080:80", "5353:53/udp"]}),
]


@pytest.fixture
def site(hosta):
    """A host with all kinds of objects, of which no service takes care."""
    hosta.module("host_program")
    make_containers(hosta, "web1", "db1")
    for module, options in _TASKS:
        assert hosta.module(module, **options)["recorded"], module
    return hosta


def _is_killed(host, operations):
    done = host.run("python3", "-I", _PROGRAM, str(operations), "reconcile", check=False)
    assert done.returncode in (0, 2, -9, 137), done.stderr
    return done.returncode in (-9, 137)


def _all_taken_away(host):
    ends = [entry["ifname"] for entry in host.ip("link", "show", "master", "br0") if "web1" in entry.get("ifalias", "")]
    host.run("sh", "-c", "ip link delete br0; ovs-vsctl del-br ovs0; docker restart -t 0 web1")
    gone(host, *ends)


def _all_there(host):
    host.run("docker", "start", "web1")
    pipefitter(host, "reconcile")


def _a_container_ended(host):
    ends = [entry["ifname"] for entry in host.ip("link", "show", "type", "veth") if "web1" in entry.get("ifalias", "")]
    host.run("docker", "kill", "web1")
    gone(host, *ends)


@pytest.mark.parametrize("happens", [_all_taken_away, _a_container_ended])
def test_a_pass_that_is_killed_is_completed_by_the_next(site, happens):
    happens(site)
    pipefitter(site, "reconcile")
    wanted = lasting(site)
    _all_there(site)
    happens(site)
    step = max(1, len(pipefitter(site, "reconcile", "--check").stdout.splitlines()) // KILLED_PASSES)
    for operations in itertools.count(1, step):
        _all_there(site)
        happens(site)
        killed = _is_killed(site, operations)
        assert pipefitter(site, "reconcile").returncode in ((0, 2) if killed else (0,)), operations
        assert_nothing_left_over(wanted, lasting(site))
        if not killed:
            break
    assert operations > step, "it was never killed"
    _all_there(site)
    until(lambda: set(states(site).values()) == {"in order"}, lambda: states(site))
    for module, options in _TASKS:
        assert not site.module(module, **options)["changed"], module
