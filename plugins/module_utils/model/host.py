# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a network namespace shows of itself: the have of every plan. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .route import Route

HOST = ""
"""The place that is the host's own network namespace; every other place is a container's, by its printable name."""

MARK = "pipefitter"
"""How every ifalias of ours begins."""


@dataclass(frozen=True)
class Link:
    """An interface. ``master``, ``peer`` are interface indexes, 0 where there is none.

    ``peer_namespace`` is the id (RTM_GETNSID) by which this namespace knows
    the one the peer is in, ``None`` where the peer is in this one.
    ``bridge`` holds a bridge's IFLA_BR_* attributes by the name they have in
    ``Bridge``; a feature the kernel lacks has no entry. ``isolated`` is a
    bridge's port that reaches no other isolated port (IFLA_BRPORT_ISOLATED).
    """

    index: int
    name: str
    kind: str = ""
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    carrier: bool = False
    master: int = 0
    alias: str = ""
    alternative_names: tuple[str, ...] = ()
    peer: int = 0
    peer_namespace: int | None = None
    bridge: Mapping[str, int] = field(default_factory=dict)
    isolated: bool = False

    @property
    def ours(self) -> bool:
        return self.alias == MARK or self.alias.startswith(MARK + " ")


@dataclass(frozen=True)
class Namespace:
    """A network namespace: links by name, permanent addresses by link name, unicast routes of the main table.

    Link-local IPv6 addresses that the kernel made, and addresses with a
    lifetime (DHCP, router advertisements), are left out: nobody declares
    them.
    """

    links: Mapping[str, Link]
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()

    def by_index(self, index: int) -> Link | None:
        for link in self.links.values():
            if link.index == index:
                return link
        return None
