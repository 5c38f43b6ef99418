# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""One pass over all that is recorded: what is there, what was put back, what waits. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import PipefitterError
from ..host import lock
from ..model.record import ATTACHMENT, BRIDGE, POLICY, Record, target_of
from ..reconcile.result import Result
from ..store.records import Store

IN_ORDER, REPAIRED, PENDING, FAILED = "in order", "repaired", "pending", "failed"


class ObjectState(NamedTuple):
    """What a pass found of one object; ``sentence`` says why it is pending or failed."""

    record: Record
    state: str
    sentence: str = ""


@dataclass
class Report:
    """What a pass found and did, in the order of the record's kinds; with ``check``, what it would have done."""

    check: bool
    objects: list[ObjectState] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def of(self, *states: str) -> list[ObjectState]:
        return [one for one in self.objects if one.state in states]

    @property
    def exit_status(self) -> int:
        """0 in order, 2 repaired or to be repaired, 1 failed."""
        return 1 if self.of(FAILED) else 2 if self.operations else 0


# Makes objects of one kind and bridge again, and returns what became of them, and of each by its place.
_Make = Callable[[Sequence[Record], bool], Result]


def run(check: bool = False, engines: bool = True, patience: float | None = None) -> Report:
    """Bring the host to what is recorded, or tell what that would take.

    Without ``engines`` no container engine is asked: as the host boots they wait for the service, which must not wait
    for them. What is in containers is left for the next pass then. ``patience`` is how many seconds to wait for another
    run's end, ``None`` for as long as it takes.

    :raises PipefitterError: the record can't be read at all.
    """
    report = Report(check)
    with lock.held(check, patience):
        store = Store(mend=not check)
        for kind, make, groups in _KINDS:
            records = list(store.read(kind).values())
            if not engines:
                later = [record for record in records if _in_container(record)]
                report.objects += [ObjectState(record, PENDING, "engines have not been asked yet") for record in later]
                records = [_without_containers(record) for record in records if not _in_container(record)]
            for group in groups(records):
                _converge(group, make, report)
        report.warnings += store.warnings
    return report


def _converge(records: Sequence[Record], make: _Make, report: Report) -> None:
    """Make objects again, all in one run; where that is refused, by halves: one never holds up the others."""
    try:
        result = make(records, report.check)
    except PipefitterError as error:
        if len(records) == 1:
            report.objects.append(ObjectState(records[0], FAILED, str(error)))
            return
        middle = len(records) // 2
        _converge(records[:middle], make, report)
        _converge(records[middle:], make, report)
        return
    report.operations += result.operations
    report.warnings += result.warnings
    _note_sides(records, result, report)
    pending = {tuple(entry.items()) for entry in result.values.get("pending", ())}
    touched = _touched(result)
    for record in records:
        target = target_of(record)
        if target is not None and ((target.kind, target.value), ("interface", _interface(record))) in pending:
            report.objects.append(ObjectState(record, PENDING, f"{target} is not running"))
        else:
            changed = bool(result.operations) and (len(records) == 1 or _identity(record.options) in touched)
            report.objects.append(ObjectState(record, REPAIRED if changed else IN_ORDER))


def _touched(result: Result) -> set[tuple[str, ...]]:
    """Return which entries of the two sides of a diff are not the same on both."""
    found: set[tuple[str, ...]] = set()
    for name, before in result.before.items():
        after = result.after.get(name)
        if isinstance(before, list) and isinstance(after, list):
            found.update(_identity(entry) for entry in before if entry not in after)
            found.update(_identity(entry) for entry in after if entry not in before)
    return found


def _identity(entry: Any) -> tuple[str, ...]:
    return tuple(str(entry[name]) for name in ("container", "netns", "interface", "port") if entry.get(name))


def _interface(record: Record) -> str:
    return str(record.want.get("interface", ""))


def _note_sides(records: Sequence[Record], result: Result, report: Report) -> None:
    if result.operations:
        name = str(records[0]) if len(records) == 1 else f"{records[0].kind}s"
        report.before[name], report.after[name] = dict(result.before), dict(result.after)


# ---- kinds


def _bridge(records: Sequence[Record], check: bool) -> Result:
    from ..reconcile import bridge

    return bridge.converge({**records[0].options, "state": "present"}, check)


def _attachments(records: Sequence[Record], check: bool) -> Result:
    from ..reconcile import attachment

    entries = [record.options for record in records]
    return attachment.converge({"attachments": entries, "state": "present", "wait": False}, check)


def _each(records: Iterable[Record]) -> list[list[Record]]:
    return [[record] for record in records]


def _all(records: Sequence[Record]) -> list[Sequence[Record]]:
    return [records] if records else []


_KINDS: tuple[tuple[str, _Make, Callable[[Sequence[Record]], Sequence[Sequence[Record]]]], ...] = (
    (BRIDGE, _bridge, _each),
    (ATTACHMENT, _attachments, _all),
)


def _in_container(record: Record) -> bool:
    target = target_of(record)
    return target is not None and target.kind == "container"


def _without_containers(record: Record) -> Record:
    """Return a policy without its links: the isolation comes before any container, the links with them."""
    if record.kind != POLICY:
        return record
    return record._replace(want={**record.want, "links": []})
