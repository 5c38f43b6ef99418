# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Unicast routes of the main table (linux/rtnetlink.h). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from ...model.addresses import IPV4, IPV6
from ...model.route import DEFAULT, DEFAULT_METRIC, Route
from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError, attributes, number

_RTMSG = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 1, 4, 5, 6
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_RTPROT_KERNEL = 2
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
_FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}


def shown(
    route_socket: RouteSocket, names_by_index: Mapping[int, str], families: Iterable[int], connected: bool
) -> tuple[Route, ...]:
    """Return the routes of ``families`` (4, 6), one dump each.

    ``connected`` adds those that the kernel made of addresses.
    """
    found = []
    for version in families:
        asked = int(_FAMILIES[version])
        request = _RTMSG.pack(asked, 0, 0, 0, _RT_TABLE_MAIN, 0, 0, 0, 0)
        for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, request):
            family, prefix, _src, _tos, table, protocol, _scope, kind, _flags = _RTMSG.unpack_from(payload)
            # Asked for a family it was built or booted without, the kernel shows all others.
            if (
                family == asked
                and table == _RT_TABLE_MAIN
                and kind == _RTN_UNICAST
                and (connected or protocol != _RTPROT_KERNEL)
            ):
                found.append(_route(payload, version, prefix, protocol, names_by_index))
    return tuple(found)


def replace(route_socket: RouteSocket, index: int, route: Route) -> None:
    """Add a route, or put it in the place of the one with the same destination and metric, in one step."""
    flags = wire.NLM_F_CREATE | wire.NLM_F_REPLACE
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
        "family": int(_FAMILIES[route.family]),
        "dst_len": int(prefix),
        "table": _RT_TABLE_MAIN,
        "proto": route.protocol,
        "scope": _RT_SCOPE_UNIVERSE if route.gateway or route.family == IPV6 else _RT_SCOPE_LINK,
        "type": _RTN_UNICAST,
    }
    route_socket.request(what, kind, "rtmsg", flags, header, attributes)


def _route(payload: bytes, version: int, prefix: int, protocol: int, names_by_index: Mapping[int, str]) -> Route:
    values = dict(attributes(payload, _RTMSG.size))
    index = number(values.get(_RTA_OIF, b""))
    return Route(
        destination=f"{_address(values[_RTA_DST], version)}/{prefix}" if prefix else DEFAULT[version],
        gateway=_address(values[_RTA_GATEWAY], version) if _RTA_GATEWAY in values else None,
        # A multipath route has no one link; it must not look like any.
        link=names_by_index.get(index, f"#{index}") if index else "several links",
        metric=number(values.get(_RTA_PRIORITY, b"")) or (0 if version == IPV4 else DEFAULT_METRIC[version]),
        protocol=protocol,
    )


def _address(value: bytes, version: int) -> str:
    return socket.inet_ntop(_FAMILIES[version], value)
