# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Neighbours of a link: those learned, and those the host answers for (proxy NDP). Private to the collection.

An entry of the latter kind (NTF_PROXY) bears our mark in NDA_PROTOCOL (Linux 5.2), as a route does.
pyroute2 0.7 has no name for that attribute, so the messages are written and
read here (linux/neighbour.h).
"""

from __future__ import annotations

import errno
import socket
import struct

from ...model.route import PROTOCOL
from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute, attributes

_NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_NTF_PROXY = 0x08
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_NDA_DST, _NDA_LLADDR, _NDA_PROTOCOL = 1, 2, 12
_NUD_FAILED, _NUD_PERMANENT = 0x20, 0x80


def learned(route_socket: RouteSocket) -> frozenset[tuple[int, str, str]]:
    """Return index, address and MAC of the neighbours learned on any link; no permanent or failed entries."""
    found = set()
    for payload in route_socket.dump(rtnetlink.RTM_GETNEIGH, bytes(_NDMSG.size)):
        family, index, state, _flags, _type = _NDMSG.unpack_from(payload)
        values = dict(attributes(payload, _NDMSG.size))
        if (
            family in _FAMILIES
            and not state & (_NUD_FAILED | _NUD_PERMANENT)
            and values.keys() >= {_NDA_DST, _NDA_LLADDR}
        ):
            found.add((index, socket.inet_ntop(family, values[_NDA_DST]), values[_NDA_LLADDR].hex(":")))
    return frozenset(found)


def forget(route_socket: RouteSocket, index: int, address: str, link: str) -> None:
    """Delete a link's neighbour entry, so that it resolves the address anew; one that is gone is as good."""
    _delete(route_socket, f"forget the neighbour {address} of {link}", _request(index, address, 0))


def shown(route_socket: RouteSocket, index: int) -> frozenset[str]:
    """Return the IPv6 addresses of our proxy entries on a link."""
    found = set()
    request = _NDMSG.pack(socket.AF_INET6, 0, 0, _NTF_PROXY, 0)
    for payload in route_socket.dump(rtnetlink.RTM_GETNEIGH, request):
        _family, its_index, _state, flags, _type = _NDMSG.unpack_from(payload)
        values = dict(attributes(payload, _NDMSG.size))
        if (
            its_index == index
            and flags & _NTF_PROXY
            and values.get(_NDA_PROTOCOL) == bytes((PROTOCOL,))
            and _NDA_DST in values
        ):
            found.add(socket.inet_ntop(socket.AF_INET6, values[_NDA_DST]))
    return frozenset(found)


def add(route_socket: RouteSocket, index: int, address: str, link: str) -> None:
    """Let the host answer neighbour solicitations for an IPv6 address on a link; the entry bears our mark."""
    body = _request(index, address, _NTF_PROXY) + attribute(_NDA_PROTOCOL, bytes((PROTOCOL,)))
    route_socket.request_payload(f"answer for {address} on {link}", rtnetlink.RTM_NEWNEIGH, wire.NLM_F_CREATE, body)


def remove(route_socket: RouteSocket, index: int, address: str, link: str) -> None:
    """Delete a proxy entry; one that is gone already is as good."""
    _delete(route_socket, f"no longer answer for {address} on {link}", _request(index, address, _NTF_PROXY))


def _delete(route_socket: RouteSocket, what: str, body: bytes) -> None:
    try:
        route_socket.request_payload(what, rtnetlink.RTM_DELNEIGH, 0, body)
    except KernelError as error:
        if error.code != errno.ENOENT:
            raise


def _request(index: int, address: str, flags: int) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _NDMSG.pack(family, index, 0, flags, 0) + attribute(_NDA_DST, socket.inet_pton(family, address))
