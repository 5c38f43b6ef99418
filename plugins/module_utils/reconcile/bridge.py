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
from ..state.bridge import BridgeState
from . import engine
from .recording import recording
from .result import Result


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Make a bridge as its options (those of container_bridge) say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    if options["state"] == "absent":
        return _absent(names.interface_name("name", options["name"]), bool(options.get("force")), options, check)
    want = bridge.parse(options)
    keeping = recording(options, check)

    def finish(have: BridgeState) -> None:
        if keeping.touched:
            from ..model.record import BRIDGE
            from ..model.record_objects import of_bridge

            shown = bridge_result.describe(want.name, have)
            made = of_bridge(options, None if check else shown)
            keeping.keep(BRIDGE, [made], {made.key: shown or {}})

    with lock.held(check), Machine() as machine:
        outcome = engine.converge(
            machine,
            lambda: observe(machine, want),
            lambda have: plan.present(want, have),
            check,
            finish=finish,
        )
        before = bridge_result.describe(want.name, outcome.before)
        after = (
            bridge_result.predict(want, outcome.before) if check else bridge_result.describe(want.name, outcome.after)
        )
        result = Result(
            operations=outcome.lines,
            before={"bridge": before},
            # Only what was asked for is shown as changing; the rest can't be known before the kernel chose it.
            after={"bridge": bridge_result.predict(want, outcome.before) if outcome.operations else before},
            values={"bridge": after},
            warnings=bridge_result.warnings(want, outcome.before, outcome.operations),
        )
        return keeping.into(result)


def _absent(name: str, force: bool, options: Mapping[str, Any], check: bool) -> Result:
    want = bridge.Bridge(name)
    keeping = recording(options, check)

    def finish(_have: BridgeState) -> None:
        if keeping.touched:
            from ..model.record import BRIDGE

            keeping.keep(BRIDGE, (), {}, lambda known: known.key == (name,))

    with lock.held(check), Machine() as machine:
        outcome = engine.converge(
            machine,
            lambda: observe_to_remove(machine, want),
            lambda have: plan.absent(name, have, force),
            check,
            finish=finish,
        )
        before = bridge_result.describe(name, outcome.before)
        result = Result(
            outcome.lines,
            {"bridge": before},
            {"bridge": None},
            {"bridge": None},
            bridge_result.orphan_warnings(name, outcome.before, check),
        )
        return keeping.into(result)
