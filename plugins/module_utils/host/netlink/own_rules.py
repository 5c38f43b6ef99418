# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Policy routing rules that bear our mark (linux/fib_rules.h). Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct

from ...model.rule import LOOKUP, Rule
from . import rtnetlink
from .routes import FAMILIES
from .rtnetlink import RouteSocket
from .rules import HEADER, dumped
from .wire import NLM_F_CREATE, KernelError, attribute, attributes, from_text, number, text

_DESTINATION, _SOURCE, _IIF, _PRIORITY, _FWMARK, _SUPPRESS, _TABLE, _FWMASK = 1, 2, 3, 6, 10, 14, 15, 16  # FRA_*
_PAD, _PROTOCOL = 18, 21
_KNOWN = frozenset((_DESTINATION, _SOURCE, _IIF, _PRIORITY, _FWMARK, _TABLE, _FWMASK, _PAD, _PROTOCOL))
_SHOWN_ONLY = 1 | 8 | 16  # FIB_RULE_PERMANENT, _IIF_DETACHED, _OIF_DETACHED
_ANY_LENGTH = 0xFFFFFFFF  # of routes that a look-up is not to take: none


def shown(route_socket: RouteSocket) -> tuple[Rule, ...]:
    """Return our rules, in the kernel's order, those of IPv4 first. Two dumps.

    Only Linux 4.17 and later tell whose a rule is.
    """
    found = []
    for payload in dumped(route_socket):
        values = dict(attributes(payload, HEADER.size))
        if _PROTOCOL in values:
            rule = _decoded(payload, values)
            if rule.ours:
                found.append(rule)
    return tuple(found)


def _decoded(payload: bytes, values: dict[int, bytes]) -> Rule:
    family, to, length, tos, table, action, flags = HEADER.unpack_from(payload)
    flags &= ~_SHOWN_ONLY
    others = set(values) - _KNOWN - ({_SUPPRESS} if number(values.get(_SUPPRESS, b"")) == _ANY_LENGTH else set())
    head = HEADER.pack(family, to, length, tos, table, action, flags)
    return Rule(
        6 if family == socket.AF_INET6 else 4,
        number(values.get(_PRIORITY, b"")),
        f"{socket.inet_ntop(family, values[_SOURCE])}/{length}" if _SOURCE in values else "",
        f"{socket.inet_ntop(family, values[_DESTINATION])}/{to}" if _DESTINATION in values else "",
        text(values.get(_IIF, b"")),
        number(values.get(_FWMARK, b"")),
        number(values.get(_FWMASK, b"")),
        action,
        (number(values[_TABLE]) if _TABLE in values else table) if action == LOOKUP else 0,
        number(values[_PROTOCOL]),
        bool(others or tos or flags),
        head + b"".join(attribute(kind, value) for kind, value in values.items() if kind != _PAD),
    )


def add(route_socket: RouteSocket, rule: Rule) -> None:
    """Add a rule, after those of its priority.

    :raises KernelError: the kernel refuses.
    """
    # Without NLM_F_EXCL: another's may say the same, and is another's.
    route_socket.request_payload(f"set {rule}", rtnetlink.RTM_NEWRULE, NLM_F_CREATE, _encoded(rule))


def remove(route_socket: RouteSocket, rule: Rule) -> None:
    """Remove a rule; one that is gone already is as good.

    Of several that have all that this one asks for, the kernel takes the first.

    :raises KernelError: the kernel refuses.
    """
    try:
        route_socket.request_payload(f"remove {rule}", rtnetlink.RTM_DELRULE, 0, _encoded(rule))
    except KernelError as error:
        if error.code != errno.ENOENT:
            raise


def _encoded(rule: Rule) -> bytes:
    if rule.message:
        return rule.message
    family = FAMILIES[rule.family]
    lengths, payload = [], b""
    for kind, subnet in ((_DESTINATION, rule.destination), (_SOURCE, rule.source)):
        address, _slash, length = subnet.partition("/")
        lengths.append(int(length or 0))
        payload += attribute(kind, socket.inet_pton(family, address)) if subnet else b""
    payload += attribute(_IIF, from_text(rule.iif)) if rule.iif else b""
    numbers = {_PRIORITY: rule.priority, **({_FWMARK: rule.fwmark, _FWMASK: rule.mask} if rule.mask else {})}
    if rule.kind == LOOKUP:
        numbers[_TABLE] = rule.table
    payload += b"".join(attribute(kind, struct.pack("=I", value)) for kind, value in numbers.items())
    payload += attribute(_PROTOCOL, struct.pack("=B", rule.protocol))
    return HEADER.pack(family, *lengths, 0, 0, rule.kind, 0) + payload
