# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a dump reaches pyroute2's messages; a stand-in for these is enough."""

from __future__ import annotations

import errno
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import rtnetlink
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.rtnetlink import RouteSocket
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    AnsweringKernel,
    attribute,
    done,
    entry,
    message,
    refused,
)

NEWLINK = 16


class Message(dict):
    """Stands for pyroute2's ifinfmsg: encodes to a header alone, decodes to the bytes it was given."""

    def __init__(self, data=b""):
        super().__init__(header={})
        self.data = data or struct.pack("=IHHII", 16, 0, 0, 0, 0)

    def encode(self):
        pass

    def decode(self):
        pass


def link(index, *attributes):
    return struct.pack("=BxHiII", 0, 1, index, 0, 0) + b"".join(attributes)


@pytest.fixture(autouse=True)
def fixture_message(monkeypatch):
    monkeypatch.setitem(rtnetlink._messages, "ifinfmsg", Message)
    rtnetlink._encoded_dump.cache_clear()
    yield
    rtnetlink._encoded_dump.cache_clear()


def test_an_entry_is_decoded_when_asked(monkeypatch):
    shown = [link(1, attribute(3, b"eth1\0")), link(2)]
    AnsweringKernel(monkeypatch, [[entry(NEWLINK, each) for each in shown], [done()]])
    found = list(RouteSocket().dump(18, "ifinfmsg", {"family": 0}))
    assert [payload for payload, _decode in found] == shown
    assert [decode().data[16:] for _payload, decode in found] == shown


def test_only_the_attributes_that_are_read_are_decoded(monkeypatch):
    name, mtu, nested = attribute(3, b"eth1\0"), attribute(4, struct.pack("=I", 1500)), attribute(0x8000 | 52, b"abc")
    shown = link(7, attribute(7, bytes(92)), name, attribute(23, bytes(200)), mtu, nested)
    AnsweringKernel(monkeypatch, [[entry(NEWLINK, shown)], [done()]])
    [(payload, decode)] = RouteSocket().dump(18, "ifinfmsg", {"family": 0}, only=frozenset((3, 52)))
    data = decode().data
    assert payload == shown
    assert data[16:] == link(7, name, nested)
    assert struct.unpack_from("=I", data)[0] == len(data)


@pytest.mark.parametrize("code", [errno.ENODEV, errno.ENOENT])
def test_one_that_is_not_there(monkeypatch, code):
    AnsweringKernel(monkeypatch, [[message(NEWLINK, link(4))]], [[refused(code)]], [[refused(errno.EPERM)]])
    wire = RouteSocket()
    payload, decode = wire.get(18, "ifinfmsg", {"index": 4})
    assert payload == decode().data[16:] == link(4)
    assert wire.get(18, "ifinfmsg", {"index": 4}) is None
    with pytest.raises(KernelError, match="refused to show links .Operation not permitted."):
        wire.get(18, "ifinfmsg", {"index": 4})
