# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of container_bridge to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import lock
from ..host.machine import Machine
from ..model import bridge, names
from ..observe.bridge import observe, observe_to_remove
from ..plan import bridge as plan
from ..plan import bridge_result
from . import engine
from .result import Result


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Make a bridge as its options (those of container_bridge) say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    if options["state"] == "absent":
        return _absent(names.interface_name("name", options["name"]), bool(options.get("force")), check)
    want = bridge.parse(options)
    with lock.held(check), Machine() as machine:
        outcome = engine.converge(machine, lambda: observe(machine, want), lambda have: plan.present(want, have), check)
        before = bridge_result.describe(want.name, outcome.before)
        after = (
            bridge_result.predict(want, outcome.before) if check else bridge_result.describe(want.name, outcome.after)
        )
        return Result(
            operations=outcome.lines,
            before={"bridge": before},
            # Only what was asked for is shown as changing; the rest can't be known before the kernel chose it.
            after={"bridge": bridge_result.predict(want, outcome.before) if outcome.operations else before},
            values={"bridge": after},
            warnings=bridge_result.warnings(want, outcome.before, outcome.operations),
        )


def _absent(name: str, force: bool, check: bool) -> Result:
    want = bridge.Bridge(name)
    with lock.held(check), Machine() as machine:
        outcome = engine.converge(
            machine, lambda: observe_to_remove(machine, want), lambda have: plan.absent(name, have, force), check
        )
        before = bridge_result.describe(name, outcome.before)
        return Result(
            outcome.lines,
            {"bridge": before},
            {"bridge": None},
            {"bridge": None},
            bridge_result.orphan_warnings(name, outcome.before, check),
        )
