# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of port_publish to the result of a run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption, Refused
from ..host import lock
from ..host.machine import Machine
from ..host.port_use.listeners import Listeners
from ..model import addresses, names, publication
from ..model.attachment import SELECTORS
from ..model.firewall_safe_name import firewall_safe_name
from ..model.publication import PortDefaults, PortSpec, Publication, PublicationRules
from ..observe.containers import Pin, containers_of, pin_all
from ..observe.publications import observe as observe_publications
from ..plan import firewall
from ..plan import publication as plan
from ..plan.alternative_names import refuse_alternative
from ..state.network import HOST, NetworkState
from ..state.publications import PublicationState
from . import engine
from .recording import Recording, recording, refuse_passing
from .result import Result

# Options of one publication that may also be given outside of the list, for all entries that leave them out.
_COMMON = ("runtime", "interface")

# Options that make sense for one publication only.
_SINGLE = (*SELECTORS, "ports", "all_exposed")

_FORWARDING = {addresses.IPV4: "net/ipv4/ip_forward", addresses.IPV6: "net/ipv6/conf/all/forwarding"}


def converge(options: Mapping[str, Any], check: bool, pin: Pin | None = None) -> Result:
    """Publish ports as the options of port_publish say, or tell what that would take.

    ``pin`` pins the containers' namespaces in place of the engines' answers.

    :raises PipefitterError: with a sentence for the user.
    """
    bridge = firewall_safe_name(names.interface_name("bridge", options["bridge"]))
    present = options["state"] == "present"
    defaults = publication.parse_defaults(options)
    parsed = parse(options, defaults)
    keeping = recording(options, check)
    refuse_passing((want.attachment.target for want in parsed or ()), options.get("persistent"))
    with lock.held(check), Machine() as machine:
        pinned = pin_all(
            machine,
            [want.attachment for want in parsed or ()],
            must_run=present,
            patience=10.0 if present else 0.0,
            pin=pin,
        )
        wants = _exposed(parsed or (), defaults) if present else list(parsed or ())
        if present:
            _refuse_strange_addresses(wants, defaults, bool(options.get("host_ip_may_be_absent")))
        doubts = publication.doubtful_numbers(options.get("publications") or (options,)) if present else []
        if check and present:
            host = NetworkState(machine.netlink(HOST).links())
            refuse_alternative("bridge", bridge, host)
            if bridge not in host.links:
                return _assumed(bridge, wants, bool(options["protect"]), doubts)
        listeners = Listeners()

        def observe() -> tuple[PublicationState, PublicationRules, list[plan.Wanted], list[str]]:
            """Return what is there, and the goal that follows from it: ten thousand ports are allocated once.

            What there is to warn of is read now, too: a run that fails after its changes would not undo them.
            """
            wanted, have = observe_publications(machine, bridge, wants, pinned, listeners, present)
            if present:
                rules = plan.goal(wanted, have, bool(options["protect"]), bool(options["purge"]))
            else:
                rules = plan.remaining(wanted if parsed is not None else None, have)
            return have, rules, wanted, _warnings(machine, have, rules)

        def finish(seen: tuple[PublicationState, PublicationRules, list[plan.Wanted], list[str]]) -> None:
            if keeping.touched:
                _record(keeping, options, wants if parsed is not None else None, *seen[1:3])

        outcome = engine.converge(machine, observe, lambda seen: plan.changes(*seen[:2]), check, finish=finish)
        have, wanted_rules, wanted, told = outcome.before
        result = Result(
            operations=outcome.lines,
            before=_shown(have.ours if have.whole else PublicationRules()),
            after=_shown(wanted_rules),
            values={"publications": plan.describe(wanted_rules)},
            warnings=doubts
            + told
            + (plan.one_way(wanted) + plan.routed_otherwise(wanted_rules, have) if present else [])
            + (firewall.warnings(bridge, have.firewall, have.subnets) if wanted_rules.published else []),
        )
        return keeping.into(result)


def _record(
    keeping: Recording,
    options: Mapping[str, Any],
    wants: Sequence[Publication] | None,
    rules: PublicationRules,
    wanted: Sequence[plan.Wanted],
) -> None:
    """Record what is published in the end: ``rules`` are all of the bridge, ``wants`` of ``None`` stands for all."""
    from ..model.record import PUBLICATION, Alike, Record, lasts
    from ..model.record_objects import of_publication

    bridge, protect, present = options["bridge"], bool(options.get("protect")), options["state"] == "present"
    shown = plan.described_ports(rules)
    made = [
        of_publication(want.attachment, want.ports or (), shown[one.endpoint], protect)
        for want, one in zip(wants or (), wanted)
        if one.endpoint in shown and lasts(want.attachment.target)
    ]
    named = Alike(of_publication(want.attachment, (), (), protect) for want in wants or ())
    purged = wants is None or bool(options.get("purge"))
    if present:
        # Whether a bridge is protected is one for all that is published there.
        others = [
            record._replace(want={**record.want, "protect": protect})
            for record in keeping.read(PUBLICATION).values()
            if record.bridge == bridge and not purged and not named.of(record)
        ]

        def is_gone(record: Record) -> bool:
            return record.bridge == bridge and (purged or bool(named.of(record)))

        keeping.keep(PUBLICATION, made, {}, is_gone, others)
        return
    recorded = Alike(keeping.read(PUBLICATION).values())
    left = [record for record in made if recorded.of(record)]
    keeping.keep(
        PUBLICATION, left, {}, lambda record: record.bridge == bridge and (wants is None or bool(named.of(record)))
    )


def _assumed(bridge: str, wants: Sequence[Publication], protect: bool, warnings: list[str]) -> Result:
    """Return what publishing would do on a bridge that an earlier task of the play would have made."""
    after = [_wanted(want) for want in wants if want.ports]
    lines = [f"publish {port} of {want.attachment.target} on {bridge}" for want in wants for port in want.ports or ()]
    nothing = {"publications": [], "protect": False}
    warning = f"bridge {bridge} is not there; checked as if an earlier task made it and attached the containers to it"
    return Result(
        lines,
        nothing,
        {"publications": after, "protect": protect and bool(after)},
        {"publications": []},
        warnings,
        [warning],
    )


def _wanted(want: Publication) -> dict[str, Any]:
    """Return a publication in the shape of ``plan.describe``; one whose port is still to be chosen has none."""
    target = want.attachment.target
    ports = []
    for port in want.ports or ():
        entry: dict[str, Any] = {"host_port": port.lowest} if port.is_fixed else {}
        entry.update(container_port=port.container_port, protocol=port.protocol)
        ports.append({**entry, **({"host_ip": port.host_ip} if port.host_ip else {})})
    return {
        target.kind: int(target.value) if target.kind == "pid" else target.value,
        "interface": want.attachment.interface,
        "ports": ports,
    }


def parse(options: Mapping[str, Any], defaults: PortDefaults) -> tuple[Publication, ...] | None:
    """Return the wanted publications, of the list or of the single options; ``None`` stands for all of the bridge.

    :raises InvalidOption: naming the first option that can't be right.
    """
    items = options.get("publications")
    absent = options["state"] == "absent"
    given = {name: options[name] for name in (*_COMMON, *_SINGLE) if options.get(name) is not None}
    common = {"bridge": options["bridge"], **{name: given[name] for name in _COMMON if name in given}}
    if items is None:
        if not any(name in given for name in _SINGLE) and (absent or options.get("purge")):
            return None if absent else ()
        return (publication.parse({**given, "bridge": options["bridge"]}, defaults, absent=absent),)
    for name in _SINGLE:
        if name in given:
            raise InvalidOption(
                name,
                given[name],
                "is mutually exclusive with publications; put it into the entry of the list that it is for",
            )
    return publication.parse_list(items, common, defaults, absent)


def _exposed(parsed: Sequence[Publication], defaults: PortDefaults) -> list[Publication]:
    """Return publications with what images expose among their ports, as far as it isn't named there."""
    asked = [want.attachment.target for want in parsed if want.all_exposed]
    if not asked:
        return list(parsed)
    from ..host.engines.lookup import exposed_ports

    found = containers_of(asked)
    for target in asked:
        if found.get(target) is None:
            raise Refused(f"all_exposed: {target} has no image that exposes ports; name the ports instead")
    exposed = exposed_ports([container for container in found.values() if container is not None])
    by_target = {target: exposed[container.id] for target, container in found.items() if container is not None}
    return [
        _with_exposed(want, by_target[want.attachment.target], defaults) if want.all_exposed else want
        for want in parsed
    ]


def _with_exposed(want: Publication, exposed: Sequence[str], defaults: PortDefaults) -> Publication:
    named = {(port.container_port, port.protocol) for port in want.ports or ()}
    more: list[PortSpec] = []
    for text in exposed:
        more += [
            port
            for port in publication.parse_port(text, "all_exposed", defaults)
            if (port.container_port, port.protocol) not in named
        ]
    return replace(want, ports=(*(want.ports or ()), *more))


def _refuse_strange_addresses(wants: Sequence[Publication], defaults: PortDefaults, may_be_absent: bool) -> None:
    named = {port.host_ip for want in wants for port in want.ports or ()} - {"", "0.0.0.0", "::"}
    if not named:
        return
    from ..host.port_use.local_address import is_broadcast, is_local

    for address in sorted(named):
        absent = not is_local(address)
        problem = (
            "this host does not have"
            if absent and not may_be_absent
            else ""
            if absent
            else "is the broadcast address of a subnet of this host"
            if is_broadcast(address)
            else ""
        )
        if problem:
            option = "default_host_ip" if address == defaults.host_ip else "ports"
            raise Refused(
                f"{option}: host address {address} was asked for, which {problem}; "
                "give one of its addresses, or none for all of them"
                + (", or set host_ip_may_be_absent for one that comes and goes" if absent else "")
            )


# ---- what is told


def _shown(rules: PublicationRules) -> dict[str, Any]:
    return {"publications": plan.describe(rules), "protect": bool(rules.protected)}


def _warnings(machine: Machine, have: PublicationState, rules: PublicationRules) -> list[str]:
    families = {one.host.family for one in rules.published}
    shown = machine.read_sysctls(HOST, list(_FORWARDING.values()))
    told = [
        f"{name.replace('/', '.')} is 0: ports published in IPv{family} can be reached from this host only; "
        "container_bridge switches it on with ip_forward"
        for family, name in _FORWARDING.items()
        if family in families and shown.get(name) == "0"
    ]
    if rules.published and have.cut_off:
        told.append(
            f"containers of {have.bridge} don't reach ports published for {have.bridge}: its ports are isolated, "
            "this host's firewall sees what is bridged (net.bridge.bridge-nf-call-iptables is 1), "
            f"{have.cut_off}; all others reach them"
        )
    return told
