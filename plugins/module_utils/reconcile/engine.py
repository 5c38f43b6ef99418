# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Observe, plan, apply, verify, undo: the one way in which anything is changed. Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import PipefitterError
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
        what = "; ".join(failed.lines())
        after = "nothing had been changed before it"
        if done:
            after = (
                "the change made before it was undone"
                if len(done) == 1
                else f"the {len(done)} changes made before it were undone"
            )
        if not_undone:
            after = f"of the {len(done)} changes made before it these could not be undone: {'; '.join(not_undone)}"
        super().__init__(f"{cause} while trying to {what}; {after}")
        self.done = done
        self.not_undone = not_undone


@dataclass(frozen=True)
class Outcome(Generic[Have]):
    """What a run found, what it did (or would do, in check mode), and what is there now (``before`` in check mode)."""

    before: Have
    operations: list[Operation]
    after: Have

    @property
    def lines(self) -> list[str]:
        return [line for operation in self.operations for line in operation.lines()]


def converge(
    host: Host,
    observe: Callable[[], Have],
    plan: Callable[[Have], list[Operation]],
    check: bool,
    unsettled: Callable[[Have], str] | None = None,
    timeout: float = 10.0,
) -> Outcome[Have]:
    """Bring the host to where a plan finds nothing left to do.

    ``unsettled`` says what isn't working yet, '' once all is; it is asked
    after a change, for ``timeout`` seconds.

    :raises OperationFailed: after undoing what was done.
    :raises PipefitterError: what was done did not last, or did not settle.
    """
    before = observe()
    operations = plan(before)
    if check or not operations:
        return Outcome(before, operations, before)
    apply(operations, host)
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
    left = plan(after)
    if left:
        lines = "; ".join(line for operation in left for line in operation.lines())
        raise PipefitterError(
            "what was set did not last: something else on this host changes it too; "
            f"stop that first (still to do: {lines})"
        )
    return Outcome(before, operations, after)


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
            lines = [line for one in done for line in one.lines()]
            raise OperationFailed(error, operation, lines, _undo(done, host)) from error
        done.append(operation)


def _undo(done: list[Operation], host: Host) -> list[str]:
    not_undone = []
    for operation in reversed(done):
        try:
            operation.undo(host)
        except Exception as error:  # the rest is to be undone all the same
            not_undone.append(f"{'; '.join(operation.lines()) or operation.what()}: {error}")
    return not_undone
