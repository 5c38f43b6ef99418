# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook host_nic_bridge on two hosts, and what builds on it."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from types import SimpleNamespace

from fleet import COMMON, CONTAINERS, Fleet, namespaces
from nic_lab import OF_SWITCH, assert_as_before, whole
from service import Service, pipefitter, states
from wiring import make_namespaces, ping, until, warned


def test_containers_on_the_lan_of_two_hosts_and_back(nic_host):
    """The playbook, host by host; where the second one fails, the first one is as it was."""
    fleet = nic_host.fleet
    for number, host in enumerate((nic_host, nic_host.other)):
        host.run("ip", "netns", "add", "web")
        attachment = {"netns": "web", "addresses": [f"10.77.0.5{number}/24"], "gateway": "10.77.0.1"}
        fleet.by_host[host.name] = {"host_nic_bridge_attachments": [attachment]}
    fleet.common.update(host_nic_bridge_nic="eth0", host_nic_bridge_bridge="br0", host_nic_bridge_persist="none")
    fleet.common.update(host_setup_service="absent", host_nic_bridge_fleet_rollback=True)
    fleet.by_host["hostb"]["host_nic_bridge_nic"] = "eth9"
    before = whole(nic_host)
    fleet.common["host_nic_bridge_serial"] = "100%"
    assert "hosta: host_nic_bridge_serial is 100%, and Ansible does not look" in fleet.play("host_nic_bridge").said
    del fleet.common["host_nic_bridge_serial"]
    failed = fleet.play("host_nic_bridge")
    assert failed.status != 0
    assert "hosta: it was taken back, as another host failed" in failed.said
    assert "hostb: nic: 'eth9' is no interface of this host" in failed.said
    assert_as_before(before, whole(nic_host))
    del fleet.by_host["hostb"]["host_nic_bridge_nic"]
    done = fleet.play("host_nic_bridge", "-e", "host_nic_bridge_serial=100%").ok()
    assert set(done.changed) == {"hosta", "hostb"}
    words = [*nic_host.way_to_lan, "sh", "-c", "ping -n -c 1 -W 5 10.77.0.50 && ping -n -c 1 -W 5 10.77.0.51"]
    asked = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert asked.returncode == 0, asked.stdout
    assert ping(nic_host, "web", "10.77.0.51")
    fleet.play("host_nic_bridge", "-e", "host_nic_bridge_state=absent", "-e", "host_nic_bridge_serial=100%").ok()
    for host in (nic_host, nic_host.other):
        host.run("ip", "netns", "del", "web")


def test_what_is_wrong_is_found_before_the_nic_moves_and_a_person_may_confirm(nic_host):
    """A container that is not there, a host that can't be reached; then a move that waits for somebody."""
    fleet = Fleet(nic_host.lab, nic_host.fleet._folder, {}, {}, nic_host.fleet._playbooks)
    fleet.common.update(host_nic_bridge_nic="eth0", host_nic_bridge_bridge="br0", host_nic_bridge_persist="none")
    fleet.common.update(host_setup_service="absent")
    attachment = {"netns": "web", "addresses": ["10.77.0.50/24"], "gateway": "10.77.0.1"}
    fleet.by_host = {"hosta": {"host_nic_bridge_attachments": [attachment]}, "hostb": {"ansible_host": "10.77.0.250"}}
    before = whole(nic_host)
    failed = fleet.play("host_nic_bridge", "-e", "host_nic_bridge_serial=100%")
    assert failed.status != 0 and failed.changed["hosta"] == 0
    assert "hosta: netns /run/netns/web doesn't exist; create it first" in failed.said
    assert re.search(r"hostb: (Task failed: )?Failed to connect to the host via ssh", failed.said), failed.said
    assert_as_before(before, whole(nic_host))

    nic_host.run("ip", "netns", "add", "web")
    alone = ("--limit", "hosta")
    waits = fleet.play("host_nic_bridge", *alone, "-e", "host_nic_bridge_confirm=manual")
    assert waits.status != 0 and waits.changed["hosta"] == 1
    advice = (
        r"ansible hosta -i INVENTORY -b -m pipefitter\.container_network\.host_nic_bridge "
        r"-a 'nic=eth0 bridge=br0 state=confirmed token=([0-9a-f]{32})'"
    )
    told = re.search(advice, " ".join(waits.said.split()))
    assert told, waits.said
    by_hand = {"nic": "eth0", "bridge": "br0", "state": "confirmed", "token": told[1]}
    fleet.play_tasks("hosta", {"pipefitter.container_network.host_nic_bridge": by_hand}).ok()
    assert fleet.play("host_nic_bridge", *alone).ok().changed["hosta"] >= 1
    assert ping(nic_host, "web", "10.77.0.1")
    back = ("-e", "host_nic_bridge_state=absent")
    checked = fleet.play("host_nic_bridge", *alone, *back, "--check").ok()
    assert re.search(r"br0 stays as long as \S+ is in it", checked.said)
    fleet.play("host_nic_bridge", *alone, *back).ok()
    nic_host.run("ip", "netns", "del", "web")


def test_the_nic_by_which_hosts_are_reached_is_the_trunk_between_them(nic_host):
    """The host's NIC into ovs0 on two hosts, their addresses on ovs0, four containers in two VLANs."""
    fleet = Fleet(nic_host.lab, nic_host.fleet._folder, {}, dict(COMMON), nic_host.fleet._playbooks)
    fleet.common.update(multi_host_vlan_uplink="eth0", host_setup_service="absent", host_nic_bridge_persist="none")
    fleet.common.update(host_nic_bridge_nic="eth0", host_nic_bridge_bridge="ovs0", host_nic_bridge_type="openvswitch")
    fleet.common.update(host_nic_bridge_datapath_type="netdev")
    hosts = {host.name: host for host in (nic_host, nic_host.other)}
    entries = {
        name: [{"netns": one["container"], "vlan": one["vlan"], "address": one["address"]} for one in containers]
        for name, containers in CONTAINERS.items()
    }
    namespaces(hosts, SimpleNamespace(by_host={name: {} for name in hosts}), **entries)
    fleet.by_host = {name: {"multi_host_vlan_containers": asked} for name, asked in entries.items()}
    for host in hosts.values():
        make_namespaces(host, "lan")
    for number, name in enumerate(hosts):
        lan = {"netns": "lan", "addresses": [f"10.77.0.5{number}/24"]}
        fleet.by_host[name]["host_nic_bridge_attachments"] = [lan]
    book = [{"ansible.builtin.import_playbook": f"pipefitter.container_network.{name}"} for name in _CLASSIC]
    done = fleet.play_books(*book).ok()
    assert "12 pairs, 0 not as they should be" in done.said
    assert fleet.play_books(*book).ok().changed == {"hosta": 0, "hostb": 0}
    # What is on the LAN is in none of the VLANs.
    port = nic_host.module("container_network_info", bridge="ovs0")["attachments"]
    assert {entry["netns"]: entry.get("trunks") for entry in port if entry["netns"].endswith("/lan")} == {_LAN: "0"}
    assert ping(nic_host, "lan", "10.77.0.51")
    # Each leaves what is the other's.
    fleet.common.update(multi_host_vlan_purge=True, host_nic_bridge_purge=True)
    assert fleet.play_books(*book[:2]).ok().changed == {"hosta": 0, "hostb": 0}
    fleet.common.update(multi_host_vlan_state="absent", host_nic_bridge_purge=False)
    first = fleet.play_books(book[1]).ok()
    assert "was not made by this collection" not in first.said
    assert "ovs0 stays, as host_nic_bridge made it: host_nic_bridge with state" in " ".join(first.said.split())
    assert ping(nic_host, "lan", "10.77.0.51")
    fleet.common.update(host_nic_bridge_state="absent")
    fleet.play_books(book[0]).ok()
    for host in hosts.values():
        host.run("sh", "-c", "ip netns list | cut -d ' ' -f 1 | xargs -n 1 ip netns delete")


_LAN = "/run/netns/lan"
_CLASSIC = ("host_nic_bridge", "multi_host_vlan", "check_connectivity")


def test_the_service_lets_a_move_end_and_tells_of_a_nic_that_left(nic_host):
    """Beside the service, which has the bridge on record: there and back; and as after a boot without the NIC."""
    nic_host.run("ip", "netns", "add", "web")
    before = whole(nic_host)
    attachment = {"netns": "web", "addresses": ["10.77.0.50/24"], "gateway": "10.77.0.1"}
    variables = {**_OF_ROLE, "host_nic_bridge_attachments": [attachment]}
    there = {"ansible.builtin.include_role": {"name": _ROLE}, "vars": variables}
    back = {**there, "vars": {**variables, "host_nic_bridge_state": "absent"}}
    with Service(nic_host) as service:
        first = nic_host.fleet.play_tasks("hosta", there).ok()
        assert "nothing on this host keeps that over a boot" in first.said.replace("\n", " ")
        assert states(nic_host) == {"bridge br0": "in order", "eth1 of netns /run/netns/web": "in order"}
        nic_host.fleet.play_tasks("hosta", back).ok()
        assert states(nic_host) == {}
        assert_as_before(before, whole(nic_host), service.log)
        nic_host.fleet.play_tasks("hosta", there).ok()
        nic_host.run("cp", _BEFORE, f"{_BEFORE}.kept")
        nic_host.fleet.play_tasks("hosta", back).ok()
        for again in (there, back):
            # As after a boot, where the service makes the bridge and nobody makes the NIC its port.
            nic_host.run("cp", f"{_BEFORE}.kept", _BEFORE)
            nic_host.module("container_bridge", name="br0")
            until(lambda: states(nic_host)["bridge br0"] == "failed", lambda: pipefitter(nic_host, "status").stdout)
            said = " ".join(pipefitter(nic_host, "status").stdout.split())
            assert "eth0, which host_nic_bridge made its port, is none any more" in said
            assert pipefitter(nic_host, "reconcile").returncode == 1
            nic_host.fleet.play_tasks("hosta", again).ok()
            assert pipefitter(nic_host, "reconcile").returncode == 0
            if again is there:
                nic_host.fleet.play_tasks("hosta", back).ok()
            assert states(nic_host) == {}
            assert_as_before(before, whole(nic_host))
        # Where a port of others keeps the bridge, nobody is to put the NIC into it again.
        moves = partial(nic_host.module, "host_nic_bridge", **OF_SWITCH)
        moves(state="confirmed", token=moves()["token"])
        nic_host.module("ovs_vlan_port", bridge="br0", ports=[{"port": "eth0", "mode": "trunk"}])
        assert "VLANs of eth0 on br0" in states(nic_host)
        for port in ("px", "py"):
            nic_host.run("ovs-vsctl", "add-port", "br0", port, "--", "set", "interface", port, "type=internal")
        back = moves(state="absent")
        assert any("px, py are in it" in line and "multi_host_vlan_state=absent" in line for line in warned(back))
        ended = moves(state="confirmed", token=back["token"])
        assert "take VLANs of eth0 on br0 out of the record" in ended["operations"]
        assert states(nic_host) == {}
        nic_host.run("ovs-vsctl", "del-port", "px", "--", "del-port", "py")
        moves(state="confirmed", token=moves(state="absent")["token"])
    nic_host.module("host_program", state="absent")
    nic_host.run("ip", "netns", "del", "web")


_BEFORE = "/var/lib/pipefitter-nic/eth0/before.json"
_ROLE = "pipefitter.container_network.host_nic_bridge"
_OF_ROLE = {"host_nic_bridge_nic": "eth0", "host_nic_bridge_bridge": "br0"}
