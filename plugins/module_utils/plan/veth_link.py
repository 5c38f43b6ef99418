# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted links and what the namespaces of their ends show to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model.route import PROTOCOL
from ..model.veth_link import VethLink, alias
from ..state.attachments import ContainerSide
from ..state.network import Link
from ..state.veth_links import LinkState, Sides, far_end
from . import container_side
from .attachment_names import lasting_label
from .attachment_routes import across, taken_by_others
from .container_side_refusals import check_interface_name, check_mtus, check_routes
from .link_operations import DeleteLink, SetLink
from .route_operations import RemoveRoute
from .veth_link_match import EndMatch, Ids, LinkMatch, birth_name, find_all, interfaces_of, is_pair
from .veth_link_operations import AddVethPair, NewEnd

if TYPE_CHECKING:
    from .operations import Operation

Taken = Collection[tuple[str, int]]


def present(state: LinkState) -> list[Operation]:
    """Return what makes all links as wanted whose ends are both in namespaces that are there.

    :raises Refused: an interface name that is taken.
    """
    found = find_all(state)
    ends = [end for match in found for end in match.ends]
    _check(ends)
    taken = dict(zip(((end.side.netns, end.want.interface) for end in ends), taken_by_others(ends)))
    deletions: dict[tuple[str, int], DeleteLink] = {}
    every = state.by_netns()
    for match in found:
        for interface, side in match.replaced:
            _delete(interface, side, every, state.ids, deletions)
    operations: list[Operation] = [*_each_once(deletions)]
    crossing: list[Operation] = []
    for match in found:
        of_ends = [taken[end.side.netns, end.want.interface] for end in match.ends]
        made = _corrected(match, of_ends) if match.is_there else _made(match, of_ends)
        crossing += across(made)
        operations += made
    return operations + crossing


def absent(state: LinkState) -> list[Operation]:
    """Return what takes links away; one whose ends are both named stays where they are not those of one veth.

    :raises Refused: an interface is there and not ours.
    """
    deletions: dict[tuple[str, int], DeleteLink] = {}
    by_netns = state.by_netns()
    for link, sides in state.links:
        for interface, side in standing(link, sides, state):
            _delete(interface, side, by_netns, state.ids, deletions)
    going = _each_once(deletions)
    names = {
        (netns, link.name)
        for netns, side in by_netns.items()
        for link in side.network.links.values()
        if (netns, link.index) in deletions
    }
    restoring = [operation for one in going for operation in one.restore or ()]
    # In IPv6 one of several next hops stays with the others.
    shared = [
        RemoveRoute(netns, entry)
        for netns, side in by_netns.items()
        for entry in side.network.routes
        if entry.protocol == PROTOCOL and entry.through and (netns, entry.through[0]) in names
    ]
    return [*shared, *going, *container_side.take_back_defaults(restoring, names, list(by_netns.values()))]


def standing(link: VethLink, sides: Sides, state: LinkState) -> list[tuple[Link, ContainerSide]]:
    """Return the interfaces of a link that are there, each with its side.

    Of a link whose ends are both named, they are so only as the ends of one veth.

    :raises Refused: an interface is there and not ours.
    """
    there = [(VethLink((end,)), side) for end, side in zip(link.ends, sides) if side is not None]
    if len(link.ends) == 2:
        pair = [side for side in sides if side is not None]
        if len(pair) < 2:
            return []  # what is left leads elsewhere, as a veth's ends go together
        ends = interfaces_of(link, pair, state.ids)
        return (
            [(end, side) for end, side in zip(ends, pair) if end is not None] if is_pair(ends, pair, state.ids) else []
        )
    found = [(interfaces_of(one, (side,), state.ids)[0], side) for one, side in there]
    return [(end, side) for end, side in found if end is not None]


def _check(ends: Sequence[EndMatch]) -> None:
    """Refuse what would take something of others, or what the kernel would refuse half-way."""
    seen: dict[tuple[str, int], EndMatch] = {}
    for one in ends:
        if one.peer is not None and (other := seen.setdefault((one.side.netns, one.peer.index), one)) is not one:
            raise Refused(
                f"interface: {one.want.interface!r} and {other.want.interface!r} are the same interface "
                f"{one.peer.name} in {one.side.where}; it was renamed, so rename it back first"
            )
        check_interface_name(one)
    check_mtus(ends)
    check_routes(ends)


def _made(match: LinkMatch, taken: Sequence[Taken]) -> list[Operation]:
    # The host's end is asked for in its own namespace, and the other one is born in the container's.
    first, second = sorted(match.ends, key=lambda end: not end.want.is_host)
    operations: list[Operation] = [AddVethPair(first.side.netns, _new(first), _new(second))]
    for end, keys in zip(match.ends, taken):
        operations += container_side.made(end, keys)
    return operations


def _new(end: EndMatch) -> NewEnd:
    want = end.want
    return NewEnd(end.side.netns, want.interface, end.birth_name, want.mac, end.mtu, alias(lasting_label(end)))


def _corrected(match: LinkMatch, taken: Sequence[Taken]) -> list[Operation]:
    operations: list[Operation] = []
    for end, keys in zip(match.ends, taken):
        if end.peer is None:
            raise AssertionError(end)
        operations += _end_corrected(end, end.peer, keys)
    return operations


def _end_corrected(one: EndMatch, peer: Link, taken: Taken) -> list[Operation]:
    netns, mark = one.side.netns, alias(lasting_label(one))
    operations: list[Operation] = []
    if peer.alias != mark:
        operations.append(SetLink(netns, peer.name, {"alias": mark}, {"alias": peer.alias}))
    mtus = [SetLink(netns, one.want.interface, {"mtu": one.mtu}, {"mtu": peer.mtu})] if peer.mtu != one.mtu else []
    operations += container_side.corrected(one, peer, taken, mtus)
    return container_side.undone_whole(one, peer, operations)


def _delete(
    interface: Link,
    side: ContainerSide,
    every: Mapping[str, ContainerSide],
    ids: Ids,
    deletions: dict[tuple[str, int], DeleteLink],
) -> None:
    """Add the deletion of a veth by one of its ends, unless it goes already."""
    key = (side.netns, interface.index)
    if key in deletions:
        return
    far = far_end(interface, side, every, ids)
    what = f"veth {interface.name}, whose peer is in none of the namespaces of this task,"
    restore: tuple[Operation, ...] | None = None
    if far is not None:
        what = f"veth {far[0].name} in {far[1].where} with its peer {interface.name}"
        ends = sorted(((interface, side), far), key=lambda end: bool(end[1].netns))
        one, other = (_again(link, there) for link, there in ends)
        restored = [operation for link, there in ends for operation in container_side.restored(there, link)]
        restore = (AddVethPair(one.netns, one, other), *restored)
    deletions[key] = DeleteLink(side.netns, interface.name, what, restore)
    if far is not None:
        deletions[far[1].netns, far[0].index] = deletions[key]


def _each_once(deletions: Mapping[tuple[str, int], DeleteLink]) -> list[DeleteLink]:
    return list({id(one): one for one in deletions.values()}.values())


def _again(link: Link, side: ContainerSide) -> NewEnd:
    return NewEnd(side.netns, link.name, birth_name(link.name, side), link.mac, link.mtu, link.alias)
