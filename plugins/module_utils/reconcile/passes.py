# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""One pass over all that is recorded: what is there, what was put back, what waits. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple

from ..errors import PipefitterError
from ..host import kept_nics, lock
from ..host.engines.api import EngineFailed, EngineSilent
from ..host.engines.lookup import waited_for_once
from ..host.machine import Machine
from ..host.nftables.isolation import isolated_bridges
from ..light_dataclass import dataclass
from ..model.addresses import bare, fixed
from ..model.attachment import Target
from ..model.record import ATTACHMENT, BRIDGE, OVS_BRIDGE, POLICY, Record
from ..state.network import HOST
from ..store.records import Store
from . import what_runs
from .drift import Drift, targets_of
from .engine import NotAsWanted, OperationFailed
from .nic_moves import NicMoves
from .remake import KINDS, Make, needs_engine, without_links
from .result import Result

IN_ORDER, REPAIRED, PENDING, FAILED = "in order", "repaired", "pending", "failed"
DRIFTED = "drifted"
"""What would be repaired, as it is told to whoever only asks, or where it is only to be reported."""

NOT_ASKED = "engines have not been asked yet"
_NO_BRIDGE = (
    "bridge {bridge} is recorded, was deleted by hand and is left so (drift: report); "
    "pipefitter reconcile makes it again"
)
_LEFT = "changed by hand, and left so (drift: report); pipefitter reconcile makes it again"

_MOVING = "waits until the move of {nic} by host_nic_bridge has been confirmed or undone"
_LOST = (
    "{nic}, which host_nic_bridge made its port, is none any more, and so {bridge} leads to no LAN: run that task "
    "again, or with state absent"
)

RecordId = tuple[str, tuple[str, ...]]


def id_of(record: Record) -> RecordId:
    return record.kind, record.key


class ObjectState(NamedTuple):
    """What a pass found of one object; ``sentence`` says why it is pending or failed.

    ``undone`` is one that failed after something had been changed for it.
    """

    record: Record
    state: str
    sentence: str = ""
    undone: bool = False

    @property
    def told(self) -> str:
        """The state as a pass with ``check`` tells it."""
        return DRIFTED if self.state == REPAIRED else self.state


@dataclass
class Report:
    """What a pass found and did, in the order of the record's kinds; with ``check``, what it would have done."""

    check: bool
    objects: list[ObjectState] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unanswered: list[RecordId] = field(default_factory=list)
    """Which wait for an engine that doesn't answer."""
    without_flows: frozenset[RecordId] = frozenset()
    """Attachments of containers that ended, whose flows were ended after that: it is done once."""
    reported: list[str] = field(default_factory=list)
    """What was left as somebody made it by hand, as it was asked for; a line for each thing that it would take."""
    instances: dict[str, str] = field(default_factory=dict)
    """By the names of objects whose drift is only reported, what is another one after a restart (``Drift``)."""
    moves: list[str] = field(default_factory=list)
    """Files of moves of the host's NICs for whose end objects wait: they go with it."""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def of(self, *states: str) -> list[ObjectState]:
        return [one for one in self.objects if one.state in states]

    @property
    def exit_status(self) -> int:
        """0 in order, 2 repaired or to be repaired, 1 failed, or not known as an engine doesn't answer."""
        return 1 if self.of(FAILED) or self.unanswered else 2 if self.operations else 0

    @property
    def troubled(self) -> list[ObjectState]:
        """What failed, or waits for an engine that doesn't answer."""
        return [one for one in self.objects if one.state == FAILED or id_of(one.record) in self.unanswered]


def run(
    check: bool = False,
    engines: bool = True,
    patience: float | None = None,
    bridge: str | None = None,
    drift: Drift | None = None,
    resting: Mapping[RecordId, str] | None = None,
    forwarding: bool = True,
    without_flows: Collection[RecordId] = (),
) -> Report:
    """Bring the host to what is recorded, or tell what that would take.

    Without ``engines`` no container engine is asked: as the host boots they wait for the service, which must not wait
    for them. What is in containers is left for the next pass then. ``patience`` is how many seconds to wait for another
    run's end, ``None`` for as long as it takes. ``bridge`` leaves out what is for others. ``drift`` tells what is only
    to be looked at; without it all is made. ``resting`` has what failed lately and is not to be tried again yet, with
    the reason. Without ``forwarding``, the host's switch for it is left as it is: a Docker that is still to start drops
    what others forward only where it switches it on itself. ``without_flows`` are attachments of which the last pass
    told so (``Report``).

    :raises PipefitterError: the record can't be read at all.
    """
    report = Report(check)
    with lock.held(check, patience), waited_for_once():
        store = Store(mend=not check)
        bridges: set[str] = set()
        moves = NicMoves()
        for kind, make, groups in KINDS:
            records = [record for record in store.read(kind).values() if bridge in (None, record.bridge)]
            records = _without_moving(records, moves, report)
            if kind in (BRIDGE, OVS_BRIDGE):
                bridges.update(record.bridge for record in records)
            else:
                records = _on_bridges(records, bridges, report)
            if resting:
                report.objects += [
                    ObjectState(record, FAILED, resting[id_of(record)], True)
                    for record in records
                    if id_of(record) in resting
                ]
                records = [record for record in records if id_of(record) not in resting]
            if not engines:
                later = {record.key for record in records if needs_engine(record)}
                report.objects += [ObjectState(record, PENDING, NOT_ASKED) for record in records if record.key in later]
                records = [without_links(record) for record in records if record.key not in later]
            if kind == BRIDGE and not forwarding:
                records = [record._replace(want={**record.want, "ip_forward": None}) for record in records]
            coming = _missing(bridges) if check and kind not in (BRIDGE, OVS_BRIDGE) else frozenset()
            records = _on_bridges_left(records, report)
            to_do, to_report = drift.parted(records) if drift is not None and not check else (records, [])
            for group in groups(to_do):
                _converge(group, make, report, coming)
            for group in groups(to_report):
                _converge(group, make, report, coming, only_look=True)
            if kind == ATTACHMENT and engines and not check:
                _end_flows(report, without_flows)
        _give_nics_back(report)
        _tell_of_lost_nics(moves, report)
        report.moves = moves.files
        if drift is not None:
            report.instances = drift.instances
        report.warnings += store.warnings
    return report


def _without_moving(records: Sequence[Record], moves: NicMoves, report: Report) -> list[Record]:
    """Return those whose bridge no move waits for: until it has ended, its guard alone says what becomes of that."""
    report.objects += [
        ObjectState(record, PENDING, _MOVING.format(nic=moves.waiting[record.bridge]))
        for record in records
        if record.bridge in moves.waiting
    ]
    return [record for record in records if record.bridge not in moves.waiting]


def _give_nics_back(report: Report) -> None:
    """Put NICs back as they were that came back from containers which ended, whether anything is recorded of them."""
    if not kept_nics.any_kept():
        return
    from . import nic_return

    try:
        lines = nic_return.converge(report.check).operations
    except PipefitterError as error:
        report.warnings.append(str(error))
        return
    report.operations += [line for line in lines if line not in report.operations]  # with check, told of a record, too


def _tell_of_lost_nics(moves: NicMoves, report: Report) -> None:
    """Tell of bridges that lead nowhere, as their NIC is no port any more; only its own module moves it."""
    lost = moves.lost()
    for nic, bridge in lost.items():
        sentence = _LOST.format(nic=nic, bridge=bridge)
        report.objects = [
            one._replace(state=FAILED, sentence=sentence)
            if one.record.kind in (BRIDGE, OVS_BRIDGE) and one.record.bridge == bridge
            else one
            for one in report.objects
        ]
        if sentence not in (one.sentence for one in report.objects):
            report.warnings.append(sentence)


def _end_flows(report: Report, without: Collection[RecordId]) -> None:
    """End the flows of containers that have ended: nobody closed them, and who gets their addresses next is another."""
    attachments = [one.record for one in report.objects if one.record.kind == ATTACHMENT]
    left = [one.record for one in report.of(PENDING) if one.record.kind == ATTACHMENT]
    # The kernel takes the interfaces of one that ended away some time after that: until then it is not said to be gone.
    ended = {id_of(one) for one in what_runs.ended([one for one in left if id_of(one) not in without])}
    report.without_flows = frozenset(ended.union(one for one in map(id_of, left) if one in without))
    gone = _addresses(one for one in attachments if id_of(one) in ended)
    if gone:
        with Machine() as machine:
            # Two networks of one host may have the same addresses.
            machine.end_translated(gone - _addresses(one for one in attachments if id_of(one) not in ended))


def _addresses(attachments: Iterable[Record]) -> set[str]:
    return {bare(str(address)) for record in attachments for address in fixed(record.want.get("addresses") or ())}


def _on_bridges(records: Sequence[Record], recorded: Collection[str], report: Report) -> list[Record]:
    """Return those whose bridge is there or is made by the pass; the others can't be made, whatever is tried."""
    missing = _missing({record.bridge for record in records} - set(recorded))
    report.objects += [
        ObjectState(record, FAILED, f"there is no bridge {record.bridge}, and none is recorded; create it first")
        for record in records
        if record.bridge in missing
    ]
    return [record for record in records if record.bridge not in missing]


def _on_bridges_left(records: Sequence[Record], report: Report) -> list[Record]:
    """Return those whose bridge isn't one that somebody deleted, which is only reported: what is on it waits for it."""
    left = {one.record.bridge for one in report.of(DRIFTED) if one.record.kind in (BRIDGE, OVS_BRIDGE)}
    missing = _missing(left & {record.bridge for record in records})
    report.objects += [
        ObjectState(record, DRIFTED, _NO_BRIDGE.format(bridge=record.bridge))
        for record in records
        if record.bridge in missing
    ]
    return [record for record in records if record.bridge not in missing]


def _missing(bridges: Collection[str]) -> frozenset[str]:
    """Return those of bridges that are not there."""
    if not bridges:
        return frozenset()
    with Machine() as machine:
        return frozenset(bridge for bridge in bridges if bridge and not machine.netlink(HOST).has_link(bridge))


def _converge(
    records: Sequence[Record], make: Make, report: Report, coming: Collection[str], only_look: bool = False
) -> None:
    """Make objects again, all in one run; where that is refused, by halves: one never holds up the others.

    ``coming`` are bridges that a pass would make first, and this one, with ``check``, doesn't: not all can be told of
    what is on them.
    """
    try:
        result = make(records, report.check or only_look)
    except EngineSilent as error:
        rest = _without_unanswered(records, error, make, report, only_look)
        if len(rest) < len(records):
            if rest:
                _converge(rest, make, report, coming, only_look)
        else:
            report.objects += [ObjectState(record, FAILED, str(error)) for record in records]
        return
    except EngineFailed as error:
        # One that hangs does so for each of them.
        report.objects += [ObjectState(record, FAILED, str(error)) for record in records]
        return
    except PipefitterError as error:
        if len(records) == 1:
            bridge = records[0].bridge
            found = (REPAIRED, f"waits for bridge {bridge}") if bridge in coming else (FAILED, str(error))
            undone = isinstance(error, (OperationFailed, NotAsWanted))
            report.objects.append(ObjectState(records[0], *found, undone))
            return
        middle = len(records) // 2
        _converge(records[:middle], make, report, coming, only_look)
        _converge(records[middle:], make, report, coming, only_look)
        return
    report.warnings += result.warnings
    if only_look:
        report.reported += result.operations
    else:
        report.operations += result.operations
        _note_sides(records, result, report)
    pending = {tuple(entry.items()) for entry in result.values.get("pending", ())}
    touched = _touched(result)
    wired = what_runs.wired() if pending else []
    for record in records:
        if tuple(what_runs.pending(record).items()) in pending:
            report.objects.append(ObjectState(record, PENDING, what_runs.why_pending(record, wired)))
        else:
            changed = bool(result.operations) and (len(records) == 1 or _identity(record.options) in touched)
            sentence = str(result.values.get("waiting", ""))
            state = IN_ORDER if not changed else DRIFTED if only_look else REPAIRED
            report.objects.append(ObjectState(record, state, _LEFT if state == DRIFTED else sentence))


def _without_unanswered(
    records: Sequence[Record], error: EngineSilent, make: Make, report: Report, only_look: bool
) -> list[Record]:
    """Return those for which an engine that doesn't answer isn't needed; of the others, tell that they wait for it."""
    sentence = f"{error.engine} does not answer yet: what is there stays as it is until it does"
    rest = []
    for record in records:
        if not any(_is_unanswered(target, error) for target in targets_of(record)):
            rest.append(record)
            continue
        if record.kind == POLICY and record.bridge not in isolated_bridges():
            _converge([without_links(record)], make, report, (), only_look)
            made = report.objects.pop()
            report.objects.append(made if made.state == FAILED else made._replace(state=PENDING, sentence=sentence))
        else:
            report.objects.append(ObjectState(record, PENDING, sentence))
        report.unanswered.append(id_of(record))
    return rest


def _is_unanswered(target: Target, error: EngineSilent) -> bool:
    if target.kind != "container" or target.runtime not in ("auto", error.engine.lower()):
        return False
    return not error.unanswered or target.value in error.unanswered


def _touched(result: Result) -> set[tuple[str, ...]]:
    """Return which entries of the two sides of a diff are not the same on both."""
    found: set[tuple[str, ...]] = set()
    for name, before in result.before.items():
        after = result.after.get(name)
        if isinstance(before, list) and isinstance(after, list):
            old, new = ({_identity(entry): entry for entry in side} for side in (before, after))
            found.update(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return found


def _identity(entry: Any) -> tuple[str, ...]:
    return tuple(str(entry[name]) for name in ("container", "netns", "interface", "port") if entry.get(name))


def _note_sides(records: Sequence[Record], result: Result, report: Report) -> None:
    if result.operations:
        name = str(records[0]) if len(records) == 1 else f"{records[0].kind}s"
        report.before[name], report.after[name] = dict(result.before), dict(result.after)
