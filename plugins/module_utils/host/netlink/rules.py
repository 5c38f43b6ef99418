# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Rules by which the kernel chooses a routing table (linux/fib_rules.h). Private to the collection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from ...state.network import SourceRule
from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import KernelError, attributes, number

HEADER = struct.Struct("=BBBBBxxBI")  # fib_rule_hdr: family, dst_len, src_len, tos, table, action, flags
_SOURCE, _TABLE = 2, 15  # FRA_*
_TO_TABLE, _INVERTED = 1, 2  # FR_ACT_TO_TBL, FIB_RULE_INVERT
_USUAL_TABLES = frozenset((253, 254, 255))  # default, main, local


def dumped(route_socket: RouteSocket) -> Iterator[bytes]:
    """Yield the kernel's messages of all rules, in their order, those of IPv4 first. Two dumps."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            payloads = route_socket.dump(rtnetlink.RTM_GETRULE, HEADER.pack(family, 0, 0, 0, 0, 0, 0))
        except KernelError:
            continue  # a kernel without such rules
        # Asked for a family it was built or booted without, the kernel shows all others.
        yield from (payload for payload in payloads if payload[0] == family)


def by_source(route_socket: RouteSocket) -> tuple[SourceRule, ...]:
    """Return the rules that send what comes from certain addresses to a table of its own, in their order. Two dumps."""
    found = []
    for payload in dumped(route_socket):
        family, _to, length, _tos, table, action, flags = HEADER.unpack_from(payload)
        values = dict(attributes(payload, HEADER.size))
        table = number(values[_TABLE]) if _TABLE in values else table
        if length and action == _TO_TABLE and not flags & _INVERTED:
            if table not in _USUAL_TABLES and _SOURCE in values:
                source = socket.inet_ntop(family, values[_SOURCE])
                whole = length == 8 * len(values[_SOURCE])
                found.append(SourceRule(source if whole else f"{source}/{length}", table))
    return tuple(found)
