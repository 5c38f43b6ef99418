# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ping from each of many network namespaces at once, in one process; and what the kernel's queues dropped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import select
import socket
import struct
import time

_ECHO = struct.pack(">BBHHH", 8, 0, 0xF7FF, 0, 0)  # RFC 792: an echo request, with its checksum
_PATIENCE = 10.0

# The kernel keeps 1024 neighbours (gc_thresh3) for all network namespaces together, and each ping makes two: of the
# gateway, and of the one who asks.
AT_ONCE = 400

# A processor's replies wait in one socket's send buffer of 132 kB until they are taken (net/ipv4/icmp.c): 162 of them.
# A bridge of Linux takes each at once, and Open vSwitch in userspace when it comes to it; what is more is given up,
# which IcmpOutErrors counts. It is none of the bridge's doing: of 300 at once, 136 to 138 had no answer, after five
# seconds of rest and without announcements, too.
AT_ONCE_USERSPACE = 100
_SIOCDARP = 0x8953


def ping_once(pinging: list[tuple[str, str]], target: str, device: str, at_once: int = AT_ONCE) -> dict[str, float]:
    """Ping ``target`` once from each of ``pinging``, a namespace's path and its address, ``at_once`` at a time.

    Returns the seconds until the last answer, without what is forgotten in between on ``device`` (in namespaces:
    eth1), and how many had none in 10 s.
    """
    results = [_wave(pinging[first : first + at_once], target, device) for first in range(0, len(pinging), at_once)]
    return {
        "seconds": sum(seconds for seconds, _left in results),
        "unanswered": sum(left for _seconds, left in results),
    }


def _wave(pinging: list[tuple[str, str]], target: str, device: str) -> tuple[float, int]:
    start = last = time.perf_counter()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    sockets = []
    for namespace, _address in pinging:
        descriptor = os.open(namespace, os.O_RDONLY)
        _setns(descriptor)
        os.close(descriptor)
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        sockets[-1].sendto(_ECHO, (target, 0))
    _setns(home)
    os.close(home)
    waiting = {one.fileno(): one for one in sockets}
    answers = select.epoll()
    for number in waiting:
        answers.register(number, select.EPOLLIN)
    while waiting and time.perf_counter() - start < _PATIENCE:
        for number, _event in answers.poll(1):
            if waiting[number].recv(1500)[20:21] == b"\0":  # an echo reply, after the IPv4 header
                answers.unregister(number)
                del waiting[number]
                last = time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        for one, (_namespace, address) in zip(sockets, pinging):
            _forget(one, target, "eth1")
            _forget(host, address, device)
            one.close()
    return last - start, len(waiting)


def _forget(one: socket.socket, address: str, device: str) -> None:
    """As ``arp -d``: struct arpreq of linux/if_arp.h."""
    of_address = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    with contextlib.suppress(OSError):  # there is none where no answer came
        fcntl.ioctl(one, _SIOCDARP, of_address + bytes(16) + bytes(4) + bytes(16) + device.encode().ljust(16, b"\0"))


def backlog() -> dict[str, int]:
    """What all processors took from their queues of received packets, and dropped since these were full."""
    lines = [line.split() for line in pathlib.Path("/proc/net/softnet_stat").read_text(encoding="ascii").splitlines()]
    return {"delivered": sum(int(line[0], 16) for line in lines), "dropped": sum(int(line[1], 16) for line in lines)}


def _setns(descriptor: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")
