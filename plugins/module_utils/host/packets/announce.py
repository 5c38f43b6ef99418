# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Gratuitous ARP (RFC 5227) and unsolicited neighbour advertisements (RFC 4861). Private to the collection.

Neighbours and switches then know at once behind which MAC and port an
address is, instead of after their caches expire.
"""

from __future__ import annotations

import _thread
import fcntl
import socket
import struct
import threading
import time
from collections.abc import Sequence

from ...model import addresses
from . import frames

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40

_MOST_OPEN = 128

_RUNNING_TRIES, _PAUSE = 50, 0.001


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
                # A frame that meets a full queue is given up: neighbours then learn a little later.
                # A request with sender and target the same: what RFC 5227 chose, as some hosts ignore unasked replies.
                frames.send(
                    wire,
                    frames.arp_request(mac, ip, ip)
                    if addresses.family(ip) == addresses.IPV4
                    else frames.neighbour_advertisement(mac, ip),
                )
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
    # Being up is not enough: until a kernel worker (net/core/link_watch.c) has seen the carrier, the link silently
    # drops frames, and the bridge's port does not forward yet. One of six was lost.
    for _attempt in range(_RUNNING_TRIES):
        (flags,) = struct.unpack_from(
            "=H", fcntl.ioctl(wire, _SIOCGIFFLAGS, struct.pack("16sH22x", link.encode(), 0)), 16
        )
        if flags & _IFF_RUNNING:
            return
        time.sleep(_PAUSE)
