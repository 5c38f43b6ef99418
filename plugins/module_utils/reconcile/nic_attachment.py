# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of nic_attach to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import lock
from ..host.nic_machine import NicMachine
from ..model import attachment
from ..model import nic_attachment as model
from ..model.nic_attachment import ANY_NIC, NicAttachment
from ..observe.containers import pin_all, refuse_left, refuse_same_interface
from ..observe.nic_attachments import observe_all
from ..plan import nic_attachment as plan
from ..plan.container_side_result import lost_default_routes, outranked_gateways, taken_default_routes
from ..plan.nic_attachment_result import describe, predict, surprises, unsettled
from ..plan.operations import Operation
from ..state.nic_attachments import NicAttachmentState
from . import engine, wiring
from .recording import recording, refuse_passing
from .result import Result

# Options of one attachment that may also be given outside of the list, for all entries that leave them out.
_COMMON = (
    "nic",
    "vlan",
    "kind",
    "mode",
    "runtime",
    "interface",
    "gateway",
    "gateway6",
    "routes",
    "rules",
    "sysctls",
    "mtu",
    "ipv6",
)

# Options that make sense for one attachment only.
_SINGLE = ("container", "netns", "pid", "addresses", "mac", "mac_seed")


def converge(options: Mapping[str, Any], check: bool, adds_only: bool = False) -> Result:
    """Make interfaces from NICs as the options of nic_attach say, or tell what that would take.

    With ``adds_only`` surplus addresses stay, and nothing is told of what the user was told as they asked for it.

    :raises PipefitterError: with a sentence for the user.
    """
    asked = wants = parse(options)
    if adds_only:
        wants = attachment.adding_only(wants)
    present = options["state"] == "present"
    wait, timeout = options.get("wait", True), options.get("wait_timeout", 10)
    keeping = recording(options, check)
    refuse_passing((want.target for want in wants), options.get("persistent"))
    leasing = wiring.leasing(wants, keeping, options.get("persistent"))
    with lock.held(check), NicMachine() as machine:
        if present and keeping.touched:
            from .nic_attachment_record import as_recorded

            wants = as_recorded(wants, keeping)
        every = pin_all(
            machine,
            wants,
            must_run=present,
            patience=timeout if wait else 0,
            may_come=present and not wait and keeping.may_come,
            advice=wiring.advice(wait, keeping) if present else "",
        )
        pinned = [(want, one) for want, one in zip(wants, every) if one.netns is not None or not present]
        refuse_same_interface([one for _want, one in pinned])

        def observe() -> NicAttachmentState:
            return observe_all(machine, pinned, going=not present)

        def plan_of(have: NicAttachmentState) -> list[Operation]:
            sides, host_side = have
            if not present:
                gone = plan.absent(sides, host_side)
                return leasing.released_first(gone, *(side.network for _want, side in sides if side is not None))
            there = [(want, side) for want, side in sides if side is not None]
            return plan.present(there, host_side, bool(options.get("announce", True)))

        def finish(have: NicAttachmentState) -> None:
            if keeping.touched:
                from .nic_attachment_record import record_all

                record_all(keeping, asked, have, present, check)

        outcome = engine.converge(
            machine,
            observe,
            plan_of,
            check,
            (lambda have: unsettled(*have)) if wait and present else None,
            timeout,
            (lambda _have: refuse_left(machine, [one for _want, one in pinned])) if present else None,
            finish,
        )
        before = describe(*outcome.before)
        changes = bool(outcome.operations)
        after = before if not changes else predict(*outcome.before) if present else wiring.nothing(before)
        shown = after if check or not changes else describe(*outcome.after)
        before, after, shown = leasing.told(outcome.before.sides, before, after, shown)
        result = Result(
            operations=outcome.lines,
            before={"attachments": [entry for entry in before if entry]},
            after={"attachments": [entry for entry in after if entry]},
            values={"attachments": [entry for entry in shown if entry] if present else []},
            warnings=taken_default_routes(outcome.operations) + _warnings(outcome, present, news=not adds_only),
        )
        result = keeping.into(wiring.with_pending(result, every) if present else result)
    return leasing.awaited(result, timeout if wait else 0) if present and not check else result


def _warnings(outcome: engine.Outcome[NicAttachmentState], present: bool, news: bool) -> list[str]:
    if present:
        return outranked_gateways(outcome.after[0]) + (surprises(*outcome.before) if news else [])
    return lost_default_routes(outcome.before[0], outcome.operations)


def parse(options: Mapping[str, Any]) -> tuple[NicAttachment, ...]:
    """Return the wanted attachments, of the list or of the single options.

    :raises InvalidOption: naming the first option that can't be right.
    """
    given = wiring.given(options, _SINGLE, _COMMON)
    if options["state"] == "absent":
        given.setdefault("nic", ANY_NIC)
        given.setdefault("kind", model.IPVLAN if given.get("mode") in model.IPVLAN_MODES else model.MACVLAN)
    items = options.get("attachments")
    return (model.parse(given),) if items is None else attachment.parse_each(items, given, "attachments", model.parse)
