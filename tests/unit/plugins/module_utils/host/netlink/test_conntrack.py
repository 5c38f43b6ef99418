# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which conntrack entries are deleted, by messages as the kernel sends them (linux/netfilter/nfnetlink_conntrack.h)."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import conntrack
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import (
    HostPort,
    PublishedFlow,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    ACK,
    DUMP,
    REQUEST,
    AnsweringKernel,
    Request,
    attribute,
    done,
    entry,
    refused,
)

NEW, GET, DELETE = 0x100, 0x101, 0x102
NESTED = 0x8000
UDP, TCP, ICMP = 17, 6, 1
CLIENT, HOST, CONTAINER, NEIGHBOUR = "192.0.2.9", "192.0.2.1", "192.168.5.11", "192.168.5.12"
TO_CONTAINER = PublishedFlow(HostPort(4, "", "udp", 53), CONTAINER, 5353)
TCP_TO_CONTAINER = PublishedFlow(HostPort(4, "", "tcp", 53), CONTAINER, 5353)
PAST_RULES = PublishedFlow(HostPort(4, "", "udp", 53))


@pytest.fixture(autouse=True)
def fixture_addresses_of_the_host(monkeypatch):
    monkeypatch.setattr(conntrack, "is_local", lambda address: address in (HOST, "fd00::1"))


def addresses_and_ports(protocol, source, destination):
    (address, port), (other_address, other_port) = source, destination
    family, kinds = (socket.AF_INET6, (3, 4)) if ":" in address else (socket.AF_INET, (1, 2))
    ip = b"".join(
        attribute(kind, socket.inet_pton(family, each)) for kind, each in zip(kinds, (address, other_address))
    )
    proto = attribute(1, bytes([protocol]))
    if protocol != ICMP:
        proto += attribute(2, struct.pack("!H", port)) + attribute(3, struct.pack("!H", other_port))
    return attribute(NESTED | 1, ip) + attribute(NESTED | 2, proto)


def header(family):
    return bytes([family, 0, 0, 0])


def flow(client=(CLIENT, 40000), asked=(HOST, 53), answering=(CONTAINER, 5353), protocol=UDP, number=7, zone=None):
    """Return an entry: ``client`` asked one address, and another is ``answering``."""
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    original = attribute(NESTED | 1, addresses_and_ports(protocol, client, asked))
    reply = attribute(NESTED | 2, addresses_and_ports(protocol, answering, client))
    status, timeout = attribute(3, struct.pack("!I", 0x8)), attribute(7, struct.pack("!I", 29))
    zone_attribute = attribute(18, struct.pack("!H", zone)) if zone is not None else b""
    number_attribute = attribute(12, struct.pack("!I", number))
    return header(family) + original + reply + zone_attribute + status + timeout + number_attribute


def dump_of(*entries):
    return [[entry(NEW, each) for each in entries], [done()]]


def deleted(kernel):
    """Return the ids (CTA_ID) of the entries that were deleted."""
    return [struct.unpack("!I", each.payload[-4:])[0] for each in kernel.requests if each.kind == DELETE]


def test_an_entry_is_deleted_by_its_original_direction_id_and_zone(monkeypatch):
    kernel = AnsweringKernel(monkeypatch, dump_of(flow(number=77, zone=5)), [[refused(0)]])
    conntrack.end([TO_CONTAINER])
    original = attribute(NESTED | 1, addresses_and_ports(UDP, (CLIENT, 40000), (HOST, 53)))
    which = original + attribute(12, struct.pack("!I", 77)) + attribute(18, struct.pack("!H", 5))
    assert kernel.requests == [
        Request(GET, REQUEST | DUMP, header(socket.AF_INET)),
        Request(DELETE, REQUEST | ACK, header(socket.AF_INET) + which),
    ]
    assert kernel.opened == kernel.closed == 1


@pytest.mark.parametrize(
    ("wanted", "found", "ends"),
    [
        pytest.param(TO_CONTAINER, flow(), True, id="answered by the container"),
        pytest.param(TO_CONTAINER, flow(asked=(HOST, 54)), False, id="another port of the host"),
        pytest.param(TO_CONTAINER, flow(answering=(NEIGHBOUR, 5353)), False, id="answered by another container"),
        pytest.param(TO_CONTAINER, flow(answering=(CONTAINER, 53)), False, id="answered from another port"),
        pytest.param(TO_CONTAINER, flow(protocol=TCP), False, id="TCP"),
        pytest.param(TO_CONTAINER, flow(protocol=ICMP), False, id="without ports"),
        pytest.param(TO_CONTAINER, header(socket.AF_INET), False, id="without addresses"),
        pytest.param(
            PublishedFlow(HostPort(4, HOST, "udp", 53), CONTAINER, 5353), flow(), True, id="the address of the host"
        ),
        pytest.param(
            PublishedFlow(HostPort(4, "192.0.2.2", "udp", 53), CONTAINER, 5353),
            flow(),
            False,
            id="another of its addresses",
        ),
        pytest.param(PAST_RULES, flow(answering=(HOST, 53)), True, id="answered by the host itself"),
        pytest.param(PAST_RULES, flow(), False, id="answered by a container, and the host was meant"),
        pytest.param(
            PAST_RULES, flow(asked=("198.51.100.1", 53), answering=("198.51.100.1", 53)), False, id="forwarded"
        ),
        pytest.param(TCP_TO_CONTAINER, flow(protocol=TCP), True, id="TCP was meant"),
        pytest.param(TCP_TO_CONTAINER, flow(), False, id="TCP was meant, and UDP found"),
        pytest.param(
            PublishedFlow(HostPort(4, "", "tcp", 53), CONTAINER, 5353, (HostPort(4, HOST, "tcp", 53),)),
            flow(protocol=TCP),
            False,
            id="published there still, at one address of the host",
        ),
        pytest.param(
            PublishedFlow(HostPort(4, "", "tcp", 53), CONTAINER, 5353, (HostPort(4, "192.0.2.2", "tcp", 53),)),
            flow(protocol=TCP),
            True,
            id="published at another address of the host only",
        ),
    ],
)
def test_which_flows_end(monkeypatch, wanted, found, ends):
    kernel = AnsweringKernel(monkeypatch, dump_of(found), *[[[refused(0)]]] * ends)
    conntrack.end([wanted])
    assert deleted(kernel) == [7] * ends
    assert not kernel.answers


def test_translated_flows_of_addresses_that_are_gone(monkeypatch):
    outside = ("198.51.100.1", 443)
    answered_as_host = attribute(NESTED | 2, addresses_and_ports(TCP, outside, (HOST, 1025)))
    began = attribute(NESTED | 1, addresses_and_ports(TCP, (CONTAINER, 1025), outside))
    masqueraded = header(socket.AF_INET) + began + answered_as_host + attribute(12, struct.pack("!I", 2))
    entries = [
        flow(protocol=TCP, number=1),
        masqueraded,
        flow(answering=(NEIGHBOUR, 5353), number=3),
        flow(client=(NEIGHBOUR, 9), asked=(CONTAINER, 80), answering=(CONTAINER, 80), protocol=TCP, number=4),
        flow(client=(CONTAINER, 9), asked=(NEIGHBOUR, 80), answering=(NEIGHBOUR, 80), protocol=TCP, number=5),
    ]
    kernel = AnsweringKernel(monkeypatch, dump_of(*entries), *[[[refused(0)]]] * 2)
    conntrack.end_translated([CONTAINER])
    assert deleted(kernel) == [1, 2]
    assert not kernel.answers


def test_what_ends_in_time_by_itself_is_not_worth_an_error(monkeypatch):
    AnsweringKernel(monkeypatch, [[refused(errno.EOPNOTSUPP)]], [[refused(errno.EOPNOTSUPP)]])
    conntrack.end_translated([CONTAINER])
    conntrack.end([TCP_TO_CONTAINER])


def test_one_dump_a_family_however_many_flows(monkeypatch):
    clients = [(CLIENT, 40000), (CLIENT, 40001), (CLIENT, 40002)]
    entries = [flow(client=client, number=number) for number, client in enumerate(clients)]
    of_ipv6 = flow(("fd00::9", 40000), ("fd00::1", 53), ("fd00:5::11", 53), number=9)
    kernel = AnsweringKernel(monkeypatch, dump_of(*entries), *[[[refused(0)]]] * 3, dump_of(of_ipv6), [[refused(0)]])
    conntrack.end([TO_CONTAINER, PAST_RULES, PublishedFlow(HostPort(6, "", "udp", 53), "fd00:5::11", 53)])
    assert [request.payload[0] for request in kernel.requests if request.kind == GET] == [2, 10]
    assert deleted(kernel) == [0, 1, 2, 9]
    assert kernel.opened == kernel.closed == 1


def test_a_flow_that_ended_meanwhile_is_as_good(monkeypatch):
    entries = [flow(number=1), flow(client=(CLIENT, 40001), number=2)]
    kernel = AnsweringKernel(monkeypatch, dump_of(*entries), [[refused(errno.ENOENT)]], [[refused(0)]])
    conntrack.end([TO_CONTAINER])
    assert deleted(kernel) == [1, 2]


@pytest.mark.parametrize(
    ("code", "sentence"), [(errno.EINVAL, "Invalid argument"), (errno.EPERM, "Operation not permitted")]
)
def test_a_kernel_without_conntrack_and_not_being_root(monkeypatch, code, sentence):
    kernel = AnsweringKernel(monkeypatch, [[refused(code)]])
    with pytest.raises(
        PipefitterError,
        match=f"list conntrack entries .{sentence}.; the kernel module nf_conntrack_netlink is required",
    ):
        conntrack.end([TO_CONTAINER])
    assert kernel.closed == 1


def test_a_flow_that_may_not_be_ended(monkeypatch):
    AnsweringKernel(monkeypatch, dump_of(flow()), [[refused(errno.EPERM)]])
    with pytest.raises(PipefitterError, match="delete the conntrack entry of a flow .Operation not permitted."):
        conntrack.end([TO_CONTAINER])
