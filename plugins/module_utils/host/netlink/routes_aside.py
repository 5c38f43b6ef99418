# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Default routes whose place another took, in a table of their own until it goes. Private to the collection.

No rule leads to the table, so nothing is routed by it. The kernel keeps there all that a route has, drops it with its
interface, and all of it with the network namespace: nobody else would know when it is of no use any more.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from ...model.route import ASIDE, MAIN, Route
from . import rtnetlink, wire
from .routes import FAMILIES, IN_ATTRIBUTE, RTA_TABLE, RTMSG, again, route_of
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, NLA_TYPE_MASK, KernelError, attribute, attributes, number

_RTA_OIF = 4

# Something else has its place by now, or its gateway or preferred source address is gone.
_OF_NO_USE = (errno.EEXIST, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL)


def shown(route_socket: RouteSocket, names_by_index: Mapping[int, str]) -> tuple[Route, ...]:
    """Return the routes that were put aside. A dump each family."""
    found = []
    for version, family in FAMILIES.items():
        request = RTMSG.pack(int(family), 0, 0, 0, 0, 0, 0, 0, 0)
        for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, request):
            values = dict(attributes(payload, RTMSG.size))
            if payload[0] == family and number(values.get(RTA_TABLE, b"")) == ASIDE:
                found.append(replace(route_of(payload, version, names_by_index), table=MAIN))
    return tuple(found)


def put(route_socket: RouteSocket, route: Route) -> None:
    """Keep a route as the kernel showed it, in place of one of its family; what can't be kept is not."""
    with suppress(KernelError):
        for other in shown(route_socket, {}):
            if other.family == route.family:
                drop(route_socket, other)
        flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL
        payload = _in_table(route.message, ASIDE)
        route_socket.request_payload(f"keep route {route}", rtnetlink.RTM_NEWROUTE, flags, payload)


def drop(route_socket: RouteSocket, route: Route) -> None:
    """Keep a route no longer; one that is gone already is as good."""
    with suppress(KernelError):
        payload = _in_table(route.message, ASIDE)
        route_socket.request_payload(f"keep route {route} no longer", rtnetlink.RTM_DELROUTE, 0, payload)


def take_back(route_socket: RouteSocket, route: Route) -> None:
    """Set a route that was put aside again, unless it is of no use any more."""
    try:
        flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL
        payload = _in_table(route.message, MAIN)
        route_socket.request_payload(f"set route {route} again", rtnetlink.RTM_NEWROUTE, flags, payload)
    except KernelError as error:
        if error.code not in _OF_NO_USE:
            raise
    drop(route_socket, route)


def _in_table(message: bytes, table: int) -> bytes:
    """Return what makes a route of what the kernel showed of it, in this table."""
    index = number(dict(attributes(message, RTMSG.size)).get(_RTA_OIF, b""))
    request = again(message, index)
    head = list(RTMSG.unpack_from(request))
    head[4] = table if table <= MAIN else IN_ATTRIBUTE
    rest = [
        attribute(kind, value)
        for kind, value in attributes(request, RTMSG.size, NLA_F_NESTED | NLA_TYPE_MASK)
        if kind != RTA_TABLE
    ]
    return RTMSG.pack(*head) + b"".join(rest) + attribute(RTA_TABLE, struct.pack("=I", table))
