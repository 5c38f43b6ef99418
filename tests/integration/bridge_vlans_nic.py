# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's NIC in a bridge, on a kernel that has VLANs: of bridges, on NICs, and bonds.

The cases are test_bridge_vlans.py's, whose kernel they share.
"""

from __future__ import annotations

import json

from bridge_vlans_lab import NAMES, access, containers, shown
from nic_lab import assert_as_before, lasting
from wiring import attach, ping, refused

TRUNK_NIC = {"port": "eth0", "mode": "native-untagged", "tag": 1, "trunks": "100,200-210"}
MOVE = {"nic": "eth0", "bridge": "br0", "persist": "none", "vlan_filtering": True, "port_vlans": [TRUNK_NIC]}

# The NIC leads to a gateway, which has an address in VLAN 100 too. What is kept for moves is in memory.
UPLINK = """
mountpoint -q /var/lib || mount -t tmpfs lib /var/lib
rm -rf /var/lib/pipefitter-nic
ip netns add lan
ip link add eth0 up type veth peer name far0
ip link set far0 netns lan
ip -n lan link set far0 up
ip -n lan addr add 10.8.0.254/24 dev far0
ip -n lan link add link far0 name far0.100 up type vlan id 100
ip -n lan addr add 192.168.5.254/24 dev far0.100
ip addr add 10.8.0.1/24 dev eth0
ip addr add fd00:8::1/64 dev eth0 nodad
ip route add default via 10.8.0.254
"""


def moved(host, **options):
    """Move or take back as somebody does who confirms it by hand, and return what was done."""
    wanted = {**MOVE, **options}
    done = host.module("host_nic_bridge", confirm="manual", **wanted)
    host.module("host_nic_bridge", nic=wanted["nic"], bridge="br0", state="confirmed", token=done["token"])
    return done["operations"]


def whole(host):
    """Return links, addresses and routes. The kernel sees only later that a bridge without ports has no carrier."""
    words = (["addr"], ["route"], ["-6", "route"])
    return [lasting(json.loads(host.run("ip", "-j", *one).stdout.replace('"NO-CARRIER",', ""))) for one in words]


def a_trunk_beside_the_host(host):
    before = whole(host)
    planned = host.module("host_nic_bridge", check_mode=True, diff=True, **MOVE)
    assert moved(host) == planned["operations"]
    assert host.module("host_nic_bridge", **MOVE)["operations"] == []
    assert (shown(host, "eth0"), shown(host, "br0")) == ([*access(1), "100", "200-210"], access(1))
    assert "vlan_filtering: true" in planned["diff"]["after"] and "vlan_filtering" not in planned["diff"]["before"]
    attach(host, **containers(host, {"vlan": 100}, {"vlan": 7}, {}))
    host.run("ip", "-n", "db1", "addr", "add", "10.8.0.3/24", "dev", "eth1")
    # The host and who has no VLAN are where the gateway has no tag, and the others where they are.
    assert ping(host, "lan", "10.8.0.1") and ping(host, "lan", "10.8.0.3")
    assert ping(host, "lan", "192.168.5.1") and not ping(host, "lan", "192.168.5.2")

    for ports, words in (
        ([{"port": "eth0", "trunks": "100"}], "which eth0 connects untagged, and it would no longer"),
        (
            [{"port": "eth9", "tag": 5}],
            "'eth9' is no port of br0; make it one first (container_bridge), or take",
        ),
    ):
        assert words in refused(host, "host_nic_bridge", **{**MOVE, "port_vlans": ports})
    done = host.module("host_nic_bridge", confirm="manual", **{**MOVE, "port_vlans": [{**TRUNK_NIC, "trunks": "7"}]})
    assert done["operations"] == ["set eth0 VLANs 1 untagged (PVID), 7 tagged"]
    undone = host.module("host_nic_bridge", nic="eth0", bridge="br0", state="rolled_back", token=done["token"])
    assert undone["left"] == [] and shown(host, "eth0") == [*access(1), "100", "200-210"]

    host.module("veth_attach", state="absent", attachments=[{"netns": name} for name in NAMES[:3]])
    moved(host, state="absent")
    assert_as_before(before, whole(host))


def into_a_bridge_that_filters(host):
    """Its ports are in no VLAN unless they are put into one; what is undone leaves it so."""
    host.module("container_bridge", name="br0", vlan_filtering=True, vlan_default_pvid=0)
    before = whole(host)
    said = refused(host, "host_nic_bridge", nic="eth0", bridge="br0", persist="none")
    assert "reached by eth0 untagged, and as a port of br0 that would no longer connect it; give eth0 and br0" in said
    ports = [{"port": "eth0", "tag": 100}, {"port": "br0", "tag": 100}]
    done = host.module("host_nic_bridge", confirm="manual", **{**MOVE, "port_vlans": ports})
    assert (shown(host, "eth0"), shown(host, "br0")) == (access(100), access(100))
    assert ping(host, "lan", "10.8.0.1")
    undone = host.module("host_nic_bridge", nic="eth0", bridge="br0", state="rolled_back", token=done["token"])
    assert (undone["left"], shown(host, "br0")) == ([], [])
    assert_as_before(before, whole(host))

    # Of one that is made, the host's VLAN is that of all who name none.
    host.module("container_bridge", name="br0", state="absent")
    done = host.module("host_nic_bridge", check_mode=True, **{**MOVE, "port_vlans": ports})
    assert done["operations"][0].endswith(", vlan_default_pvid 100")


def of_another_kind(host, nic, kind, far):
    """A NIC whose frames go by eth0, which has no addresses then."""
    host.run("sh", "-e", "-c", f"ip addr flush dev eth0; ip link add name {nic} {kind}")
    if far == "far0":
        host.run("sh", "-e", "-c", f"ip link set eth0 down; ip link set eth0 master {nic}")
    else:
        host.run("sh", "-e", "-c", f"ip -n lan link add link far0 name {far} up type vlan id 300")
    host.run(
        "sh",
        "-e",
        "-c",
        f"ip link set {nic} up; ip addr add 10.8.3.1/24 dev {nic}; ip -n lan addr add 10.8.3.254/24 dev {far}; "
        f"until ip link show {nic} | grep -q LOWER_UP; do sleep 0.1; done; ip route add default via 10.8.3.254",
    )
    assert ping(host, "lan", "10.8.3.1")
    before = whole(host)
    plain = {"nic": nic, "vlan_filtering": None, "port_vlans": None}
    moved(host, **plain)
    attach(host, **containers(host, {}))
    host.run("ip", "-n", "web1", "addr", "add", "10.8.3.9/24", "dev", "eth1")
    assert ping(host, "lan", "10.8.3.1") and ping(host, "lan", "10.8.3.9")
    host.module("veth_attach", state="absent", attachments=[{"netns": "web1"}])
    moved(host, **plain, state="absent")
    assert_as_before(before, whole(host))
    assert ping(host, "lan", "10.8.3.1")
