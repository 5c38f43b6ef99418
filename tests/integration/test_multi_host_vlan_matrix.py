# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts: sixty containers in six VLANs over a trunk, and VLANs in tunnels.

The whole matrix is as the variables want it, and a second run changes nothing. Network namespaces stand for the
containers: sixty of Docker's would take a minute to start, and what is wired is the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from fleet import COMMON as TWO_VLANS
from fleet import Fleet
from lab_hosts import LAB, LabHost
from wiring import make_namespaces, ping

HOSTS = ("hosta", "hostb", "hostc")
# Two pairs share a subnet.
VLANS = {
    f"vlan{number}": {"id": 100 * number, "subnet": f"10.{(number + 1) // 2 if number < 5 else number}.0.0/24"}
    for number in range(1, 7)
}


@pytest.fixture
def three_hosts(python_path):
    """A lab of its own, as three hosts are too many for all other tests."""
    name = f"matrix-{os.getpid()}"
    subprocess.run([LAB, "up", "--name", name, "--hosts", "3", "--no-docker"], check=True, timeout=180)
    hosts = {host: LabHost(name, host, python_path) for host in HOSTS}
    for host in hosts.values():
        host.keep_sent_code()
    yield hosts
    for host in hosts.values():
        host.close()
    subprocess.run([LAB, "down", "--name", name], check=True, timeout=60)


def test_sixty_containers_in_six_vlans(three_hosts, tmp_path, playbooks):
    by_host = {}
    for place, (name, host) in enumerate(three_hosts.items()):
        names = [f"c{place}{number:02}" for number in range(20)]
        make_namespaces(host, *names)
        # In the first two VLANs the same addresses are asked for; those of the others are chosen.
        by_host[name] = {
            "multi_host_vlan_containers": [
                {
                    "netns": one,
                    "vlan": f"vlan{number % 6 + 1}",
                    **({"address": f"10.1.0.{100 + 20 * place + number // 6}"} if number % 6 < 2 else {}),
                }
                for number, one in enumerate(names)
            ]
        }
    common = {**TWO_VLANS, "multi_host_vlan_vlans": VLANS, "multi_host_vlan_uplink": "eth1"}
    fleet = Fleet(three_hosts["hosta"].lab, tmp_path, by_host, common, playbooks)

    assert fleet.play("multi_host_vlan").ok().changed == dict.fromkeys(HOSTS, 2)
    assert fleet.play("multi_host_vlan").ok().changed == dict.fromkeys(HOSTS, 0)
    said = fleet.play("check_connectivity").ok().said
    assert f"{60 * 59} pairs, 0 not as they should be" in said

    # The cells that are printed, against what the variables say, reckoned here once more.
    rows = re.findall(r'^ +" *\d+ (vlan\d) \(\d+\) +(host\w) +(c\d+) +(\S+)((?: +[=+.X!2?]){60})"', said, re.MULTILINE)
    assert len(rows) == 60
    vlan_of = {
        entry["netns"]: entry["vlan"]
        for variables in by_host.values()
        for entry in variables["multi_host_vlan_containers"]
    }
    order = [name for _vlan, _host, name, _address, _cells in rows]
    assert sorted(order) == sorted(vlan_of)
    for vlan, _host, name, _address, cells in rows:
        assert vlan == vlan_of[name]
        assert cells.split() == ["=" if other == name else "+" if vlan_of[other] == vlan else "." for other in order]
    for vlan in VLANS:
        addresses = [address for its_vlan, _host, _name, address, _cells in rows if its_vlan == vlan]
        assert len(addresses) == len(set(addresses)) == (12 if vlan in ("vlan1", "vlan2") else 9)


def join_by_userspace_switches(hosts):
    """Let Open vSwitch itself reach the other hosts.

    With a datapath in userspace, tunnels leave by a bridge that holds the NIC and the address.
    """
    for number, host in enumerate(hosts.values(), 1):
        host.run(
            "ovs-vsctl",
            "add-br",
            "underlay",
            "--",
            "set",
            "bridge",
            "underlay",
            "datapath_type=netdev",
            "--",
            "add-port",
            "underlay",
            "eth1",
        )
        script = (
            "ethtool -K underlay tx off && ip link set eth1 up && "
            f"ip addr add 10.99.0.{number}/24 dev underlay && ip link set underlay up"
        )
        host.run("sh", "-c", script)


def test_vlans_in_tunnels(three_hosts, tmp_path, playbooks):
    join_by_userspace_switches(three_hosts)
    by_host = {}
    for number, (name, host) in enumerate(three_hosts.items(), 1):
        make_namespaces(host, "w1", "w2", "d1")
        by_host[name] = {
            "multi_host_vlan_underlay_address": f"10.99.0.{number}",
            "multi_host_vlan_containers": [{"netns": "w1", "vlan": "web", "address": f"192.168.0.{number}"}]
            + [{"netns": one, "vlan": {"w": "web", "d": "db"}[one[0]]} for one in ("w2", "d1")],
        }
    common = {**TWO_VLANS, "multi_host_vlan_transport": "vxlan"}
    fleet = Fleet(three_hosts["hosta"].lab, tmp_path, by_host, common, playbooks)

    assert fleet.play("multi_host_vlan").ok().changed == dict.fromkeys(HOSTS, 2)
    assert fleet.play("multi_host_vlan").ok().changed == dict.fromkeys(HOSTS, 0)
    assert "72 pairs, 0 not as they should be" in fleet.play("check_connectivity").ok().said

    # A mesh of three that passed on what comes out of a tunnel would go round for ever: each question is heard once.
    listening = [
        "ip",
        "netns",
        "exec",
        "w1",
        "timeout",
        "4",
        "tcpdump",
        "-l",
        "-n",
        "-i",
        "eth1",
        "arp host 192.168.0.77",
    ]
    watch = three_hosts["hostb"].start(*listening, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    assert any("listening on" in line for line in watch.stderr)
    three_hosts["hosta"].module(
        "container_neighbours_info", probes=[{"netns": "w1"}], addresses=["192.168.0.77"], timeout=0.3
    )
    assert watch.communicate(timeout=60)[0].count("who-has 192.168.0.77") == 3

    # Full frames pass: the containers' MTU leaves room for the tunnel.
    assert ping(three_hosts["hosta"], "w1", "192.168.0.3", "-M", "do", "-s", str(1450 - 28))
    # On the wire each VLAN is in its own VXLAN network.
    tunnels = json.loads(
        three_hosts["hosta"]
        .run("ovs-vsctl", "--format=json", "--columns=options,type", "find", "Interface", "type=vxlan")
        .stdout
    )["data"]
    assert sorted((dict(options[1])["remote_ip"], dict(options[1])["key"]) for options, _type in tunnels) == [
        (f"10.99.0.{number}", vni) for number in (2, 3) for vni in ("100", "200")
    ]

    # One host's link takes less: the frames of all become as small, and whole ones pass.
    three_hosts["hostb"].run("ip", "link", "set", "underlay", "mtu", "1400")
    assert fleet.play("multi_host_vlan").ok().changed == dict.fromkeys(HOSTS, 1)
    assert {host.ip("link", "show", "dev", "eth1", netns="w1")[0]["mtu"] for host in three_hosts.values()} == {1350}
    assert ping(three_hosts["hosta"], "w1", "192.168.0.2", "-M", "do", "-s", str(1350 - 28))

    # A host that leaves takes its tunnels along, and no other's.
    by_host["hostc"]["multi_host_vlan_state"] = "absent"
    fleet.common["multi_host_vlan_purge"] = True
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1, "hostc": 2}
    assert "30 pairs, 0 not as they should be" in fleet.play("check_connectivity").ok().said
