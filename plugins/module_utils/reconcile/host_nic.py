# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of host_nic_bridge to the result of a run. Private to the collection.

A move is kept on disk and guarded before its first step, and undone from there by whoever comes to it: this run where
it fails, the guard where this run or the host's connection dies, a boot where the host does.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import PipefitterError, Refused
from ..host import lock, own_code, rollback_guard, ssh_session
from ..host.firewall.naming import rules_naming
from ..host.network_managers import lookup
from ..host.nic_links import NicLinks, Seen
from ..host.packets import reachable
from ..host.ssh_session import SshSession
from ..model import host_nic as model
from ..model.host_nic import ABSENT, CONFIRMED, CONTROLLER, GATEWAY, MANUAL, PRESENT, ROLLED_BACK, HostNic, Probe
from ..model.nic_move import OPENVSWITCH
from ..model.ovs import NETDEV
from ..plan import nic as plan
from ..plan import nic_refusals
from ..plan.nic_refusals import NicFacts
from ..plan.nic_steps import DeleteBridge, Step
from ..state.network import NetworkState, names_by_index
from ..state.nic import NicState
from ..store import pending
from ..store.pending import Pending
from . import nic_files, nic_record, nic_result
from .nic_rollback import nic_move, roll_back
from .result import Result

_BEFORE, _AFTER = 2.0, 5.0
"""Seconds in which what is asked for the connection answers, before the move and after it."""

_MAIN = b"""\
import sys

from pipefitter.service.nic_guard import main

sys.exit(main())
"""


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Do what the options of host_nic_bridge ask for, or tell what that would take.

    :raises PipefitterError: with a sentence for the user; what was changed is undone, or the sentence says what is not.
    """
    want = model.parse(options)
    with lock.held(check):
        if want.state in (PRESENT, ABSENT):
            return _move(want, check)
        return _end(want, check)


# ---- moving


def _move(want: HostNic, check: bool) -> Result:
    waiting = pending.read(want.nic)
    if waiting is not None:
        raise Refused(
            f"nic: a move of {want.nic} waits for its confirmation, for {max(0, round(waiting.seconds_left))} s more; "
            "confirm it or roll it back with the token that it returned (state confirmed or rolled_back), or wait"
        )
    with NicLinks() as links:
        seen = links.look()
        before = _before_of(want.nic, want.bridge) if want.state == ABSENT else None
        have = _claimed(links.read(want.nic, want.bridge, seen), before)
        session = ssh_session.current()
        facts = _facts(want, links, seen, session)
        nic_refusals.check_named(want, have, facts)
        if want.state == PRESENT or have.bridge_kind:
            nic_refusals.check(want, have, facts)
        if want.state == PRESENT and not have.bridge_kind:
            _check_datapath(want)
        # Only what may be changed is put back where it is undone: ports of others come and go.
        changing = {want.nic, want.bridge, *want.vlans.goals}
        have = have._replace(vlans={name: held for name, held in have.vlans.items() if name in changing})
        goal = _goal(want, have, before)
        if want.state == PRESENT and (want.vlans.asked or goal.filters or have.filters):
            _check_vlans(want, have, goal, links, seen)
        steps = plan.steps(have, goal)
        manager = nic_files.manager(want)
        move = nic_move(have, goal)
        nic_files.check(want, manager, move)
        wanted = nic_files.wanted(manager, move, goal, want.state == ABSENT)
        changed = nic_files.differing(wanted)
        lines = [step.line() for step in steps] + nic_result.file_lines(changed)
        probes = _probes(want, have, session)
        passing = _passing(probes, have) if steps or changed else set()
        told: list[str] = []
        if lines:
            naming = rules_naming(want.nic) if want.state == PRESENT and steps else []
            told = nic_result.warnings(want, have, probes, passing, naming, manager is not None)
            if want.state == PRESENT and steps:
                told += _surroundings(have, links, seen, manager is not None)
            if want.state == ABSENT and have.master and have.ports:
                alone = _goal(want, have._replace(ports=()), before)
                told.append(nic_result.stays(have, goes=not alone.bridge_kind))
        result = nic_result.result(want, have, goal, lines, wanted, told)
        if lines:
            result = _recorded(have, goal, True, result)
        if check or not lines:
            if before is not None and not check:
                _forget(before, goal)
            return result
        kept = Pending(
            token=want.token or secrets.token_hex(16),
            confirm=want.confirm,
            deadline=pending.boot_time() + want.confirm_timeout,
            boot=pending.boot_id(),
            timeout=want.confirm_timeout,
            before=have,
            goal=goal,
            manager=manager.name if manager is not None else "",
            came_by=str(session or ""),
            probes=tuple((probe.kind, probe.address, probe.port) for probe in probes if probe in passing),
        )
        _arm(kept)
        try:
            if manager is not None:
                manager.hold(move)
            kept, more, now = _carry_out(kept, steps, links)
            _verify(kept, links, now)
        except Exception as error:
            links.close()
            raise _undone(error, pending.read(want.nic) or kept) from error
        return nic_result.waiting(result, kept.token, want.confirm_timeout, more)


def _facts(want: HostNic, links: NicLinks, seen: Seen, session: SshSession | None) -> NicFacts:
    _bridges, ports = seen.switch or ({}, {})
    sys_folder = f"/sys/class/net/{want.nic}"
    return NicFacts(
        links=seen.links,
        switch=seen.switch is not None,
        switch_of=ports[want.nic].bridge if want.nic in ports else "",
        wireless=any(os.path.exists(f"{sys_folder}/{name}") for name in ("wireless", "phy80211")),
        session=session.server if session is not None else "",
        obstacles=links.obstacles(seen.links, want.nic, want.bridge),
    )


def _check_vlans(want: HostNic, have: NicState, goal: NicState, links: NicLinks, seen: Seen) -> None:
    from ..host.netlink.features import supports_vlan_filtering
    from ..plan import bridge_vlans

    shown = links.with_vlans(seen.links, True)
    network = NetworkState(shown, routes=links.routes(names_by_index(shown), connected=True))
    existing = shown[want.bridge] if have.bridge_kind else None
    bridge_vlans.check(want.vlans, network, supports_vlan_filtering(shown.values()), existing)
    bridge_vlans.check_uplinks(want.vlans, network, links.addresses(shown.values(), leased=True), existing, ())
    nic_refusals.check_vlans(have, goal)


def _claimed(have: NicState, before: NicState | None) -> NicState:
    """Return a state in which the bridge is ours that was made for the NIC, though its manager made it at each boot."""
    made = before is not None and not before.bridge_kind
    return have._replace(ours=True) if made and have.bridge_kind else have


def _surroundings(have: NicState, links: NicLinks, seen: Seen, renewed: bool) -> list[str]:
    from . import nic_surroundings

    return nic_surroundings.warnings(have, links, seen, renewed)


def _check_datapath(want: HostNic) -> None:
    if want.kind == OPENVSWITCH and want.datapath_type != NETDEV:
        from ..host.ovs import datapath

        if not datapath.in_kernel():
            raise nic_refusals.no_datapath(want)


def _goal(want: HostNic, have: NicState, before: NicState | None) -> NicState:
    if want.state == PRESENT:
        netdev = have.netdev if have.bridge_kind else want.datapath_type == "netdev"
        return plan.moved(have, want.kind, netdev, want.vlans)
    # A NIC that somebody took out of its bridge, or that no boot put into it, is to have the rest back all the same.
    if not have.bridge_kind or not (have.master or before is not None):
        return have
    return plan.taken_back(have, before)


def _probes(want: HostNic, have: NicState, session: SshSession | None) -> list[Probe]:
    found: list[Probe] = []
    for probe in want.verify:
        if probe.kind == GATEWAY:
            found += [Probe(GATEWAY, address) for address in nic_result.gateways(have)]
        elif probe.kind == CONTROLLER:
            found += [Probe(CONTROLLER, session.client)] if session is not None else []
        else:
            found.append(probe)
    return found


def _passing(probes: Sequence[Probe], have: NicState) -> set[Probe]:
    return reachable.answered(probes, have.bridge if have.master else have.nic, _BEFORE)


def _arm(kept: Pending) -> None:
    """Keep the move and start what undoes it.

    :raises PipefitterError: that failed; nothing has been changed, and nothing is left.
    """
    nic = kept.before.nic
    folder = pending.folder(nic)
    try:
        pending.write(kept)
        rollback_guard.arm(nic, folder, own_code.archive(_MAIN))
    except BaseException:
        pending.forget(nic)
        rollback_guard.disarm(nic, folder)
        raise


def _carry_out(kept: Pending, steps: Sequence[Step], links: NicLinks) -> tuple[Pending, list[str], NicState | None]:
    """Move, and with the rest what somebody else put on the link since it was looked at.

    Return the move as it is kept then, what was done beyond ``steps``, a line each, and what the host holds where
    nothing was done after the look at that.

    :raises PipefitterError: something can't be done; what is kept on disk tells what is to be undone.
    """
    nic, bridge = kept.before.nic, kept.before.bridge
    # With a bridge that is deleted goes all that is on it.
    looked = next((number for number, step in enumerate(steps) if isinstance(step, DeleteBridge)), len(steps))
    _do(steps[:looked], links)
    now = links.read(nic, bridge)
    later = plan.came_later(kept.before, kept.goal, now)
    if not later:
        _do(steps[looked:], links)
        return kept, [], now if looked == len(steps) else None
    before, goal = plan.with_later(kept.before, kept.goal, later)
    kept = replace(kept, before=before, goal=goal)
    pending.write(kept)
    told = {step.line() for step in steps}
    steps = plan.steps(now, goal)
    _do(steps, links)
    return kept, [line for line in (step.line() for step in steps) if line not in told], None


def _do(steps: Sequence[Step], links: NicLinks) -> None:
    for step in steps:
        try:
            step.do(links)
        except PipefitterError as error:
            raise PipefitterError(f"{error} while trying to {step.line()}") from error


def _verify(kept: Pending, links: NicLinks, now: NicState | None = None) -> None:
    """See that all is where it was to be (``now``, or what a look shows), and that those who answered answer still.

    :raises PipefitterError: saying what is not so.
    """
    goal = kept.goal
    now = now or links.read(goal.nic, goal.bridge)
    missing = nic_result.missing(goal, now)
    if missing:
        raise PipefitterError(f"what was moved did not stay where it was to be: {'; '.join(missing)}")
    probes = [Probe(*probe) for probe in kept.probes]
    answered = reachable.answered(probes, goal.bridge if goal.master else goal.nic, _AFTER)
    silent = [str(probe) for probe in probes if probe not in answered]
    if silent:
        raise PipefitterError(f"after the move there is no answer any more from {', '.join(silent)}")


def _undone(error: Exception, kept: Pending) -> PipefitterError:
    left = roll_back(kept, str(error))
    return PipefitterError(f"{error}; {nic_result.aftermath(kept.before.nic, left)}")


# ---- ending a move


def _end(want: HostNic, check: bool) -> Result:
    waiting = pending.read(want.nic)
    if waiting is None:
        return _ended(want)
    if waiting.token != want.token:
        raise nic_result.other_token(want, waiting.seconds_left, pending.folder(want.nic))
    if waiting.before.bridge != want.bridge:
        raise Refused(f"bridge: the move that waits is one into {waiting.before.bridge}; name that bridge")
    lines = nic_result.end_lines(want, waiting.before.nic)
    if check:
        return nic_result.of_end(want, lines, [])
    if want.state == ROLLED_BACK:
        left = roll_back(waiting, "it was rolled back as asked for")
        return nic_result.of_end(want, lines, left)
    session = str(ssh_session.current() or "")
    if waiting.confirm != MANUAL and session and session == waiting.came_by:
        raise Refused(
            f"token: the move of {want.nic} is to be confirmed from a new connection, and this is the one that was "
            "there before it; close it (meta: reset_connection) and confirm again"
        )
    if waiting.seconds_left <= 0:
        raise Refused(f"token: the time to confirm the move of {want.nic} is over, and it is being put back")
    try:
        lines += _commit(waiting)
    except Exception as error:
        current = pending.read(want.nic) or waiting
        raise _undone(error, current) from error
    return nic_result.of_end(want, lines, [])


def _ended(want: HostNic) -> Result:
    known = pending.ended(want.nic, want.token)
    if known is None:
        raise Refused(
            f"token: no move of {want.nic} waits, and of the one with that token it is not known any more how it "
            "ended; look at the host's addresses (ip address)"
        )
    if known.how == want.state:
        return nic_result.of_end(want, [], known.left)
    if known.how == CONFIRMED:
        raise Refused(
            f"token: the move of {want.nic} was confirmed already and is not rolled back any more; "
            f"take it back with state {known.take_back_with or ABSENT}"
        )
    raise PipefitterError(
        f"the move of {want.nic} was undone: {known.why}; {nic_result.aftermath(want.nic, known.left)}"
    )


def _commit(waiting: Pending) -> list[str]:
    """Keep a move for good, and return what was written, a line each."""
    before, goal = waiting.before, waiting.goal
    move = nic_move(before, goal)
    manager = lookup.by_name(waiting.manager) if waiting.manager else None
    back = not goal.master
    with NicLinks() as links:
        # Whoever moved it may have died on the way.
        _verify(waiting, links)
        changed = nic_files.differing(nic_files.wanted(manager, move, goal, back))
        if changed and manager is not None:
            # Whoever undoes it from now on has to put these back, too.
            kept = pending.replace_files(waiting, [nic_files.held(one.path) for one in changed])
            nic_files.write(changed)
            manager.reload(move)
            _verify(kept, links)
        elif manager is not None:
            manager.let_go(move)
        if goal.bridge_kind == OPENVSWITCH:
            links.keep_bridge(goal.bridge)
        recorded = _recorded(before, goal, False)
    earlier = _before_of(before.nic, before.bridge) if back or not before.master else None
    if back and earlier is not None:
        _forget(earlier, goal)
    elif not back and not before.master:
        made = earlier is not None and not earlier.bridge_kind
        pending.keep_before(before.nic, before._replace(bridge_kind="") if made else before)
    did = "moved back out of" if back else "moved into"
    pending.end(waiting, CONFIRMED, f"{did} {before.bridge}", take_back_with=PRESENT if back else ABSENT)
    rollback_guard.disarm(before.nic, pending.folder(before.nic))
    return [*nic_result.file_lines(changed), *recorded.operations]


def _recorded(before: NicState, goal: NicState, check: bool, result: Result = nic_record.NOTHING) -> Result:
    """Take out of the host's record what a move ends, and tell it in ``result``."""
    if before.bridge_kind and not goal.bridge_kind:
        return nic_record.without(before.bridge, check, result)
    if before.master and not goal.master:
        return nic_record.without_port(before.bridge, before.nic, check, result)
    return result


def _before_of(nic: str, bridge: str) -> NicState | None:
    """Return what a NIC was before it first became a port of this bridge, ``None`` where nobody knows."""
    before = pending.before_of(nic)
    return before if before is not None and before.bridge == bridge else None


def _forget(before: NicState, goal: NicState) -> None:
    """Forget what a NIC was before, as it is that again; unless the bridge that was made for it had to stay."""
    stays = bool(goal.bridge_kind) and not before.bridge_kind
    pending.keep_before(goal.nic, before if stays else None, is_back=True)
