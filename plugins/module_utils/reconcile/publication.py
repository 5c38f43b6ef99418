# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Publications from options to result: what port_publish, a role or the reconciler calls. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption, Refused
from ..host import hairpin, lock
from ..host.machine import Machine
from ..host.port_use.listeners import Listeners, reserved_ports
from ..host.port_use.local_address import is_local
from ..model import addresses, names, publication
from ..model.attachment import SELECTORS
from ..model.firewall_safe_name import firewall_safe_name
from ..model.publication import Defaults, Owner, PortSpec, Publication, PublicationRules, owner
from ..observe import attachments
from ..observe.containers import Pinned, containers_of, pin_all
from ..plan import firewall
from ..plan import publication as plan
from ..plan.publication import BridgePortState, PublicationState, Wanted
from ..state.attachments import ContainerSide, HostSide, read_label
from ..state.network import HOST, Link, NetworkState
from . import engine
from .result import Result

# Options of one publication that may also stand beside the list, for all that leave them out.
_COMMON = ("runtime", "interface")

# Options that make sense for one publication only.
_SINGLE = (*SELECTORS, "ports", "all_exposed")

_BRIDGED_FILTERS = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")
_RESERVED = "net/ipv4/ip_local_reserved_ports"
_FORWARDING = {addresses.IPV4: "net/ipv4/ip_forward", addresses.IPV6: "net/ipv6/conf/all/forwarding"}


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Publish ports as the options of port_publish say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    bridge = firewall_safe_name(names.interface_name("bridge", options["bridge"]))
    present = options["state"] == "present"
    defaults = publication.parse_defaults(options)
    parsed = parse(options, defaults)
    with lock.held(check), Machine() as machine:
        pinned = pin_all(
            machine, [want.attachment for want in parsed or ()], must_run=present, patience=10.0 if present else 0.0
        )
        wants = _exposed(parsed or (), defaults) if present else list(parsed or ())
        if present:
            _refuse_strange_addresses(wants)
        if check and present and bridge not in machine.netlink(HOST).links():
            return _assumed(bridge, wants)
        listeners = Listeners()

        def observe() -> tuple[PublicationState, PublicationRules]:
            """Return what is there, and the goal that follows from it: ten thousand ports are allocated once."""
            wanted, have = _observe(machine, bridge, wants, pinned, listeners, present)
            if present:
                return have, plan.goal(wanted, have, bool(options["protect"]), bool(options["purge"]))
            return have, plan.remaining(wanted if parsed is not None else None, have)

        outcome = engine.converge(machine, observe, lambda seen: plan.changes(*seen), check)
        have, wanted_rules = outcome.before
        return Result(
            operations=outcome.lines,
            before=_shown(have.ours if have.whole else PublicationRules()),
            after=_shown(wanted_rules),
            values={"publications": plan.describe(wanted_rules)},
            warnings=_warnings(machine, have, wanted_rules)
            + (firewall.warnings(bridge, have.firewall) if wanted_rules.published else []),
        )


def _assumed(bridge: str, wants: Sequence[Publication]) -> Result:
    """A play is checked as a whole: an earlier task would have made the bridge, and attached the containers."""
    lines = [f"publish {port} of {want.attachment.target} on {bridge}" for want in wants for port in want.ports or ()]
    nothing = {"publications": [], "protect": False}
    warning = f"bridge {bridge} is not there; checked as if an earlier task made it and attached the containers to it"
    return Result(lines, nothing, nothing, {"publications": []}, [warning])


def parse(options: Mapping[str, Any], defaults: Defaults) -> tuple[Publication, ...] | None:
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
                name, given[name], "stands beside publications; put it into the entry of the list that it is for"
            )
    return publication.parse_list(items, common, defaults, absent)


def _exposed(parsed: Sequence[Publication], defaults: Defaults) -> list[Publication]:
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


def _with_exposed(want: Publication, exposed: Sequence[str], defaults: Defaults) -> Publication:
    named = {(port.container_port, port.protocol) for port in want.ports or ()}
    more: list[PortSpec] = []
    for text in exposed:
        more += [
            port
            for port in publication.parse_port(text, "all_exposed", defaults)
            if (port.container_port, port.protocol) not in named
        ]
    return replace(want, ports=(*(want.ports or ()), *more))


def _refuse_strange_addresses(wants: Sequence[Publication]) -> None:
    for address in sorted({port.host_ip for want in wants for port in want.ports or ()} - {"", "0.0.0.0", "::"}):
        if not is_local(address):
            raise Refused(
                f"ports: host address {address} was asked for, which this host does not have; give one of its addresses, or none for all of them"
            )


# ---- observing


def _observe(
    machine: Machine,
    bridge: str,
    wants: Sequence[Publication],
    pinned: Sequence[Pinned],
    listeners: Listeners,
    present: bool,
) -> tuple[list[Wanted], PublicationState]:
    host_side = attachments.observe(machine, {bridge})
    link = host_side.network.links.get(bridge)
    if link is None and present:
        raise Refused(
            f"bridge: {bridge!r} is not a bridge of this host; make it first, with container_bridge for example"
        )
    owners: dict[str, Owner] = {}
    wanted = [_wanted(machine, want, one, host_side, owners, present) for want, one in zip(wants, pinned)]
    rules, whole = machine.publications.read()
    ours = link is not None and link.ours
    localnet = f"net/ipv4/conf/{bridge}/route_localnet"
    sysctls = machine.read_sysctls(HOST, [localnet, _RESERVED, *_BRIDGED_FILTERS])
    shown = machine.netlink(HOST).addresses([link])[bridge] if link is not None else ()
    have = PublicationState(
        bridge,
        bridge_ours=ours,
        rules=rules,
        whole=whole,
        subnets=_outermost({addresses.network(address) for address in shown if not addresses.is_link_local(address)}),
        route_localnet=sysctls.get(localnet) if link is not None else None,
        bridged_filter=any(sysctls.get(name) == "1" for name in _BRIDGED_FILTERS),
        ports=tuple(_ports(host_side, link, owners)) if link is not None and link.kind == "bridge" else (),
        firewall=machine.read_firewall(),
        linked=not ours and bridge in machine.icc.isolated_bridges() and bool(machine.icc.read().flows_of(bridge)),
        reserved=reserved_ports(sysctls.get(_RESERVED, "")),
        taken=listeners.who,
    )
    return wanted, have


def _outermost(subnets: Collection[str]) -> tuple[str, ...]:
    """Return the subnets that no other one contains: a set of intervals can't hold both."""
    return tuple(sorted(one for one in subnets if not any(_is_part(one, other) for other in subnets)))


def _is_part(subnet: str, whole: str) -> bool:
    return addresses.overlap(subnet, whole) and int(subnet.partition("/")[2]) > int(whole.partition("/")[2])


def _wanted(
    machine: Machine, want: Publication, one: Pinned, host_side: HostSide, owners: dict[str, Owner], present: bool
) -> Wanted:
    """Return a publication with the container's addresses, and note the host's end of its interface in ``owners``."""
    target, interface, bridge = want.attachment.target, want.attachment.interface, want.attachment.bridge
    # A container may be named by its id: its engine's name for it is what is kept.
    named = (
        one.netns.partition(" ")[2]
        if one.netns is not None and target.kind == "container" and one.netns.startswith("container ")
        else target.value
    )
    whose = owner(bridge, interface, target.kind, named)
    if not present or one.netns is None:
        return Wanted(whose, want.ports)
    netlink = machine.netlink(one.netns)
    links = netlink.links()
    peer = links.get(interface)
    side = ContainerSide(
        one.netns, one.identity, NetworkState(links), machine.netlink(HOST).netns_id(machine.descriptor(one.netns))
    )
    host_veth = host_side.host_veth(side, peer) if peer is not None else None
    if peer is None or host_veth is None or host_side.bridge_of(host_veth) != bridge:
        raise Refused(
            f"{target.kind}: {target.value!r} has no interface {interface} on bridge {bridge}; attach it first, or name the interface it has there"
        )
    owners[host_veth.name] = whose
    found = _addresses(netlink.addresses([peer], leased=True)[interface])
    if not found:
        raise Refused(
            f"{target.kind}: {target.value!r} has no address on its {interface} on bridge {bridge} that ports could lead to; give it one first"
        )
    return Wanted(whose, want.ports, found)


def _addresses(shown: Sequence[str]) -> dict[int, str]:
    """Return the first address of each family."""
    found: dict[int, str] = {}
    for address in shown:
        if not addresses.is_link_local(address):
            found.setdefault(addresses.family(address), addresses.bare(address))
    return found


def _ports(host_side: HostSide, link: Link, owners: Mapping[str, Owner]) -> list[BridgePortState]:
    """Return the ports of the bridge that are ours; others' hairpin mode is theirs to set."""
    found = []
    for port in host_side.network.links.values():
        label = read_label(port.alias) if port.ours and port.master == link.index else None
        if label is not None:
            whose = owners.get(port.name) or owner(link.name, label.interface, label.kind, label.value)
            found.append(BridgePortState(port.name, whose, bool(hairpin.hairpin(port.name))))
    return sorted(found, key=lambda seen: seen.name)


# ---- telling


def _shown(rules: PublicationRules) -> dict[str, Any]:
    return {"publications": plan.describe(rules), "protect": bool(rules.protected)}


def _warnings(machine: Machine, have: PublicationState, rules: PublicationRules) -> list[str]:
    versions = {one.host.family for one in rules.published}
    shown = machine.read_sysctls(HOST, list(_FORWARDING.values()))
    told = [
        f"{name.replace('/', '.')} is 0: ports published in IPv{version} can be reached from this host only; container_bridge switches it on with ip_forward"
        for version, name in _FORWARDING.items()
        if version in versions and shown.get(name) == "0"
    ]
    if rules.published and have.bridged_filter and have.bridge in machine.icc.isolated_bridges():
        # br_nf_pre_routing_finish() bridges what it translated into the bridge that it came from.
        told.append(
            f"containers of {have.bridge} don't reach ports published for {have.bridge}: its ports are isolated, and this host's firewall sees"
            " what is bridged (net.bridge.bridge-nf-call-iptables is 1); all others reach them"
        )
    return told
