# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the other ends of veths have, asked for from here: nobody enters their namespaces. Private to the collection.

The kernel answers for another namespace that is named by the id by which this one knows it, for addresses since
Linux 4.20. An older one answers for this namespace; what it says is not taken then. A namespace that ends is no error.
"""

from __future__ import annotations

import socket
import struct

from ...state.network import Link
from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute, attributes

_S32 = struct.Struct("=i")
_IFADDR = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_IFINFO = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_IFA_ADDRESS, _IFA_LOCAL, _IFA_TARGET_NETNSID = 1, 2, 10
_IFLA_ADDRESS, _IFLA_TARGET_NETNSID = 1, 46
_VERSIONS = (socket.AF_INET, socket.AF_INET6)


def mac(route_socket: RouteSocket, port: Link) -> str:
    """Return the MAC of the other end of ``port``, a veth into another namespace; '' where that is not told."""
    where = _S32.pack(port.peer_netns or 0)
    request = _IFINFO.pack(0, 0, port.peer, 0, 0) + attribute(_IFLA_TARGET_NETNSID, where)
    try:
        answer = route_socket.get(rtnetlink.RTM_GETLINK, request)
    except KernelError:
        return ""
    values = dict(attributes(answer, _IFINFO.size)) if answer is not None else {}
    return values[_IFLA_ADDRESS].hex(":") if values.get(_IFLA_TARGET_NETNSID) == where else ""


def addresses(route_socket: RouteSocket, port: Link) -> tuple[str, ...]:
    """Return the addresses of the other end of ``port``, those on lease too, without prefix length, as ``mac``."""
    where = _S32.pack(port.peer_netns or 0)
    request = _IFADDR.pack(0, 0, 0, 0, port.peer) + attribute(_IFA_TARGET_NETNSID, where)
    try:
        entries = route_socket.dump(rtnetlink.RTM_GETADDR, request)
    except KernelError:
        return ()
    found = []
    for payload in entries:
        family, _prefix, _flags, _scope, index = _IFADDR.unpack_from(payload)
        values = dict(attributes(payload, _IFADDR.size))
        if family in _VERSIONS and index == port.peer and values.get(_IFA_TARGET_NETNSID) == where:
            # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours (IPv4 only).
            found.append(socket.inet_ntop(family, values[_IFA_LOCAL if _IFA_LOCAL in values else _IFA_ADDRESS]))
    return tuple(found)
