# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of two hosts in two VLANs over one trunk: who reaches whom, and what is on the wire."""

from __future__ import annotations

import re
import subprocess

from fleet import addresses_in_vlans, in_container, namespaces, pings
from lab_hosts import LAB
from wiring import container_pid

RECEIVE = """
import socket
server = socket.create_server(("192.168.0.3", 5000))
print("listening", flush=True)
connection, _address = server.accept()
received = 0
while data := connection.recv(65536):
    received += len(data)
print(received)
"""
SEND = """
import socket
with socket.create_connection(("192.168.0.3", 5000)) as connection:
    connection.sendall(bytes(3000000))
"""


def listen(host, container, *words):
    """Start tcpdump in a container; it ends by itself."""
    argv = [
        "nsenter",
        "-n",
        "-t",
        container_pid(host, container),
        "timeout",
        "4",
        "tcpdump",
        "-l",
        "-e",
        "-n",
        "-i",
        "eth1",
        *words,
    ]
    return _listening(host.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"))


def _listening(watch):
    assert any("listening on" in line for line in watch.stderr)
    return watch


def on_the_trunk(host, seconds, *words):
    argv = [
        str(LAB),
        "run",
        "--name",
        host.lab,
        "--",
        "timeout",
        str(seconds),
        "tcpdump",
        "-l",
        "-e",
        "-n",
        "-i",
        f"trunk-{host.name}",
        *words,
    ]
    return _listening(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"))


def test_containers_of_one_vlan_reach_each_other_and_no_others(hosts, four):
    four.play("multi_host_vlan").ok()
    hosta, hostb = hosts["hosta"], hosts["hostb"]
    everyone = [f"192.168.0.{number}" for number in range(1, 5)]
    assert pings(hosta, "test1", *everyone) == {"192.168.0.1", "192.168.0.3"}
    assert pings(hosta, "test2", *everyone) == {"192.168.0.2", "192.168.0.4"}
    assert pings(hostb, "test3", *everyone) == {"192.168.0.1", "192.168.0.3"}
    assert pings(hostb, "test4", *everyone) == {"192.168.0.2", "192.168.0.4"}

    # A broadcast of VLAN 100 (ARP for an address that nobody has) is heard in 100, on the other host too, and nowhere
    # in 200.
    watches = {
        name: listen(host, name, "arp", "host", "192.168.0.77")
        for name, host in (("test2", hosta), ("test3", hostb), ("test4", hostb))
    }
    hosta.module("container_neighbours_info", probes=[{"container": "test1"}], addresses=["192.168.0.77"], timeout=0.3)
    heard = {name: watch.communicate(timeout=60)[0].count("who-has 192.168.0.77") for name, watch in watches.items()}
    assert heard == {"test2": 0, "test3": 3, "test4": 0}

    # TCP carries data: ping alone would also pass with checksums that were never finished.
    entering = ["nsenter", "-n", "-t", container_pid(hostb, "test3"), "timeout", "20", "python3", "-c", RECEIVE]
    server = hostb.start(*entering, stdout=subprocess.PIPE, encoding="utf-8")
    assert server.stdout.readline() == "listening\n"
    in_container(hosta, "test1", "timeout", "20", "python3", "-c", SEND)
    assert server.communicate(timeout=60)[0] == "3000000\n"


def test_frames_between_hosts_bear_the_tag_of_their_vlan(hosts, four):
    four.play("multi_host_vlan").ok()
    watch = on_the_trunk(hosts["hosta"], 4, "icmp or (vlan and icmp)")
    assert pings(hosts["hosta"], "test1", "192.168.0.3") and pings(hosts["hosta"], "test2", "192.168.0.4")
    seen = watch.communicate(timeout=60)[0]
    tags = set(re.findall(r"802\.1Q.*vlan (\d+),.* (\S+) > (\S+): ICMP echo", seen))
    assert tags == {
        ("100", "192.168.0.1", "192.168.0.3"),
        ("100", "192.168.0.3", "192.168.0.1"),
        ("200", "192.168.0.2", "192.168.0.4"),
        ("200", "192.168.0.4", "192.168.0.2"),
    }
    assert all("802.1Q" in line for line in seen.splitlines() if line)
    # To the container it comes without one.
    inside = listen(hosts["hosta"], "test1", "icmp or (vlan and icmp)")
    assert pings(hosts["hostb"], "test3", "192.168.0.1")
    heard = inside.communicate(timeout=60)[0]
    assert "192.168.0.3 > 192.168.0.1: ICMP echo request" in heard and "802.1Q" not in heard


def test_both_families_pass_inside_a_vlan_and_not_across(hosts, fleet):
    fleet.common["multi_host_vlan_vlans"] = {
        "web": {"id": 100, "subnet": ["192.168.0.0/24", "fd00:5::/64"], "gateway": ["192.168.0.254", "fd00:5::fe"]},
        "db": {"id": 200, "subnet": ["192.168.0.0/24", "fd00:5::/64"]},
    }
    wanted = {
        name: [
            {"netns": f"w{number}", "vlan": "web", "address": [f"192.168.0.{number}", f"fd00:5::{number}"]},
            {"netns": f"d{number}", "vlan": "db", "address": [f"192.168.0.1{number}/24", f"fd00:5::1{number}/64"]},
            {"netns": f"x{number}", "vlan": "web", "address": f"192.168.0.10{number}"},  # its IPv6 address is chosen
        ]
        for number, name in enumerate(hosts, 1)
    }
    namespaces(hosts, fleet, **wanted)
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    assert all(
        len(of_one) == 3 for of_one in addresses_in_vlans(hosts).values()
    )  # the VLAN, and an address of each family

    everyone = [address for entries in wanted.values() for entry in entries[:2] for address in entry["address"]]
    script = 'for address; do (ping -n -c 1 -W 2 "${address%/*}" >/dev/null && echo "${address%/*}") & done; wait'

    def reached(host, name):
        return set(host.run("ip", "netns", "exec", name, "sh", "-c", script, "sh", *everyone).stdout.split())

    assert reached(hosts["hosta"], "w1") == {"192.168.0.1", "fd00:5::1", "192.168.0.2", "fd00:5::2"}
    assert reached(hosts["hostb"], "d2") == {"192.168.0.11", "fd00:5::11", "192.168.0.12", "fd00:5::12"}
    routes = [hosts["hosta"].run("ip", "netns", "exec", "w1", "ip", family, "route").stdout for family in ("-4", "-6")]
    assert "default via 192.168.0.254" in routes[0] and "default via fd00:5::fe" in routes[1]

    assert "30 pairs, 0 not as they should be" in fleet.play("check_connectivity").ok().said
    hosts["hostb"].run("ip", "netns", "exec", "w2", "ip", "address", "delete", "fd00:5::2/64", "dev", "eth1")
    found = fleet.play("check_connectivity")
    assert found.status == 2 and "does not reach w2 of hostb (web, fd00:5::2)" in found.said
