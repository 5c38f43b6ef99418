# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Asking others whether this host is connected: ARP and NDP, ping, TCP. Private to the collection."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Collection, Iterable

from ...model.addresses import IPV6, family
from ...model.host_nic import GATEWAY, TCP, Probe
from .neighbour_probe import ask, open_probe

_ECHO, _ECHO_V6 = 8, 128
_ECHO_REPLY, _ECHO_REPLY_V6 = 0, 129
_IPV4_HEADER = 20
_ROUND = 0.3  # seconds between two questions to the same


def answered(probes: Collection[Probe], link: str, seconds: float) -> set[Probe]:
    """Return the probes to which somebody answers within ``seconds``; it takes no longer than the slowest of them.

    Gateways are asked for on ``link``. A TCP port that refuses answers, too.
    """
    found: set[Probe] = set()
    deadline = time.monotonic() + seconds
    while len(found) < len(probes):
        left = deadline - time.monotonic()
        waiting = [probe for probe in probes if probe not in found]
        patience = max(0.05, min(_ROUND, left))
        found |= _neighbours([probe for probe in waiting if probe.kind == GATEWAY], link, patience)
        found |= _routed([probe for probe in waiting if probe.kind != GATEWAY], patience)
        if time.monotonic() >= deadline:
            break
    return found


def _neighbours(probes: Collection[Probe], link: str, seconds: float) -> set[Probe]:
    if not probes:
        return set()
    by_address = {probe.address: probe for probe in probes}
    opened = open_probe(link, {family(address) for address in by_address})
    if opened is None:
        return set()
    try:
        ask([opened], list(by_address), seconds)
    except OSError:
        return set()
    finally:
        opened.close()
    return {by_address[address] for address in opened.found}


def _routed(probes: Iterable[Probe], seconds: float) -> set[Probe]:
    found: set[Probe] = set()
    with selectors.DefaultSelector() as ready:
        for probe in probes:
            try:
                opened = _connecting(probe) if probe.kind == TCP else _pinging(probe)
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    found.add(probe)
                continue
            ready.register(opened, selectors.EVENT_WRITE if probe.kind == TCP else selectors.EVENT_READ, probe)
        deadline = time.monotonic() + seconds
        while ready.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _events in ready.select(left):
                one: socket.socket = key.fileobj  # type: ignore[assignment]
                if _is_answer(one, key.data):
                    found.add(key.data)
                    ready.unregister(one)
                    one.close()
                elif key.data.kind == TCP:
                    ready.unregister(one)
                    one.close()
        for key in list(ready.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return found


def _connecting(probe: Probe) -> socket.socket:
    kind = socket.AF_INET6 if family(probe.address) == IPV6 else socket.AF_INET
    opened = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.connect((probe.address, probe.port))
    except BlockingIOError:
        pass
    except OSError:
        opened.close()
        raise
    return opened


def _pinging(probe: Probe) -> socket.socket:
    version_6 = family(probe.address) == IPV6
    kind, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if version_6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    opened = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    try:
        opened.connect((probe.address, 0))
        body = struct.pack("!BBHHH", _ECHO_V6 if version_6 else _ECHO, 0, 0, os.getpid() & 0xFFFF, 1)
        if not version_6:
            body = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
        opened.send(body)
    except OSError:
        opened.close()
        raise
    return opened


def _is_answer(opened: socket.socket, probe: Probe) -> bool:
    if probe.kind == TCP:
        return opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED)
    try:
        data = opened.recv(256)
    except OSError:
        return False
    version_6 = family(probe.address) == IPV6
    body = data if version_6 else data[_IPV4_HEADER:]
    wanted = _ECHO_REPLY_V6 if version_6 else _ECHO_REPLY
    return len(body) >= 8 and body[0] == wanted and body[4:6] == struct.pack("!H", os.getpid() & 0xFFFF)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
