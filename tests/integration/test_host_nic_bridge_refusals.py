# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_nic_bridge refuses, and what it warns of, before it moves a NIC."""

from __future__ import annotations

import subprocess

from nic_lab import moved, refused
from wiring import warned

_BOUND = """
import socket, sys
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
bound.bind(("0.0.0.0", 5353))
print("ready", flush=True)
sys.stdin.read()
"""
_NAMING_IT = """
set -e
ip link add br0 address 02:00:00:00:00:99 mtu 1400 type bridge stp_state 1 forward_delay 1500
ip link set eth0 group 7
ip addrlabel add prefix fd00:9::/64 dev eth0 label 9
ip xfrm policy add src 10.77.0.11/32 dst 198.51.100.0/24 dev eth0 dir out
docker network create -d macvlan -o parent=eth0 onlan
"""
_NAMING_NOTHING = """
docker network rm onlan; ip xfrm policy flush
ip addrlabel del prefix fd00:9::/64 dev eth0; ip link set eth0 group 0; ip link del br0
"""


def test_what_names_the_nic_and_will_not_name_the_bridge_is_told(nic_host):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with nic_host.start("python3", "-c", _BOUND, **pipes) as bound:
        assert bound.stdout.readline() == "ready\n"
        nic_host.run("sh", "-c", _NAMING_IT)
        mac = nic_host.ip("link", "show", "dev", "eth0")[0]["address"]
        told = warned(moved(nic_host, check_mode=True))
        nic_host.run("sh", "-c", _NAMING_NOTHING)
    assert [sentence.partition("; ")[0] for sentence in told if not sentence.startswith("persist")] == [
        "udp 0.0.0.0:5353: sockets that are bound to eth0, where their programs hear nothing after the move",
        "onlan (macvlan): networks of Docker on eth0, in which no container starts once it is a port",
        "fd00:9::/64: address labels (ip addrlabel) for eth0, which are not moved",
        "10.77.0.11/32 to 198.51.100.0/24: policies of IPsec (ip xfrm policy) for eth0 alone, past which packets go in "
        "clear text after the move",
        "eth0 is in device group 7, and br0 is not: where rules name that group (devgroup), put br0 into it (ip link "
        "set br0 group 7)",
        "10.77.0.112/24, fd00:10:77::212/64: addresses with a lifetime, and it is not known who would renew them on "
        "br0, so that they go when it is over",
        "br0 runs spanning tree, by which eth0 lets nothing pass for its first 30 s as a port, and the move is undone "
        "as nobody answers",
        "br0 is there with MTU 1400, and eth0 has 1500: the host sends as br0 has it, or as the smaller of the two",
        f"br0 is there with MAC 02:00:00:00:00:99, and eth0 has {mac}, by which others know this host: give br0 that "
        "one where a DHCP server, switch or router goes by it",
    ]


_REFUSALS = [
    ({"nic": "eth7"}, "nic: 'eth7' is no interface of this host; give one of eth0, eth1"),
    ({"persist": "networkmanager"}, "persist: NetworkManager does not configure eth0 on this host; set persist to"),
    ({"nic": "docker0"}, "nic: 'docker0' is a bridge itself"),
    ({"nic": "lo"}, "nic: 'lo' is the loopback of this host, which leads nowhere; give the NIC that leads to the LAN"),
    ({"bridge": "docker0"}, "bridge: 'docker0' is a bridge of Docker, which gives it other addresses as it starts"),
    ({"bridge": "br-0123456789ab"}, "bridge: 'br-0123456789ab' is a bridge of Docker, which gives it other"),
    ({"bridge": "eth1"}, "bridge: 'eth1' is an interface of kind veth; choose another name"),
    ({"bridge": "eth0"}, "bridge: 'eth0' is the NIC itself; choose another name for the bridge"),
    (
        {"bridge": "docker0", "type": "openvswitch"},
        "type: 'openvswitch' is asked for, and docker0 is a bridge of type linux",
    ),
    ({"datapath_type": "netdev"}, "datapath_type: 'netdev' is for type openvswitch alone; leave it out"),
    ({"confirm_timeout": 2}, "confirm_timeout: 2 is out of range; give 5 to 600 seconds"),
    ({"verify": ["10.0.0.1:0"]}, "verify[0]: '10.0.0.1:0' has no TCP port of 1 to 65535 after its colon"),
    ({"verify": ["my.host"]}, "verify[0]: 'my.host' is no probe; give gateway, controller, an address, or"),
    ({"state": "confirmed"}, "token: is required with state confirmed"),
    ({"token": "x", "state": "confirmed"}, "token: 'x' is none; give what the task that moved the NIC returned"),
]


_EQUAL = "default via 10.78.0.9 dev eth1"
_ON_LINK = "fd00:5::/64 dev eth0 proto kernel metric 256"
# What makes it so, what ends that, and what is said meanwhile.
_OF_A_MOMENT = [
    (
        f"ip addr add 10.78.0.1/24 dev eth1 && ip route append {_EQUAL}",
        "ip addr del 10.78.0.1/24 dev eth1",
        "nic: the route default leads through eth0 and, with the same metric, through eth1, and which of them the host "
        "uses would change with the move; give one of them another metric",
    ),
    (
        f"ip addr add 10.78.0.1/24 dev eth1 && ip route append {_EQUAL} table 100",
        f"ip route del {_EQUAL} table 100; ip addr del 10.78.0.1/24 dev eth1",
        "nic: the route default table 100 leads through eth0 and, with the same metric, through eth1, and which of",
    ),
    (
        "ip addr add fd00:6::5/64 dev eth0 nodad mngtmpaddr valid_lft 600 preferred_lft 600",
        "ip addr del fd00:6::5/64 dev eth0; ip -6 route del fd00:6::/64 dev eth0",
        "nic: 'eth0' has an address (fd00:6::5/64) that the kernel took from router advertisements (accept_ra), which",
    ),
    (
        f"ip -6 route add {_ON_LINK} expires 600",
        f"ip -6 route del {_ON_LINK}",
        "nic: 'eth0' has a subnet (fd00:5::/64) that the kernel took from router advertisements (accept_ra), which is",
    ),
    (
        "ip link property add dev eth1 altname br0",
        "ip link property del dev eth1 altname br0",
        "bridge: 'br0' is another name of eth1; choose one that nobody has",
    ),
    (
        "ip token set ::5 dev eth0",
        "ip token set :: dev eth0",
        "nic: 'eth0' has a token (ip token, ::5), of which the kernel makes addresses out of router advertisements",
    ),
]


def test_what_would_lock_somebody_out_is_refused_and_nothing_changes(nic_host):
    for options, sentence in _REFUSALS:
        assert refused(nic_host, **options).startswith(sentence), options
    if nic_host.run("test", "-d", "/sys/module/openvswitch", check=False).returncode:
        without = refused(nic_host, type="openvswitch", check_mode=True)
        assert without.startswith("datapath_type: it is left out, which is 'system', and the kernel has no module")
    nic_host.run("ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan")
    said = refused(nic_host)
    nic_host.run("ip", "link", "del", "mv0")
    assert said.startswith("nic: 'eth0' has mv0 (macvlan) on it")
    nic_host.run("ip", "addr", "add", "10.77.0.50/24", "dev", "eth1")
    assert refused(nic_host).startswith("nic: eth0 and eth1 are both in 10.77.0.0/24, and which of them the host uses")
    nic_host.run("ip", "addr", "del", "10.77.0.50/24", "dev", "eth1")
    advertised = "default via fd00:10:77::9 dev eth0 proto ra metric 9".split()
    nic_host.run("ip", "-6", "route", "add", *advertised)
    said = refused(nic_host)
    nic_host.run("ip", "-6", "route", "del", *advertised)
    assert said.startswith("nic: 'eth0' has a default route that the kernel took from router advertisements"), said
    for make, take_away, sentence in _OF_A_MOMENT:
        nic_host.run("sh", "-c", make)
        said = refused(nic_host)
        nic_host.run("sh", "-c", take_away)
        assert said.startswith(sentence), said
    nic_host.run("ip", "link", "property", "add", "dev", "eth1", "altname", "lan-port-2")
    said = refused(nic_host, nic="lan-port-2")
    nic_host.run("ip", "link", "property", "del", "dev", "eth1", "altname", "lan-port-2")
    assert said == "nic: 'lan-port-2' is another name of eth1; give eth1"
    nic_host.run("sh", "-c", "ip link add brx type bridge; ip link set eth1 master brx")
    said = refused(nic_host, nic="eth1")
    mistaken = refused(nic_host, nic="eth1", state="absent")
    nic_host.run("ip", "link", "del", "brx")
    assert mistaken.startswith("bridge: eth1 is no port of br0, but of brx; give brx, if it is that one from which")
    assert said == "nic: 'eth1' is a port of bridge brx already; take it out there, or give brx as nic"
