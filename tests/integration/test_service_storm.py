# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many containers at once, and one among them that can't be wired: few passes, and nobody waits for it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pipefitter.container_network.tests.effort import STARTED_AT_ONCE
from leftovers import assert_nothing_left_over, lasting
from service import Service, pipefitter, states
from wiring import attach, make_containers, until

_BRIDGE = {"name": "br0", "addresses": ["192.168.4.1/22"]}


@pytest.fixture
def service(hosta):
    with Service(hosta) as started:
        hosta.module("container_bridge", **_BRIDGE)
        yield started


def _asked(name, number):
    return {"container": name, "bridge": "br0", "addresses": [f"192.168.{4 + number // 200}.{2 + number % 200}/22"]}


def test_containers_that_start_at_once_are_wired_in_few_passes(hosta, service):
    names = [f"many{number}" for number in range(STARTED_AT_ONCE)]
    make_containers(hosta, *names)
    wants = [_asked(name, number) for number, name in enumerate(names)]
    hosta.module("veth_attach", attachments=wants)
    until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))
    before = lasting(hosta)
    passed = _passes(hosta)
    hosta.run("docker", "kill", *names, timeout=300)
    until(lambda: set(states(hosta).values()) == {"in order", "pending"}, lambda: states(hosta))
    # However long that takes, it is at once for a service that hears of all of them together.
    service.pause()
    hosta.run("docker", "start", *names, timeout=300)
    service.go_on()
    until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta), 120)
    told = pipefitter(hosta, "events").stdout
    assert len([line for line in told.splitlines() if " create veth " in line]) == len(names), "each is made once"
    assert len(_passes(hosta) - passed) <= 3
    hosta.run("sh", "-c", "for name; do docker exec $name ping -c1 -W2 192.168.4.1 & done; wait", "sh", *names[:5])
    assert_nothing_left_over(before, lasting(hosta))


def _passes(host):
    """Return the times of passes that did something: what one did is told with one time."""
    return {json.loads(line)["time"] for line in pipefitter(host, "events", "--json").stdout.splitlines()}


def test_one_that_can_not_be_wired_holds_up_no_other_and_stands_in_status(hosta, service):
    # The kernel refuses its route when all else of it is made.
    own_gateway = {"addresses": ["fd00::1/64"], "routes": [{"destination": "fd00:99::/64", "gateway": "fd00::1"}]}
    missing = {"container": "bad2", "bridge": "br0", "interface": "eth0", "addresses": ["192.168.4.98/22"]}
    attach(hosta, container="bad1", bridge="br0", wait=False, **own_gateway)
    hosta.module("veth_attach", attachments=[missing, _asked("good1", 1), _asked("good2", 2)], wait=False)
    make_containers(hosta, "bad2", network="bridge")
    make_containers(hosta, "bad1", "good1", "good2")
    good = {"eth1 of container good1", "eth1 of container good2"}
    until(lambda: good <= {name for name, state in states(hosta).items() if state == "in order"}, lambda: states(hosta))
    for name in ("good1", "good2"):
        hosta.run("docker", "exec", name, "ping", "-c1", "-W2", "192.168.4.1")
    until(lambda: states(hosta)["eth1 of container bad1"] == "failed", lambda: states(hosta))
    told = " ".join(pipefitter(hosta, "status").stdout.split())
    assert "Gateway can not be a local address" in told
    assert "interface: 'eth0' is taken in container bad2 by a veth interface that this collection did not make" in told
    before = lasting(hosta)
    hosta.run("docker", "restart", "-t", "0", "good1")
    until(lambda: states(hosta)["eth1 of container good1"] == "in order", lambda: states(hosta))
    # As soon as it can be, it is.
    attach(hosta, container="bad1", bridge="br0", addresses=["fd00::1/64"], routes=[])
    until(lambda: states(hosta)["eth1 of container bad1"] == "in order", lambda: states(hosta))
    hosta.run("docker", "rm", "-f", "bad1")
    until(lambda: states(hosta)["eth1 of container bad1"] == "pending", lambda: states(hosta))
    assert_nothing_left_over(_without_bad1(before), _without_bad1(lasting(hosta)))


def _without_bad1(shown):
    return {section: entries for section, entries in shown.items() if not section.startswith("container bad1")}
