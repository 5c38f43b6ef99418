# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sockets that are bound to an interface (SO_BINDTODEVICE), by linux/inet_diag.h. Private to the collection."""

from __future__ import annotations

import socket
import struct

from ...errors import PipefitterError
from .wire import NetlinkSocket, attribute

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_TIMEOUT = 10
# inet_diag_req_v2: family, protocol, extensions, states, and a socket's ports and addresses, which stay empty
_REQUEST = struct.Struct("=BBBxI48x")
_ALL_BUT_TIME_WAIT = 0xFFF & ~(1 << 6)
_BYTECODE, _DEV_COND = 1, 9  # INET_DIAG_REQ_BYTECODE, INET_DIAG_BC_DEV_COND
_CONDITION = struct.Struct("=BBHI")  # inet_diag_bc_op: code, what to skip if true and if not; the index
_PORT = struct.Struct("!4xH")  # inet_diag_msg: family, state, timer, retransmissions, source port
_SOURCE = 8  # where its source address begins
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "raw": socket.IPPROTO_RAW}
_DHCP = frozenset((68, 546))  # clients', which go with the move or are told of elsewhere


def shown(index: int) -> list[str]:
    """Return the sockets of this namespace that are bound to a link (``udp 0.0.0.0:5353``), without those of DHCP.

    A raw socket has its protocol's number for a port. None where the kernel does not tell.
    """
    only = attribute(_BYTECODE, _CONDITION.pack(_DEV_COND, _CONDITION.size, _CONDITION.size + 4, index))
    found = []
    with NetlinkSocket(_NETLINK_SOCK_DIAG, _TIMEOUT) as diag:
        for name, protocol in _PROTOCOLS.items():
            for family in (socket.AF_INET, socket.AF_INET6):
                request = _REQUEST.pack(family, protocol, 0, _ALL_BUT_TIME_WAIT) + only
                try:
                    told = diag.dump("sockets", _SOCK_DIAG_BY_FAMILY, request, consistent=False)
                except PipefitterError:
                    continue  # a kernel without inet_diag, or without that protocol
                found += [_said(name, payload) for payload in told if _PORT.unpack_from(payload)[0] not in _DHCP]
    return sorted(set(found))


def _said(protocol: str, payload: bytes) -> str:
    family, port = payload[0], _PORT.unpack_from(payload)[0]
    length = 4 if family == socket.AF_INET else 16
    address = socket.inet_ntop(family, payload[_SOURCE : _SOURCE + length])
    return f"{protocol} {f'[{address}]' if ':' in address else address}:{port}"
