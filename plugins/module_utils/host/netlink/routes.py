# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Routes of the main table (linux/rtnetlink.h). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...model.addresses import IPV4, IPV6
from ...model.route import DEFAULT, DEFAULT_METRIC, SEVERAL_LINKS, UNICAST, Route
from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, NLA_TYPE_MASK, KernelError, attribute, attributes, number

RTMSG = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 1, 2, 4, 5, 6
_RTA_MULTIPATH, _RTA_CACHEINFO, _RTA_VIA, _RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_EXPIRES, _RTA_NH_ID = (
    9,
    12,
    18,
    21,
    22,
    23,
    30,
)
_OF_THE_NEXT_HOP = frozenset((_RTA_OIF, _RTA_GATEWAY, _RTA_MULTIPATH, _RTA_VIA, _RTA_ENCAP_TYPE, _RTA_ENCAP))
_RTNEXTHOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, index
_CACHEINFO = struct.Struct("=IIi")  # rta_cacheinfo begins with: references, last use, expiry
_USER_HZ = 100  # ticks of it a second, in all that the kernel shows
_RTNH_F_ONLINK = 4
_RT_TABLE_MAIN = 254
_TO_NOWHERE = frozenset((6, 7, 8, 9))  # RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW
_LOOPBACK = {1: "lo"}  # its index is the same in each namespace (LOOPBACK_IFINDEX)
_RTPROT_KERNEL = 2
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}


def shown(
    route_socket: RouteSocket,
    names_by_index: Mapping[int, str],
    families: Iterable[int],
    connected: bool,
    to_nowhere: bool,
) -> tuple[Route, ...]:
    """Return the unicast routes of ``families`` (4, 6) in the kernel's order, one dump each.

    ``connected`` adds those that the kernel made of addresses (a default route is none of them, whatever it says of
    itself), ``to_nowhere`` those of the kinds blackhole, unreachable, prohibit and throw.
    """
    found = []
    for version in families:
        asked = int(FAMILIES[version])
        request = RTMSG.pack(asked, 0, 0, 0, _RT_TABLE_MAIN, 0, 0, 0, 0)
        for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, request):
            family, prefix, _src, _tos, table, protocol, _scope, kind, _flags = RTMSG.unpack_from(payload)
            # Asked for a family it was built or booted without, the kernel shows all others.
            if (
                family == asked
                and table == _RT_TABLE_MAIN
                and (kind == UNICAST or (to_nowhere and kind in _TO_NOWHERE))
                and (connected or protocol != _RTPROT_KERNEL or not prefix)
            ):
                found.append(route_of(payload, version, names_by_index))
    return tuple(found)


def replace(route_socket: RouteSocket, index: int, route: Route) -> None:
    """Add a route, or put it in the place of the one with the same destination and metric, in one step.

    One that the kernel showed comes back with all that it had. ``index`` is its link's, of any value where it has none.
    """
    _set(route_socket, index, route, wire.NLM_F_CREATE | wire.NLM_F_REPLACE)


def append(route_socket: RouteSocket, index: int, route: Route) -> None:
    """Add a route, after those with the same destination and metric; one that is there already is as good."""
    try:
        _set(route_socket, index, route, wire.NLM_F_CREATE | wire.NLM_F_APPEND)
    except KernelError as error:
        if error.code != errno.EEXIST:
            raise


def _set(route_socket: RouteSocket, index: int, route: Route, flags: int) -> None:
    if route.message:
        payload = again(route.message, index)
        try:
            route_socket.request_payload(f"set route {route}", rtnetlink.RTM_NEWROUTE, flags, payload)
            return
        except KernelError as error:
            # Its preferred source address is gone, as asked for: it leads where it did all the same.
            if error.code != errno.EINVAL or not route.has_link:
                raise
    _request(route_socket, f"set route {route}", rtnetlink.RTM_NEWROUTE, flags, index, route)


def remove(route_socket: RouteSocket, index: int, route: Route) -> None:
    """Remove a route; one that is gone already is as good."""
    try:
        _request(route_socket, f"remove route {route}", rtnetlink.RTM_DELROUTE, 0, index, route)
    except KernelError as error:
        if error.code != errno.ESRCH:
            raise


def _request(route_socket: RouteSocket, what: str, kind: int, flags: int, index: int, route: Route) -> None:
    destination, _slash, prefix = route.destination.partition("/")
    attributes: list[tuple[str, Any]] = [("RTA_OIF", index)]
    if not route.is_default:
        attributes.append(("RTA_DST", destination))
    if route.gateway:
        attributes.append(("RTA_GATEWAY", route.gateway))
    if route.metric or route.family == IPV6:
        attributes.append(("RTA_PRIORITY", route.metric))
    header = {
        "family": int(FAMILIES[route.family]),
        "dst_len": int(prefix),
        "table": _RT_TABLE_MAIN,
        "proto": route.protocol,
        "scope": _RT_SCOPE_UNIVERSE if route.gateway or route.family == IPV6 else _RT_SCOPE_LINK,
        "type": UNICAST,
    }
    route_socket.request(what, kind, "rtmsg", flags, header, attributes)


def route_of(payload: bytes, version: int, names_by_index: Mapping[int, str]) -> Route:
    """Return a route by how the kernel shows it."""
    _family, prefix, source, tos, _table, protocol, _scope, kind, _flags = RTMSG.unpack_from(payload)
    values = dict(attributes(payload, RTMSG.size))
    index = number(values.get(_RTA_OIF, b""))
    link = _name(index, names_by_index) if index else SEVERAL_LINKS
    selector = f"tos {tos:#04x}" if tos else ""
    if source:
        selector = f"from {_address(values[_RTA_SRC], version)}/{source}"
    return Route(
        destination=f"{_address(values[_RTA_DST], version)}/{prefix}" if prefix else DEFAULT[version],
        gateway=_address(values[_RTA_GATEWAY], version) if _RTA_GATEWAY in values else None,
        link=link if kind == UNICAST else "",
        metric=number(values.get(_RTA_PRIORITY, b"")) or (0 if version == IPV4 else DEFAULT_METRIC[version]),
        protocol=protocol,
        kind=kind,
        selector=selector,
        through=tuple(_name(hop, names_by_index) for _offset, _length, hop in hops(values.get(_RTA_MULTIPATH, b""))),
        message=payload,
    )


def _name(index: int, names_by_index: Mapping[int, str]) -> str:
    return names_by_index.get(index) or _LOOPBACK.get(index, f"#{index}")


def hops(value: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield of each next hop of a multipath route where it stands, how long it is, and the index of its link."""
    offset = 0
    while offset + _RTNEXTHOP.size <= len(value):
        length, _flags, _weight, index = _RTNEXTHOP.unpack_from(value, offset)
        if length < _RTNEXTHOP.size:
            break
        yield offset, length, index
        offset += (length + 3) & ~3


def again(message: bytes, index: int) -> bytes:
    """Return what makes a route of what the kernel showed of it: without its state, and through the link ``index``."""
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
            written.append(attribute(flagged, _next_hops(value) if kind == _RTA_MULTIPATH else value))
    return RTMSG.pack(*head, flags & _RTNH_F_ONLINK) + b"".join(written)


def _next_hops(value: bytes) -> bytes:
    """Return the next hops of a multipath route without their state, which the kernel takes from nobody."""
    again = bytearray(value)
    for offset, _length, _index in hops(value):
        length, flags, weight, index = _RTNEXTHOP.unpack_from(value, offset)
        _RTNEXTHOP.pack_into(again, offset, length, flags & _RTNH_F_ONLINK, weight, index)
    return bytes(again)


def _address(value: bytes, version: int) -> str:
    return socket.inet_ntop(FAMILIES[version], value)
