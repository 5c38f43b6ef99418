# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted attachments to what their ports are to let in. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import MissingFeature, Refused
from ..model import addresses
from ..model.port_guard import GuardRules, PortGuard
from ..state.attachments import LINUX, HostSide
from ..state.network import HOST
from .attachment_match import VethMatch
from .attachment_names import notes
from .guard_operations import ChangeGuards
from .link_operations import deletions_in
from .operations import Operation
from .port_guards import NEEDED, addresses_of, bind, guard_of, mac_of, not_checked


class GuardPlan(NamedTuple):
    """What has ports let in only what they are to: ``first`` of all, ``before`` they join their bridges, ``after``."""

    first: list[Operation] = []
    before: list[Operation] = []
    after: list[Operation] = []


def of_attachments(found: Sequence[VethMatch], deleting: Iterable[Operation], host_side: HostSide) -> GuardPlan:
    """Return what has the ports of attachments let in only what they are to.

    ``deleting`` are operations that delete links of others.

    :raises Refused: what was asked for can't be checked.
    :raises MissingFeature: it was asked for, and this host can't.
    """
    _refuse_unable(found, host_side)
    if not host_side.can_guard:
        return GuardPlan()
    have = host_side.guards or GuardRules()
    known = have.by_port()
    going = {deletion.name for deletion in deletions_in(deleting)} | {
        one.host_veth.name for one in found if one.host_veth is not None and one.host_veth.name != one.host_interface
    }
    wanted: dict[str, PortGuard | None] = {}
    given, add, remove = [], [], []
    for one in found:
        guard = wanted[one.host_interface] = _wanted(one, known, host_side)
        mac = guard.mac if guard is not None else ""
        if mac and one.peer is None and one.want.mac is None:
            given.append((one.side.netns, one.want.interface, mac))
        bound = host_side.bound.get(one.host_veth.name, frozenset()) if one.host_veth is not None else frozenset()
        stays = bound & {mac} if _is_there(one, host_side) else frozenset()
        if one.host_veth is not None:
            remove += [(one.host_veth.name, other) for other in sorted(bound - stays)]
        if mac and not stays:
            add.append((one.host_interface, mac))
    guards = frozenset(guard for guard in wanted.values() if guard is not None)
    there = frozenset(wanted) | (host_side.network.links.keys() - going)
    others = frozenset(guard for guard in have.guards if guard.port not in wanted and guard.port in there)
    leaving = {guard.port for guard in have.guards} & going - wanted.keys()
    same = all(known.get(port) == guard for port, guard in wanted.items()) and not leaving
    change: list[Operation] = []
    if not same or (guards and not have.intact):
        change.append(ChangeGuards(HOST, GuardRules(others | guards), have, tuple(given)))
    return GuardPlan(bind((), remove), change, bind(add, ()))


def warnings(found: Iterable[VethMatch], host_side: HostSide) -> list[str]:
    """Return what the user is to know of ports that are, or can't be, bound to their MACs."""
    told = []
    known = host_side.guards.by_port() if host_side.guards is not None else {}
    for one in found:
        bound = mac_of(known.get(one.host_veth.name)) if one.host_veth is not None else ""
        if bound and one.peer is not None and one.peer.mac != bound and one.want.mac is None:
            told.append(
                f"{one.want} has MAC {one.peer.mac} and had {bound} when its port was bound to that: nothing that it "
                f"sends passes; give mac: {bound} to put it back, or the other one in mac to have it"
            )
    unable = sorted({one.want.bridge for one in found if one.bridge.isolated and one.bridge.kind == LINUX})
    return told + (not_checked(unable) if not host_side.can_guard else [])


def _wanted(one: VethMatch, known: Mapping[str, PortGuard], host_side: HostSide) -> PortGuard | None:
    if one.bridge.kind != LINUX:
        return None
    # One that doesn't run by this bridge yet is bound anew: the port of another interface may have had its name.
    name = one.host_veth.name if one.host_veth is not None and _is_there(one, host_side) else ""
    before, bound = known.get(name), host_side.bound.get(name, ())
    shown = one.peer.mac if one.peer is not None else addresses.seeded_mac(f"{host_side.seed} {one.host_interface}")
    held = one.want.addresses
    if held is None:
        held = addresses_of(before)
    if held is None:
        held = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    mac = one.want.mac or mac_of(before, bound) or shown
    return guard_of(one.host_interface, notes(one), one.bridge.isolated, mac, held)


def _is_there(one: VethMatch, host_side: HostSide) -> bool:
    return one.host_veth is not None and host_side.bridge_of(one.host_veth) == one.want.bridge


def _refuse_unable(found: Iterable[VethMatch], host_side: HostSide) -> None:
    for one in found:
        if not notes(one).security.asks:
            continue
        if one.bridge.kind != LINUX:
            raise Refused(
                f"security: {one.want.bridge} is an Open vSwitch bridge, and what {one.want} sends is checked on "
                "Linux bridges only; give security: {}, or use a Linux bridge"
            )
        if not host_side.can_guard:
            raise MissingFeature(f"security: {NEEDED}; this host lacks something of that")
