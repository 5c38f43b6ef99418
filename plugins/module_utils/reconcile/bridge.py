# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of container_bridge to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption
from ..host import lock
from ..host.machine import Machine
from ..model import bridge
from ..observe.bridge import observe_all, observe_all_to_remove
from ..plan import bridge_result, forwarding
from ..plan import bridges as plan
from ..state.bridge import BridgeState
from . import engine
from .recording import Recording, recording
from .result import Result

_Looked = tuple[list[BridgeState], plan.Planned]


def converge(options: Mapping[str, Any], check: bool, adds_only: bool = False) -> Result:
    """Make bridges as their options (those of container_bridge) say, or tell what that would take.

    With ``adds_only`` surplus addresses stay.

    :raises PipefitterError: with a sentence for the user.
    """
    wants = parse(options)
    if adds_only:
        wants = tuple(replace(want, adds_only=True) for want in wants)
    single = options.get("bridges") is None
    present = options["state"] != "absent"
    keeping = recording(options, check)
    with lock.held(check), Machine() as machine:

        def observe() -> tuple[list[BridgeState], plan.Planned]:
            """Return what is there, and the plan that follows from it: a long list is planned once a look."""
            haves = observe_all(machine, wants) if present else observe_all_to_remove(machine, wants)
            seen = list(zip(wants, haves))
            return haves, plan.present(seen) if present else plan.absent(seen, bool(options.get("force")))

        def finish(looked: _Looked) -> None:
            if keeping.touched:
                _record(keeping, options, wants, looked[0], check)

        outcome = engine.converge(machine, observe, lambda looked: looked[1].operations, check, finish=finish)
        result = _made if present else _removed
        return keeping.into(result(wants, outcome, check, single))


def _record(
    keeping: Recording,
    options: Mapping[str, Any],
    wants: Sequence[bridge.Bridge],
    haves: Sequence[BridgeState],
    check: bool,
) -> None:
    from ..model.record import BRIDGE, POLICY, PUBLICATION
    from ..model.record_objects import of_bridge

    names = {want.name for want in wants}
    if options["state"] == "absent":
        # Its policy and its published ports go with it, attachments don't.
        for kind in (BRIDGE, POLICY, PUBLICATION):
            keeping.keep(kind, (), {}, lambda known: known.bridge in names)
        return
    shown = {want.name: bridge_result.describe(want.name, have) for want, have in zip(wants, haves)}
    # Of a bridge of others, the MAC is theirs to choose, or follows its ports.
    ours = {want.name for want, have in zip(wants, haves) if (link := have.link(want.name)) is not None and link.ours}
    made = [
        of_bridge(entry, None if check else shown[entry["name"]], entry["name"] in ours) for entry in _entries(options)
    ]
    keeping.keep(BRIDGE, made, {record.key: shown[record.key[0]] or {} for record in made})


def _entries(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is asked for of each bridge, as if it was asked for by itself."""
    given = _given(options)
    items = options.get("bridges")
    if items is None:
        return [given]
    return [{**given, **{name: value for name, value in item.items() if value is not None}} for item in items]


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: options[name] for name in (*bridge.COMMON_OPTIONS, *bridge.OWN_OPTIONS) if options.get(name) is not None
    }


def parse(options: Mapping[str, Any]) -> tuple[bridge.Bridge, ...]:
    """Return the wanted bridges, of the list or of the single options.

    :raises InvalidOption: naming the first option that can't be right.
    """
    items = options.get("bridges")
    given = _given(options)
    if items is not None:
        for name in bridge.OWN_OPTIONS:
            if name in given:
                advice = "is mutually exclusive with bridges; put it into the entry of the list that it is for"
                raise InvalidOption(name, given[name], advice)
    elif "name" not in given:
        raise InvalidOption("name", None, "is required; name the bridge, or give a list of them in bridges")
    if options["state"] == "absent":
        # Of what is to go only the name counts.
        items = [{"name": item.get("name")} for item in items] if items is not None else None
        given = {name: given[name] for name in ("name",) if name in given}
    if items is None:
        return (bridge.parse(given),)
    return bridge.parse_list(items, given)


def _made(wants: Sequence[bridge.Bridge], outcome: engine.Outcome[_Looked], check: bool, single: bool) -> Result:
    haves, planned = outcome.before
    before = [bridge_result.describe(want.name, have) for want, have in zip(wants, haves)]
    predicted = [bridge_result.predict(want, have) for want, have in planned.seen] if outcome.operations else before
    after = (
        [bridge_result.predict(want, have) for want, have in planned.seen]
        if check
        else [bridge_result.describe(want.name, have) for want, have in zip(wants, outcome.after[0])]
    )
    told = forwarding.warnings(outcome.operations)
    for want, have in planned.seen:
        told += bridge_result.warnings(want, have)
    # Only what was asked for is shown as changing; the rest can't be known before the kernel chose it.
    return Result(outcome.lines, _shown(before, single), _shown(predicted, single), _values(after, single), told)


def _removed(wants: Sequence[bridge.Bridge], outcome: engine.Outcome[_Looked], check: bool, single: bool) -> Result:
    haves, _planned = outcome.before
    before = [bridge_result.describe(want.name, have) for want, have in zip(wants, haves)]
    told: list[str] = []
    for want, have in zip(wants, haves):
        told += bridge_result.orphan_warnings(want.name, have, check)
    gone: list[dict[str, Any] | None] = [None] * len(wants)
    return Result(outcome.lines, _shown(before, single), _shown(gone, single), _values(gone, single), told)


def _shown(described: Sequence[dict[str, Any] | None], single: bool) -> dict[str, Any]:
    return {"bridge": described[0]} if single else {"bridges": [one for one in described if one]}


def _values(described: Sequence[dict[str, Any] | None], single: bool) -> dict[str, Any]:
    listed = {"bridges": [one for one in described if one]}
    return {**_shown(described, True), **listed} if single else listed
