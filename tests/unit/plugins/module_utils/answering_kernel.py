# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that answers netlink requests with hand-made datagrams (linux/netlink.h), below ``host.netlink.wire``."""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass

ERROR, DONE = 2, 3
REQUEST, MULTI, ACK, DUMP_INTR = 0x1, 0x2, 0x4, 0x10
CAPPED, ACK_TLVS, DUMP = 0x100, 0x200, 0x300


@dataclass(frozen=True)
class Request:
    kind: int
    flags: int
    payload: bytes


class AnsweringKernel:
    """Answers each request with the next list of datagrams, each a list of messages without their sequence number.

    Stands for a socket that has been opened, and for all that are opened later. An ``OSError`` in the place of a
    datagram is what receiving it fails with; after the last one, receiving times out.
    """

    def __init__(self, monkeypatch, *answers, socket_error=0):
        self.answers = list(answers)
        self.requests = []
        self.opened = self.closed = 0
        self._pending = []
        real = socket.socket

        def opened(family=socket.AF_INET, *arguments, **options):
            if family != socket.AF_NETLINK:
                return real(family, *arguments, **options)
            if socket_error:
                raise OSError(socket_error, os.strerror(socket_error))
            self.opened += 1
            return self

        monkeypatch.setattr(socket, "socket", opened)

    def setsockopt(self, level, option, value):
        pass

    def send(self, request):
        length, kind, flags, sequence, _port = struct.unpack_from("=IHHII", request)
        assert length == len(request)
        self.requests.append(Request(kind, flags, request[16:]))
        self._pending = [
            datagram if isinstance(datagram, OSError) else b"".join(message(sequence) for message in datagram)
            for datagram in self.answers.pop(0)
        ]

    def recv(self, size):
        if not self._pending:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        datagram = self._pending.pop(0)
        if isinstance(datagram, OSError):
            raise datagram
        return datagram[:size]

    def close(self):
        self.closed += 1


def message(kind, payload, flags=0, late=0):
    """Return an answer; one to the request ``late`` requests before."""
    padded = payload + b"\0" * (-len(payload) % 4)
    return lambda sequence: struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence - late, 0) + padded


def entry(kind, payload, flags=MULTI, late=0):
    return message(kind, payload, flags, late)


def done(code=0, tail=b"", flags=MULTI):
    return message(DONE, struct.pack("=i", code) + tail, flags)


def refused(code):
    """Return an NLMSG_ERROR; 0 is the acknowledgement. The kernel repeats the request in it."""
    return message(ERROR, struct.pack("=i", -code) + struct.pack("=IHHII", 16, 0, 0, 0, 0))


def attribute(kind, value):
    padded = value + b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + padded
