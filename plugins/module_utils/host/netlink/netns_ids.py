# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The id by which one network namespace knows another (linux/net_namespace.h). Private to the collection."""

from __future__ import annotations

import struct

from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import attribute, attributes

_RTGENMSG = bytes(4)  # rtgenmsg: family, padding
_S32 = struct.Struct("=i")
_NETNSA_NSID, _NETNSA_FD, _NETNSA_NSID_NOT_ASSIGNED = 1, 3, -1


def shown(socket: RouteSocket, descriptor: int) -> int | None:
    """Return the id of the namespace behind ``descriptor``, ``None`` where it has none yet."""
    answer = socket.get(rtnetlink.RTM_GETNSID, _RTGENMSG + attribute(_NETNSA_FD, _S32.pack(descriptor)))
    found = dict(attributes(answer, len(_RTGENMSG))).get(_NETNSA_NSID) if answer is not None else None
    (netns_id,) = _S32.unpack(found) if found is not None else (_NETNSA_NSID_NOT_ASSIGNED,)
    return None if netns_id == _NETNSA_NSID_NOT_ASSIGNED else netns_id
