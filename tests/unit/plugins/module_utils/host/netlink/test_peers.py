# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kernels say of a veth's end in another namespace, and what is taken from it."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.handle import NetlinkHandle
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    AnsweringKernel,
    attribute,
    done,
    entry,
    message,
    refused,
)

NEWLINK, GETLINK, NEWADDR, GETADDR = 16, 18, 20, 22
PORT = Link(7, "veth0", "veth", peer=3, peer_netns=5)
THERE, ELSEWHERE = struct.pack("=i", 5), struct.pack("=i", 4)
MAC = bytes.fromhex("02000000000a")


def link(*values):
    return message(NEWLINK, struct.pack("=BxHiII", 0, 1, 3, 0, 0) + b"".join(attribute(*value) for value in values))


def address(text, *values, index=3):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    own = attribute(1 if ":" in text else 2, socket.inet_pton(family, text))
    header = struct.pack("=BBBBI", family, 24, 0, 0, index)
    return entry(NEWADDR, header + own + b"".join(attribute(*value) for value in values))


@pytest.fixture
def asked(monkeypatch):
    """Ask a kernel that answers so for addresses, then for the MAC."""

    def ask(*answers):
        kernel = AnsweringKernel(monkeypatch, *answers)
        return NetlinkHandle().peer(PORT, True, True), kernel

    return ask


def test_the_kernel_is_asked_for_one_link_of_one_namespace(asked):
    shown = [address("10.0.0.5", (10, THERE)), address("fd00::5", (10, THERE)), done()]
    found, kernel = asked([shown], [[link((1, MAC), (46, THERE))]])
    assert found == ("02:00:00:00:00:0a", ("10.0.0.5", "fd00::5"))
    (addresses, mac) = kernel.requests
    assert (addresses.kind, mac.kind) == (GETADDR, GETLINK)
    assert addresses.payload == struct.pack("=BBBBI", 0, 0, 0, 0, 3) + attribute(10, THERE)
    assert mac.payload == struct.pack("=BxHiII", 0, 0, 3, 0, 0) + attribute(46, THERE)


def test_what_an_old_kernel_says_of_this_namespace_is_not_taken(asked):
    shown = [address("10.0.0.5"), address("10.0.0.6", (10, ELSEWHERE)), done()]
    assert asked([shown], [[link((1, MAC))]])[0] == ("", ())


def test_other_links_of_that_namespace_are_left_out(asked):
    shown = [address("10.0.0.5", (10, THERE), index=4), done()]
    assert asked([shown], [[link((1, MAC), (46, THERE))]])[0][1] == ()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENODEV])
def test_a_namespace_that_has_ended_has_nothing(asked, code):
    assert asked([[refused(code)]], [[refused(code)]])[0] == ("", ())
