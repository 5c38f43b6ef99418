# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted interfaces made from NICs and what host and containers show to operations. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..model.nic_attachment import ANY_NIC, IPVLAN, MACVLAN, PHYSICAL, NicAttachment
from ..model.ownership import read_label
from ..model.route import PROTOCOL
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link, names_by_index
from ..state.nic_attachments import NicHostSide
from . import container_side, nic_attachment_refusals
from .attachment_names import lasting_label
from .attachment_routes import across, taken_by_others
from .link_operations import Announce, DeleteLink, SetLink
from .nic_attachment_match import NicMatch, find_all, interface_of, is_meant, is_moved, lower_of, mode_of
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
    nics = [one.nic or one.link for one in found if one.want.kind != PHYSICAL]
    for name in sorted({nic.name for nic in nics if not nic.up}):
        operations.append(SetLink(HOST, name, {"up": True}, {"up": False}))  # nothing on it comes up before
    if any(one.nic is not None for one in found):
        from . import nic_vlan

        operations += nic_vlan.prepared(found, host_side)
    operations += _modes_of_ipvlans(found)
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
        # Nobody asks for the MAC of one that is routed to.
        if announce and news and not one.want.is_routed and (one.peer is None or container_side.is_news(made)):
            announcing.append(Announce(one.side.netns, one.want.interface, news))
    return operations + crossing + _left_empty(found, host_side) + announcing


def _left_empty(found: Sequence[NicMatch], host_side: NicHostSide) -> list[Operation]:
    """Return what takes interfaces for VLANs away that only what is made anew elsewhere was on."""
    if not host_side.has_vlans:
        return []
    from . import nic_vlan

    replaced = [one.replaced for one in found if one.replaced is not None]
    going = {(side.netns, link.index) for link, side in replaced}
    sides = [one.side for one in found] + [side for _link, side in replaced]
    return list(nic_vlan.left(nic_vlan.in_question(found, host_side), host_side, sides, going))


def _modes_of_ipvlans(found: Sequence[NicMatch]) -> list[Operation]:
    """Return what changes modes: once for each NIC, before one is made on it, as all on it have one mode."""
    changes: dict[int, Operation] = {}
    for one in found:
        if one.peer is not None and one.want.kind == IPVLAN and mode_of(one.peer) != one.want.mode:
            from .ipvlan_operations import SetIpvlanMode

            change = SetIpvlanMode(one.side.netns, one.peer.name, one.link.name, one.want.mode, mode_of(one.peer))
            changes.setdefault(one.link.index, change)
    return list(changes.values())


def absent(wants: Sequence[tuple[NicAttachment, ContainerSide | None]], host_side: NicHostSide) -> list[Operation]:
    """Return what takes attachments away; of a container that is gone, they went with its network namespace.

    :raises Refused: the interface is there and not ours.
    """
    deletions: dict[tuple[str, str], DeleteLink] = {}
    going: dict[tuple[str, int], int] = {}
    lowers: set[int] = set()  # what attachments were on, or may have been that went with their containers
    for want, side in wants:
        link = interface_of(want, side) if side is not None else None
        if want.vlan is not None and (lower := lower_of(want, host_side)) is not None:
            lowers.add(lower.index)
        elif want.nic == ANY_NIC:
            lowers.update(names_by_index(host_side.network.links))
        if side is not None and link is not None and is_meant(link, want, side, host_side):
            deletions.setdefault((side.netns, link.name), _deletion(link, side, host_side))
            if link.peer_netns == host_side.host_ids.get(side.netns):
                going[side.netns, link.index] = link.peer
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
        *_emptied({*going.values(), *lowers}, host_side, sides, going.keys()),
    ]


def _come_back(found: Sequence[NicMatch], host_side: NicHostSide) -> list[Operation]:
    """Return what puts NICs back as they were that came back from containers, unless one of ``found`` is to have it."""
    if not host_side.kept:
        return []
    from .nic_physical import strays

    return strays(found, host_side)


def _emptied(
    lowers: Collection[int],
    host_side: NicHostSide,
    sides: Sequence[ContainerSide],
    going: Collection[tuple[str, int]],
) -> list[Operation]:
    if not host_side.has_vlans:
        return []
    from . import nic_vlan

    return list(nic_vlan.left(lowers, host_side, sides, going))


def _made(one: NicMatch, taken: Collection[tuple[str, int]]) -> list[Operation]:
    want = one.want
    if want.kind == PHYSICAL:
        from .nic_physical import made

        return made(one, taken)
    added = _added(one.side, want.kind, want.interface, one.link.name, want.mode, want.mac, one.mtu, _alias(one))
    return [added, *container_side.made(one, taken)]


def _added(
    side: ContainerSide, kind: str, name: str, nic: str, mode: str, mac: str | None, mtu: int, alias: str
) -> Operation:
    birth_name = side.birth_name(name)
    if kind == IPVLAN:
        from .ipvlan_operations import AddIpvlan

        return AddIpvlan(side.netns, name, birth_name, nic, mode, mtu, alias)
    return AddMacvlan(side.netns, name, birth_name, nic, mode, mac, mtu, alias)


def _corrected(one: NicMatch, peer: Link, taken: Collection[tuple[str, int]]) -> list[Operation]:
    netns, name = one.side.netns, one.want.interface
    alias = _alias(one)
    operations: list[Operation] = []
    # What is kept of a NIC that moved goes by its mark, which stays as it is.
    if peer.alias != alias and one.want.kind != PHYSICAL:
        operations.append(SetLink(netns, peer.name, {"alias": alias}, {"alias": peer.alias}))
    mtus = [SetLink(netns, name, {"mtu": one.mtu}, {"mtu": peer.mtu})] if peer.mtu != one.mtu else []
    is_other = one.want.kind == MACVLAN and mode_of(peer) != one.want.mode
    modes = [SetMacvlanMode(netns, name, one.want.mode, mode_of(peer))] if is_other else []
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
        mac = None if mode_of(link) == "passthru" else link.mac
        again = _added(side, link.kind, link.name, nic.name, mode_of(link), mac, link.mtu, link.alias)
        restore = (again, *container_side.restored(side, link))
    return DeleteLink(side.netns, link.name, f"{link.kind} {link.name}{of}", restore)
