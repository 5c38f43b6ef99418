# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses of links (linux/if_addr.h). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping
from typing import Any

from ...model import addresses as text
from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute, attributes, number

_IFADDR = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_IFA_F_NODAD, _IFA_F_DADFAILED = 0x02, 0x08
_IFA_F_DEPRECATED, _IFA_F_TENTATIVE, _IFA_F_PERMANENT = 0x20, 0x40, 0x80
_IFA_F_NOPREFIXROUTE = 0x200
_NOT_TAKEN = _IFA_F_PERMANENT | _IFA_F_TENTATIVE | _IFA_F_DEPRECATED | _IFA_F_DADFAILED
_FAMILIES = {text.IPV4: socket.AF_INET, text.IPV6: socket.AF_INET6}
_VERSIONS = frozenset(_FAMILIES.values())  # asked for all families, the kernel also shows those of Phonet and others


Messages = dict[str, dict[str, bytes]]
"""How the kernel showed addresses, by link name and address: ``restore`` puts them back by that."""


def shown(
    route_socket: RouteSocket, names_by_index: Mapping[int, str]
) -> tuple[dict[str, tuple[str, ...]], Messages, Messages]:
    """Return the permanent addresses of links, those with a lifetime (DHCP, router advertisements), by link name, and
    the messages of the permanent ones. One dump for both families.
    """
    permanent: dict[str, list[str]] = {name: [] for name in names_by_index.values()}
    leases: Messages = {}
    messages: Messages = {}
    for payload in route_socket.dump(rtnetlink.RTM_GETADDR, bytes(_IFADDR.size)):
        family, prefix, flags, _scope, index = _IFADDR.unpack_from(payload)
        if family in _VERSIONS and index in names_by_index:
            values = dict(attributes(payload, _IFADDR.size))
            # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours (IPv4 only).
            ip = socket.inet_ntop(family, values[_IFA_LOCAL if _IFA_LOCAL in values else _IFA_ADDRESS])
            name, address = names_by_index[index], f"{ip}/{prefix}"
            if flags & _IFA_F_PERMANENT:
                permanent[name].append(address)
                messages.setdefault(name, {})[address] = payload
            else:
                leases.setdefault(name, {})[address] = payload
    return {name: tuple(entries) for name, entries in permanent.items()}, leases, messages


def faults(messages: Messages) -> dict[str, dict[str, str]]:
    """Return by link and address what keeps permanent addresses from doing what they would as ``add`` makes them.

    The words are those of ip-address(8).
    """
    found: dict[str, dict[str, str]] = {}
    for link, of_link in messages.items():
        for address, message in of_link.items():
            fault = _fault(message)
            if fault:
                found.setdefault(link, {})[address] = fault
    return found


def _fault(message: bytes) -> str:
    family, prefix, _flags, _scope, _index = _IFADDR.unpack_from(message)
    values = dict(attributes(message, _IFADDR.size))
    flags = number(values[_IFA_FLAGS])
    if flags & _IFA_F_DADFAILED:
        return "dadfailed"
    if values.get(_IFA_LOCAL, values[_IFA_ADDRESS]) != values[_IFA_ADDRESS]:
        return "peer"
    if flags & _IFA_F_NOPREFIXROUTE and prefix < 8 * len(values[_IFA_ADDRESS]):
        return "noprefixroute"
    return "deprecated" if flags & _IFA_F_DEPRECATED else ""


def tentative(route_socket: RouteSocket, of_index: int) -> tuple[str, ...]:
    """Return the addresses of a link for which duplicate address detection goes on, or found another that has it."""
    found = []
    for payload in route_socket.dump(rtnetlink.RTM_GETADDR, bytes(_IFADDR.size)):
        family, prefix, flags, _scope, index = _IFADDR.unpack_from(payload)
        if family == socket.AF_INET6 and index == of_index and flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED):
            ip = socket.inet_ntop(family, dict(attributes(payload, _IFADDR.size))[_IFA_ADDRESS])
            found.append(f"{ip}/{prefix}")
    return tuple(found)


def restore(route_socket: RouteSocket, index: int, link: str, message: bytes) -> None:
    """Put an address back as the kernel showed it, with all that it had: one with a lifetime expires again.

    One of IPv6 is used at once, as it was before, and only then has its own flag for that (inet6_addr_modify()).
    """
    family, _prefix, flags, _scope, _index = _IFADDR.unpack_from(message)
    what = f"put an address back on {link}"
    first = _IFA_F_NODAD if family == socket.AF_INET6 and not flags & _IFA_F_NODAD else 0
    for more in {first: None, 0: None}:
        payload = _as_request(index, message, more)
        route_socket.request_payload(what, rtnetlink.RTM_NEWADDR, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, payload)


def _as_request(index: int, message: bytes, more_flags: int) -> bytes:
    family, prefix, flags, scope, _index = _IFADDR.unpack_from(message)
    values = dict(attributes(message, _IFADDR.size))
    shown = number(values[_IFA_FLAGS])
    values[_IFA_FLAGS] = struct.pack("=I", shown & ~_NOT_TAKEN | more_flags)
    if shown & _IFA_F_DEPRECATED:
        # Of a permanent one, IPv4 says that it is preferred for ever (inet_fill_ifaddr() in net/ipv4/devinet.c).
        values[_IFA_CACHEINFO] = bytes(4) + values[_IFA_CACHEINFO][4:]
    kept = [attribute(kind, value) for kind, value in values.items()]
    return _IFADDR.pack(family, prefix, flags & ~_NOT_TAKEN | more_flags, scope, index) + b"".join(kept)


def add(route_socket: RouteSocket, index: int, link: str, address: str) -> None:
    """Add an address, for good: one that is there already on lease (DHCP) loses its lifetime.

    IPv6 addresses are used at once (NODAD): they were declared, and a
    tentative address fails connections for a second.
    """
    attributes = _local_and_address(address)
    header = _header(index, address)
    if text.family(address) == text.IPV4 and header["prefixlen"] <= 30:
        attributes.append(("IFA_BROADCAST", text.broadcast(address)))
    flags = wire.NLM_F_CREATE | wire.NLM_F_REPLACE
    try:
        route_socket.request(
            f"add address {address} to {link}", rtnetlink.RTM_NEWADDR, "ifaddrmsg", flags, header, attributes
        )
    except KernelError as error:
        if error.code != errno.EEXIST:
            raise


def remove(route_socket: RouteSocket, index: int, link: str, address: str) -> None:
    """Remove an address; one that is gone already is as good."""
    what = f"remove address {address} from {link}"
    header = _header(index, address)
    if _removed(route_socket, what, header, _local_and_address(address)) or text.family(address) == text.IPV6:
        return
    # With the other end's beside it (``ip address add … peer …``), it is found by itself alone.
    _removed(route_socket, what, header, [("IFA_LOCAL", text.bare(address))])


def _removed(
    route_socket: RouteSocket, what: str, header: Mapping[str, int], attributes: list[tuple[str, Any]]
) -> bool:
    try:
        route_socket.request(what, rtnetlink.RTM_DELADDR, "ifaddrmsg", 0, header, attributes)
    except KernelError as error:
        if error.code != errno.EADDRNOTAVAIL:
            raise
        return False
    return True


def _header(index: int, address: str) -> dict[str, int]:
    family = text.family(address)
    header = {"family": int(_FAMILIES[family]), "prefixlen": int(address.partition("/")[2]), "index": index}
    if family == text.IPV6:
        header["flags"] = _IFA_F_NODAD
    return header


def _local_and_address(address: str) -> list[tuple[str, Any]]:
    ip = text.bare(address)
    return [("IFA_LOCAL", ip), ("IFA_ADDRESS", ip)]
