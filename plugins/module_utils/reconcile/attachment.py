# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of veth_attach to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOption, Refused
from ..host import lock
from ..host.machine import Machine
from ..model import attachment, names
from ..model.addresses import bare, fixed
from ..model.attachment import Attachment, Purge
from ..model.limits import USUAL_MTU
from ..observe.attachments import observe_all, with_peers
from ..observe.containers import Pin, pin_all, refuse_left, refuse_same_interface
from ..plan import attachment as plan
from ..plan.attachment_result import NEIGHBOUR_LIMIT, describe, neighbours_needed, predict, removed, unsettled
from ..plan.container_side_result import lost_default_routes, outranked_gateways, taken_default_routes
from ..state.attachments import LINUX, OVS, AttachmentState, HostSide
from ..state.network import HOST
from . import engine, wiring
from .recording import Recording, recording, refuse_passing, refuse_unrecorded
from .result import Result

if TYPE_CHECKING:
    from .recorded_vlans import RecordedPorts

# Options of one attachment that may also be given outside of the list, for all entries that leave them out.
_COMMON = (
    "bridge",
    "runtime",
    "interface",
    "gateway",
    "gateway6",
    "routes",
    "rules",
    "sysctls",
    "mtu",
    "ipv6",
    "required",
    "security",
    "owner",
    *attachment.VLAN_OPTIONS,
)

# A list of more attachments is worth a look at the limits of the kernel.
_MANY = 100

# Options that make sense for one attachment only.
_SINGLE = ("container", "netns", "pid", "host_interface", "addresses", "mac", "mac_seed")


def converge(
    options: Mapping[str, Any],
    check: bool,
    pin: Pin | None = None,
    ports: RecordedPorts | None = None,
    adds_only: bool = False,
) -> Result:
    """Make attachments as the options of veth_attach say, or tell what that would take.

    ``pin`` pins the containers' namespaces in place of the engines' answers. With ``ports``, what joins a bridge is in
    the VLANs that are recorded for its port (``joins_in`` of ``Attachment``). With ``adds_only`` surplus addresses
    stay that no other attachment of the list is to have.

    :raises PipefitterError: with a sentence for the user.
    """
    wants = parse(options)
    if adds_only:
        wants = attachment.adding_only(wants)
    joins_in = ports.vlans() if ports is not None else {}
    if joins_in:
        wants = tuple(
            replace(want, joins_in=joins_in.get((want.bridge, want.target.kind, want.target.value, want.interface)))
            for want in wants
        )
    present = options["state"] == "present"
    purge = _purge(options) if options.get("purge") else None
    wait, timeout = options.get("wait", True), options.get("wait_timeout", 10)
    keeping = recording(options, check)
    refuse_passing((want.target for want in wants), options.get("persistent"))
    if present and any(want.required for want in wants):
        refuse_unrecorded("required", keeping, options.get("persistent"))
    leasing = wiring.leasing(wants, keeping, options.get("persistent"))
    kinds = _kinds(options)
    with lock.held(check), Machine() as machine:
        asked = wants
        mtus: Mapping[tuple[str, str, str], int] = {}
        if present and keeping.touched:
            from .attachment_record import as_recorded, asked_mtus

            wants, mtus = as_recorded(wants, keeping), asked_mtus(keeping)
        every = pin_all(
            machine,
            wants,
            must_run=present,
            patience=timeout if wait else 0,
            may_come=present and not wait and keeping.may_come,
            pin=pin,
            advice=wiring.advice(wait, keeping) if present else "",
        )
        pinned = [one for one in every if one.netns is not None] if present else every
        refuse_same_interface(pinned)

        @cache
        def recorded_ports() -> RecordedPorts:
            from .recorded_vlans import RecordedPorts

            return ports if ports is not None else RecordedPorts()

        def observe() -> AttachmentState:
            have = observe_all(machine, pinned, check, purge, not present or purge is not None, kinds)
            _refuse_other_kind(kinds, have.host_side)
            if mtus:
                have = have._replace(host_side=replace(have.host_side, asked_mtus=mtus))
            return _with_what_is_near(machine, have, purge, recorded_ports) if present else have

        def plan_of(have: AttachmentState) -> list[Any]:
            sides, host_side = have
            if present and keeping.touched:
                from .attachment_record import refuse_recorded

                refuse_recorded(keeping, asked, have, purge, recorded_ports())
            if present:
                made = plan.present(
                    [(want, side) for want, side in sides if side is not None],
                    host_side,
                    bool(options.get("announce", True)),
                    purge,
                )
                return leasing.released_first(made, host_side.network)
            return leasing.released_first(plan.absent(sides, host_side), host_side.network)

        def finish(have: AttachmentState) -> None:
            if keeping.touched:
                from .attachment_record import record_all

                record_all(keeping, asked, have, present, purge, check)

        recorded = _recorded_addresses(keeping) if purge is not None else set()
        outcome = engine.converge(
            machine,
            observe,
            plan_of,
            check,
            (lambda have: unsettled(*have)) if wait and present else None,
            timeout,
            (lambda _have: refuse_left(machine, pinned)) if present else None,
            finish,
        )
        before = describe(*outcome.before)
        gone = removed(outcome.operations, outcome.before[1], [entry["host_interface"] for entry in before if entry])
        after = before if not outcome.operations else predict(*outcome.before) if present else wiring.nothing(before)
        shown = after if check or not outcome.operations else describe(*outcome.after)
        if outcome.operations and not check:
            held, holds = _addresses(before), _addresses(shown)
            going = recorded - _recorded_addresses(keeping) if recorded else set()
            machine.end_translated((held | going) - holds)
        before, after, shown = leasing.told(outcome.before.sides, before, after, shown)
        result = Result(
            operations=outcome.lines,
            before={"attachments": [entry for entry in before if entry] + gone},
            after={"attachments": [entry for entry in after if entry]},
            values={"attachments": [entry for entry in shown if entry] if present else []},
            warnings=taken_default_routes(outcome.operations)
            + (
                outranked_gateways(outcome.after[0])
                if present
                else lost_default_routes(outcome.before[0], outcome.operations)
            )
            + (_guard_warnings(outcome.after) if present else [])
            + (_neighbour_warnings(machine, outcome.after[1]) if present and len(wants) > _MANY else [])
            + (_left_pointing(machine, outcome) if present and outcome.operations and not check else []),
            assumed=_assumed(outcome.before[1], kinds) if present and check else [],
        )
        result = keeping.into(wiring.with_pending(result, every) if present else result)
    return leasing.awaited(result, timeout if wait else 0) if present and not check else result


def _addresses(described: Sequence[Mapping[str, Any] | None]) -> set[str]:
    return {bare(address) for entry in described if entry is not None for address in entry["addresses"]}


def _recorded_addresses(keeping: Recording) -> set[str]:
    """Return the addresses of all attachments of the record; those of what is purged are read nowhere else."""
    if not keeping.touched:
        return set()
    from ..model.record import ATTACHMENT

    known = keeping.read(ATTACHMENT).values()
    return {bare(str(address)) for record in known for address in fixed(record.want.get("addresses") or ())}


def _with_what_is_near(
    machine: Machine, have: AttachmentState, purge: Purge | None, ports: Callable[[], RecordedPorts]
) -> AttachmentState:
    """Return what was seen, with all that tells whether an address or MAC that an attachment brings is another's."""
    have = with_peers(machine, have, purge)
    if not have.host_side.peers:
        return have
    return have._replace(host_side=replace(have.host_side, tagged_later=ports().tagged_later(have.host_side)))


def _left_pointing(machine: Machine, outcome: engine.Outcome[AttachmentState]) -> list[str]:
    """Return warnings of ports and links that lead to addresses that are gone; where none are, nothing is read."""
    from ..plan import left_pointing

    found = left_pointing.moved(outcome.before, outcome.after)
    if not found:
        return []
    published = machine.publications.read(needed=False)[0].published
    return left_pointing.warnings(found, published, machine.icc.read(needed=False).flows)


def parse(options: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the wanted attachments, of the list or of the single options.

    :raises InvalidOption: naming the first option that can't be right.
    """
    items = options.get("attachments")
    given = wiring.given(options, _SINGLE, _COMMON)
    if options["state"] == "absent" and "bridge" not in given:
        given["bridge"] = attachment.ANY_BRIDGE
    return (attachment.parse(given),) if items is None else attachment.parse_list(items, given)


def _purge(options: Mapping[str, Any]) -> Purge:
    if options["state"] == "absent":
        raise InvalidOption(
            "purge",
            True,
            "is mutually exclusive with state absent; "
            "to remove every attachment, give state present and attachments: []",
        )
    return Purge(names.interface_name("bridge", options.get("bridge") or ""), options.get("owner") or "")


def _kinds(options: Mapping[str, Any]) -> dict[str, str]:
    """Return by its name of what kind the module's bridge is to be, where that is said."""
    kind = options.get("bridge_type")
    return {str(options.get("bridge") or ""): LINUX if kind == LINUX else OVS} if kind else {}


def _refuse_other_kind(kinds: Mapping[str, str], host_side: HostSide) -> None:
    for name, kind in kinds.items():
        bridge = host_side.bridges.get(name)
        if bridge is not None and bridge.kind != kind:
            found = "a Linux" if bridge.kind == LINUX else "an Open vSwitch"
            raise Refused(
                f"bridge_type: {'linux' if kind == LINUX else 'openvswitch'!r} is asked for, and {name} is {found} "
                "bridge; set that type or choose another bridge"
            )


def _guard_warnings(have: AttachmentState) -> list[str]:
    host_side = have.host_side
    if host_side.guards is None and host_side.can_guard:
        return []
    from ..plan import attachment_guards, attachment_match

    sides = [(want, side) for want, side in have.sides if side is not None]
    return attachment_guards.warnings(attachment_match.find_all(sides, host_side), host_side)


def _neighbour_warnings(machine: Machine, host_side: HostSide) -> list[str]:
    limit = machine.read_sysctls(HOST, [NEIGHBOUR_LIMIT]).get(NEIGHBOUR_LIMIT, "")
    return neighbours_needed(host_side, int(limit)) if limit.isdigit() else []


def _assumed(host_side: HostSide, kinds: Mapping[str, str]) -> list[str]:
    missing = sorted(
        (name, "a Linux" if bridge.kind == LINUX else "an Open vSwitch")
        for name, bridge in host_side.bridges.items()
        if bridge.assumed and name not in kinds
    )
    return [
        f"bridge {name} is not there; checked as if an earlier task made it, as {kind} bridge with MTU {USUAL_MTU}"
        for name, kind in missing
    ]
