# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Whether a run leaves something in the host's record of what was asked for. Private to the collection.

Whatever reads or writes the record is imported where there is one, or is to be one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidOption

if TYPE_CHECKING:
    from ..model.attachment import Target
    from ..model.record import Record
    from .result import Result

PROGRAM = "/usr/local/lib/pipefitter/pipefitter"
"""Where host_program puts the program that makes again what is recorded."""

PROGRAM_VERSION = "/usr/local/lib/pipefitter/version"
"""Beside it, its version and the form of the record that it keeps: ``0.1.0+3f2a91c0 1``."""

FOLDER = "/var/lib/pipefitter"

ALWAYS, NEVER, AUTO = "true", "false", "auto"

_Key = tuple[str, ...]


class Recording(Protocol):
    """The record as far as one run touches it; ``touched`` is false where it leaves it alone."""

    touched: bool

    @property
    def keeps(self) -> bool:
        """Tell whether what is asked for is going to be recorded."""

    @property
    def may_come(self) -> bool:
        """Tell whether containers that don't run are wired when they do: by the service, from the record."""

    def read(self, kind: str) -> dict[_Key, Record]:
        """Return what is recorded of a kind."""

    def keep(
        self,
        kind: str,
        wanted: Sequence[Record],
        shown: Mapping[_Key, Mapping[str, Any]],
        gone: Callable[[Record], bool] = ...,
        beside: Sequence[Record] = (),
    ) -> None:
        """Record what is wanted, and take out of the record what is ``gone``; in check mode, say that alone.

        ``shown`` is what there is of the objects now, as options that give it back. ``beside`` are records that this
        run changes without having been asked for them.

        :raises PipefitterError: it can't be written; what was recorded is as it was.
        """

    def into(self, result: Result) -> Result:
        """Return a run's result with what became of the record."""


class _Untouched:
    """For a host without record, and for the service's own runs, which come from it."""

    touched = keeps = False

    def __init__(self, asked: bool) -> None:
        self._asked = asked
        self.may_come = not asked

    def read(self, _kind: str) -> dict[_Key, Record]:
        return {}

    def keep(self, *_what: object, **_more: object) -> None:
        pass

    def into(self, result: Result) -> Result:
        if self._asked:
            result.values["recorded"] = False
        return result


def recording(options: Mapping[str, Any], check: bool) -> Recording:
    """Return the record as a run with these options touches it."""
    choice = options.get("persistent")
    if choice is None:
        return _Untouched(asked=False)
    installed = os.path.exists(PROGRAM)
    if choice != ALWAYS and not installed and not os.path.isdir(FOLDER):
        return _Untouched(asked=True)
    from .record_keeping import RecordKeeping

    return RecordKeeping(choice, options.get("drift"), installed, check)


def refuse_unrecorded(option: str, keeping: Recording, persistent: object) -> None:
    """Refuse what only the record carries out where this run leaves nothing in it."""
    if persistent is not None and not keeping.keeps:
        raise InvalidOption(
            option,
            True,
            "is carried out from the record as a container starts, and nothing is recorded here; "
            "install the service (role host_setup), or leave it out, or set persistent to true",
        )


def refuse_passing(targets: Iterable[Target], persistent: object) -> None:
    """Refuse to record what means something else after a restart."""
    pid = next((int(target.value) for target in targets if target.kind == "pid"), None)
    if persistent == ALWAYS and pid is not None:
        raise InvalidOption(
            "pid",
            pid,
            "can't be recorded with persistent true, as it means another process after a restart; "
            "name the container or the network namespace, or set persistent to false",
        )
