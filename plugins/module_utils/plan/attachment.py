# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted attachments and what host and containers show to operations. Pure. Private to the collection.

Most runs find all attachments as they are wanted: what makes and deletes is imported where something is to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ..model.attachment import ANY_BRIDGE, Attachment, Purge
from ..model.ownership import JOINING, read_label
from ..state.attachments import LINUX, ContainerSide, HostSide
from ..state.network import HOST
from . import attachment_names, attachment_refusals
from .attachment_correction import correction
from .attachment_match import VethMatch, find_all, find_bridge
from .attachment_routes import across, taken_by_others
from .container_side import announced, is_news
from .link_operations import Announce, DeleteLink, SetLink, deletions_in, together
from .operations import Operation
from .ovs_ports import OvsChanges, connect, ports_of

if TYPE_CHECKING:
    from ..model.ovs import OvsPort

FEW = 16
"""So many attachments may join a bridge at once without a thought of what they flood."""


def present(
    wants: Sequence[tuple[Attachment, ContainerSide]],
    host_side: HostSide,
    announce: bool = True,
    purge: Purge | None = None,
) -> list[Operation]:
    """Return what makes all attachments as wanted.

    Attachments of ours that are not wanted and that ``purge`` takes go.

    :raises Refused: an interface name that is taken, a bridge that is not there.
    """
    if purge is not None:
        attachment_refusals.check_owner(purge.owner, purge.bridge, find_bridge(purge.bridge, host_side))
    found = find_all(wants, host_side)
    attachment_refusals.check(found, host_side)
    middle: list[Operation] = []
    joining: list[Operation] = []
    last: list[Operation] = []
    opened: list[Operation] = []
    crossing: list[Operation] = []
    ovs = OvsChanges(host_side)
    # First of all: no address is to be in two containers, not for a moment.
    former = _of_former_containers(found, host_side, ovs)
    crowded = _crowded(found, host_side) if announce else frozenset()
    checked = _is_checked(found, host_side)
    for one, taken in zip(found, taken_by_others(found)):
        quiet = one.want.bridge in crowded and _joins(one, host_side)
        if one.peer and one.host_veth:
            made = correction(one, one.peer, one.host_veth, host_side, ovs, taken, quiet)
        else:
            from .attachment_creation import creation

            made = creation(one, host_side, ovs, taken, quiet)
        crossing += across(made)
        connect(one, ovs, quiet)
        if announce and _to_announce(one, made, ovs):
            last.append(Announce(one.side.netns, one.want.interface, announced(one)))
        if checked and made and isinstance(made[-1], SetLink) and "master" in made[-1].new:
            joining.append(made.pop())  # once it is known what its port is to let in
        middle += made
        if quiet and one.bridge.kind == LINUX:
            opened.append(SetLink(HOST, one.host_interface, {"floods": True}, {"floods": False}))
    middle += crossing
    last += opened + ovs.open()
    if purge is not None:
        from .attachment_deletion import purge_operations, rules_outliving

        kept = {one.host_veth.name for one in found if one.host_veth} | {
            name for one in found for name in (one.host_interface, one.birth_name)
        }
        # Last of all: what is purged can't be made again.
        purged = purge_operations(purge, kept, host_side, ovs)
        last += rules_outliving([one.side for one in found], {one.name for one in deletions_in(purged)}, host_side)
        last += purged
    guards: tuple[list[Operation], list[Operation], list[Operation]] = ([], [], [])
    if checked:
        from . import attachment_guards

        guards = attachment_guards.of_attachments(found, former + last, host_side)
    freed, let_in, bound = guards
    if announce:
        last[:0] = _announce_bound(found, bound, last)
    return (
        freed
        + ovs.leave()
        + attachment_names.dropped(found, host_side)
        + former
        + middle
        + let_in
        + joining
        + bound
        + ovs.join()
        + last
        + attachment_names.given(found, host_side, former + middle + last)
    )


def absent(wants: Sequence[tuple[Attachment, ContainerSide | None]], host_side: HostSide) -> list[Operation]:
    """Return what takes attachments away; a side of ``None`` is a container that is gone or has stopped.

    One that is on another bridge than the one named has moved there, and stays.

    :raises Refused: the interface is there and not ours.
    """
    from .attachment_deletion import deletion, host_veths_of, outliving, take_back_defaults

    ovs = OvsChanges(host_side)
    deletions: dict[str, DeleteLink] = {}
    for want, side in wants:
        for host_veth in host_veths_of(want, side, host_side):
            if not _within(host_side.bridge_of(host_veth), want):
                continue
            live = side is not None and host_veth.peer_netns == side.netns_id
            deletions.setdefault(host_veth.name, deletion(host_veth, side if live else None, host_side))
            (ovs.drop if live else ovs.clear)(host_veth.name)
        for port in ports_of(want.target, want.interface, host_side):
            if port.name not in host_side.network.links and _within(port.bridge, want):
                ovs.clear(port.name)
    gone = list(deletions.values())
    sides = [side for _want, side in wants if side is not None]
    operations = ovs.leave() + outliving(sides, deletions.keys(), host_side) + together(gone)
    operations += take_back_defaults(gone, sides)
    if host_side.guards is not None:
        from . import port_guards

        # Of those that come back where that is undone; one into a namespace that its container has left does not.
        operations[:0] = port_guards.let_go([one.name for one in gone if one.restore], host_side.bound)
        operations += port_guards.without(deletions.keys(), host_side.network.links.keys(), host_side.guards)
    return operations


def _is_checked(found: Sequence[VethMatch], host_side: HostSide) -> bool:
    """Tell whether ports are checked for what they let in, or any of these is to be."""
    if host_side.guards is not None:
        return True
    return any(one.bridge.isolated or attachment_names.notes(one).security.asks for one in found)


def _of_former_containers(found: Sequence[VethMatch], host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    """Return what takes wanted attachments off the containers that had their names before.

    A container that was renamed keeps its interface until one of that name comes, which is to have it.
    """
    named = {(one.label.value, one.label.interface): one for one in found if one.want.target.kind == "container"}
    own = {one.host_veth.name for one in found if one.host_veth is not None}
    own.update(name for one in found if one.host_veth is None for name in (one.host_interface, one.birth_name))
    deletions: list[DeleteLink] = []
    for link in host_side.network.links.values():
        label = read_label(link.alias) if link.ours and link.kind == "veth" and link.name not in own else None
        one = named.get((label.value, label.interface)) if label is not None and label.kind == "container" else None
        if label is None or one is None or link.peer_netns == one.side.netns_id:
            continue
        if label.identity != one.label.identity and label.engine == one.label.engine:
            from .attachment_deletion import former_deletion

            ovs.clear(link.name)
            deletions.append(former_deletion(link.name, label))
    return together(deletions)


def _crowded(found: Sequence[VethMatch], host_side: HostSide) -> Collection[str]:
    """Return the bridges that many join at once.

    The bridge copies what each of them announces to all ports, a thousand
    times a thousand. Those that just join hold nothing stale: their ports are
    closed to floods until all have announced themselves. In Open vSwitch they
    are protected for that time, which other protected ports, as tunnels that
    pass nothing on to each other, would take for something else.
    """
    joining = Counter(one.want.bridge for one in found if _joins(one, host_side))
    protected = {port.bridge for port in host_side.ovs_ports.values() if port.protected and not _closed(port)}
    return {bridge for bridge, count in joining.items() if count > FEW} - protected


def _joins(one: VethMatch, host_side: HostSide) -> bool:
    return one.host_veth is None or host_side.bridge_of(one.host_veth) != one.want.bridge


def _closed(port: OvsPort) -> bool:
    return any(key == JOINING for key, _value in port.external_ids)


def _to_announce(one: VethMatch, operations: list[Operation], ovs: OvsChanges) -> bool:
    if not announced(one):
        return False
    if one.host_veth is None or one.host_veth.name in ovs.left or one.host_interface in ovs.joined:
        return True
    return is_news(operations)


def _announce_bound(
    found: Sequence[VethMatch], bound: Sequence[Operation], announcing: Sequence[Operation]
) -> list[Operation]:
    """Return announcements of what is newly bound to a MAC: the host may know another one of it."""
    if not bound:
        return []
    from .guard_operations import BindMacs

    ports = {port for operation in bound if isinstance(operation, BindMacs) for port, _mac in operation.add}
    told = {(one.netns, one.link) for one in announcing if isinstance(one, Announce)}
    return [
        Announce(one.side.netns, one.want.interface, announced(one))
        for one in found
        if one.host_interface in ports and announced(one) and (one.side.netns, one.want.interface) not in told
    ]


def _within(bridge: str | None, want: Attachment) -> bool:
    """Tell whether what is on ``bridge`` is meant by the bridge that was named, if any was.

    A ``bridge`` of ``None`` is none, as after the bridge was deleted.
    """
    return bridge is None or want.bridge in (ANY_BRIDGE, bridge)
