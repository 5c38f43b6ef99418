# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted interfaces made from NICs and what host and containers show to operations. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..model.nic_attachment import PHYSICAL, NicAttachment
from ..model.ownership import read_label
from ..model.route import PROTOCOL
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link
from ..state.nic_attachments import NicHostSide
from . import container_side, nic_attachment_refusals
from .attachment_names import lasting_label
from .attachment_routes import across, taken_by_others
from .link_operations import Announce, DeleteLink, SetLink
from .nic_attachment_match import NicMatch, find_all, interface_of, is_meant, is_moved, mode_of
from .nic_operations import AddMacvlan, SetMacvlanMode
from .operations import Operation
from .route_operations import RemoveRoute

Wants = Sequence[tuple[NicAttachment, ContainerSide]]


def present(wants: Wants, host_side: NicHostSide, announce: bool = True) -> list[Operation]:
    """Return what makes all attachments as wanted.

    :raises Refused: a NIC that is not there or in use, an interface name that is taken.
    :raises MissingFeature: the kernel lacks what one is to be.
    """
    found = find_all(wants, host_side)
    nic_attachment_refusals.check(found, host_side)
    operations = _come_back(found, host_side)
    lower = [one.link for one in found if one.want.kind != PHYSICAL]
    for name in sorted({link.name for link in lower if not link.up}):
        operations.append(SetLink(HOST, name, {"up": True}, {"up": False}))  # nothing on it comes up before
    # One that has a NIC to itself goes before another one comes.
    for one in found:
        if one.replaced is not None:
            operations.append(_deletion(*one.replaced, host_side))
    announcing: list[Operation] = []
    crossing: list[Operation] = []
    for one, taken in zip(found, taken_by_others(found)):
        made = _corrected(one, one.peer, taken) if one.peer is not None else _made(one, taken)
        crossing += across(made)
        operations += made
        news = container_side.announced(one)
        if announce and news and (one.peer is None or container_side.is_news(made)):
            announcing.append(Announce(one.side.netns, one.want.interface, news))
    return operations + crossing + announcing


def absent(wants: Sequence[tuple[NicAttachment, ContainerSide | None]], host_side: NicHostSide) -> list[Operation]:
    """Return what takes attachments away; of a container that is gone, they went with its network namespace.

    :raises Refused: the interface is there and not ours.
    """
    deletions: dict[tuple[str, str], DeleteLink] = {}
    for want, side in wants:
        link = interface_of(want, side) if side is not None else None
        if side is not None and link is not None and is_meant(link, want, side, host_side):
            deletions.setdefault((side.netns, link.name), _deletion(link, side, host_side))
    restoring = [operation for one in deletions.values() for operation in one.restore or ()]
    sides = [side for _want, side in wants if side is not None]
    # In IPv6 one of several next hops stays with the others.
    shared = {
        (side.netns, entry): RemoveRoute(side.netns, entry)
        for side in sides
        for entry in side.network.routes
        if entry.protocol == PROTOCOL and entry.through and (side.netns, entry.through[0]) in deletions
    }
    return [
        *_come_back((), host_side),
        *shared.values(),
        *container_side.rules_left_behind(sides, deletions.keys()),
        *deletions.values(),
        *container_side.take_back_defaults(restoring, deletions.keys(), sides),
    ]


def _come_back(found: Sequence[NicMatch], host_side: NicHostSide) -> list[Operation]:
    """Return what puts NICs back as they were that came back from containers, unless one of ``found`` is to have it."""
    if not host_side.kept:
        return []
    from .nic_physical import strays

    return strays(found, host_side)


def _made(one: NicMatch, taken: Collection[tuple[str, int]]) -> list[Operation]:
    want = one.want
    if want.kind == PHYSICAL:
        from .nic_physical import made

        return made(one, taken)
    alias = _alias(one)
    added = AddMacvlan(
        one.side.netns, want.interface, one.birth_name, one.link.name, want.mode, want.mac, one.mtu, alias
    )
    return [added, *container_side.made(one, taken)]


def _corrected(one: NicMatch, peer: Link, taken: Collection[tuple[str, int]]) -> list[Operation]:
    netns, name = one.side.netns, one.want.interface
    alias = _alias(one)
    operations: list[Operation] = []
    # What is kept of a NIC that moved goes by its mark, which stays as it is.
    if peer.alias != alias and one.want.kind != PHYSICAL:
        operations.append(SetLink(netns, peer.name, {"alias": alias}, {"alias": peer.alias}))
    mtus = [SetLink(netns, name, {"mtu": one.mtu}, {"mtu": peer.mtu})] if peer.mtu != one.mtu else []
    mode = mode_of(peer) if one.want.mode else ""
    modes = [SetMacvlanMode(netns, name, one.want.mode, mode)] if mode != one.want.mode else []
    operations += container_side.corrected(one, peer, taken, mtus, modes)
    return container_side.undone_whole(one, peer, operations)


def _alias(one: NicMatch) -> str:
    label = lasting_label(one)
    return replace(label, notes=replace(label.notes, rules=one.side.rule_marks.get(one.seen_as))).alias()


def _deletion(link: Link, side: ContainerSide, host_side: NicHostSide) -> DeleteLink:
    if is_moved(link):
        from .nic_physical import returned

        return returned(link, side, host_side)
    label = read_label(link.alias)
    of = f" of {label.kind} {label.value}" if label is not None else ""
    nic = host_side.network.by_index(link.peer)
    restore: tuple[Operation, ...] | None = None
    if nic is not None and link.peer_netns == host_side.host_ids.get(side.netns):
        birth_name = side.birth_name(link.name)
        mac = None if mode_of(link) == "passthru" else link.mac
        again = AddMacvlan(side.netns, link.name, birth_name, nic.name, mode_of(link), mac, link.mtu, link.alias)
        restore = (again, *container_side.restored(side, link))
    return DeleteLink(side.netns, link.name, f"{link.kind} {link.name}{of}", restore)
