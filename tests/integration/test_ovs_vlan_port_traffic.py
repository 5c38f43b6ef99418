# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_vlan_port by packets: which VLANs a port carries, and with which tags."""

from __future__ import annotations

from capture import Capture
from ovs_lab import NETDEV, make_veth, thoroughly
from wiring import attach, make_namespaces, make_ovs_bridge, ping, tcp_answer


def test_frames_with_a_tag_go_through_a_vlan_of_their_own(hosta):
    """QinQ: a port of mode dot1q-tunnel.

    What comes to it leaves the trunk with a tag before its own, and another such port without that again.
    """
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "customer", "carrier", "other")
    hosta.run("ovs-vsctl", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
    for port, namespace in (("cust0", "customer"), ("far0", "other"), ("up0", "carrier")):
        hosta.run(
            "sh",
            "-c",
            f"ip link add {port} up type veth peer name eth1 netns {namespace} && ip -n {namespace} link set eth1 up",
        )
    tunnel = {"mode": "dot1q-tunnel", "tag": 100}
    ports = [{"port": "cust0", **tunnel}, {"port": "far0", **tunnel}, {"port": "up0", "mode": "trunk", "trunks": "100"}]
    thoroughly(hosta, bridge="ovs0", ports=ports)

    with (
        Capture(hosta, "carrier", "-e", "arp", "or", "vlan") as outside,
        Capture(hosta, "other", "-e", "vlan", "5") as inside,
    ):
        hosta.run("ip", "netns", "exec", "customer", "python3", "-c", _TAGGED_QUESTION)
    assert (
        "ethertype 802.1Q-QinQ (0x88a8), length 64: vlan 100, p 0, "
        "ethertype 802.1Q (0x8100), vlan 5, p 0, ethertype ARP" in outside.said
    )
    assert (
        "ethertype 802.1Q (0x8100), length 60: vlan 5, p 0, ethertype ARP" in inside.said
        and "vlan 100" not in inside.said
    )


# Who has 192.168.0.2, in VLAN 5, from a MAC address that nobody has.
_TAGGED_QUESTION = """
import socket
source = bytes.fromhex("020000000005")
question = bytes.fromhex("0001080006040001") + source + socket.inet_aton("192.168.0.1")
question += bytes(6) + socket.inet_aton("192.168.0.2")
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth1", 0))
wire.send((b"\\xff" * 6 + source + bytes.fromhex("81000005" "0806") + question).ljust(60, b"\\0"))
"""


def test_separates_vlans_and_carries_tcp_over_a_tagged_trunk(host):
    """Two bridges, a veth as the trunk between them, and a tap of the frames on it."""
    make_namespaces(host, "a1", "a2", "b1", "b2")
    for bridge in ("ovs0", "ovs1"):
        host.module("ovs_vlan_port", bridge=bridge, create_bridge=True, bridge_options=NETDEV)
    make_veth(host, "up1")
    for number, (name, bridge) in enumerate((("a1", "ovs0"), ("a2", "ovs0"), ("b1", "ovs1"), ("b2", "ovs1"))):
        attach(host, netns=name, bridge=bridge, addresses=[f"192.168.0.{number + 1}/24"])
    for bridge, names, uplink in (("ovs0", ("a1", "a2"), "up1"), ("ovs1", ("b1", "b2"), "up1x")):
        ports = [
            {"port": uplink, "trunks": "100,200"},
            *({"netns": name, "tag": tag} for name, tag in zip(names, (100, 200))),
        ]
        thoroughly(host, bridge=bridge, ports=ports)

    words = ("timeout", "20", "tcpdump", "-e", "-n", "-c", "4", "-i", "up1", "vlan", "and", "icmp")
    capture = host.start(*words, stdout=-1, stderr=-1, encoding="utf-8")
    assert any("listening on" in line for line in capture.stderr)
    assert ping(host, "a1", "192.168.0.3") and ping(host, "a2", "192.168.0.4")
    assert "vlan 100" in (said := capture.communicate(timeout=60)[0]) and "vlan 200" in said
    assert (
        not ping(host, "a1", "192.168.0.4")
        and not ping(host, "a1", "192.168.0.2")
        and not ping(host, "b2", "192.168.0.1")
    )
    assert tcp_answer(host, "a1", "b1", "192.168.0.3") == "hello"
    # Into another VLAN by one change.
    thoroughly(host, bridge="ovs0", netns="a1", tag=200)
    assert not ping(host, "a1", "192.168.0.3") and ping(host, "a1", "192.168.0.4")
    thoroughly(host, bridge="ovs0", port="up1", trunks="100")
    assert not ping(host, "a1", "192.168.0.4")
