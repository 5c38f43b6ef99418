# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook multi_host_vlan where a host or a batch of them fails: all others are done."""

from __future__ import annotations

import pytest
from fleet import addresses_in_vlans, namespaces
from wiring import make_namespaces


def test_a_host_that_is_down_harms_no_other_and_is_completed_later(hosts, fleet):
    wanted = {name: [{"netns": f"{name[-1]}{number}", "vlan": "web"} for number in range(4)] for name in hosts}
    namespaces(hosts, fleet, **wanted)
    fleet.common["multi_host_vlan_vlans"] = {"web": {"id": 100, "subnet": "192.168.0.0/28"}}
    fleet.by_host["hosta"]["ansible_host"] = "10.77.0.250"
    down = fleet.play("multi_host_vlan")
    assert down.status == 2 and down.changed == {"hosta": 0, "hostb": 2}
    assert "hosta was not done: " in down.said and "Not done in this run: hosta. Once that" in down.said
    assert "hosta: could not be asked which addresses its containers have" in down.said
    kept = addresses_in_vlans(hosts)
    assert len(kept) == 4
    checked = fleet.play("check_connectivity")
    assert (
        checked.status != 0
        and "a0 of hosta (web, " in checked.said
        and ") could not be checked: hosta was not asked" in checked.said
    )

    del fleet.by_host["hosta"]["ansible_host"]
    assert fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1").ok().changed == {"hosta": 2, "hostb": 0}
    found = addresses_in_vlans(hosts)
    assert {name: found[name] for name in kept} == kept
    assert len(set(found.values())) == len(found) == 8
    fleet.play("check_connectivity").ok()


def _sshd(host) -> str:
    """Return the process id of what takes new connections."""
    return host.run(
        "sh", "-c", "ss -Hltnp 'sport = :22' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | head -n 1"
    ).stdout.strip()


@pytest.mark.parametrize("playbook", ["multi_host_vlan", "single_host_vlan"])
def test_a_batch_that_fails_keeps_no_other_from_its_turn(hosts, fleet, playbook):
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    serial = ("-e", "pipefitter_serial=1")
    # Its sshd does not answer any more; connections that are open would go on.
    fleet.by_host["hosta"]["ansible_ssh_args"] = "-o ControlPath=none"
    server = _sshd(hosts["hosta"])
    hosts["hosta"].run("kill", "-STOP", server)
    try:
        down = fleet.play(playbook, *serial)
    finally:
        hosts["hosta"].run("kill", "-CONT", server)
    del fleet.by_host["hosta"]["ansible_ssh_args"]
    assert down.status == 2 and down.changed == {"hosta": 0, "hostb": 2}
    assert "Not done in this run: hosta. Once that" in down.said

    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [{"netns": "nosuch", "vlan": "web"}]
    make_namespaces(hosts["hostb"], "b2")
    fleet.by_host["hostb"]["multi_host_vlan_containers"].append({"netns": "b2", "vlan": "web"})
    missing = fleet.play(playbook, *serial)
    assert missing.status == 2 and missing.changed["hostb"] == 2
    assert (
        "hosta was not done: " in missing.said
        and "nosuch" in missing.said
        and "Not done in this run: hosta. Once" in missing.said
    )

    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [{"netns": "a1", "vlan": "web"}]
    assert fleet.play(playbook, *serial).ok().changed == {"hosta": 2, "hostb": 0}
    assert fleet.play(playbook).ok().changed == {"hosta": 0, "hostb": 0}


@pytest.mark.parametrize("modules", [2, 4])
def test_a_host_that_is_lost_in_its_batch_keeps_no_other_from_its_turn(hosts, fleet, modules):
    """``modules`` are how many it still runs."""
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    hosta = hosts["hosta"]
    server = _sshd(hosta)
    script = (
        f'#!/bin/sh\necho >>/run/asked; [ "$(wc -l </run/asked)" -lt {modules} ] || kill -STOP {server}; '
        'exec /usr/bin/python3 "$@"\n'
    )
    hosta.run("sh", "-c", 'echo "$1" >/run/python3 && chmod 755 /run/python3', "sh", script)
    lost = {"ansible_ssh_args": "-o ControlPath=none", "ansible_python_interpreter": "/run/python3"}
    fleet.by_host["hosta"].update(lost)
    try:
        down = fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1")
    finally:
        hosta.run("kill", "-CONT", server)
    for name in lost:
        del fleet.by_host["hosta"][name]
    assert down.status == 2 and down.changed["hostb"] == 2
    assert "hosta was not done: " in down.said and "Not done in this run: hosta. Once that" in down.said
    assert sum(fleet.play("multi_host_vlan").ok().changed.values()) > 0
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
