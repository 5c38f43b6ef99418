# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ending UDP flows that conntrack still sends the old way. Private to the collection.

A flow keeps the way that its first packet took for as long as it lives, whatever
the rules say by then. TCP connections end by themselves; a UDP client that goes
on sending never does. Message layout: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator

from ...errors import PipefitterError
from ...model.addresses import IPV4, IPV6
from ...model.publication import UdpFlow
from ..port_use.local_address import is_local

_NETLINK_NETFILTER = 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY, _CTA_ID, _CTA_ZONE = 1, 2, 12, 18
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_SOURCE_ATTRIBUTE, _DESTINATION_ATTRIBUTE = {IPV4: 1, IPV6: 3}, {IPV4: 2, IPV6: 4}
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT = 1, 2, 3
_TYPE_MASK = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
_RECEIVE = 1 << 16


def end(flows: Collection[UdpFlow]) -> None:
    """Delete the conntrack entries of UDP flows; those that are gone already are as good.

    One dump for each family, however many flows.

    :raises PipefitterError: the kernel refused.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as netlink:
        netlink.settimeout(30)
        for version in (IPV4, IPV6):
            by_port: dict[int, list[UdpFlow]] = {}
            for flow in flows:
                if flow.host.family == version and flow.host.protocol == "udp":
                    by_port.setdefault(flow.host.port, []).append(flow)
            if by_port:
                entries = [entry for entry in _dump(netlink, version) if _ends(entry, by_port, version)]
                for attributes in entries:
                    _delete(netlink, version, attributes)


def _ends(attributes: dict[int, bytes], by_port: dict[int, list[UdpFlow]], version: int) -> bool:
    original = _tuple(attributes.get(_CTA_TUPLE_ORIG, b""), version)
    reply = _tuple(attributes.get(_CTA_TUPLE_REPLY, b""), version)
    if original is None or reply is None or original[0] != socket.IPPROTO_UDP:
        return False
    destination, port = original[2]
    for flow in by_port.get(port, ()):
        if flow.host.address not in ("", destination):
            continue
        if flow.address:
            if reply[1] == (flow.address, flow.port):
                return True
        elif reply[1] == (destination, port) and is_local(destination):
            return True
    return False


def _tuple(data: bytes, version: int) -> tuple[int, tuple[str, int], tuple[str, int]] | None:
    """Return protocol, source and destination of a CTA_TUPLE, ``None`` where it has no ports."""
    parts = dict(_attributes(data))
    address, protocol = (
        dict(_attributes(parts.get(_CTA_TUPLE_IP, b""))),
        dict(_attributes(parts.get(_CTA_TUPLE_PROTO, b""))),
    )
    try:
        ends = [
            socket.inet_ntop(_FAMILIES[version], address[which[version]])
            for which in (_SOURCE_ATTRIBUTE, _DESTINATION_ATTRIBUTE)
        ]
        ports = [struct.unpack("!H", protocol[which])[0] for which in (_CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT)]
        return protocol[_CTA_PROTO_NUM][0], (ends[0], ports[0]), (ends[1], ports[1])
    except (KeyError, ValueError):
        return None


def _dump(netlink: socket.socket, version: int) -> Iterator[dict[int, bytes]]:
    _send(netlink, _GET, _NLM_F_DUMP, version, b"")
    while True:
        received = netlink.recv(_RECEIVE)
        offset = 0
        while offset + _HEADER.size <= len(received):
            length, kind, _flags, _sequence, _port = _HEADER.unpack_from(received, offset)
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                code = -struct.unpack_from("=i", received, offset + _HEADER.size)[0]
                raise PipefitterError(
                    f"the kernel did not show which UDP flows there are ({os.strerror(code)}); it needs nf_conntrack_netlink"
                )
            yield dict(_attributes(received[offset + _HEADER.size + 4 : offset + length]))
            offset += (length + 3) & ~3


def _delete(netlink: socket.socket, version: int, attributes: dict[int, bytes]) -> None:
    body = b""
    for kind in (_CTA_TUPLE_ORIG, _CTA_ID, _CTA_ZONE):
        if kind in attributes:
            value = attributes[kind]
            nested = 0x8000 if kind == _CTA_TUPLE_ORIG else 0
            body += struct.pack("=HH", 4 + len(value), kind | nested) + value + b"\0" * (-len(value) % 4)
    _send(netlink, _DELETE, _NLM_F_ACK, version, body)
    answer = netlink.recv(_RECEIVE)
    code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
    if code not in (0, errno.ENOENT):
        raise PipefitterError(f"the kernel did not end a UDP flow ({os.strerror(code)})")


def _send(netlink: socket.socket, kind: int, flags: int, version: int, body: bytes) -> None:
    body = struct.pack("=BBH", _FAMILIES[version], 0, 0) + body
    netlink.send(_HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST | flags, 1, 0) + body)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & _TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
