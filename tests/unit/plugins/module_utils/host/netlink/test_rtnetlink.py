# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a netlink socket may answer, by hand-made datagrams (linux/netlink.h); pyroute2 is not needed."""

from __future__ import annotations

import errno
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import rtnetlink
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.rtnetlink import (
    KernelError,
    RouteSocket,
)

NEWLINK, ERROR, DONE = 16, 2, 3
MULTI, DUMP_INTR, ACK_TLVS = 0x2, 0x10, 0x200


class Message(dict):
    """Stands for pyroute2's ifinfmsg: encodes to a header alone, decodes to the bytes it was given."""

    def __init__(self, data=b""):
        super().__init__(header={})
        self.data = data or struct.pack("=IHHII", 16, 0, 0, 0, 0)

    def encode(self):
        pass

    def decode(self):
        pass


class Kernel:
    """Answers each request with the next list of datagrams, each a list of messages without their sequence number."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0
        self._pending = []

    def send(self, request):
        self.asked += 1
        sequence = struct.unpack_from("=I", request, 8)[0]
        self._pending = [
            b"".join(each if isinstance(each, bytes) else each(sequence) for each in datagram)
            for datagram in self.answers.pop(0)
        ]

    def recv(self, size):
        return self._pending.pop(0)[:size]

    def close(self):
        pass


def entry(kind, payload, flags=MULTI, late=0):
    return lambda sequence: struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence - late, 0) + payload


def attribute(kind, value):
    padded = value + b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + padded


def link(index, *attributes):
    return struct.pack("=BxHiII", 0, 1, index, 0, 0) + b"".join(attributes)


def done(code=0, tail=b"", flags=MULTI):
    return entry(DONE, struct.pack("=i", code) + tail, flags)


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setitem(rtnetlink._messages, "ifinfmsg", Message)
    rtnetlink._encoded_dump.cache_clear()
    opened = []

    def ask(*answers, **options):
        wire = RouteSocket()
        wire._socket.close()
        wire._socket = Kernel(*answers)
        opened.append(wire)
        return wire, [
            (payload, decode().data) for payload, decode in wire.dump(18, "ifinfmsg", {"family": 0}, **options)
        ]

    yield ask
    rtnetlink._encoded_dump.cache_clear()


def test_a_dump_over_several_datagrams(asked):
    _wire, found = asked([[entry(NEWLINK, link(1)), entry(NEWLINK, link(2))], [entry(NEWLINK, link(3))], [done()]])
    assert [payload for payload, _data in found] == [link(1), link(2), link(3)]


def test_a_dump_is_asked_again_when_the_table_changed_under_it(asked):
    wire, found = asked(
        [[entry(NEWLINK, link(1), MULTI | DUMP_INTR)], [done()]],
        [[entry(NEWLINK, link(1))], [done(flags=MULTI | DUMP_INTR)]],
        [[entry(NEWLINK, link(2))], [done()]],
    )
    assert [payload for payload, _data in found] == [link(2)]
    assert wire._socket.asked == 3


def test_an_error_in_the_middle_of_a_dump_is_not_its_end(asked):
    why = attribute(1, b"out of sorts\0")
    with pytest.raises(KernelError) as failure:
        asked([[entry(NEWLINK, link(1))], [done(-errno.EMSGSIZE, why, MULTI | ACK_TLVS)]])
    assert failure.value.code == errno.EMSGSIZE
    assert failure.value.reason == "out of sorts"


def test_a_table_that_does_not_exist_yet_is_empty(asked):
    assert asked([[done(-errno.ENOENT)]])[1] == []


def test_a_dump_that_is_refused(asked):
    with pytest.raises(KernelError) as failure:
        asked([[entry(ERROR, struct.pack("=i", -errno.EPERM) + bytes(16), 0)]])
    assert failure.value.code == errno.EPERM


def test_a_datagram_that_was_cut_off_is_an_error(asked):
    whole = entry(NEWLINK, link(1, attribute(20, bytes(100))))
    with pytest.raises(PipefitterError, match="cut off"):
        asked([[lambda sequence: whole(sequence)[:60]]])


def test_what_an_earlier_request_still_sends_is_passed_over(asked):
    _wire, found = asked(
        [[entry(NEWLINK, link(1), late=1), entry(NEWLINK, link(2))], [entry(DONE, b"", late=1)], [done()]]
    )
    assert [payload for payload, _data in found] == [link(2)]


def test_only_the_attributes_that_are_read_are_decoded(asked):
    name, mtu, nested = attribute(3, b"eth1\0"), attribute(4, struct.pack("=I", 1500)), attribute(0x8000 | 52, b"abc")
    _wire, found = asked(
        [[entry(NEWLINK, link(7, attribute(7, bytes(92)), name, attribute(23, bytes(200)), mtu, nested))], [done()]],
        only=frozenset((3, 52)),
    )
    _payload, data = found[0]
    assert data[16:] == link(7, name, nested)
    assert struct.unpack_from("=I", data)[0] == len(data)
