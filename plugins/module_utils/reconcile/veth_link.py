# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of veth_link to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption, Refused
from ..host import lock
from ..host.machine import Machine
from ..model import attachment
from ..model import veth_link as model
from ..model.veth_link import LinkEnd, VethLink
from ..observe.containers import Pinned, pin_all, refuse_left, refuse_same_interface
from ..observe.veth_links import observe_all
from ..plan import veth_link as plan
from ..plan.container_side_result import lost_default_routes, outranked_gateways, taken_default_routes
from ..plan.operations import Operation
from ..plan.veth_link_result import describe, predict, unsettled
from ..state.network import HOST
from ..state.veth_links import LinkState
from . import engine, wiring
from .recording import recording, refuse_passing
from .result import Result

Ends = Sequence["list[dict[str, Any]] | None"]


def converge(options: Mapping[str, Any], check: bool, adds_only: bool = False) -> Result:
    """Make links as the options of veth_link say, or tell what that would take.

    With ``adds_only`` surplus addresses stay.

    :raises PipefitterError: with a sentence for the user.
    """
    present = options["state"] == "present"
    links = parse(options)
    asked = tuple(end for link in links for end in link.ends)
    wants = attachment.adding_only(asked) if adds_only else asked
    wait, timeout = options.get("wait", True), options.get("wait_timeout", 10)
    keeping = recording(options, check)
    refuse_passing((want.target for want in wants), options.get("persistent"))
    with lock.held(check), Machine() as machine:
        if present and keeping.touched:
            from .veth_link_record import as_recorded

            wants = as_recorded(wants, keeping)
        every = iter(
            _pinned(machine, wants, present, timeout if wait else 0, keeping.may_come and not wait, wait, keeping)
        )
        known = [
            (replace(link, ends=_ends(held)), held) for link in links for held in [[next(every) for _end in link.ends]]
        ]
        _refuse_same_namespace([held for _link, held in known])
        complete = [(link, held) for link, held in known if _is_there(held) or not present]

        def observe() -> LinkState:
            return observe_all(machine, complete, going=not present)

        def plan_of(have: LinkState) -> list[Operation]:
            return plan.present(have) if present else plan.absent(have)

        def finish(have: LinkState) -> None:
            if keeping.touched:
                from .veth_link_record import record_all

                record_all(keeping, links, have, present, check)

        inside = [one for _link, held in complete for one in held if one.netns]
        outcome = engine.converge(
            machine,
            observe,
            plan_of,
            check,
            unsettled if wait and present else None,
            timeout,
            (lambda _have: refuse_left(machine, inside)) if present else None,
            finish,
        )
        before = describe(outcome.before)
        changes = bool(outcome.operations)
        after = before if not changes else predict(outcome.before) if present else [None] * len(before)
        shown = after if check or not changes else describe(outcome.after)
        result = Result(
            operations=outcome.lines,
            before={"links": _entries(before)},
            after={"links": _entries(after)},
            values={"links": _entries(shown) if present else []},
            warnings=taken_default_routes(outcome.operations) + _warnings(outcome, present),
        )
        return keeping.into(_with_pending(result, known) if present else result)


def _pinned(
    machine: Machine, wants: Sequence[LinkEnd], present: bool, patience: float, may_come: bool, wait: bool, keeping: Any
) -> list[Pinned]:
    """Return where each end is; the host's own namespace needs no pinning."""
    inside = [want for want in wants if not want.is_host]
    advice = wiring.advice(wait, keeping) if present else ""
    pinned = pin_all(machine, inside, must_run=present, patience=patience, may_come=may_come, advice=advice)
    refuse_same_interface([one for one in pinned if one.netns is not None], "links")
    found = iter(pinned)
    return [Pinned(want, HOST, attachment.HOST_KIND, None) if want.is_host else next(found) for want in wants]


def _ends(held: Sequence[Pinned]) -> tuple[LinkEnd, ...]:
    return tuple(one.want for one in held if isinstance(one.want, LinkEnd))


def _is_there(held: Sequence[Pinned]) -> bool:
    return all(one.netns is not None for one in held)


def _refuse_same_namespace(links: Sequence[Sequence[Pinned]]) -> None:
    """Refuse a link within one namespace: only the host tells that two names are the same one."""
    for held in links:
        if len(held) == 2 and held[0].netns is not None and held[0].netns == held[1].netns:
            raise Refused(
                f"ends: {held[0].want.target} and {held[1].want.target} are the same network namespace; "
                "a link has its ends in two"
            )


def _entries(ends: Ends) -> list[dict[str, Any]]:
    return [{"ends": both} for both in ends if both]


def _with_pending(result: Result, known: Sequence[tuple[VethLink, Sequence[Pinned]]]) -> Result:
    pending = [
        {"ends": [{**model.named(end.target), "interface": end.interface} for end in link.ends]}
        for link, held in known
        if not _is_there(held)
    ]
    return replace(result, values={**result.values, "pending": pending})


def _warnings(outcome: engine.Outcome[LinkState], present: bool) -> list[str]:
    if present:
        return outranked_gateways(outcome.after.ends)
    return lost_default_routes(outcome.before.ends, outcome.operations)


def parse(options: Mapping[str, Any]) -> tuple[VethLink, ...]:
    """Return the wanted links, of the list or of the single options.

    :raises InvalidOption: naming the first option that can't be right.
    """
    wiring.refuse_negative(options.get("wait_timeout"))
    going = options["state"] == "absent"
    items = options.get("links")
    if items is None:
        return (model.parse(options, going=going),)
    if options.get("ends") is not None:
        raise InvalidOption("ends", None, "is mutually exclusive with links; put them into an entry of that list")
    return model.parse_list(items, {"mtu": options.get("mtu")}, going)
