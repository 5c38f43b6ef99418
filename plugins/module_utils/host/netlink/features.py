# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel can do with links. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import PipefitterError
from ...model.addresses import random_mac
from ...state.network import Link
from ..namespace import scratch
from .handle import NetlinkHandle
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


def supports_vlan_filtering(links: Iterable[Link]) -> bool:
    """Tell whether bridges of this kernel can filter VLANs.

    It shows in any bridge among ``links``. A kernel without it silently accepts the attribute, so where there is none,
    a bridge is created and read, in a temporary namespace.
    """
    shown = next(("vlan_filtering" in link.bridge for link in links if link.kind == "bridge"), None)
    if shown is not None:
        return shown
    with scratch():
        namespace = NetlinkHandle()
    try:
        namespace.add_bridge("probe", {}, random_mac())
        return "vlan_filtering" in namespace.links()["probe"].bridge
    finally:
        namespace.close()
