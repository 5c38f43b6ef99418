# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Veths of which each end is born in its own network namespace. Private to the collection."""

from __future__ import annotations

from typing import Any, Optional

from . import links
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL

NewVeth = tuple[str, Optional[str], int]
"""An end to be made: its name, its MAC (``None`` lets the kernel choose one) and its MTU."""


def add(route_socket: RouteSocket, own: NewVeth, other: NewVeth, descriptor: int) -> None:
    """Make one with an end in the socket's namespace and one in that behind ``descriptor``; both are down.

    :raises KernelError: the kernel refuses.
    """
    (name, mac, mtu), (peer, peer_mac, peer_mtu) = own, other
    attributes: list[tuple[str, Any]] = [("IFLA_IFNAME", name), ("IFLA_MTU", mtu)]
    if mac:
        attributes.append(("IFLA_ADDRESS", mac))
    attributes.append(links.veth(peer, descriptor, peer_mac, peer_mtu))
    what = f"create veth {name} with its peer {peer}"
    links.change(route_socket, what, 0, attributes, flags=NLM_F_CREATE | NLM_F_EXCL)
