# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Frames of ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
import time

ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86DD

_BROADCAST = b"\xff" * 6
_NOBODY = b"\0" * 6
_ARP_REQUEST, _ARP_REPLY = 1, 2
_ETHERNET, _IPV6_HEADER = 14, 40
_ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_SOLICITED_NODE = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13]
_ICMPV6, _SOLICITATION, _ADVERTISEMENT, _OVERRIDE = 58, 135, 136, 0x20000000
_TARGET_LINK_LAYER_ADDRESS = 2

_TRIES, _PAUSE = 5, 0.001


def send(wire: socket.socket, frame: bytes) -> None:
    """Send a frame; it is given up where the queue is still full (ENOBUFS) after some tries.

    :raises OSError: any other error.
    """
    for _attempt in range(_TRIES):
        try:
            wire.send(frame)
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        # A bridge floods each frame to all its ports: with a thousand of them, the receive backlog is full at once.
        time.sleep(_PAUSE)


def arp_request(mac: bytes, sender: str, asked: str) -> bytes:
    """Return an ARP request of ``mac`` for an IPv4 address.

    With a ``sender`` of 0.0.0.0 it is an ARP probe, which changes nobody's cache (RFC 5227, section 1.1).
    """
    own, other = socket.inet_pton(socket.AF_INET, sender), socket.inet_pton(socket.AF_INET, asked)
    return (
        _BROADCAST
        + mac
        + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, _ARP_REQUEST)
        + mac
        + own
        + _NOBODY
        + other
    )


def neighbour_advertisement(mac: bytes, ip: str) -> bytes:
    """Return an unsolicited advertisement, to all nodes, that an IPv6 address is at ``mac``."""
    own = socket.inet_pton(socket.AF_INET6, ip)
    body = struct.pack("!I", _OVERRIDE) + own + struct.pack("!BB", _TARGET_LINK_LAYER_ADDRESS, 1) + mac
    return _icmpv6(mac, _ALL_NODES_MAC, own, _ALL_NODES, _ADVERTISEMENT, body)


def neighbour_solicitation(mac: bytes, asked: str) -> bytes:
    """Return a solicitation of ``mac`` for an IPv6 address.

    It comes from the unspecified address, so that the advertisement goes to all nodes and changes nobody's cache.
    """
    target = socket.inet_pton(socket.AF_INET6, asked)
    group = _SOLICITED_NODE + target[13:]
    return _icmpv6(mac, b"\x33\x33" + group[12:], bytes(16), group, _SOLICITATION, bytes(4) + target)


def answered(frame: bytes, mac: bytes) -> tuple[str, str] | None:
    """Return the address that a frame answers for, and the MAC that has it; ``None`` for other frames.

    ``mac`` is who asked.
    """
    kind = frame[12:14]
    if kind == struct.pack("!H", ETH_P_ARP) and len(frame) >= 42:
        (operation,) = struct.unpack_from("!H", frame, 20)
        if operation == _ARP_REPLY and frame[:6] == mac:
            return socket.inet_ntop(socket.AF_INET, frame[28:32]), frame[22:28].hex(":")
    if kind == struct.pack("!H", ETH_P_IPV6) and len(frame) >= 86:
        message = frame[_ETHERNET + _IPV6_HEADER :]
        if frame[20] == _ICMPV6 and message[0] == _ADVERTISEMENT and message[24] == _TARGET_LINK_LAYER_ADDRESS:
            return socket.inet_ntop(socket.AF_INET6, message[8:24]), message[26:32].hex(":")
    return None


def _icmpv6(mac: bytes, to_mac: bytes, source: bytes, destination: bytes, kind: int, body: bytes) -> bytes:
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo_header = source + destination + struct.pack("!II", len(message), _ICMPV6)
    message = struct.pack("!BBH", kind, 0, _checksum(pseudo_header + message)) + body
    # Hop limit 255: receivers drop any other, as it could have been routed here.
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255) + source + destination
    return to_mac + mac + struct.pack("!H", ETH_P_IPV6) + header + message


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
