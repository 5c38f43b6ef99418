# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Policies of IPsec that are for one interface (linux/xfrm.h). Private to the collection."""

from __future__ import annotations

import socket
import struct

from ...errors import PipefitterError
from .wire import NetlinkSocket

_NETLINK_XFRM, _XFRM_MSG_GETPOLICY = 6, 21
_TIMEOUT = 10
_REQUEST = bytes(64)  # xfrm_userpolicy_id, of none
# xfrm_selector, by which a policy's message begins: to, from, ports, family, prefix lengths, protocol, index, user
_SELECTOR = struct.Struct("=16s16s8xHBBB3xi4x")


def shown(index: int) -> list[str]:
    """Return from where to where policies lead that are for one link; none where the kernel does not tell."""
    try:
        with NetlinkSocket(_NETLINK_XFRM, _TIMEOUT) as xfrm:
            told = xfrm.dump("policies of IPsec", _XFRM_MSG_GETPOLICY, _REQUEST, consistent=False)
    except PipefitterError:
        return []  # a kernel without IPsec
    return sorted({_said(payload) for payload in told if _SELECTOR.unpack_from(payload)[6] == index})


def _said(payload: bytes) -> str:
    to, source, family, of_to, of_source, *_rest = _SELECTOR.unpack_from(payload)
    length = 4 if family == socket.AF_INET else 16
    ends = ((source, of_source), (to, of_to))
    return " to ".join(f"{socket.inet_ntop(family, address[:length])}/{prefix}" for address, prefix in ends)
