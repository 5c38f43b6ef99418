# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's NIC by which Ansible comes, is a trunk of a VLAN-aware bridge over a reboot, then a NIC again."""

from __future__ import annotations

import json

import pytest
from site_of_containers import Site

_MOVE = {
    "nic": "eth0",
    "bridge": "br0",
    "vlan_filtering": True,
    "port_vlans": [
        {"port": "eth0", "mode": "native-untagged", "tag": 7, "trunks": "100,200-210"},
        {"port": "br0", "tag": 7},
    ],
}
_ENGINE = "docker.socket docker.service containerd.service"
_HOST = ["7 PVID Egress Untagged"]
# Link-local addresses that networkd lets nobody have are in none of these.
_NETWORK = "ip -j -4 addr show scope global; ip -j -4 route; ls /etc/systemd/network"


@pytest.fixture(scope="module")
def site(machine, tmp_path_factory):
    # Half of a boot is theirs, and they are not asked for here.
    machine.run(f"systemctl mask --now {_ENGINE}", timeout=300)
    yield Site(machine, tmp_path_factory.mktemp("nic"))
    machine.run(f"systemctl unmask {_ENGINE} && systemctl start docker.socket docker.service", timeout=300)


def _network(site):
    addresses, routes, *files = site.machine.run(_NETWORK).stdout.splitlines()
    held = {(one["ifname"], info["local"]) for one in json.loads(addresses) for info in one["addr_info"]}
    led = {(one["dst"], one["dev"]) for one in json.loads(routes)}
    # Docker's bridge stays where it is stopped, until the machine boots.
    return *({one for one in found if "docker0" not in one} for found in (held, led)), files


def _vlans(site):
    shown = json.loads(site.machine.run("bridge -j -compressvlans vlan show").stdout)
    return {
        entry["ifname"]: [
            " ".join([f"{one['vlan']}{'-' + str(one['vlanEnd']) if 'vlanEnd' in one else ''}", *one.get("flags", [])])
            for one in entry["vlans"]
        ]
        for entry in shown
        if entry["ifname"] != "docker0"
    }


def test_the_nic_is_a_trunk_over_a_reboot_and_then_as_it_was(site):
    before = _network(site)
    move = ("host_nic_bridge", _MOVE)
    assert site.play(move) == 1
    there = _network(site)
    assert ("br0", "10.0.2.15") in there[0] and ("eth0", "10.0.2.15") not in there[0]
    assert _vlans(site) == {"eth0": [*_HOST, "100", "200-210"], "br0": _HOST}

    site.machine.reboot()
    assert _network(site) == there
    assert _vlans(site) == {"eth0": [*_HOST, "100", "200-210"], "br0": _HOST}
    assert site.machine.run("cat /sys/class/net/br0/bridge/vlan_filtering").stdout == "1\n"
    assert site.play(move) == 0

    assert site.play(("host_nic_bridge", {**_MOVE, "state": "absent"})) == 1
    assert _network(site) == before
    site.machine.reboot()
    assert _network(site) == before
    assert site.machine.run("ls /sys/class/net").stdout.split() == ["eth0", "eth1", "lo"]
