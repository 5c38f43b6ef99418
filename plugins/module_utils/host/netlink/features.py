# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel can do with links. Private to the collection."""

from __future__ import annotations

from ...errors import PipefitterError
from ...model.addresses import random_mac
from ..namespace import scratch
from .rtnetlink import RouteSocket

_LOOPBACK_INDEX = 1  # in each namespace


def supports_priority_tags() -> bool:
    """Tell whether the kernel takes the tc filter that ``priority_tags`` makes; asked in a temporary namespace."""
    from . import priority_tags

    with scratch():
        route_socket = RouteSocket()
    try:
        priority_tags.change(route_socket, _LOOPBACK_INDEX, "lo", random_mac())
    except PipefitterError:
        return False
    finally:
        route_socket.close()
    return True
