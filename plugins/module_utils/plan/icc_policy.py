# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a wanted policy of inter-container communication and what the host shows to operations. Pure. Private to the collection.

Without links, isolation of the ports is all that is needed. With links the
host stands between the two containers: it answers for the one when the other
asks (proxy ARP for ports that can't reach each other, RFC 3069; proxy neighbour
discovery), and forwards what the rules let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Refused
from ..model import addresses
from ..model.attachment import Target
from ..model.firewall import FirewallState
from ..model.icc_policy import ALLOW, DENY, IccLink, IccPolicy, IccPort
from ..model.icc_rules import IccFlow, IccRules
from ..state.network import HOST, NetworkState
from . import firewall, forwarding
from .bridge import is_way_out
from .icc_operations import AddProxyNeighbour, ChangeIccRules, ForgetNeighbour, RemoveProxyNeighbour
from .operations import Operation, SetLink, SetSysctl

# What a bridge needs for links, by family. The delays are those before the host answers for a container, at
# random up to 0.8 s by default.
_SYSCTLS = {
    "ip": {
        "net/ipv4/conf/{}/forwarding": "1",
        "net/ipv4/conf/{}/proxy_arp_pvlan": "1",
        "net/ipv4/neigh/{}/proxy_delay": "0",
    },
    "ip6": {
        "net/ipv6/conf/{}/forwarding": "1",
        "net/ipv6/conf/{}/proxy_ndp": "1",
        "net/ipv6/neigh/{}/proxy_delay": "0",
    },
}
# What a new bridge has, in hundredths of a second (neigh_table.parms of net/ipv4/arp.c and net/ipv6/ndisc.c); neigh/default
# shows it in the first network namespace only.
_PROXY_DELAY = "80"
# Since Linux 6.17 a bridge can forward IPv6 while the host does not; before, the host's own switch counts (ip6_forward()).
_FORCE_FORWARDING = "net/ipv6/conf/{}/force_forwarding"


@dataclass(frozen=True)
class IccState:
    """What the host shows of a bridge and its containers.

    ``network`` has every link, the bridge's addresses and the routes of the
    main table. ``sysctls`` are those of the bridge, and of ``default``.
    ``holds`` are each linked container's bare addresses, by the bridge they
    are on: this one, or another of ours. ``exposes`` the ports of its image (``None``: its engine does not say),
    ``labelled`` the containers that bear a label. ``owners`` says which
    container (as a place) holds an address, ``knows`` which neighbours each
    of them has learned: link, address, MAC. ``published`` is whether port_publish
    has ports on a bridge that is not ours, which need the firewall's consent too.
    """

    network: NetworkState
    rules: IccRules = field(default_factory=IccRules)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    proxies: frozenset[str] = frozenset()
    firewall: FirewallState = FirewallState()
    published: bool = False
    openvswitch: bool = False
    holds: Mapping[Target, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    exposes: Mapping[Target, tuple[IccPort, ...] | None] = field(default_factory=dict)
    labelled: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    knows: Mapping[str, frozenset[tuple[str, str, str]]] = field(default_factory=dict)


def sysctls(bridge: str, others: Iterable[str]) -> list[str]:
    """Return the names of all sysctls that a plan looks at; ``others`` are the bridges that links lead to or come from."""
    patterns = [*_SYSCTLS["ip"], *_SYSCTLS["ip6"], _FORCE_FORWARDING]
    own = [pattern.format(whose) for pattern in patterns for whose in (bridge, "default")]
    theirs = [
        name
        for other in others
        for name in (forwarding.of_link(other, addresses.IPV4), _FORCE_FORWARDING.format(other))
    ]
    return [forwarding.IPV6_SWITCH, *own, *theirs]


def present(want: IccPolicy, have: IccState) -> list[Operation]:
    """Return what makes the traffic of a bridge as wanted.

    :raises Refused: the bridge is missing or no Linux bridge, or a link can't be made.
    """
    _check_bridge(want, have)
    goal = _rules(want, have, _flows(want, have))
    flows = goal.flows_of(want.bridge)
    within = _within(flows, want.bridge, have)
    _check_ports(within, want.bridge, have)
    needed = _needed(flows, within, want.bridge, have)
    recorded = have.rules.former_of(want.bridge)
    kept = {name: value for name, value in recorded.items() if name in needed}
    added = _former(needed, want.bridge, have)
    others = have.rules.without(want.bridge).former
    # Until all is done the record has what is set now and what is to be put back; and the bridge stays isolated.
    middle = replace(goal, off=have.rules.off | goal.off, former=others | frozenset({**recorded, **added}.items()))
    if middle.off != goal.off:
        middle = replace(middle, neighbours=have.rules.neighbours)
    final = replace(goal, former=others | frozenset({**kept, **added}.items()))
    operations = _change(have.rules, middle)
    if not want.icc:
        operations += _isolate(want.bridge, have, True)
    operations += _set_sysctls(needed, want.bridge, have)
    operations += _proxies(within, want.bridge, have)
    operations += _put_back({name: value for name, value in recorded.items() if name not in needed}, have)
    if want.icc:
        operations += _isolate(want.bridge, have, False)
    operations += _forget(within, want.bridge, have)
    operations += _change(middle, final)
    return operations + _firewall(flows, want.bridge, have)


def absent(bridge: str, have: IccState) -> list[Operation]:
    """Return what takes a bridge's policy away; the bridge may be gone."""
    if bridge in have.network.links:
        return present(IccPolicy(bridge), have)
    return _change(have.rules, _without(bridge, have))


def describe(bridge: str, rules: IccRules) -> dict[str, Any]:
    """Return a bridge's policy as options that give it back."""
    links: dict[tuple[str, str], set[IccPort]] = {}
    for flow in rules.flows_of(bridge):
        ends = (flow.source_name or flow.source, flow.destination_name or flow.destination)
        links.setdefault(ends, set()).add(IccPort(flow.protocol, flow.port))
    return {
        "bridge": bridge,
        "icc": bridge not in rules.off,
        "egress": DENY if bridge in rules.egress_denied else ALLOW,
        "host_access": DENY if bridge in rules.host_denied else ALLOW,
        "links": [
            {"from": _option(ends[0]), "to": _option(ends[1]), "ports": [str(port) for port in sorted(links[ends])]}
            for ends in sorted(links)
        ],
    }


def predict(want: IccPolicy, have: IccState) -> dict[str, Any]:
    """Return what ``describe`` will show once the plan was carried out."""
    return describe(want.bridge, _rules(want, have, _flows(want, have)))


def _option(name: str) -> Any:
    kind, _space, value = name.partition(" ")
    if kind == "container" or not value:
        return value or name
    return {kind: int(value) if kind == "pid" else value}


# ---- what is wanted


def _check_bridge(want: IccPolicy, have: IccState) -> None:
    link = have.network.links.get(want.bridge)
    if have.openvswitch:
        raise Refused(
            f"bridge: {want.bridge!r} is an Open vSwitch bridge; inter-container communication is controlled on Linux bridges only"
        )
    if link is None:
        raise Refused(
            f"bridge: {want.bridge!r} is not an interface of this host; create the bridge first (container_bridge makes one)"
        )
    if link.kind != "bridge":
        kind = f"a {link.kind} interface" if link.kind else "a physical interface"
        raise Refused(f"bridge: {want.bridge!r} is {kind} of this host and not a Linux bridge; name a Linux bridge")


def _rules(want: IccPolicy, have: IccState, flows: frozenset[IccFlow]) -> IccRules:
    """Return the tables' content with this bridge's policy in it; the record of its sysctls is left out."""
    bridge, rules = frozenset({want.bridge}), _without(want.bridge, have)
    off = rules.off | (frozenset() if want.icc else bridge)
    # The names by which containers were first given stay, so that two ways of naming don't take turns.
    known = {flow: flow for flow in have.rules.flows_of(want.bridge)}
    return replace(
        rules,
        off=off,
        neighbours=_neighbours(have) - off if off else frozenset(),
        egress_denied=rules.egress_denied | (bridge if want.egress == DENY else frozenset()),
        host_denied=rules.host_denied | (bridge if want.host_access == DENY else frozenset()),
        flows=rules.flows | frozenset(known.get(flow, flow) for flow in flows),
        intact=True,
    )


def _without(bridge: str, have: IccState) -> IccRules:
    return replace(have.rules.without(bridge), intact=True)


def _neighbours(have: IccState) -> frozenset[str]:
    """Return our bridges, but for those that are a way out of the host."""
    bridges = (link.name for link in have.network.links.values() if link.kind == "bridge" and link.ours)
    return frozenset(name for name in bridges if not is_way_out(name, have.network))


@dataclass(frozen=True)
class _Reached:
    """A container's addresses that this host can pass connections on to, and the bridge they are on."""

    target: Target
    bridge: str
    addresses: tuple[str, ...]


def _flows(want: IccPolicy, have: IccState) -> frozenset[IccFlow]:
    flows: set[IccFlow] = set()
    for netns, link in enumerate(want.links):
        option = f"links[{netns}]"
        source = _reached(link.source, want.bridge, have, f"{option}.from")
        for target in _destinations(link, want, have, f"{option}.to"):
            destination = _reached(target, want.bridge, have, f"{option}.to")
            if set(destination.addresses) & set(source.addresses):
                raise Refused(
                    f"{option}.to: {target} and {link.source} are the same network namespace; name two containers"
                )
            between = _pairs(want.bridge, source, destination, _ports(link, target, have, option), option)
            _check_between(source, destination, want.bridge, between, have, option)
            flows |= between
    _refuse_others(flows, want.bridge, have)
    return frozenset(flows)


def _destinations(link: IccLink, want: IccPolicy, have: IccState, option: str) -> list[Target]:
    if link.destination is not None:
        return [link.destination]
    # Of a group, those count that are on a bridge; a container has no link to itself.
    own = {address for held in have.holds.get(link.source, {}).values() for address in held}
    bearing = [target for target in have.labelled.get(link.label or "", ()) if have.holds.get(target)]
    found = [
        target for target in bearing if not own & {address for held in have.holds[target].values() for address in held}
    ]
    if not found:
        where = f"on {want.bridge}, or on another bridge of this collection,"
        raise Refused(
            f"{option}: no running container {where} has the label {link.label!r}; start one, or correct the label"
        )
    return found


def _reached(target: Target, bridge: str, have: IccState, option: str) -> _Reached:
    held = have.holds.get(target, {})
    if not held:
        raise Refused(
            f"{option}: {target} has no address on {bridge}, nor on another bridge of this collection; attach it first (veth_attach)"
        )
    where = bridge if bridge in held else min(held)
    subnets = [address for address in have.network.addresses.get(where, ()) if not addresses.is_link_local(address)]
    reachable = tuple(
        address for address in held[where] if any(addresses.contains(subnet, address) for subnet in subnets)
    )
    if not reachable:
        raise Refused(
            f"{option}: {target} has {', '.join(held[where])} on {where}, and the bridge has no address in the same subnet, so this host can't "
            "pass connections on; give the bridge one (addresses of container_bridge)"
        )
    return _Reached(target, where, reachable)


def _check_between(
    source: _Reached, destination: _Reached, bridge: str, flows: Iterable[IccFlow], have: IccState, option: str
) -> None:
    """A link between two bridges needs this host to forward from the one to the other, which is not for icc_policy to switch on."""
    if source.bridge == destination.bridge == bridge:
        return
    if bridge not in (source.bridge, destination.bridge):
        raise Refused(
            f"{option}: neither {source.target} nor {destination.target} is on {bridge}; name the link in the policy of a bridge of theirs"
        )
    other = destination.bridge if source.bridge == bridge else source.bridge
    for family in sorted({flow.family for flow in flows}):
        version = addresses.IPV6 if family == "ip6" else addresses.IPV4
        accepted = {entry.bridge for entry in have.firewall.accepted if entry.family == family and entry.uplinks}
        closed = [name for name in (bridge, other) if family in have.firewall.families and name not in accepted]
        if not _forwards(other, version, have):
            closed.append(other)
        if closed:
            raise Refused(
                f"{option}: {source.target} is on {source.bridge} and {destination.target} on {destination.bridge}, and {closed[0]} does not forward"
                f" IPv{version}; set ip_forward on both bridges (container_bridge)"
            )


def _forwards(bridge: str, version: int, have: IccState) -> bool:
    if version == addresses.IPV4:
        return have.sysctls.get(forwarding.of_link(bridge, version)) == "1"
    forced = have.sysctls.get(_FORCE_FORWARDING.format(bridge))
    # Without force_forwarding in the kernel, the plan switches the host's own on.
    return forced in (None, "1") or have.sysctls.get(forwarding.IPV6_SWITCH) == "1"


def _refuse_others(flows: Iterable[IccFlow], bridge: str, have: IccState) -> None:
    """Two bridges are in one link; it is told in the policy of one of them."""
    others = {flow.packets: flow for flow in have.rules.flows if flow.bridge != bridge}
    for flow in sorted(flows):
        if flow.packets in others:
            raise Refused(
                f"links: {flow} is in the policy of bridge {others[flow.packets].bridge} already; name the link in the policy of one bridge"
            )


def _ports(link: IccLink, destination: Target, have: IccState, option: str) -> tuple[IccPort, ...]:
    if link.ports is not None:
        return link.ports
    exposed = have.exposes.get(destination)
    if exposed is None:
        raise Refused(
            f"{option}: ports are left out, and nothing says which ones {destination} exposes; name them, such as 5432/tcp"
        )
    if not exposed:
        raise Refused(
            f"{option}: ports are left out, and the image of {destination} exposes none; name them, such as 5432/tcp"
        )
    return exposed


def _pairs(bridge: str, source: _Reached, destination: _Reached, ports: tuple[IccPort, ...], option: str) -> set[IccFlow]:
    names = (f"{source.target.kind} {source.target.value}", f"{destination.target.kind} {destination.target.value}")
    pairs = [
        (one, other) for one in source.addresses for other in destination.addresses if (":" in one) == (":" in other)
    ]
    if not pairs:
        where = " and ".join(dict.fromkeys((source.bridge, destination.bridge)))
        raise Refused(
            f"{option}: {source.target} and {destination.target} have no address of the same family on {where}; give both an IPv4 or an IPv6 address"
        )
    ingress = "" if source.bridge == bridge else source.bridge
    return {
        IccFlow(bridge, one, other, port.protocol, port.number, ingress, *names) for one, other in pairs for port in ports
    }


def _within(flows: frozenset[IccFlow], bridge: str, have: IccState) -> frozenset[IccFlow]:
    """Return the flows of which both ends are on the bridge: between those the host has to stand."""
    held = {address for by_bridge in have.holds.values() for address in by_bridge.get(bridge, ())}
    return frozenset(flow for flow in flows if {flow.source, flow.destination} <= held)


def _check_ports(within: frozenset[IccFlow], bridge: str, have: IccState) -> None:
    """With proxy_arp_pvlan the host answers for each address of the subnet, whatever port asks: no more for containers than for a LAN's hosts."""
    outside = [port.name for port in have.network.ports(bridge) if port.leads_elsewhere]
    if outside and any(flow.family == "ip" for flow in within):
        raise Refused(
            f"links: {outside[0]} is a port of {bridge} and no container's, and for IPv4 links within a bridge this host answers the ARP requests of all"
            f" its ports; take {outside[0]} out of {bridge}, or put the containers on two bridges and use links between two bridges"
        )


# ---- sysctls


def _needed(flows: frozenset[IccFlow], within: frozenset[IccFlow], bridge: str, have: IccState) -> dict[str, str]:
    """Return the sysctls that flows need, as far as this kernel has them."""
    needed: dict[str, str] = {}
    for family in sorted({flow.family for flow in flows}):
        if any(flow.family == family for flow in within):
            needed.update({pattern.format(bridge): value for pattern, value in _SYSCTLS[family].items()})
        else:
            needed[forwarding.of_link(bridge, addresses.IPV6 if family == "ip6" else addresses.IPV4)] = "1"
        if family == "ip6" and _FORCE_FORWARDING.format(bridge) in have.sysctls:
            needed[_FORCE_FORWARDING.format(bridge)] = "1"
    return needed


def _former(needed: Mapping[str, str], bridge: str, have: IccState) -> dict[str, str]:
    """Return what is to be recorded of the sysctls that are not recorded yet."""
    recorded = have.rules.former_of(bridge)
    # The record was lost with the tables: somebody flushed the ruleset. Forwarding may be on for other reasons.
    lost = bridge not in have.rules.off and any(port.isolated for port in have.network.ports(bridge))
    former: dict[str, str] = {}
    for name, value in needed.items():
        shown = have.sysctls.get(name, value)
        if lost and shown == value and not name.endswith("/forwarding"):
            shown = have.sysctls.get(
                name.replace(f"/{bridge}/", "/default/"), _PROXY_DELAY if name.endswith("/proxy_delay") else value
            )
        if name not in recorded and shown != value:
            former[name] = shown
    return former


def _set_sysctls(needed: Mapping[str, str], bridge: str, have: IccState) -> list[Operation]:
    operations: list[Operation] = []
    switched = set()
    own = forwarding.of_link(bridge, addresses.IPV6)
    if (
        own in needed
        and _FORCE_FORWARDING.format(bridge) not in needed
        and have.sysctls.get(forwarding.IPV6_SWITCH) == "0"
    ):
        operations += forwarding.switch_ipv6(have)
        switched.add(own)
    for name, value in needed.items():
        shown = have.sysctls.get(name, value)
        if shown != value and name not in switched:
            operations.append(SetSysctl(HOST, name, value, shown))
    return operations


def _put_back(former: Mapping[str, str], have: IccState) -> list[Operation]:
    shown = have.sysctls
    return [
        SetSysctl(HOST, name, value, shown[name])
        for name, value in sorted(former.items())
        if shown.get(name, value) != value
    ]


# ---- the rest


def _change(old: IccRules, new: IccRules) -> list[Operation]:
    return [ChangeIccRules(HOST, new, old)] if old != new or not old.intact else []


def _isolate(bridge: str, have: IccState, isolated: bool) -> list[Operation]:
    return [
        SetLink(HOST, port.name, {"isolated": isolated}, {"isolated": port.isolated})
        for port in have.network.ports(bridge)
        if port.isolated != isolated
    ]


def _proxies(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Both ends are answered for: the one is asked about by the other, when it begins and when it replies."""
    wanted = {address for flow in flows if flow.family == "ip6" for address in (flow.source, flow.destination)}
    added: list[Operation] = [AddProxyNeighbour(HOST, bridge, address) for address in sorted(wanted - have.proxies)]
    return added + [RemoveProxyNeighbour(HOST, bridge, address) for address in sorted(have.proxies - wanted)]


def _forget(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Linked containers are to send to the bridge's MAC, and those that were linked to each other's own."""
    mac = have.network.links[bridge].mac
    operations: dict[Operation, None] = {}
    linked = _ends(flows)
    for source, destination in sorted(linked | _ends(have.rules.flows_of(bridge))):
        netns = have.owners.get(source, "")
        for link, address, known in sorted(have.knows.get(netns, ())):
            if address == destination and (known == mac) != ((source, destination) in linked):
                operations[ForgetNeighbour(netns, link, address)] = None
    return list(operations)


def _ends(flows: frozenset[IccFlow]) -> set[tuple[str, str]]:
    return {ends for flow in flows for ends in ((flow.source, flow.destination), (flow.destination, flow.source))}


def _firewall(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Return what lets linked containers pass the host's firewall. A bridge of ours passes it all the time, see container_bridge."""
    families = {flow.family for flow in flows}
    operations = firewall.at_least(bridge, families, have.firewall, within=True)
    if have.network.links[bridge].ours:
        return operations
    if have.published:
        return operations + firewall.not_within(bridge, have.firewall, families)
    return operations + firewall.no_longer(bridge, have.firewall, families)
