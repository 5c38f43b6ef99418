# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose NIC, the one through which Ansible comes, has some of everything; and all of it to be compared."""

from __future__ import annotations

import json
import subprocess

import pytest
from lab_hosts import ModuleFailed
from wiring import until

MOVE = {"nic": "eth0", "bridge": "br0", "persist": "none"}
OF_SWITCH = {**MOVE, "type": "openvswitch", "datapath_type": "netdev"}

# What a host of somebody else's may have on its NIC.
DRESS = """
set -e
ip addr add 10.77.0.111/24 dev eth0 label eth0:1
ip addr add 192.0.2.9/32 dev eth0 scope link
ip addr add 10.77.0.112/24 dev eth0 valid_lft 4000 preferred_lft 3000
ip addr add fd00:10:77::211/64 dev eth0 nodad
ip addr add fd00:10:77::212/64 dev eth0 nodad valid_lft 4000 preferred_lft 3000
ip route add 198.51.100.0/24 via 10.77.0.1 metric 50 mtu 1400 src 10.77.0.111
ip route add 203.0.113.0/24 nexthop via 10.77.0.1 weight 1 nexthop via 10.77.0.12 weight 3
ip route add default via 10.77.0.12 metric 900 proto static
ip route add 192.0.2.1 dev eth0 scope link
ip route add 192.0.2.128/25 via 192.0.2.1 onlink dev eth0
ip route add default via 10.77.0.1 table 100
ip route add fd00:99::/64 via fd00:10:77::12 metric 77
ip -6 route add default via fd00:10:77::1 table 100
ip route add 198.18.0.1 dev eth0
ip route add 198.18.9.0/24 nexthop via 198.18.0.1 nexthop via 10.77.0.12
ip route del 198.18.0.1 dev eth0
ip addr add fd00:77::2/64 dev eth0 nodad
ip route add fd00:98::/64 via fd00:77::1 dev eth0
ip addr del fd00:77::2/64 dev eth0
ip rule add iif eth0 lookup 100 priority 1000
ip rule add from 10.77.0.111 oif eth0 lookup 100 priority 1001
ip -6 rule add iif eth0 lookup 100 priority 1000
ip neigh add 10.77.0.77 lladdr 02:00:00:00:00:77 dev eth0
ip neigh add proxy 10.77.0.78 dev eth0
ip -6 neigh add proxy fd00:10:77::78 dev eth0
sysctl -qw net.ipv4.conf.eth0.accept_redirects=0 net.ipv4.conf.eth0.log_martians=1 net.ipv6.conf.eth0.hop_limit=99
sysctl -qw net.ipv6.conf.eth0.stable_secret=2001:db8::1 net.ipv6.conf.eth0.addr_gen_mode=0 net.ipv6.conf.eth0.mtu=1400
"""
_UNDRESS = """
ip addr del 10.77.0.111/24 dev eth0; ip addr del 192.0.2.9/32 dev eth0; ip addr del 10.77.0.112/24 dev eth0
ip addr del fd00:10:77::211/64 dev eth0; ip addr del fd00:10:77::212/64 dev eth0
ip route flush table 100; ip -6 route flush table 100; ip rule del priority 1000; ip rule del priority 1001
ip -6 rule del priority 1000; ip neigh del 10.77.0.77 dev eth0; ip neigh del proxy 10.77.0.78 dev eth0
ip -6 neigh del proxy fd00:10:77::78 dev eth0; ip route del 198.51.100.0/24; ip route del 203.0.113.0/24
ip route del default metric 900; ip route del 192.0.2.128/25; ip route del 192.0.2.1; ip -6 route del fd00:99::/64
ip route del 198.18.9.0/24; ip -6 route del fd00:98::/64; ip addr del 10.77.0.113/24 dev eth0
true
"""
# So that one test that fails is one, and not all after it.
RECOVER = f"""
rm -rf /var/lib/pipefitter-nic; umount /var/lib/pipefitter-nic; nft delete table bridge deaf; pkill -CONT ovs-vswitchd
ovs-vsctl --if-exists del-br br0; ip link set eth0 nomaster; ip link del br0
sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth0.arp_ignore=0
sysctl -qw net.ipv6.conf.eth0.addr_gen_mode=0
{_UNDRESS}
ip addr replace 10.77.0.11/24 brd + dev eth0; ip addr replace fd00:10:77::11/64 dev eth0 nodad
ip route replace default via 10.77.0.1; ip -6 route replace default via fd00:10:77::1
true
"""
_WHOLE = """
ip -j -d addr; ip -j -d route show table all; ip -6 -j -d route show table all; ip -j rule; ip -6 -j rule
ip -j neigh show nud permanent; ip -j neigh show proxy
"""
_SYSCTLS = "cd /proc/sys/net; for f in ipv[46]/conf/eth0/* ipv[46]/neigh/eth0/*; do echo $f $(cat $f 2>&1); done"
_SWITCH = "ovs-vsctl --format=json --columns=name,ports list Bridge; ovs-vsctl --format=json --columns=name list Port"
# What moves by itself, and what the kernel chooses anew for the same.
_MOVING = (
    "life_time",
    "tentative",
    "operstate",
    "expires",
    "txqlen",
    "cacheinfo",
    "linkinfo",
    "promiscuity",
    "ifindex",
)


def whole(host):
    """Return all of a host's network that a move touches, with the order in which the kernel has it."""
    shown = [lasting(json.loads(line)) for line in host.run("sh", "-c", _WHOLE).stdout.splitlines() if line.strip()]
    return [*shown, host.run("sh", "-c", _SYSCTLS).stdout, host.run("sh", "-c", _SWITCH).stdout]


def assert_as_before(before, after, *told):
    """Fail with what differs, an entry a line."""
    different = []
    for old, new in zip(before, after):
        olds, news = (one.splitlines() if isinstance(one, str) else [str(entry) for entry in one] for one in (old, new))
        different += [f"gone: {entry}" for entry in olds if entry not in news]
        different += [f"new: {entry}" for entry in news if entry not in olds]
        if not different and olds != news:
            different.append(f"in another order: {news}")
    assert not different, "\n".join([*map(str, told), *different])


def lasting(value):
    """Return what ip says without what changes by itself."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if not any(word in key for word in _MOVING)}
    if isinstance(value, list):
        kept = [lasting(item) for item in value if not _of_switch(item)]
        # The tables of IPv6 have no order of their own among equal destinations.
        return sorted(kept, key=str) if any(isinstance(item, dict) and "dst" in item for item in kept) else kept
    return value


def _of_switch(item):
    return isinstance(item, dict) and item.get("ifname") == "ovs-netdev"


def over_ssh(host, **options):
    """Run the module as a user does: by Ansible, over SSH, through that very NIC."""
    return host.fleet.play_tasks("hosta", {"pipefitter.container_network.host_nic_bridge": options})


def ended(host):
    """Return what is kept of how the last move of eth0 ended."""
    return json.loads(host.run("cat", "/var/lib/pipefitter-nic/eth0/ended.json").stdout)


def moved(host, **options):
    return host.module("host_nic_bridge", **{**MOVE, **options})


def refused(host, **options):
    with pytest.raises(ModuleFailed) as error:
        moved(host, **options)
    return str(error.value)


def put_back_by_itself(host):
    """Let the time of a move that waits be over, and wait until the host has helped itself."""
    path = "/var/lib/pipefitter-nic/eth0/pending.json"
    host.run("sed", "-i", 's/"deadline": [0-9.]*/"deadline": 1/', path)
    until(lambda: host.run("test", "-e", path, check=False).returncode, lambda: host.run("cat", path).stdout)
    return ended(host)


class Session:
    """A TCP session from the LAN to a host's NIC, over which each line comes back."""

    _ECHO = (
        "import socketserver\n"
        "class Echo(socketserver.StreamRequestHandler):\n"
        "    def handle(self):\n"
        "        for line in self.rfile: self.wfile.write(line)\n"
        "server = socketserver.TCPServer(('0.0.0.0', 7), Echo)\n"
        "print('ready', flush=True)\n"
        "server.handle_request()\n"
    )
    _ASK = (
        "import socket, sys\n"
        "s = socket.create_connection(('10.77.0.11', 7), 60).makefile('rw')\n"
        "for line in sys.stdin:\n"
        "    s.write(line); s.flush(); print(s.readline().strip(), flush=True)\n"
    )

    def __init__(self, host):
        self._server = host.start("python3", "-c", self._ECHO, stdout=subprocess.PIPE, encoding="utf-8")
        assert self._server.stdout.readline() == "ready\n"
        words = [*host.way_to_lan, "python3", "-c", self._ASK]
        self._client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def goes_on(self):
        self._client.stdin.write("hello\n")
        self._client.stdin.flush()
        return self._client.stdout.readline() == "hello\n"

    def close(self):
        self._client.stdin.close()
        self._client.wait(60)
        self._server.kill()
        self._server.wait(60)
