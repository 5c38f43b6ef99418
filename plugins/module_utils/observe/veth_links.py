# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what network namespaces show of links between them. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Refused
from ..host.machine import Machine
from ..model.ownership import LINK_MARK, MARK
from ..model.veth_link import LinkEnd, VethLink
from ..plan.veth_link_match import find_all, interfaces_of, is_pair
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link, NetworkState
from ..state.veth_links import LinkState, far_end
from . import container_side
from .containers import Pinned


def observe_all(machine: Machine, links: Sequence[tuple[VethLink, Sequence[Pinned]]], going: bool) -> LinkState:
    """Return each link with the sides of its ends.

    Those that are ``going`` are to be no more: nothing is asked that only what is made needs.
    """
    identities = {one.netns: one.identity for _link, ends in links for one in ends if one.netns is not None}
    seen = {netns: _glance(machine, netns, identity) for netns, identity in identities.items()}
    state = LinkState([(link, [seen.get(_key(one)) for one in ends]) for link, ends in links], {})
    state = state._replace(ids=_ids(machine, state))
    wants: dict[str, list[LinkEnd]] = {}
    for want, side in state.ends:
        if side is not None:
            wants.setdefault(side.netns, []).append(want)
    relevant = _relevant(state)
    made = _is_made(state) if not going else frozenset()
    sides = {
        netns: _side(machine, side, wants[netns], relevant.get(netns, []), netns in made, going)
        for netns, side in seen.items()
    }
    return state._replace(links=[(link, [sides.get(_key(one)) for one in ends]) for link, ends in links])


def _key(one: Pinned) -> str:
    return one.netns if one.netns is not None else "none: it does not run"


def _glance(machine: Machine, netns: str, identity: str) -> ContainerSide:
    if netns == HOST:
        return ContainerSide(HOST, identity, NetworkState(machine.netlink(HOST).links()), None)
    return container_side.glance(machine, netns, identity)


def _ids(machine: Machine, state: LinkState) -> dict[tuple[str, str], int | None]:
    """Return by which ids the namespaces of each link know each other; where one leads elsewhere, all others'."""
    ids: dict[tuple[str, str], int | None] = {}

    def ask(one: str, other: str) -> None:
        if one != other and (one, other) not in ids:
            ids[one, other] = _id(machine, one, other)

    every = state.by_netns()
    for link, sides in state.links:
        there = [side for side in sides if side is not None]
        if len(there) == 2:
            ask(there[0].netns, there[1].netns)
            ask(there[1].netns, there[0].netns)
        if len(there) != len(link.ends) or len(there) < 1:
            continue
        ends = _interfaces(link, there, state._replace(ids=ids))
        if len(there) == 2 and is_pair(ends, there, ids):
            continue
        for end, side in zip(ends, there):
            for netns in every if end is not None else ():
                ask(side.netns, netns)
                ask(netns, side.netns)
    return ids


def _id(machine: Machine, one: str, other: str) -> int | None:
    return machine.host_id(one) if other == HOST else machine.netlink(one).netns_id(machine.descriptor(other))


def _interfaces(link: VethLink, sides: Sequence[ContainerSide], state: LinkState) -> tuple[Link | None, ...]:
    try:
        return interfaces_of(link, sides, state.ids)
    except Refused:
        return tuple(None for _side in sides)  # the plan says so


def _relevant(state: LinkState) -> dict[str, list[Link]]:
    """Return by namespace the interfaces of which more is to be read: of the ends, and of what goes with them."""
    found: dict[str, dict[str, Link]] = {}
    every = state.by_netns()
    for link, sides in state.links:
        there = [side for side in sides if side is not None]
        if len(there) != len(link.ends):
            continue
        for end, side in zip(_interfaces(link, there, state), there):
            if end is None:
                continue
            found.setdefault(side.netns, {})[end.name] = end
            far = far_end(end, side, every, state.ids)
            if far is not None:
                found.setdefault(far[1].netns, {})[far[0].name] = far[0]
    return {netns: list(links.values()) for netns, links in found.items()}


def _is_made(state: LinkState) -> frozenset[str]:
    """Return the namespaces in which an end is to be made, for the first time or anew."""
    try:
        return frozenset(end.side.netns for match in find_all(state) if not match.is_there for end in match.ends)
    except Refused:
        return frozenset()


def _side(
    machine: Machine, seen: ContainerSide, wants: Sequence[LinkEnd], relevant: Sequence[Link], new: bool, going: bool
) -> ContainerSide:
    marks = _marks({link.name: link.alias for link in relevant})
    return container_side.observe(machine, seen, wants, relevant, marks, new=new, going=going)


def _marks(aliases: Mapping[str, str]) -> dict[str, str]:
    """Return the marks of ends in the words of an attachment's, as a container's side is read by them."""
    return {
        name: MARK + alias[len(LINK_MARK) :] for name, alias in aliases.items() if alias.startswith(LINK_MARK + " ")
    }
