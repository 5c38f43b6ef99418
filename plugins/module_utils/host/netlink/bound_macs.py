# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""MACs that a bridge has behind one of its ports, and lets no other port have. Private to the collection.

They are static entries of its forwarding table that stay where they are (``bridge fdb add MAC dev PORT master static
sticky``, Linux 4.20): a frame of another port that bears such a MAC teaches the bridge nothing. They go with the port.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping

from . import rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute, attributes

_NDMSG = struct.Struct("=BxxxiHBB")  # ndmsg: family, index, state, flags, type (linux/neighbour.h)
_NTF_MASTER, _NTF_STICKY = 0x04, 0x40
_NUD_REACHABLE, _NUD_NOARP = 0x02, 0x40
_NDA_LLADDR, _NDA_MASTER = 2, 9


def shown(route_socket: RouteSocket, names_by_index: Mapping[int, str]) -> dict[str, frozenset[str]]:
    """Return by port the MACs that are bound to it."""
    found: dict[str, set[str]] = {}
    for payload in route_socket.dump(rtnetlink.RTM_GETNEIGH, _NDMSG.pack(socket.AF_BRIDGE, 0, 0, 0, 0)):
        _family, index, state, flags, _type = _NDMSG.unpack_from(payload)
        if flags & _NTF_STICKY and state & _NUD_NOARP and index in names_by_index:
            values = dict(attributes(payload, _NDMSG.size))
            if values.keys() >= {_NDA_MASTER, _NDA_LLADDR}:
                found.setdefault(names_by_index[index], set()).add(values[_NDA_LLADDR].hex(":"))
    return {port: frozenset(macs) for port, macs in found.items()}


def bind(route_socket: RouteSocket, index: int, port: str, mac: str) -> None:
    """Have the bridge find a MAC behind a port, and nowhere else; in each of the port's VLANs."""
    state = _NUD_REACHABLE | _NUD_NOARP
    route_socket.request_payload(
        f"bind {port} to {mac}",
        rtnetlink.RTM_NEWNEIGH,
        wire.NLM_F_CREATE,
        _request(index, state, _NTF_MASTER | _NTF_STICKY, mac),
    )


def free(route_socket: RouteSocket, index: int, port: str, mac: str) -> None:
    """Let any port have a MAC; an entry that is gone already is as good."""
    try:
        route_socket.request_payload(
            f"no longer bind {port} to {mac}", rtnetlink.RTM_DELNEIGH, 0, _request(index, 0, _NTF_MASTER, mac)
        )
    except KernelError as error:
        if error.code not in (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL):  # or it is no port any more
            raise


def _request(index: int, state: int, flags: int, mac: str) -> bytes:
    head = _NDMSG.pack(socket.AF_BRIDGE, index, state, flags, 0)
    return head + attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", "")))
