# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every plan must keep to, whatever it is for: said once, for bridges and attachments alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.light_dataclass import dataclass
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.host_protocol import Host
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.operations import Operation
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import Killed


class BrokenDown(Exception):
    """What the failing operation of a test fails with."""


@dataclass(frozen=True)
class Breakdown(Operation):
    """Stands for an operation that fails before it has done anything."""

    def what(self) -> str:
        return "break down"

    def do(self, host: Host) -> None:
        raise BrokenDown("broken down on purpose")

    def undo(self, host: Host) -> None:
        raise AssertionError("what was never done is never undone")


@dataclass(frozen=True)
class Errand:
    """A host, and the one thing to be brought about on it."""

    host: SimulatedHost
    plan: Callable[[], list[Operation]]

    def planned(self) -> list[Operation] | None:
        """Return the plan, ``None`` where it is refused."""
        try:
            return self.plan()
        except (Refused, MissingFeature):
            return None


def lines(operations: list[Operation]) -> list[str]:
    return [line for operation in operations for line in operation.lines()]


def settles(errand: Errand) -> bool:
    """Carry out the plan; afterwards there must be nothing left to do. False where it is refused."""
    operations = errand.planned()
    if operations is None:
        return False
    assert lines(errand.plan()) == lines(operations), "the same have, the same plan: check mode tells the truth"
    assert not operations or lines(operations), "a change that is made is a change that is said"
    engine.apply(operations, errand.host)
    nothing_left(errand)
    return True


def nothing_left(errand: Errand) -> None:
    left = lines(errand.plan())
    assert not left, left


def recovers(errand: Errand, patience: int) -> None:
    """Kill the program before its ``patience``-th request; the next run must get there all the same."""
    operations = errand.planned()
    if operations is None:
        return
    errand.host.kernel.patience = patience
    try:
        engine.apply(operations, errand.host)
    except Killed:
        pass
    errand.host.kernel.patience = None
    engine.apply(errand.plan(), errand.host)
    nothing_left(errand)


def takes_back(errand: Errand, index: int) -> list[str]:
    """Let the operation at ``index`` fail: the host must be as it was, but for what the error owns up to (returned)."""
    operations = errand.planned()
    if not operations:
        return []
    index %= len(operations) + 1
    before = errand.host.picture()
    try:
        engine.apply([*operations[:index], Breakdown("")], errand.host)
    except engine.OperationFailed as failure:
        if not failure.not_undone:
            same(before, errand.host.picture())
        return failure.not_undone
    raise AssertionError("the breakdown was passed over")


def takes_back_what_was_refused(errand: Errand, number: int) -> list[str]:
    """Let the kernel refuse a request, in the middle of an operation maybe: the host must be as it was.

    Returned is what the error owns up to.
    """
    operations = errand.planned()
    if not operations:
        return []
    before = errand.host.picture()
    errand.host.kernel.refuses = number
    try:
        engine.apply(operations, errand.host)
    except engine.OperationFailed as failure:
        if not failure.not_undone:
            same(before, errand.host.picture())
        return failure.not_undone
    finally:
        errand.host.kernel.refuses = None
    return []


def same(before: Any, after: Any) -> None:
    found = differences(before, after)
    assert not found, found


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """Return where two pictures differ, in words short enough to read."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted({*before, *after}):
            found += differences(before.get(key), after.get(key), f"{where}/{key}")
        return found
    return [] if before == after else [f"{where}: {before!r} became {after!r}"]
