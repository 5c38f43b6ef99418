# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of icc_policy to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import lock
from ..host.machine import Machine
from ..model import icc_policy
from ..observe.icc import LinkedContainers, observe
from ..plan import forwarding
from ..plan import icc_policy as plan
from ..state.icc import IccState
from . import engine
from .recording import Recording, recording
from .result import Result


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Make the traffic of a bridge as the options of icc_policy say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    want = icc_policy.parse(options)
    absent = options["state"] == "absent"
    keeping = recording(options, check)
    with lock.held(check), Machine() as machine:
        containers = LinkedContainers(machine, want)

        def plan_of(have: IccState) -> list[Any]:
            return plan.absent(want.bridge, have) if absent else plan.present(want, have)

        def finish(_have: IccState) -> None:
            if keeping.touched:
                _record(keeping, options, want)

        outcome = engine.converge(machine, lambda: observe(machine, want, containers), plan_of, check, finish=finish)
        before = plan.describe(want.bridge, outcome.before.rules)
        after = plan.predict(want, outcome.before)
        result = Result(
            operations=outcome.lines,
            before={"policy": before},
            after={"policy": after if outcome.operations else before},
            values={"policy": after if check else plan.describe(want.bridge, outcome.after.rules)},
            warnings=forwarding.warnings(outcome.operations)
            + plan.unchecked(want, outcome.after)
            + (plan.firewall_warnings(want, outcome.after) if want.links else []),
        )
        return keeping.into(result)


def _record(keeping: Recording, options: Mapping[str, Any], want: icc_policy.IccPolicy) -> None:
    from ..model.record import POLICY
    from ..model.record_objects import is_policy, of_policy

    wanted = [of_policy(options)] if is_policy(want) else []
    keeping.keep(POLICY, wanted, {}, lambda known: known.bridge == want.bridge)
