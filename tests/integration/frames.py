# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as no container sends them by itself, and which of them a bridge takes in."""

from __future__ import annotations

import json
import socket
import struct

BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
VLAN = 0x8100

# Sends frames by eth1, one after the other by one queue.
_SENDER = """
import json, os, socket, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth1", 0))
for frame in json.loads(sys.stdin.read()):
    out.send(bytes.fromhex(frame))
"""

# Tells which markers came by br0, until the last one did.
_RECEIVER = """
import json, socket, sys
wanted, last = json.loads(sys.argv[1])
into = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
into.bind(("br0", 3))
into.settimeout(60)
print("listening", flush=True)
came = set()
while last not in came:
    data = into.recv(2000)
    came |= {marker for marker in wanted if marker.encode() in data}
print(json.dumps(sorted(came)))
"""


def taken_in(host, netns: str, frames: dict) -> set[str]:
    """Send frames from a namespace's eth1, and return the names of those that br0 hands to the host.

    A frame is a function of a marker of 6 letters that it has in its payload; the last one must come.
    """
    markers = {f"mark{number:02}": name for number, name in enumerate(frames)}
    last = list(markers)[-1]
    asked = json.dumps([list(markers), last])
    receiver = host.start("python3", "-IS", "-c", _RECEIVER, asked, stdout=-1, text=True)
    assert receiver.stdout.readline().strip() == "listening"
    sent = json.dumps([frames[name](marker.encode()).hex() for marker, name in markers.items()])
    host.run("ip", "netns", "exec", netns, "python3", "-IS", "-c", _SENDER, text=sent)
    came, _errors = receiver.communicate(timeout=90)
    return {markers[marker] for marker in json.loads(came)}


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ethernet(source: str, to: str, kind: int, payload: bytes, *tags: int) -> bytes:
    """``tags`` are the VLANs of tags, the outer one first."""
    tagged = b"".join(struct.pack(">HH", VLAN, tag) for tag in tags)
    return _mac(to) + _mac(source) + tagged + struct.pack(">H", kind) + payload


def arp(source: str, sender: str, address: str, marker: bytes, request: str = "") -> bytes:
    """An ARP request of ``sender``, a MAC; without ``request`` it announces ``address`` itself."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + _mac(sender) + _ip(address) + bytes(6)
    return ethernet(source, BROADCAST, 0x0806, body + _ip(request or address) + marker)


def _sum(data: bytes) -> int:
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _udp(source: bytes, to: bytes, ports: tuple[int, int], payload: bytes) -> bytes:
    head = struct.pack(">HHH", *ports, 8 + len(payload))
    pseudo = source + to + struct.pack(">IBBH", 8 + len(payload), 0, 0, 17)
    return head + struct.pack(">H", _sum(pseudo + head + bytes(2) + payload)) + payload


def udp(mac: str, to_mac: str, source: str, to: str, marker: bytes, *tags: int, ports=(4000, 4000)) -> bytes:
    inside = _udp(_ip(source), _ip(to), ports, marker)
    if ":" in source:
        packet = struct.pack(">IHBB", 6 << 28, len(inside), 17, 64) + _ip(source) + _ip(to) + inside
        return ethernet(mac, to_mac, 0x86DD, packet, *tags)
    begin = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(inside), 0, 0, 64, 17)
    head = begin + struct.pack(">H", _sum(begin + bytes(2) + _ip(source) + _ip(to))) + _ip(source) + _ip(to)
    return ethernet(mac, to_mac, 0x0800, head + inside, *tags)


def icmpv6(mac: str, source: str, kind: int, body: bytes, marker: bytes, hop_by_hop: bool = False) -> bytes:
    """An ICMPv6 message to all nodes, with the marker in an option of neighbour discovery that nobody knows."""
    to = _ip("ff02::1")
    body = struct.pack(">BBH", kind, 0, 0) + body + b"\xfd\x01" + marker
    pseudo = _ip(source) + to + struct.pack(">II", len(body), 58)
    body = body[:2] + struct.pack(">H", _sum(pseudo + body)) + body[4:]
    following = 58
    if hop_by_hop:
        body, following = bytes([58, 0, 5, 2, 0, 0, 1, 0]) + body, 0
    packet = struct.pack(">IHBB", 6 << 28, len(body), following, 255) + _ip(source) + to + body
    return ethernet(mac, ALL_NODES, 0x86DD, packet)


def advertisement(mac: str, source: str, target: str, marker: bytes, hop_by_hop: bool = False) -> bytes:
    """A neighbour advertisement that overrides what is known (RFC 4861, 4.4)."""
    body = struct.pack(">I", 0x20000000) + _ip(target) + b"\x02\x01" + _mac(mac)
    return icmpv6(mac, source, 136, body, marker, hop_by_hop)


def solicitation(mac: str, source: str, target: str, marker: bytes) -> bytes:
    return icmpv6(mac, source, 135, bytes(4) + _ip(target), marker)


def router_advertisement(mac: str, source: str, marker: bytes) -> bytes:
    return icmpv6(mac, source, 134, struct.pack(">BBHII", 64, 0, 1800, 0, 0), marker)
