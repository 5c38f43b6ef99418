# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a run leaves in the host's record of what was asked for, where there is one. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..model.record import Alike, Record, merged
from ..store.records import Store
from .program_version import differences
from .recording import ALWAYS, AUTO, NEVER
from .result import Result

_Key = tuple[str, ...]


class RecordKeeping:
    """The record as far as one run touches it (``recording.Recording``)."""

    touched = True

    def __init__(self, choice: str, drift: str | None, installed: bool, check: bool) -> None:
        self._choice = choice
        self._drift = drift
        self._installed = installed
        self._check = check
        self._lines: list[str] = []
        self._before: dict[str, Any] = {}
        self._after: dict[str, Any] = {}
        self._kept: list[bool] = []
        self._read: dict[str, dict[_Key, Record]] = {}  # only this run writes meanwhile: it holds the lock
        self._warnings: list[str] = differences() if installed else []

    @property
    def keeps(self) -> bool:
        """Tell whether what is asked for is going to be recorded."""
        return self._choice == ALWAYS or (self._choice == AUTO and self._installed)

    @property
    def may_come(self) -> bool:
        """Tell whether containers that don't run are wired when they do: by the service, from the record."""
        return self.keeps

    def read(self, kind: str) -> dict[_Key, Record]:
        """Return what is recorded of a kind."""
        if kind not in self._read:
            store = Store(mend=not self._check)
            self._read[kind] = store.read(kind)
            self._warnings += store.warnings
        return self._read[kind]

    def keep(
        self,
        kind: str,
        wanted: Sequence[Record],
        shown: Mapping[_Key, Mapping[str, Any]],
        gone: Callable[[Record], bool] = lambda record: False,
        beside: Sequence[Record] = (),
    ) -> None:
        """Record what is wanted, and take out of the record what is ``gone``; in check mode, say that alone.

        ``shown`` is what there is of the objects now, as options that give it back. ``beside`` are records that this
        run changes without having been asked for them.

        :raises PipefitterError: it can't be written; what was recorded is as it was.
        """
        old = self.read(kind)
        new = dict(old)
        named: set[_Key] = set()
        recorded = Alike(old.values())
        for record in wanted:
            found = recorded.of(record)
            before = old[record.key] if old.get(record.key) in found else found[0] if found else None
            key = before.key if before is not None else record.key
            named.add(key)
            if self.keeps or (self._choice == AUTO and before is not None):
                asked = record._replace(key=key).with_drift(self._drift)
                new[key] = merged(before, asked, shown.get(record.key, {}))
            elif self._choice == NEVER:
                new.pop(key, None)
        for key, record in old.items():
            if key not in named and gone(record):
                del new[key]
        new.update((record.key, record) for record in beside if record.key in new and self.keeps)
        written = [record for key, record in new.items() if old.get(key) != record]
        removed = [record for key, record in old.items() if key not in new]
        if not self._check and (written or removed):
            Store(mend=True).change(written, removed)
            self._read[kind] = new
        self._tell(old, new, written, removed, named)

    def into(self, result: Result) -> Result:
        """Return a run's result with what became of the record."""
        before, after = dict(result.before), dict(result.after)
        if self._before or self._after:
            before["record"], after["record"] = self._before, self._after
        return replace(
            result,
            operations=[*result.operations, *self._lines],
            before=before,
            after=after,
            values={**result.values, "recorded": bool(self._kept) and all(self._kept)},
            warnings=[*result.warnings, *self._warnings],
        )

    def _tell(
        self,
        old: Mapping[_Key, Record],
        new: Mapping[_Key, Record],
        written: Sequence[Record],
        removed: Sequence[Record],
        named: Collection[_Key],
    ) -> None:
        self._lines += [f"record {record}" for record in written]
        self._lines += [f"take {record} out of the record" for record in removed]
        touched = {*named, *(record.key for record in removed)}
        self._before.update((str(record), record.options) for key, record in old.items() if key in touched)
        self._after.update((str(record), record.options) for key, record in new.items() if key in touched)
        if named:
            self._kept.append(all(key in new for key in named))
        if self._choice == ALWAYS and named and not self._installed:
            self._warnings.append(
                "recorded, but nothing on this host makes it again after a restart: "
                "the service is not installed; the role host_setup installs it"
            )
