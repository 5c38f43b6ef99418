# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of ovs_vlan_port to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import lock
from ..host.machine import Machine
from ..model import vlan_port
from ..observe.containers import Pin, pin_targets
from ..observe.vlan_ports import observe
from ..plan import vlan_port as plan
from ..plan import vlan_port_result as state
from ..state.vlan_ports import VlanPortState
from . import engine
from .recording import Recording, recording, refuse_passing
from .result import Result

_TIMEOUT = 10


def converge(options: Mapping[str, Any], check: bool, pin: Pin | None = None) -> Result:
    """Put the ports of a bridge into VLANs as the options of ovs_vlan_port say, or tell what that would take.

    ``pin`` pins the containers' namespaces in place of the engines' answers.

    :raises PipefitterError: with a sentence for the user.
    """
    want = vlan_port.parse(options)
    is_absent = options["state"] == "absent"
    timeout = options.get("wait_timeout") or _TIMEOUT
    keeping = recording(options, check)
    targets = [one.target for one in want.ports or () if one.target is not None]
    refuse_passing(targets, options.get("persistent"))
    with lock.held(check), Machine() as machine:
        # What absent puts back, the ports themselves say.
        netns_of = {} if is_absent else pin_targets(machine, set(targets), must_run=True, patience=timeout, pin=pin)[0]

        def plan_of(have: VlanPortState) -> list[Any]:
            return plan.absent(want, have, timeout) if is_absent else plan.present(want, have, timeout)

        def finish(_have: VlanPortState) -> None:
            if keeping.touched:
                _record(keeping, want, is_absent)

        outcome = engine.converge(
            machine, lambda: observe(machine, want, netns_of, check, is_absent), plan_of, check, finish=finish
        )
        shown = state.after(outcome.before, outcome.operations) if check else outcome.after
        names = state.touched(outcome.operations) | (set() if is_absent else set(plan.port_names(want, outcome.before)))
        result = Result(
            operations=outcome.lines,
            before=state.describe(want, outcome.before, names),
            after=state.describe(want, shown, names),
            values={
                "bridge": state.describe_bridge(shown.bridges.get(want.bridge)),
                "ports": [] if is_absent else state.values(want, shown),
                "port_names": [] if is_absent else plan.port_names(want, shown),
            },
            warnings=plan.warnings(want, outcome.before, is_absent),
            assumed=[] if is_absent else plan.assumed(want, outcome.before),
        )
        return keeping.into(result)


def _record(keeping: Recording, want: vlan_port.VlanPorts, is_absent: bool) -> None:
    from ..model.record import OVS_BRIDGE, VLAN_PORT, Alike, Record, lasts, target_of
    from ..model.record_objects import of_ovs_bridge, of_vlan_port

    ports = [
        of_vlan_port(want.bridge, one, want.owner)
        for one in want.ports or ()
        if one.target is None or lasts(one.target)
    ]
    if is_absent:
        going = Alike(ports)
        whole = want.create_bridge and want.ports is None
        keeping.keep(VLAN_PORT, (), {}, lambda known: bool(going.of(known)) or (whole and known.bridge == want.bridge))
        if want.create_bridge:
            keeping.keep(OVS_BRIDGE, (), {}, lambda known: known.bridge == want.bridge)
        return
    if want.create_bridge or want.settings != vlan_port.BridgeSettings():
        keeping.keep(OVS_BRIDGE, [of_ovs_bridge(want.bridge, want.create_bridge, want.settings)], {})

    def is_purged(known: Record) -> bool:
        return want.purge and known.bridge == want.bridge and want.owner in ("", known.want.get("owner", ""))

    keeping.keep(VLAN_PORT, ports, {}, is_purged)
    if any(one.target is not None and one.vlans is not None for one in want.ports or ()):
        from .recorded_vlans import last_asked

        last_asked(keeping, VLAN_PORT, [record for record in ports if target_of(record) is not None])
