# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Routes (linux/rtnetlink.h). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as with_changes

from ...model.addresses import IPV4, IPV6
from ...model.route import ASIDE, DEFAULT, DEFAULT_METRIC, MAIN, PLAIN, PROTOCOL, SEVERAL_LINKS, UNICAST, Route
from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, NLA_TYPE_MASK, KernelError, attribute, attributes, number

RTMSG = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_RTA_DST, _RTA_SRC, _RTA_OIF, RTA_GATEWAY, _RTA_PRIORITY = 1, 2, 4, 5, 6
RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH, _RTA_CACHEINFO, RTA_TABLE = 7, 8, 9, 12, 15
_RTA_VIA, _RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_EXPIRES, _RTA_NH_ID = 18, 21, 22, 23, 30
_OF_THE_NEXT_HOP = frozenset((_RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, _RTA_VIA, _RTA_ENCAP_TYPE, _RTA_ENCAP))
RTNEXTHOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, index
_CACHEINFO = struct.Struct("=IIi")  # rta_cacheinfo begins with: references, last use, expiry
_USER_HZ = 100  # ticks of it a second, in all that the kernel shows
RTNH_F_ONLINK = 4
IN_ATTRIBUTE = 252  # RT_TABLE_COMPAT: the table's number takes more than the header has
_IN_HEADER = frozenset((253, 254, 255))  # default, main, local
_TO_NOWHERE = frozenset((6, 7, 8, 9))  # RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW
_LOOPBACK = {1: "lo"}  # its index is the same in each namespace (LOOPBACK_IFINDEX)
_RTPROT_KERNEL = 2
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK, _RT_SCOPE_NOWHERE = 0, 253, 255
FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}


def shown(
    route_socket: RouteSocket,
    names_by_index: Mapping[int, str],
    families: Iterable[int],
    connected: bool,
    everything: bool,
) -> tuple[Route, ...]:
    """Return the unicast routes of the main table, of ``families`` (4, 6), in the kernel's order, one dump each.

    ``connected`` adds those that the kernel made of addresses (a default route is none of them, whatever it says of
    itself), ``everything`` those of other tables, and of the kinds blackhole, unreachable, prohibit and throw.
    """
    found = []
    for version in families:
        asked = int(FAMILIES[version])
        request = RTMSG.pack(asked, 0, 0, 0, 0 if everything else MAIN, 0, 0, 0, 0)
        for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, request):
            family, prefix, _src, _tos, table, protocol, _scope, kind, _flags = RTMSG.unpack_from(payload)
            # Asked for a family it was built or booted without, the kernel shows all others.
            if (
                family == asked
                and (everything or table == MAIN)
                and (kind == UNICAST or (everything and kind in _TO_NOWHERE))
                and (connected or protocol != _RTPROT_KERNEL or not prefix)
            ):
                found.append(route_of(payload, version, names_by_index))
    return tuple(entry for entry in found if entry.table != ASIDE)


def replace(route_socket: RouteSocket, indexes: Sequence[int], route: Route) -> None:
    """Add a route, or put it in the place of the one with the same destination and metric, in one step.

    One that the kernel showed comes back with all that it had. ``indexes`` are its link's, or those of each next hop's.
    """
    _set(route_socket, indexes, route, wire.NLM_F_CREATE | wire.NLM_F_REPLACE)


def add(route_socket: RouteSocket, indexes: Sequence[int], route: Route) -> None:
    """Add a route.

    :raises KernelError: EEXIST where one with the same destination and metric is there.
    """
    _set(route_socket, indexes, route, wire.NLM_F_CREATE | wire.NLM_F_EXCL)


def append(route_socket: RouteSocket, indexes: Sequence[int], route: Route) -> None:
    """Add a route, after those with the same destination and metric; one that is there already is as good."""
    try:
        _set(route_socket, indexes, route, wire.NLM_F_CREATE | wire.NLM_F_APPEND)
    except KernelError as error:
        if error.code != errno.EEXIST:
            raise


def _set(route_socket: RouteSocket, indexes: Sequence[int], route: Route, flags: int) -> None:
    if route.message:
        payload = again(route.message, indexes[0] if indexes else 0, indexes)
        try:
            route_socket.request_payload(f"set route {route}", rtnetlink.RTM_NEWROUTE, flags, payload)
            return
        except KernelError as error:
            # Its preferred source address is gone, as asked for: it leads where it did all the same.
            if error.code != errno.EINVAL or not route.has_link:
                raise
        route = with_changes(route, details=with_changes(route.details, source=""))
    scope, further, of_next_hop = _usual_scope(route), b"", 0
    if route.details != PLAIN:
        from . import route_details

        scope = scope if route.details.scope is None else route.details.scope
        further = route_details.encoded(route, indexes)
        of_next_hop = RTNH_F_ONLINK if route.details.onlink and not route.details.hops else 0
    payload = _payload(route, scope, of_next_hop, indexes) + further
    route_socket.request_payload(f"set route {route}", rtnetlink.RTM_NEWROUTE, flags, payload)


def _usual_scope(route: Route) -> int:
    return _RT_SCOPE_LINK if route.is_on_link and route.family == IPV4 else _RT_SCOPE_UNIVERSE


def remove(route_socket: RouteSocket, indexes: Sequence[int], route: Route) -> None:
    """Remove a route; one that is gone already is as good."""
    scope = _RT_SCOPE_NOWHERE if route.family == IPV4 else _RT_SCOPE_UNIVERSE  # of IPv4: whatever it has
    try:
        payload = _payload(route, scope, 0, indexes)
        route_socket.request_payload(f"remove route {route}", rtnetlink.RTM_DELROUTE, 0, payload)
    except KernelError as error:
        if error.code != errno.ESRCH:
            raise


def _payload(route: Route, scope: int, flags: int, indexes: Sequence[int]) -> bytes:
    """Return what asks for a route, or for its end: one of several next hops is known without them."""
    destination, _slash, prefix = route.destination.partition("/")
    family = FAMILIES[route.family]
    table = route.table if route.table < IN_ATTRIBUTE or route.table in _IN_HEADER else IN_ATTRIBUTE
    payload = RTMSG.pack(family, int(prefix), 0, 0, table, route.protocol, scope, route.kind, flags)
    if route.has_link:
        payload += attribute(_RTA_OIF, struct.pack("=I", indexes[0]))
    if int(prefix):
        payload += attribute(_RTA_DST, socket.inet_pton(family, destination))
    if route.gateway:
        payload += attribute(RTA_GATEWAY, socket.inet_pton(family, route.gateway))
    if route.metric or route.family == IPV6:
        payload += attribute(_RTA_PRIORITY, struct.pack("=I", route.metric))
    if table == IN_ATTRIBUTE:
        payload += attribute(RTA_TABLE, struct.pack("=I", route.table))
    return payload


def route_of(payload: bytes, version: int, names_by_index: Mapping[int, str]) -> Route:
    """Return a route by how the kernel shows it."""
    _family, prefix, source, tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(payload)
    values = dict(attributes(payload, RTMSG.size))
    index = number(values.get(_RTA_OIF, b""))
    link = _name(index, names_by_index) if index else SEVERAL_LINKS
    selector = f"tos {tos:#04x}" if tos else ""
    if source:
        selector = f"from {_address(values[_RTA_SRC], version)}/{source}"
    route = Route(
        destination=f"{_address(values[_RTA_DST], version)}/{prefix}" if prefix else DEFAULT[version],
        gateway=_address(values[RTA_GATEWAY], version) if RTA_GATEWAY in values else None,
        link=link if kind == UNICAST else "",
        metric=number(values.get(_RTA_PRIORITY, b"")) or (0 if version == IPV4 else DEFAULT_METRIC[version]),
        protocol=protocol,
        kind=kind,
        selector=selector,
        through=tuple(_name(hop, names_by_index) for _offset, _length, hop in hops(values.get(RTA_MULTIPATH, b""))),
        table=number(values[RTA_TABLE]) if RTA_TABLE in values else table,
        message=payload,
    )
    special = flags & RTNH_F_ONLINK or not values.keys().isdisjoint((RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH))
    if protocol == PROTOCOL and (special or scope != _usual_scope(route)):
        from . import route_details

        known = scope if scope != _usual_scope(route) else None
        return with_changes(route, details=route_details.decoded(values, route, known, flags))
    return route


def _name(index: int, names_by_index: Mapping[int, str]) -> str:
    return names_by_index.get(index) or _LOOPBACK.get(index, f"#{index}")


def hops(value: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield of each next hop of a multipath route where it stands, how long it is, and the index of its link."""
    offset = 0
    while offset + RTNEXTHOP.size <= len(value):
        length, _flags, _weight, index = RTNEXTHOP.unpack_from(value, offset)
        if length < RTNEXTHOP.size:
            break
        yield offset, length, index
        offset += (length + 3) & ~3


def again(message: bytes, index: int, through: Sequence[int] = ()) -> bytes:
    """Return what makes a route of what the kernel showed of it: without its state, and through the link ``index``.

    ``through`` are the links of its next hops, where it has several; without them they stay.
    """
    *head, flags = RTMSG.unpack_from(message)
    shown = list(attributes(message, RTMSG.size, NLA_F_NESTED | NLA_TYPE_MASK))
    by_next_hop = any(kind == _RTA_NH_ID for kind, _value in shown)  # the kernel shows what that object leads to, too
    written = []
    for flagged, value in shown:
        kind = flagged & NLA_TYPE_MASK
        if kind == _RTA_CACHEINFO:
            expiry = _CACHEINFO.unpack_from(value)[2]
            if expiry > 0:
                written.append(attribute(_RTA_EXPIRES, struct.pack("=I", max(1, expiry // _USER_HZ))))
        elif not (by_next_hop and kind in _OF_THE_NEXT_HOP):
            if kind == _RTA_OIF:
                value = struct.pack("=I", index)
            written.append(attribute(flagged, _next_hops(value, through) if kind == RTA_MULTIPATH else value))
    return RTMSG.pack(*head, flags & RTNH_F_ONLINK) + b"".join(written)


def _next_hops(value: bytes, through: Sequence[int]) -> bytes:
    """Return the next hops of a multipath route without their state, which the kernel takes from nobody."""
    again = bytearray(value)
    for position, (offset, _length, _index) in enumerate(hops(value)):
        length, flags, weight, index = RTNEXTHOP.unpack_from(value, offset)
        if through:
            index = through[position]
        RTNEXTHOP.pack_into(again, offset, length, flags & RTNH_F_ONLINK, weight, index)
    return bytes(again)


def _address(value: bytes, version: int) -> str:
    return socket.inet_ntop(FAMILIES[version], value)
