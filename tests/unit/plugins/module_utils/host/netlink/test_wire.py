# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink's request loop, by hand-made datagrams (linux/netlink.h)."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import wire
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import (
    KernelError,
    NetlinkSocket,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    ACK,
    ACK_TLVS,
    CAPPED,
    DONE,
    DUMP,
    DUMP_INTR,
    ERROR,
    MULTI,
    REQUEST,
    AnsweringKernel,
    Request,
    attribute,
    done,
    entry,
    message,
    refused,
)

NEWLINK, GETLINK = 16, 18
ONE, TWO, THREE = b"one", b"two.", b"three"


@pytest.fixture(name="dumped")
def fixture_dumped(monkeypatch):
    def dump(*answers, **how):
        kernel = AnsweringKernel(monkeypatch, *answers)
        return kernel, NetlinkSocket(0, 30).dump("links", GETLINK, b"asked", **how)

    return dump


def test_a_dump_over_several_datagrams(dumped):
    kernel, found = dumped([[entry(NEWLINK, ONE), entry(NEWLINK, TWO)], [entry(NEWLINK, THREE)], [done()]])
    assert found == [ONE, TWO, THREE]
    assert kernel.requests == [Request(GETLINK, REQUEST | DUMP, b"asked")]


def test_only_entries_that_are_wanted_are_kept(dumped):
    _kernel, found = dumped([[entry(NEWLINK, ONE), entry(NEWLINK, TWO)], [done()]], keep=lambda data: data != ONE)
    assert found == [TWO]


def test_a_dump_is_asked_again_when_the_table_changed_under_it(dumped):
    kernel, found = dumped(
        [[entry(NEWLINK, ONE, MULTI | DUMP_INTR)], [done()]],
        [[entry(NEWLINK, ONE)], [done(flags=MULTI | DUMP_INTR)]],
        [[entry(NEWLINK, TWO)], [done()]],
    )
    assert found == [TWO]
    assert len(kernel.requests) == 3


def test_a_table_that_never_settles(dumped):
    with pytest.raises(PipefitterError, match="dump of links was interrupted 20 times"):
        dumped(*[[[done(flags=MULTI | DUMP_INTR)]]] * 20)


def test_a_table_that_never_settles_is_taken_as_it_is_where_that_does_no_harm(dumped):
    changed = [[entry(NEWLINK, ONE)], [done(flags=MULTI | DUMP_INTR)]]
    kernel, found = dumped(*[changed] * 20, consistent=False)
    assert (found, len(kernel.requests)) == ([ONE], 20)


def test_an_error_in_the_middle_of_a_dump_is_not_its_end(dumped):
    why = attribute(1, b"out of sorts\0")
    with pytest.raises(KernelError, match="refused to list links") as failure:
        dumped([[entry(NEWLINK, ONE)], [done(-errno.EMSGSIZE, why, MULTI | ACK_TLVS)]])
    assert failure.value.code == errno.EMSGSIZE
    assert failure.value.reason == "out of sorts"


def test_a_table_that_does_not_exist_yet_is_empty(dumped):
    assert dumped([[done(-errno.ENOENT)]])[1] == []


def test_a_dump_that_is_refused(dumped):
    with pytest.raises(KernelError) as failure:
        dumped([[refused(errno.EPERM)]])
    assert failure.value.code == errno.EPERM


def test_a_datagram_that_was_cut_off_is_an_error(dumped):
    whole = entry(NEWLINK, bytes(100))
    with pytest.raises(PipefitterError, match="truncated to 65536 bytes while trying to list links"):
        dumped([[lambda sequence: whole(sequence)[:60]]])


def test_what_an_earlier_request_still_sends_is_passed_over(dumped):
    _kernel, found = dumped([[entry(NEWLINK, ONE, late=1), entry(NEWLINK, TWO)], [entry(DONE, b"", late=1)], [done()]])
    assert found == [TWO]


def test_a_change_is_acknowledged(monkeypatch):
    kernel = AnsweringKernel(monkeypatch, [[refused(0)]], [[refused(0)]])
    with NetlinkSocket(0, 30) as netlink:
        netlink.change("do this", 20, wire.NLM_F_CREATE, b"body")
        netlink.change("do that", 21, 0, b"")
    assert kernel.requests == [Request(20, REQUEST | ACK | 0x400, b"body"), Request(21, REQUEST | ACK, b"")]
    assert kernel.closed == 1


@pytest.mark.parametrize("capped", [True, False])
def test_the_kernels_own_sentence_on_a_refusal(monkeypatch, capped):
    """It follows the request that is repeated, or its header alone (NETLINK_CAP_ACK)."""
    repeated = struct.pack("=IHHII", 16 + 12, 20, 5, 1, 0) + (b"" if capped else attribute(1, b"request\0"))
    error = struct.pack("=i", -errno.EBUSY) + repeated + attribute(2, bytes(4)) + attribute(1, b"in use\0")
    AnsweringKernel(monkeypatch, [[message(ERROR, error, ACK_TLVS | (CAPPED if capped else 0))]])
    with pytest.raises(KernelError) as failure:
        NetlinkSocket(0, 30).change("move it", 20, 0, b"")
    assert str(failure.value) == "the kernel refused to move it (Device or resource busy: in use)"


def test_one_message(monkeypatch):
    AnsweringKernel(monkeypatch, [[message(NEWLINK, ONE)]], [[refused(errno.ENODEV)]])
    netlink = NetlinkSocket(0, 30)
    assert netlink.get("show it", GETLINK, b"") == ONE
    with pytest.raises(KernelError, match="refused to show it .No such device.") as failure:
        netlink.get("show it", GETLINK, b"")
    assert failure.value.code == errno.ENODEV


def test_no_answer(monkeypatch):
    AnsweringKernel(monkeypatch, [[]])
    with pytest.raises(PipefitterError, match="timed out after 5 s waiting for the kernel to show it"):
        NetlinkSocket(0, 5).get("show it", GETLINK, b"")


def test_a_receive_that_fails(monkeypatch):
    AnsweringKernel(monkeypatch, [OSError(errno.ENOBUFS, "")])
    with pytest.raises(KernelError, match="show it .No buffer space available."):
        NetlinkSocket(0, 5).get("show it", GETLINK, b"")


def test_a_kernel_without_the_protocol(monkeypatch):
    AnsweringKernel(monkeypatch, socket_error=errno.EPROTONOSUPPORT)
    with pytest.raises(KernelError) as failure:
        NetlinkSocket(12, 5)
    assert failure.value.code == errno.EPROTONOSUPPORT


def test_options_that_an_older_kernel_lacks_are_done_without(monkeypatch):
    asked = []

    def setsockopt(_self, level, option, value):
        asked.append((level, option, value))
        if level == 270 and option == wire.NETLINK_GET_STRICT_CHK:
            raise OSError(errno.ENOPROTOOPT, "")

    monkeypatch.setattr(AnsweringKernel, "setsockopt", setsockopt)
    AnsweringKernel(monkeypatch, [[message(NEWLINK, ONE)]])
    netlink = NetlinkSocket(0, 7, (wire.NETLINK_GET_STRICT_CHK, wire.NETLINK_EXT_ACK))
    assert netlink.get("show it", GETLINK, b"") == ONE
    assert asked == [
        (270, 12, 1),
        (270, 11, 1),
        (socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 7, 0)),
    ]
