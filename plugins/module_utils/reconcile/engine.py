# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Observe, plan, apply, verify, undo: the one way in which anything is changed. Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import PipefitterError
from ..light_dataclass import dataclass
from ..plan.operations import Operation

if TYPE_CHECKING:
    from ..plan.host_protocol import Host

Have = TypeVar("Have")

_SETTLE_PAUSE = 0.02


class OperationFailed(PipefitterError):
    """An operation failed; what this run had done is undone.

    ``done`` are the lines of what had been done, ``not_undone`` those that
    could not be taken back, each with the reason.
    """

    def __init__(self, cause: Exception, failed: Operation, done: list[str], not_undone: list[str]) -> None:
        after = _aftermath(done, not_undone) if done else "nothing had been changed before it"
        super().__init__(f"{cause} while trying to {'; '.join(failed.lines())}; {after}")
        self.done = done
        self.not_undone = not_undone


class NotAsWanted(PipefitterError):
    """All operations were done, and the look after them failed, or found the host not as it was to be.

    ``done`` and ``not_undone`` are as in ``OperationFailed``.
    """

    def __init__(self, cause: Exception, done: list[str], not_undone: list[str]) -> None:
        super().__init__(f"{cause}; {_aftermath(done, not_undone)}")
        self.done = done
        self.not_undone = not_undone


def _aftermath(done: list[str], not_undone: list[str]) -> str:
    """Return what became of the lines that had been done."""
    if not_undone:
        return f"of the {len(done)} changes made before it these could not be undone: {'; '.join(not_undone)}"
    if len(done) == 1:
        return "the change made before it was undone"
    return f"the {len(done)} changes made before it were undone"


@dataclass(frozen=True)
class Outcome(Generic[Have]):
    """What a run found, what it did (or would do, in check mode), and what is there now (``before`` in check mode)."""

    before: Have
    operations: list[Operation]
    after: Have

    @property
    def lines(self) -> list[str]:
        return _lines(self.operations)


def converge(
    host: Host,
    observe: Callable[[], Have],
    plan: Callable[[Have], list[Operation]],
    check: bool,
    unsettled: Callable[[Have], str] | None = None,
    timeout: float = 10.0,
    verify: Callable[[Have], None] | None = None,
    finish: Callable[[Have], None] | None = None,
) -> Outcome[Have]:
    """Bring the host to where a plan finds nothing left to do.

    ``unsettled`` says what isn't working yet, '' once all is; it is asked
    after a change, for ``timeout`` seconds. ``verify`` is called last after a
    change, and raises what is wrong for a reason that no plan knows. ``finish``
    belongs to each run, with what is there in the end; where one of the two
    fails, what was done is undone.

    :raises OperationFailed: after undoing what was done.
    :raises NotAsWanted: what was done did not last, did not settle, or could not be looked at; it is undone, too.
    """
    before = observe()
    operations = plan(before)
    if check or not operations:
        if finish is not None:
            finish(before)
        return Outcome(before, operations, before)
    apply(operations, host)
    try:
        after = _settled(observe, unsettled, timeout)
        _refuse_left(plan(after))
        if verify is not None:
            verify(after)
        if finish is not None:
            finish(after)
    except Exception as error:
        raise NotAsWanted(error, _lines(operations), _undo(operations, host)) from error
    return Outcome(before, operations, after)


def _settled(observe: Callable[[], Have], unsettled: Callable[[Have], str] | None, timeout: float) -> Have:
    after = observe()
    deadline = time.monotonic() + timeout
    while unsettled is not None and (waiting := unsettled(after)):
        if time.monotonic() > deadline:
            raise PipefitterError(
                f"timed out after {timeout:g} s waiting for what was set to take effect: {waiting}; "
                "check its peer, or set wait to false"
            )
        time.sleep(_SETTLE_PAUSE)
        after = observe()
    return after


def _refuse_left(left: list[Operation]) -> None:
    if left:
        raise PipefitterError(
            "what was set did not last: something else on this host changes it too; "
            f"stop that first (still to do: {'; '.join(_lines(left))})"
        )


def apply(operations: list[Operation], host: Host) -> None:
    """Do operations in order; when one fails, undo those before it in reverse.

    :raises OperationFailed: naming the operation and what was undone.
    """
    done: list[Operation] = []
    for operation in operations:
        try:
            operation.do(host)
        # Undoing comes first whatever went wrong; the cause goes on as the new error's.
        except Exception as error:
            raise OperationFailed(error, operation, _lines(done), _undo(done, host)) from error
        done.append(operation)


def _lines(operations: list[Operation]) -> list[str]:
    return [line for operation in operations for line in operation.lines()]


def _undo(done: list[Operation], host: Host) -> list[str]:
    not_undone = []
    for operation in reversed(done):
        try:
            operation.undo(host)
        except Exception as error:  # the rest is to be undone all the same
            not_undone.append(f"{'; '.join(operation.lines()) or operation.what()}: {error}")
    return not_undone
