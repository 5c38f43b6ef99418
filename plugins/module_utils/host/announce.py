# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Gratuitous ARP (RFC 5227) and unsolicited neighbour advertisements (RFC 4861). Private to the collection.

Neighbours and switches then know at once behind which MAC and port an
address is, instead of after their caches expire.
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import socket
import struct
import threading
import time
from collections.abc import Sequence

from ..model import addresses

_ETH_P_ARP, _ETH_P_IPV6 = 0x0806, 0x86DD
_BROADCAST = b"\xff" * 6
_ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_ARP_REQUEST = 1
_ICMPV6, _NEIGHBOUR_ADVERTISEMENT, _OVERRIDE = 58, 136, 0x20000000
_TARGET_LINK_LAYER_ADDRESS = 2

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40

_MOST_OPEN = 128

# An announcement that still finds no room is given up: neighbours then learn a little later.
_TRIES, _PAUSE = 5, 0.001
_RUNNING_TRIES = 50


class Announcer:
    """Sends announcements, and closes the sockets on the side until ``close``.

    Closing a packet socket waits for an RCU grace period (packet_release() in
    net/packet/af_packet.c), 10 ms and more; closed side by side, many share
    one, and what comes next goes on meanwhile.
    """

    def __init__(self) -> None:
        self._open = 0
        self._closed = threading.Semaphore(0)

    def send(self, link: str, ips: Sequence[str]) -> None:
        """Announce addresses (without prefix length) of a link of the namespace this thread is in."""
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
        try:
            wire.bind((link, 0))
            mac = wire.getsockname()[4][:6]
            _await_running(wire, link)
            for ip in ips:
                _send(wire, _arp(mac, ip) if addresses.family(ip) == addresses.IPV4 else _neighbour_advertisement(mac, ip))
        finally:
            # No threading.Thread: its start() waits until the thread runs.
            _thread.start_new_thread(self._close, (wire,))
            self._open += 1
        if self._open >= _MOST_OPEN:
            self.close()

    def close(self) -> None:
        """Wait until all sockets are closed."""
        while self._open:
            self._closed.acquire()
            self._open -= 1

    def _close(self, wire: socket.socket) -> None:
        try:
            wire.close()
        finally:
            self._closed.release()


def _await_running(wire: socket.socket, link: str) -> None:
    # Being up is not enough: until a kernel worker (net/core/link_watch.c) has seen the carrier, the link drops
    # what it is given without a word, and the bridge's port does not forward yet. One of six was lost.
    for _attempt in range(_RUNNING_TRIES):
        (flags,) = struct.unpack_from("=H", fcntl.ioctl(wire, _SIOCGIFFLAGS, struct.pack("16sH22x", link.encode(), 0)), 16)
        if flags & _IFF_RUNNING:
            return
        time.sleep(_PAUSE)


def _send(wire: socket.socket, frame: bytes) -> None:
    for _attempt in range(_TRIES):
        try:
            wire.send(frame)
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        # A bridge floods each frame to all its ports: with a thousand of them, the receive backlog is full at once.
        time.sleep(_PAUSE)


def _arp(mac: bytes, ip: str) -> bytes:
    # A request with sender and target the same: what RFC 5227 chose, as some hosts ignore unasked replies.
    own = socket.inet_pton(socket.AF_INET, ip)
    return _BROADCAST + mac + struct.pack("!HHHBBH", _ETH_P_ARP, 1, 0x0800, 6, 4, _ARP_REQUEST) + mac + own + b"\0" * 6 + own


def _neighbour_advertisement(mac: bytes, ip: str) -> bytes:
    own = socket.inet_pton(socket.AF_INET6, ip)
    body = struct.pack("!I", _OVERRIDE) + own + struct.pack("!BB", _TARGET_LINK_LAYER_ADDRESS, 1) + mac
    message = struct.pack("!BBH", _NEIGHBOUR_ADVERTISEMENT, 0, 0) + body
    pseudo_header = own + _ALL_NODES + struct.pack("!II", len(message), _ICMPV6)
    message = struct.pack("!BBH", _NEIGHBOUR_ADVERTISEMENT, 0, _checksum(pseudo_header + message)) + body
    # Hop limit 255: receivers drop any other, as it could have been routed here.
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255) + own + _ALL_NODES
    return _ALL_NODES_MAC + mac + struct.pack("!H", _ETH_P_IPV6) + header + message


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
