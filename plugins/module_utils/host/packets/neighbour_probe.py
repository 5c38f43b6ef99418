# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Asking from many links at once who has which address. Private to the collection.

ARP and neighbour solicitations of our own: a container need not have ping, and a
socket opened in its namespace needs nothing of it. They are sent from the
unspecified address, so nobody's cache changes.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Collection, Sequence
from dataclasses import field

from ...light_dataclass import dataclass
from ...model import addresses
from . import frames

_ROUNDS = 3
"""How often a question is asked, while the time lasts, if nobody answers."""

_RATE = 1000
"""Questions a second. Each goes to all of its VLAN, on all hosts that ask at the same time: what three hosts of twenty
containers each sent in one go was too much for Open vSwitch in userspace on a busy machine, and answers were lost."""

# Everybody asks at once, and each link sees the questions of all others. Linux counts 1 KiB and less for such a frame.
_RECEIVE_BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; missing from socket before Python 3.13

_NO_LINK = (errno.ENODEV, errno.ENXIO, errno.ENETDOWN)


@dataclass
class Probe:
    """A link that asks; ``found`` holds the MACs that answered, by address."""

    wires: dict[int, socket.socket]
    mac: bytes
    found: dict[str, set[str]] = field(default_factory=dict)

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()


def open_probe(link: str, families: Collection[int]) -> Probe | None:
    """Return a probe for a link of the namespace this thread is in; ``None`` where there is no such link."""
    wires = {
        family: socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        for family in families
    }
    try:
        for family, wire in wires.items():
            wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            wire.bind((link, frames.ETH_P_IPV6 if family == addresses.IPV6 else frames.ETH_P_ARP))
    except OSError as error:
        for wire in wires.values():
            wire.close()
        if error.errno in _NO_LINK:
            return None
        raise
    return Probe(wires, next(iter(wires.values())).getsockname()[4][:6])


def ask(probes: Sequence[Probe], asked: Sequence[str], seconds: float) -> None:
    """Ask for all addresses from all probes, and collect answers: ``seconds`` on top of what asking takes."""
    wanted = frozenset(asked)
    with selectors.DefaultSelector() as ready:
        for probe in probes:
            for wire in probe.wires.values():
                ready.register(wire, selectors.EVENT_READ, (probe, wire))
        due = time.monotonic()
        for _round in range(_ROUNDS):
            for address in asked:
                for probe in probes:
                    if address not in probe.found:
                        _question(probe, address)
                        due += 1 / _RATE
                _collect_until(due, ready, wanted)
            due = max(due, time.monotonic()) + seconds / _ROUNDS
            _collect_until(due, ready, wanted)


def _collect_until(due: float, ready: selectors.BaseSelector, wanted: Collection[str]) -> None:
    while (left := due - time.monotonic()) > 0:
        _collect(ready, wanted, left)
    _collect(ready, wanted, 0)


def _question(probe: Probe, address: str) -> None:
    family = addresses.family(address)
    frame = (
        frames.arp_request(probe.mac, "0.0.0.0", address)
        if family == addresses.IPV4
        else frames.neighbour_solicitation(probe.mac, address)
    )
    try:
        frames.send(probe.wires[family], frame)
    except OSError as error:
        if error.errno not in _NO_LINK:  # it went while it asked: nobody answers
            raise


def _collect(ready: selectors.BaseSelector, asked: Collection[str], patience: float) -> None:
    for key, _events in ready.select(patience):
        data: tuple[Probe, socket.socket] = key.data
        probe, wire = data
        while True:
            try:
                answer = frames.answered(wire.recv(256), probe.mac)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _NO_LINK:
                    break
                raise
            if answer is not None and answer[0] in asked:
                probe.found.setdefault(answer[0], set()).add(answer[1])
