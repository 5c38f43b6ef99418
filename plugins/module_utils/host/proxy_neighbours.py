# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""IPv6 addresses for which the host answers on a link (NTF_PROXY). Private to the collection.

Such an entry bears our mark in NDA_PROTOCOL (Linux 5.2), as a route does.
pyroute2 0.7 has no name for that attribute, so the messages are written and
read here (linux/neighbour.h).
"""

from __future__ import annotations

import errno
import socket
import struct

from ..model.route import PROTOCOL
from . import rtnetlink
from .rtnetlink import KernelError, RouteSocket

_NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_ATTRIBUTE = struct.Struct("=HH")
_NTF_PROXY = 0x08
_NDA_DST, _NDA_PROTOCOL = 1, 12


def shown(route_socket: RouteSocket, index: int) -> frozenset[str]:
    """Return the addresses of our entries on a link."""
    found = set()
    for payload, _decode in route_socket.dump(rtnetlink.RTM_GETNEIGH, "ndmsg", {"family": int(socket.AF_INET6), "flags": _NTF_PROXY}):
        _family, its_index, _state, flags, _type = _NDMSG.unpack_from(payload)
        attributes = _attributes(payload)
        if its_index == index and flags & _NTF_PROXY and attributes.get(_NDA_PROTOCOL) == bytes((PROTOCOL,)) and _NDA_DST in attributes:
            found.add(socket.inet_ntop(socket.AF_INET6, attributes[_NDA_DST]))
    return frozenset(found)


def add(route_socket: RouteSocket, index: int, address: str, link: str) -> None:
    body = _request(index, address) + _attribute(_NDA_PROTOCOL, bytes((PROTOCOL,)))
    route_socket.request_payload(f"answer for {address} on {link}", rtnetlink.RTM_NEWNEIGH, rtnetlink.NLM_F_CREATE, body)


def remove(route_socket: RouteSocket, index: int, address: str, link: str) -> None:
    try:
        route_socket.request_payload(f"no longer answer for {address} on {link}", rtnetlink.RTM_DELNEIGH, 0, _request(index, address))
    except KernelError as error:
        if error.code != errno.ENOENT:
            raise


def _request(index: int, address: str) -> bytes:
    return _NDMSG.pack(socket.AF_INET6, index, 0, _NTF_PROXY, 0) + _attribute(_NDA_DST, socket.inet_pton(socket.AF_INET6, address))


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _attributes(payload: bytes) -> dict[int, bytes]:
    found = {}
    offset = _NDMSG.size
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = payload[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found
