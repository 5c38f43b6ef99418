# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses, routes of all tables, rules and neighbours, read and put back whole. Private to the collection.

Each is kept as the kernel's message without the indexes of links, which are others after a reboot, and by names
instead (``state.nic.Entry``).
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress

from ...model.addresses import IPV4, IPV6, network
from ...state.nic import ADDRESS, NEIGHBOUR, ROUTE, RULE, Entry
from . import addresses, rtnetlink, rules, wire
from .routes import RTMSG, again, hops
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, NLA_TYPE_MASK, KernelError, attribute, attributes, from_text, number, text

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_WITH_FLAG = NLA_F_NESTED | NLA_TYPE_MASK

_IFADDR = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_CACHEINFO, _IFA_FLAGS, _IFA_TARGET_NETNSID = 1, 2, 3, 6, 8, 10
_IFA_F_NOPREFIXROUTE = 0x200
# What the kernel sets by itself: IFA_F_SECONDARY (of IPv4; of IPv6 it marks temporary ones), NODAD, DADFAILED,
# DEPRECATED, TENTATIVE, PERMANENT, STABLE_PRIVACY, OPTIMISTIC.
_BY_ITSELF = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80 | 0x800

_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH = 1, 4, 5, 6, 9
_RTA_TABLE, _RTA_EXPIRES, _RTA_NH_ID = 15, 23, 30
_RTM_F_CLONED = 0x200
_RTPROT_KERNEL, _RTPROT_STATIC = 2, 4
_UNICAST, _SCOPE_LINK = 1, 253
_RTNEXTHOP_SIZE = 8
_LAST = struct.pack("=I", 0xFFFFFFFE)  # a metric after which nobody's comes

_FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE, _FRA_OIFNAME = 3, 6, 15, 17
_FIB_RULE_PERMANENT, _FIB_RULE_IIF_DETACHED, _FIB_RULE_OIF_DETACHED = 1, 8, 16

_NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_NDA_DST, _NDA_LLADDR, _NDA_PROTOCOL = 1, 2, 12
_NTF_PROXY, _NUD_PERMANENT = 0x08, 0x80

_IFADDRLBL = struct.Struct("=BxBxII")  # ifaddrlblmsg: family, prefix length, index, sequence
_IFAL_ADDRESS = 1

IndexOf = Callable[[str], int]


def shown(route_socket: RouteSocket, by_index: Mapping[int, str], of_links: Collection[str]) -> tuple[Entry, ...]:
    """Return all that stands on some links, in the kernel's order: addresses, routes, rules, neighbours.

    Of routes not what the kernel makes of addresses by itself; of neighbours those that somebody set.
    """
    wanted = {index: name for index, name in by_index.items() if name in of_links}
    held = [*_addresses(route_socket, wanted)]
    found = [*held, *_routes(route_socket, by_index, of_links, _without_subnets(held))]
    found += [*_rules(route_socket, of_links), *_neighbours(route_socket, wanted)]
    return tuple(found)


def address_labels(route_socket: RouteSocket, index: int) -> list[str]:
    """Return the prefixes that have a label for addresses of one link (``ip addrlabel``); there is no dump of less."""
    found = []
    for payload in route_socket.dump(rtnetlink.RTM_GETADDRLABEL, _IFADDRLBL.pack(socket.AF_INET6, 0, 0, 0)):
        family, prefix, of_index, _sequence = _IFADDRLBL.unpack_from(payload)
        values = dict(attributes(payload, _IFADDRLBL.size))
        if of_index == index and _IFAL_ADDRESS in values:
            found.append(f"{socket.inet_ntop(family, values[_IFAL_ADDRESS])}/{prefix}")
    return found


def destination(payload: bytes, values: Mapping[int, bytes]) -> str:
    """Return where a route leads (``10.0.0.0/8``, ``default``), by its message and the attributes of that."""
    family, prefix = payload[0], payload[1]
    return f"{socket.inet_ntop(family, values[_RTA_DST])}/{prefix}" if _RTA_DST in values else "default"


def add(route_socket: RouteSocket, entry: Entry, index_of: IndexOf) -> None:
    """Make an entry; one that is there already is as good.

    :raises KernelError: the kernel refuses.
    """
    try:
        if entry.kind == ADDRESS:
            addresses.restore(route_socket, index_of(entry.links[0]), entry.links[0], _payload(entry, index_of))
            return
        kind = {ROUTE: rtnetlink.RTM_NEWROUTE, RULE: rtnetlink.RTM_NEWRULE, NEIGHBOUR: rtnetlink.RTM_NEWNEIGH}
        # Beside those that are there, so that at no moment there is none; of a rule there may be two.
        flags = {ROUTE: wire.NLM_F_CREATE | wire.NLM_F_APPEND, RULE: wire.NLM_F_CREATE | wire.NLM_F_EXCL}
        more = flags.get(entry.kind, wire.NLM_F_CREATE | wire.NLM_F_REPLACE)
        if entry.kind == ROUTE:
            _set_route(route_socket, f"add {entry}", more, _payload(entry, index_of))
            return
        route_socket.request_payload(f"add {entry}", kind[entry.kind], more, _payload(entry, index_of))
    except KernelError as error:
        if error.code != errno.EEXIST:
            raise


def replace_route(route_socket: RouteSocket, entry: Entry, index_of: IndexOf) -> None:
    """Put a route in the place of the one with the same destination and metric, in one step.

    :raises KernelError: the kernel refuses.
    """
    _set_route(route_socket, f"set {entry}", wire.NLM_F_CREATE | wire.NLM_F_REPLACE, _payload(entry, index_of))


def _set_route(route_socket: RouteSocket, what: str, flags: int, payload: bytes) -> None:
    """Make a route, also one whose gateway no subnet reaches any more.

    The kernel looks at that as a route is made (fib_check_nh_v4_gw(), ip6_route_check_nh()) and never again, so that
    it stays when the address goes by which its gateway was in reach. The gateway is on the link for that moment.
    """
    try:
        route_socket.request_payload(what, rtnetlink.RTM_NEWROUTE, flags, payload)
        return
    except KernelError as error:
        if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            raise
    beside = []
    try:
        for on_link in _to_gateways(payload):
            with suppress(KernelError):  # there already, and what is missing then shows below
                route_socket.request_payload(what, rtnetlink.RTM_NEWROUTE, wire.NLM_F_CREATE, on_link)
                beside.append(on_link)
        route_socket.request_payload(what, rtnetlink.RTM_NEWROUTE, flags, payload)
    finally:
        for on_link in beside:
            route_socket.request_payload(what, rtnetlink.RTM_DELROUTE, 0, on_link)


def _to_gateways(payload: bytes) -> Iterator[bytes]:
    """Yield what makes of each of a route's gateways one that is on its link, in the same table."""
    family, _prefix, _source, _tos, table, *_rest = RTMSG.unpack_from(payload)
    values = dict(attributes(payload, RTMSG.size))
    gateways = [(number(values.get(_RTA_OIF, b"")), values.get(_RTA_GATEWAY))]
    for place, length, index in hops(values.get(_RTA_MULTIPATH, b"")):
        hop = values[_RTA_MULTIPATH][place : place + length]
        gateways.append((index, dict(attributes(hop, _RTNEXTHOP_SIZE)).get(_RTA_GATEWAY)))
    for index, gateway in gateways:
        if gateway is not None:
            scope = _SCOPE_LINK if family == socket.AF_INET else 0
            told = {_RTA_DST: gateway, _RTA_OIF: struct.pack("=I", index), _RTA_PRIORITY: _LAST}
            head = RTMSG.pack(family, 8 * len(gateway), 0, 0, table, _RTPROT_STATIC, scope, _UNICAST, 0)
            yield head + _joined({**told, **({_RTA_TABLE: values[_RTA_TABLE]} if _RTA_TABLE in values else {})})


def remove(route_socket: RouteSocket, entry: Entry, index_of: IndexOf) -> None:
    """Take an entry away; one that is gone already is as good.

    :raises KernelError: the kernel refuses.
    """
    kind = {
        ADDRESS: rtnetlink.RTM_DELADDR,
        ROUTE: rtnetlink.RTM_DELROUTE,
        RULE: rtnetlink.RTM_DELRULE,
        NEIGHBOUR: rtnetlink.RTM_DELNEIGH,
    }
    try:
        route_socket.request_payload(f"remove {entry}", kind[entry.kind], 0, _payload(entry, index_of))
    except KernelError as error:
        if error.code not in (errno.EADDRNOTAVAIL, errno.ESRCH, errno.ENOENT, errno.ENODEV):
            raise


def _payload(entry: Entry, index_of: IndexOf) -> bytes:
    if entry.kind == RULE:
        named = zip((_FRA_IIFNAME, _FRA_OIFNAME), entry.links)
        return entry.body + b"".join(attribute(kind, from_text(name)) for kind, name in named if name)
    payload = bytearray(entry.body)
    if entry.kind == ADDRESS:
        struct.pack_into("=I", payload, 4, index_of(entry.links[0]))
        label = attribute(_IFA_LABEL, from_text(entry.label)) if entry.label else b""
        return bytes(payload) + label
    if entry.kind == NEIGHBOUR:
        struct.pack_into("=i", payload, 4, index_of(entry.links[0]))
        return bytes(payload)
    for place, name in zip(_places(entry.body), entry.links):
        struct.pack_into("=I", payload, place, index_of(name))
    return bytes(payload)


# ---- addresses


def _addresses(route_socket: RouteSocket, by_index: Mapping[int, str]) -> Iterator[Entry]:
    for payload in route_socket.dump(rtnetlink.RTM_GETADDR, bytes(_IFADDR.size)):
        family, prefix, flags, scope, index = _IFADDR.unpack_from(payload)
        if family not in _FAMILIES or index not in by_index:
            continue
        values = dict(attributes(payload, _IFADDR.size))
        kept = {
            kind: value
            for kind, value in values.items()
            if kind not in (_IFA_LABEL, _IFA_FLAGS, _IFA_CACHEINFO, _IFA_TARGET_NETNSID)
        }
        lasting = number(values.get(_IFA_FLAGS, bytes((flags,)))) & ~_BY_ITSELF
        head = _IFADDR.pack(family, prefix, lasting & 0xFF, scope, 0)
        identity = head + _joined({**kept, _IFA_FLAGS: struct.pack("=I", lasting)})
        own = {kind: values[kind] for kind in (_IFA_FLAGS, _IFA_CACHEINFO) if kind in values}
        local = values[_IFA_LOCAL if _IFA_LOCAL in values else _IFA_ADDRESS]
        yield Entry(
            ADDRESS,
            _version(family),
            (by_index[index],),
            text(values.get(_IFA_LABEL, b"")),
            _IFADDR.pack(family, prefix, flags, scope, 0) + _joined({**kept, **own}),
            identity,
            f"{socket.inet_ntop(family, local)}/{prefix}",
        )


def _without_subnets(held: Collection[Entry]) -> set[tuple[str, str]]:
    """Return link and subnet of addresses for which not the kernel makes a route, but whoever set them."""
    found = set()
    for entry in held:
        flags = number(dict(attributes(entry.body, _IFADDR.size)).get(_IFA_FLAGS, b""))
        if flags & _IFA_F_NOPREFIXROUTE:
            found.add((entry.links[0], network(entry.text)))
    return found


# ---- routes


def _routes(
    route_socket: RouteSocket,
    by_index: Mapping[int, str],
    of_links: Collection[str],
    by_hand: Collection[tuple[str, str]],
) -> Iterator[Entry]:
    for asked in _FAMILIES:
        # Table 0 is all of them.
        for payload in route_socket.dump(rtnetlink.RTM_GETROUTE, RTMSG.pack(asked, 0, 0, 0, 0, 0, 0, 0, 0)):
            entry = _route(payload, asked, by_index, by_hand)
            if entry is not None and not set(entry.links).isdisjoint(of_links):
                yield entry


def _route(
    payload: bytes, asked: int, by_index: Mapping[int, str], by_hand: Collection[tuple[str, str]]
) -> Entry | None:
    family, prefix, _source, _tos, _table, protocol, _scope, kind, flags = RTMSG.unpack_from(payload)
    values = dict(attributes(payload, RTMSG.size))
    subnet = (by_index.get(number(values.get(_RTA_OIF, b"")), ""), destination(payload, values))
    made_of_address = protocol == _RTPROT_KERNEL and (kind != _UNICAST or (prefix and subnet not in by_hand))
    if family != asked or flags & _RTM_F_CLONED or made_of_address or _RTA_NH_ID in values:
        return None
    request = bytearray(again(payload, number(values.get(_RTA_OIF, b""))))
    links = []
    for place in _places(bytes(request)):
        links.append(by_index.get(struct.unpack_from("=I", request, place)[0], ""))
        struct.pack_into("=I", request, place, 0)
    if not links or "" in links:
        return None  # through the loopback, or through none
    body = bytes(request)
    parts = attributes(body, RTMSG.size, _WITH_FLAG)
    lasting = b"".join(attribute(flagged, value) for flagged, value in parts if flagged != _RTA_EXPIRES)
    identity = body[: RTMSG.size] + lasting
    return Entry(ROUTE, _version(family), tuple(links), "", body, identity, _route_text(payload, values))


def _route_text(payload: bytes, values: Mapping[int, bytes]) -> str:
    family, _prefix, _source, _tos, table, *_rest = RTMSG.unpack_from(payload)
    told = destination(payload, values)
    if _RTA_GATEWAY in values:
        told += f" via {socket.inet_ntop(family, values[_RTA_GATEWAY])}"
    table = number(values[_RTA_TABLE]) if _RTA_TABLE in values else table
    told += f" table {table}" if table != 254 else ""
    metric = number(values.get(_RTA_PRIORITY, b""))
    return told + (f" metric {metric}" if metric else "")


def _places(payload: bytes) -> list[int]:
    """Return where in a route's message the indexes of links stand, in their order."""
    found, offset = [], RTMSG.size
    while offset + wire.ATTRIBUTE.size <= len(payload):
        length, kind = wire.ATTRIBUTE.unpack_from(payload, offset)
        if length < wire.ATTRIBUTE.size:
            break
        if kind & NLA_TYPE_MASK == _RTA_OIF:
            found.append(offset + wire.ATTRIBUTE.size)
        elif kind & NLA_TYPE_MASK == _RTA_MULTIPATH:
            begin = offset + wire.ATTRIBUTE.size
            found += [begin + place + 4 for place, _length, _index in hops(payload[begin : offset + length])]
        offset += (length + 3) & ~3
    return found


# ---- rules


def _rules(route_socket: RouteSocket, of_links: Collection[str]) -> Iterator[Entry]:
    for payload in rules.dumped(route_socket):
        family, to, source, tos, table, action, flags = rules.HEADER.unpack_from(payload)
        values = dict(attributes(payload, rules.HEADER.size))
        links = tuple(text(values.get(kind, b"")) for kind in (_FRA_IIFNAME, _FRA_OIFNAME))
        if set(links).isdisjoint(of_links):
            continue
        kept = {kind: value for kind, value in values.items() if kind not in (_FRA_IIFNAME, _FRA_OIFNAME)}
        flags &= ~(_FIB_RULE_PERMANENT | _FIB_RULE_IIF_DETACHED | _FIB_RULE_OIF_DETACHED)
        head = rules.HEADER.pack(family, to, source, tos, table, action, flags)
        body = head + _joined(kept)
        table = number(values[_FRA_TABLE]) if _FRA_TABLE in values else table
        # What set no priority has the one that the kernel chose.
        priority = str(number(kept.pop(_FRA_PRIORITY, b"")))
        told = f"{priority} (table {table})"
        yield Entry(RULE, _version(family), links, priority, body, head + _joined(kept), told)


# ---- neighbours


def _neighbours(route_socket: RouteSocket, by_index: Mapping[int, str]) -> Iterator[Entry]:
    for proxies in (0, _NTF_PROXY):
        for payload in route_socket.dump(rtnetlink.RTM_GETNEIGH, _NDMSG.pack(0, 0, 0, proxies, 0)):
            family, index, state, flags, kind = _NDMSG.unpack_from(payload)
            values = dict(attributes(payload, _NDMSG.size))
            set_by_hand = flags & _NTF_PROXY or state & _NUD_PERMANENT
            if family not in _FAMILIES or index not in by_index or not set_by_hand or _NDA_DST not in values:
                continue
            if bool(proxies) != bool(flags & _NTF_PROXY):
                continue
            kept = {what: values[what] for what in (_NDA_DST, _NDA_LLADDR, _NDA_PROTOCOL) if what in values}
            body = _NDMSG.pack(family, 0, state & _NUD_PERMANENT, flags & _NTF_PROXY, kind) + _joined(kept)
            address = socket.inet_ntop(family, values[_NDA_DST])
            told = f"{address} (answered for)" if flags & _NTF_PROXY else f"{address} (set)"
            yield Entry(NEIGHBOUR, _version(family), (by_index[index],), "", body, body, told)


def _version(family: int) -> int:
    return IPV6 if family == socket.AF_INET6 else IPV4


def _joined(values: Mapping[int, bytes]) -> bytes:
    return b"".join(attribute(kind, value) for kind, value in sorted(values.items()))
