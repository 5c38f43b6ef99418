# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Bringing a host's NIC back to where it was before a move. Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..errors import PipefitterError
from ..host import rollback_guard
from ..host.network_managers import lookup
from ..host.nic_links import NicLinks
from ..model.bridge_vlans import default
from ..model.host_nic import ROLLED_BACK
from ..model.nic_move import OPENVSWITCH, ManagedFile, MoveVlans, NicMove
from ..plan import nic as plan
from ..state.nic import NicState
from ..store import pending
from ..store.pending import Pending
from . import nic_files

_LOOKS = 5
_PAUSE = 0.2  # seconds between two of them: what was undone may settle


def roll_back(move: Pending, why: str) -> list[str]:
    """Undo a move, and return in what the host is not as it was, a line each.

    Whatever fails on the way, the rest is done. The caller holds the host's lock.

    :raises PipefitterError: it can't be noted how it ended.
    """
    manager = lookup.by_name(move.manager) if move.manager else None
    told = nic_move(move.before, move.goal)
    left: list[str] = []
    if manager is not None and move.files:
        # It has taken the move up: it is told of the opposite one, for which it knows how to leave all in place.
        left += _tried(lambda: manager.hold(told))
    before = _before(move)
    put_back(before)
    if manager is not None and move.files:
        left += _tried(lambda: nic_files.write(manager.absent(told) if move.goal.master else manager.present(told)))
        left += put_files_back(move.files)
        left += _tried(lambda: manager.reload(told))
    elif manager is not None:
        left += _tried(lambda: manager.let_go(told))
    left += put_back(before)
    pending.end(move, ROLLED_BACK, why, left)
    rollback_guard.disarm(move.before.nic, pending.folder(move.before.nic))
    return left


def _before(move: Pending) -> NicState:
    """Return to what a host is put back, before anything is: what somebody else put on the link is not lost."""
    try:
        with NicLinks() as links:
            return plan.keeping_later(move.before, move.goal, links.read(move.before.nic, move.before.bridge))
    except PipefitterError:
        return move.before  # the NIC is gone, which shows as it is put back


def _tried(do: Callable[[], None]) -> list[str]:
    """Do something whatever becomes of it; return what, as a line."""
    try:
        do()
    except PipefitterError as error:
        return [str(error)]
    return []


def nic_move(before: NicState, goal: NicState) -> NicMove:
    """Return the move as managers of the network want to know it."""
    kind = goal.bridge_kind or before.bridge_kind
    there = goal if goal.master else before
    vlans = None
    if there.filters:
        joined = default(there.pvid)
        own, of_nic = (there.vlans.get(name, joined) for name in (there.bridge, there.nic))
        vlans = MoveVlans(there.pvid, of_nic, own)
    return NicMove(before.nic, before.bridge, before.mac, before.mtu, kind == OPENVSWITCH, vlans)


def put_back(before: NicState) -> list[str]:
    """Bring NIC and bridge to a state; return in what they are not there, a line each."""
    left: list[str] = []
    with NicLinks() as links:
        links.delete_half_made(before.bridge)
        for look in range(_LOOKS):
            if look > 1:
                time.sleep(_PAUSE)
            try:
                now = links.read(before.nic, before.bridge)
            except PipefitterError as error:
                left = [str(error)]
                continue
            left = plan.differences(before, now)
            if not left or look == _LOOKS - 1:
                break
            for step in plan.steps(now, before):
                with suppress(PipefitterError):  # what is not as it was shows in the next look
                    step.do(links)
    return left


def put_files_back(held: Sequence[ManagedFile]) -> list[str]:
    """Write files as they were; return what could not be, a line each."""
    left = []
    for one in held:
        try:
            nic_files.put(one)
        except OSError as error:
            left.append(f"{one.path} can't be written as it was ({error.strerror})")
    return left
