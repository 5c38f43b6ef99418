# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What few routes have: a source, metrics, several next hops (linux/rtnetlink.h). Private to the collection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence

from ...model.route import Details, Route
from .routes import FAMILIES, RTA_GATEWAY, RTA_METRICS, RTA_MULTIPATH, RTA_PREFSRC, RTNEXTHOP, RTNH_F_ONLINK, hops
from .wire import NLA_F_NESTED, attribute, attributes, number

_RTAX_MTU = 2


def encoded(route: Route, indexes: Sequence[int]) -> bytes:
    """Return the attributes of a route's details; ``indexes`` are the links of its next hops, where it has several."""
    details, family = route.details, FAMILIES[route.family]
    payload = attribute(RTA_PREFSRC, socket.inet_pton(family, details.source)) if details.source else b""
    if details.mtu:
        payload += attribute(RTA_METRICS | NLA_F_NESTED, attribute(_RTAX_MTU, struct.pack("=I", details.mtu)))
    several = b""
    for (gateway, _link, weight), index in zip(details.hops, indexes):
        way = attribute(RTA_GATEWAY, socket.inet_pton(family, gateway))
        flags = RTNH_F_ONLINK if details.onlink else 0
        several += RTNEXTHOP.pack(RTNEXTHOP.size + len(way), flags, weight - 1, index) + way
    return payload + (attribute(RTA_MULTIPATH, several) if several else b"")


def decoded(values: Mapping[int, bytes], route: Route, scope: int | None, flags: int) -> Details:
    """Return the details of a route by its attributes; ``scope`` is ``None`` where it goes without saying."""
    family = FAMILIES[route.family]
    several = values.get(RTA_MULTIPATH, b"")
    ways = []
    for (offset, length, _index), link in zip(hops(several), route.through):
        _length, hop_flags, weight, _index = RTNEXTHOP.unpack_from(several, offset)
        flags |= hop_flags & RTNH_F_ONLINK
        way = dict(attributes(several[offset + RTNEXTHOP.size : offset + length]))
        gateway = socket.inet_ntop(family, way[RTA_GATEWAY]) if RTA_GATEWAY in way else ""
        ways.append((gateway, link, weight + 1))
    return Details(
        socket.inet_ntop(family, values[RTA_PREFSRC]) if RTA_PREFSRC in values else "",
        scope,
        bool(flags & RTNH_F_ONLINK),
        number(dict(attributes(values.get(RTA_METRICS, b""))).get(_RTAX_MTU, b"")),
        tuple(ways),
    )
