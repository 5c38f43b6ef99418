# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What of a host's addresses and routes may keep a NIC from being moved. Private to the collection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ...model.addresses import is_link_local, network
from ...state.nic import EqualRoutes, Obstacles
from . import rtnetlink
from .routes import RTMSG, hops
from .rtnetlink import RouteSocket
from .standing import destination
from .wire import attributes, number

_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_CACHEINFO = 1, 2, 4, 6, 9, 12
_RTA_TABLE, _RTA_NH_ID = 15, 30
_EXPIRY = struct.Struct("=8xi")  # its place in a rta_cacheinfo
_RTM_F_CLONED = 0x200
_RTPROT_KERNEL, _RTPROT_RA = 2, 9
_MAIN, _LOCAL = 254, 255
_UNICAST = 1

_IFADDR = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_IFA_ADDRESS, _IFA_FLAGS, _IFA_PROTO = 1, 8, 11
_IFA_F_PERMANENT, _IFA_F_MANAGETEMPADDR = 0x80, 0x100
_IFAPROT_KERNEL_RA = 2  # since Linux 5.18


class _Route(NamedTuple):
    """A unicast route; ``key`` is what those have in common of which the kernel takes the first."""

    key: tuple[bytes, ...]
    links: tuple[str, ...]
    payload: bytes
    values: Mapping[int, bytes]

    @property
    def to(self) -> str:
        return destination(self.payload, self.values)

    @property
    def protocol(self) -> int:
        return self.payload[5]

    @property
    def connected(self) -> bool:
        return self.protocol == _RTPROT_KERNEL and bool(self.payload[1])


def found(route_socket: RouteSocket, by_index: Mapping[int, str], nic: str, bridge: str) -> Obstacles:
    """Return it, for a NIC and a bridge that need not be there yet. A dump of routes, and one of IPv6 addresses."""
    routes = list(_unicast(route_socket, by_index))
    return Obstacles(
        nexthops=tuple(route.to for route in routes if _RTA_NH_ID in route.values and nic in route.links),
        equal=tuple(_equal(routes, {nic, bridge})),
        advertised=tuple(_advertised(route_socket, routes, by_index, nic)),
    )


def _unicast(route_socket: RouteSocket, by_index: Mapping[int, str]) -> Iterator[_Route]:
    for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, bytes(RTMSG.size)):
        family, _prefix, _source, _tos, table, _protocol, _scope, kind, flags = RTMSG.unpack_from(payload)
        if family in (socket.AF_INET, socket.AF_INET6) and kind == _UNICAST and not flags & _RTM_F_CLONED:
            if table == _LOCAL:
                continue
            values = dict(attributes(payload, RTMSG.size))
            key = (payload[:4], *(values.get(one, b"") for one in (_RTA_DST, _RTA_SRC, _RTA_TABLE, _RTA_PRIORITY)))
            through = [number(values.get(_RTA_OIF, b""))]
            if _RTA_MULTIPATH in values:
                through = [index for _place, _length, index in hops(values[_RTA_MULTIPATH])]
            links = tuple(by_index[index] for index in through if index in by_index)
            yield _Route(key, links, payload, values)


def _equal(routes: Sequence[_Route], own: set[str]) -> Iterator[EqualRoutes]:
    """Yield where the kernel takes the first of several routes, and a move changes which that is."""
    first = {route.key: route for route in reversed(routes) if own.issuperset(route.links) and route.links}
    for route in routes:
        same = first.get(route.key)
        if same is not None and route.links and own.isdisjoint(route.links):
            if route.payload[1] == 0 or not is_link_local(route.to):
                yield EqualRoutes(_place(route), same.links[0], route.links[0], route.connected and same.connected)


def _place(route: _Route) -> str:
    metric, table = number(route.values.get(_RTA_PRIORITY, b"")), number(route.values.get(_RTA_TABLE, b""))
    told = f"{route.to} metric {metric}" if metric else route.to
    return told if table in (0, _MAIN) else f"{told} table {table}"


def _advertised(
    route_socket: RouteSocket, routes: Sequence[_Route], by_index: Mapping[int, str], nic: str
) -> Iterator[str]:
    """Yield what the kernel took from router advertisements (addrconf_prefix_rcv()), in words."""
    ours, theirs = [], set()
    for payload in route_socket.dump(rtnetlink.RTM_GETADDR, _IFADDR.pack(socket.AF_INET6, 0, 0, 0, 0)):
        family, prefix, shown, _scope, index = _IFADDR.unpack_from(payload)
        values = dict(attributes(payload, _IFADDR.size))
        if family == socket.AF_INET6 and by_index.get(index) == nic:
            address = f"{socket.inet_ntop(family, values[_IFA_ADDRESS])}/{prefix}"
            flags = number(values.get(_IFA_FLAGS, bytes((shown,))))
            by_router = number(values.get(_IFA_PROTO, b"")) == _IFAPROT_KERNEL_RA or flags & _IFA_F_MANAGETEMPADDR
            if by_router and not flags & _IFA_F_PERMANENT:
                ours.append(f"an address ({address})")
            theirs.add(network(address))
    for route in routes:
        if nic in route.links and route.protocol == _RTPROT_RA:
            yield f"a route ({route.to})" if route.payload[1] else "a default route"
        elif nic in route.links and route.connected and route.payload[0] == socket.AF_INET6:
            # Beside an address that somebody set for some time, it is that one's.
            if _EXPIRY.unpack_from(route.values.get(_RTA_CACHEINFO, bytes(12)))[0] > 0 and route.to not in theirs:
                yield f"a subnet ({route.to})"
    yield from ours
