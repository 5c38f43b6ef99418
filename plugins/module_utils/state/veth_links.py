# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What network namespaces show of links between them. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..model.veth_link import LinkEnd, VethLink
from .attachments import ContainerSide
from .network import Link

Sides = Sequence["ContainerSide | None"]


class LinkState(NamedTuple):
    """What there is of wanted links: each with the sides of its ends, ``None`` for a container that does not run.

    ``ids`` are those by which one namespace knows another one, by the two ``netns``; those that were of interest.
    """

    links: Sequence[tuple[VethLink, Sides]]
    ids: Mapping[tuple[str, str], int | None]

    @property
    def ends(self) -> list[tuple[LinkEnd, ContainerSide | None]]:
        return [pair for link, sides in self.links for pair in zip(link.ends, sides)]

    def by_netns(self) -> dict[str, ContainerSide]:
        return {side.netns: side for _link, sides in self.links for side in sides if side is not None}


def far_end(
    link: Link, side: ContainerSide, sides: Mapping[str, ContainerSide], ids: Mapping[tuple[str, str], int | None]
) -> tuple[Link, ContainerSide] | None:
    """Return the other end of a veth and the side that it is on, ``None`` where that is on none of ``sides``."""
    if link.kind != "veth" or link.peer_netns is None:
        return None
    for netns, there in sides.items():
        if netns != side.netns and ids.get((side.netns, netns)) == link.peer_netns:
            other = there.network.by_index(link.peer)
            if other is not None and other.kind == "veth" and other.peer == link.index:
                return other, there
    return None
