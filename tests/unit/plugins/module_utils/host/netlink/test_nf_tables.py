# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about nf_tables and the kernel's answers, message by message (linux/netfilter/nf_tables.h)."""

from __future__ import annotations

import errno
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import nf_tables
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import DroppingChain
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    DUMP,
    DUMP_INTR,
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

NEWCHAIN, GETCHAIN = 0xA03, 0xA04
INET, IP, NETDEV, BRIDGE, IP6 = 1, 2, 5, 7, 10
INPUT, FORWARD = 1, 2
DROP, ACCEPT = 0, 1
WITHOUT_NF_TABLES = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)
QUESTIONS = [
    pytest.param(
        lambda: nf_tables.table_exists("ip6", "nat"),
        Request(0xA01, REQUEST, bytes([IP6, 0, 0, 0]) + attribute(1, b"nat\0")),
        id="table",
    ),
    pytest.param(
        lambda: nf_tables.chain_exists("ip", "filter", "DOCKER-USER"),
        Request(0xA04, REQUEST, bytes([IP, 0, 0, 0]) + attribute(1, b"filter\0") + attribute(3, b"DOCKER-USER\0")),
        id="chain",
    ),
    pytest.param(
        lambda: nf_tables.set_exists("inet", "pipefitter", "off"),
        Request(0xA0A, REQUEST, bytes([INET, 0, 0, 0]) + attribute(1, b"pipefitter\0") + attribute(2, b"off\0")),
        id="set",
    ),
]


@pytest.mark.parametrize(("ask", "request_sent"), QUESTIONS)
def test_what_is_there_and_what_is_not(monkeypatch, ask, request_sent):
    shown = message(0xA00, bytes([IP, 0, 0, 0]) + attribute(1, b"shown\0"))
    kernel = AnsweringKernel(monkeypatch, [[shown]], [[refused(errno.ENOENT)]])
    assert ask() is True
    assert ask() is False
    assert kernel.requests == [request_sent] * 2
    assert kernel.opened == kernel.closed == 2


@pytest.mark.parametrize("code", WITHOUT_NF_TABLES)
@pytest.mark.parametrize(("ask", "_request_sent"), QUESTIONS)
def test_a_kernel_without_nf_tables(monkeypatch, ask, _request_sent, code):
    AnsweringKernel(monkeypatch, [[refused(code)]])
    with pytest.raises(MissingFeature, match="load the module nf_tables"):
        ask()


def test_a_kernel_without_netfilter(monkeypatch):
    AnsweringKernel(monkeypatch, socket_error=errno.EPROTONOSUPPORT)
    with pytest.raises(MissingFeature, match="this kernel does not support it .Protocol not supported."):
        nf_tables.table_exists("ip", "nat")
    assert nf_tables.dropping_chains() == frozenset()


def test_not_being_root(monkeypatch):
    AnsweringKernel(monkeypatch, [[refused(errno.EPERM)]], [[refused(errno.EPERM)]])
    with pytest.raises(
        PipefitterError, match="look up nf_tables tables .Operation not permitted.; run the task as root"
    ):
        nf_tables.table_exists("ip", "nat")
    with pytest.raises(PipefitterError, match="list nf_tables chains .Operation not permitted.; run the task as root"):
        nf_tables.dropping_chains()


def chain(name, family=IP, hook=FORWARD, policy=DROP, table="filter"):
    payload = bytes([family, 0, 0, 0]) + attribute(1, table.encode() + b"\0") + attribute(3, name.encode() + b"\0")
    if hook is not None:
        numbers = attribute(1, struct.pack("!I", hook)) + attribute(2, struct.pack("!i", 0))
        payload += attribute(0x8000 | 4, numbers) + attribute(5, struct.pack("!I", policy))
    return entry(NEWCHAIN, payload)


def test_chains_that_drop_what_is_forwarded(monkeypatch):
    kernel = AnsweringKernel(
        monkeypatch,
        [
            [chain("FORWARD"), chain("INPUT", hook=INPUT), chain("ours", policy=ACCEPT), chain("jumped-to", hook=None)],
            [chain("fwd", INET, table="own"), chain("six", IP6), chain("bridged", BRIDGE), chain("ingress", NETDEV)],
            [done()],
        ],
    )
    assert nf_tables.dropping_chains() == {
        DroppingChain("ip", "filter", "FORWARD"),
        DroppingChain("inet", "own", "fwd"),
        DroppingChain("ip6", "filter", "six"),
        DroppingChain("bridge", "filter", "bridged"),
    }
    assert kernel.requests == [Request(GETCHAIN, REQUEST | DUMP, bytes(4))]
    assert kernel.closed == 1


def test_chains_that_change_meanwhile_are_read_again(monkeypatch):
    AnsweringKernel(
        monkeypatch,
        [[chain("gone")], [done(flags=MULTI | DUMP_INTR)]],
        [[chain("FORWARD")], [done()]],
    )
    assert nf_tables.dropping_chains() == {DroppingChain("ip", "filter", "FORWARD")}


@pytest.mark.parametrize("code", WITHOUT_NF_TABLES)
def test_no_chains_without_nf_tables(monkeypatch, code):
    AnsweringKernel(monkeypatch, [[refused(code)]])
    assert nf_tables.dropping_chains() == frozenset()
