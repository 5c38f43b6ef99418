# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a wanted icc_policy and what the host shows to operations. Pure. Private to the collection.

Without links, isolation of the ports is all that is needed. With links the
host stands between the two containers: it answers for the one when the other
asks (proxy ARP for ports that can't reach each other, RFC 3069; proxy neighbour
discovery), and forwards what the rules let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import Refused
from ..model import addresses
from ..model.icc_policy import ALLOW, DENY, IccPolicy, IccPort
from ..model.icc_rules import IccFlow, IccRules
from ..state.icc import IccState
from ..state.network import HOST
from . import firewall, forwarding
from .alternative_names import refuse_alternative
from .forwarding import FORCE_FORWARDING
from .icc_flows import check_ports, flows_within, wanted_flows
from .icc_operations import AddProxyNeighbour, ChangeIccRules, ForgetNeighbour, RemoveProxyNeighbour, SetPriorityTags
from .link_operations import SetLink
from .operations import Operation, SetSysctl
from .uplinks import is_way_out

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
# What a new bridge has, in hundredths of a second (neigh_table.parms of net/ipv4/arp.c and
# net/ipv6/ndisc.c); neigh/default shows it in the first network namespace only.
_PROXY_DELAY = "80"


def sysctls(bridge: str, others: Iterable[str]) -> list[str]:
    """Return the names of all sysctls that a plan looks at.

    ``others`` are the bridges that links lead to or come from.
    """
    patterns = [*_SYSCTLS["ip"], *_SYSCTLS["ip6"], FORCE_FORWARDING]
    own = [pattern.format(whose) for pattern in patterns for whose in (bridge, "default")]
    theirs = [
        name for other in others for name in (forwarding.of_link(other, addresses.IPV4), FORCE_FORWARDING.format(other))
    ]
    return [forwarding.IPV6_SWITCH, *own, *theirs]


def present(want: IccPolicy, have: IccState) -> list[Operation]:
    """Return what makes the traffic of a bridge as wanted.

    :raises Refused: the bridge is missing or no Linux bridge, or a link can't be made.
    """
    _check_bridge(want, have)
    goal = _rules(want, have, wanted_flows(want, have))
    flows = goal.flows_of(want.bridge)
    within = flows_within(flows, want.bridge, have)
    check_ports(within, want.bridge, have)
    needed = _needed(flows, within, want.bridge, have)
    recorded = have.rules.former_of(want.bridge)
    kept = {name: value for name, value in recorded.items() if name in needed}
    added = _former(needed, want.bridge, have)
    others = have.rules.without(want.bridge).former
    # Until all is done the record has what is set now and what is to be put back, and the bridge stays isolated.
    middle = replace(goal, off=have.rules.off | goal.off, former=others | frozenset({**recorded, **added}.items()))
    if middle.off != goal.off:
        middle = replace(middle, neighbours=have.rules.neighbours)
    final = replace(goal, former=others | frozenset({**kept, **added}.items()))
    operations = _change(have.rules, middle)
    if not want.icc:
        operations += _isolate(want.bridge, have, True)
    if have.can_guard:
        from . import port_guards

        operations += port_guards.of_bridge(
            want.bridge, not want.icc, have.network, have.guards, have.bound, have.peers
        )
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
    if _without(bridge, have) == have.rules:  # what is left of a bridge that is gone goes, whoever bears its name
        refuse_alternative("bridge", bridge, have.network)
    from . import port_guards

    stale = port_guards.without((), have.network.links.keys(), have.guards)
    return _change(have.rules, _without(bridge, have)) + stale


def describe(bridge: str, rules: IccRules) -> dict[str, Any]:
    """Return a bridge's policy as options that give it back."""
    links: dict[tuple[str, str], set[IccPort]] = {}
    for flow in rules.flows_of(bridge):
        pair = (flow.source_name or flow.source, flow.destination_name or flow.destination)
        links.setdefault(pair, set()).add(IccPort(flow.protocol, flow.port))
    return {
        "bridge": bridge,
        "icc": bridge not in rules.off,
        "egress": DENY if bridge in rules.egress_denied else ALLOW,
        "host_access": DENY if bridge in rules.host_denied else ALLOW,
        "links": [
            {"from": _option(pair[0]), "to": _option(pair[1]), "ports": [str(port) for port in sorted(links[pair])]}
            for pair in sorted(links)
        ],
    }


def predict(want: IccPolicy, have: IccState) -> dict[str, Any]:
    """Return what ``describe`` will show once the plan was carried out."""
    return describe(want.bridge, _rules(want, have, wanted_flows(want, have)))


def unchecked(want: IccPolicy, have: IccState) -> list[str]:
    """Return what containers of the bridge can do to each other all the same, for want of what the host lacks."""
    if have.can_guard or want.icc:
        return []
    from .port_guards import not_checked

    return not_checked([want.bridge])


def firewall_warnings(want: IccPolicy, have: IccState) -> list[str]:
    """Return what keeps linked containers from reaching each other, and only its owner can change."""
    return firewall.warnings(want.bridge, have.firewall, have.network.addresses.get(want.bridge, ()))


def _option(name: str) -> Any:
    kind, _space, value = name.partition(" ")
    if kind == "container" or not value:
        return value or name
    return {kind: int(value) if kind == "pid" else value}


# ---- what is wanted


def _check_bridge(want: IccPolicy, have: IccState) -> None:
    refuse_alternative("bridge", want.bridge, have.network)
    link = have.network.links.get(want.bridge)
    if have.openvswitch:
        raise Refused(
            f"bridge: {want.bridge!r} is an Open vSwitch bridge; "
            "inter-container communication is controlled on Linux bridges only"
        )
    if link is None:
        raise Refused(
            f"bridge: {want.bridge!r} is not an interface of this host; "
            "create the bridge first (container_bridge makes one)"
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


# ---- sysctls


def _needed(flows: frozenset[IccFlow], within: frozenset[IccFlow], bridge: str, have: IccState) -> dict[str, str]:
    """Return the sysctls that flows need, as far as this kernel has them."""
    needed: dict[str, str] = {}
    for family in sorted({flow.family for flow in flows}):
        if any(flow.family == family for flow in within):
            needed.update({pattern.format(bridge): value for pattern, value in _SYSCTLS[family].items()})
        else:
            needed[forwarding.of_link(bridge, addresses.IPV6 if family == "ip6" else addresses.IPV4)] = "1"
        if family == "ip6" and FORCE_FORWARDING.format(bridge) in have.sysctls:
            needed[FORCE_FORWARDING.format(bridge)] = "1"
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
        and FORCE_FORWARDING.format(bridge) not in needed
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
    """Return what isolates the ports of a bridge, or no longer does, with the tags that go with it."""
    operations: list[Operation] = []
    mac = have.network.links[bridge].mac if isolated else ""
    for port in have.network.ports(bridge):
        shown = have.tags.get(port.name, "")
        if port.isolated != isolated:
            operations.append(SetLink(HOST, port.name, {"isolated": isolated}, {"isolated": port.isolated}))
        elif shown != mac and (have.can_tag or not mac):
            operations.append(SetPriorityTags(HOST, port.name, mac, shown))
    return operations


def _proxies(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Return what answers neighbour solicitations for both containers of a flow, and for none besides.

    Each is asked for by the other: when a connection begins, and when it is replied to.
    """
    wanted = {address for flow in flows if flow.family == "ip6" for address in (flow.source, flow.destination)}
    added: list[Operation] = [AddProxyNeighbour(HOST, bridge, address) for address in sorted(wanted - have.proxies)]
    return added + [RemoveProxyNeighbour(HOST, bridge, address) for address in sorted(have.proxies - wanted)]


def _forget(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Return what makes containers forget MACs that are no longer right.

    Linked containers are to send to the bridge's MAC, and those that were linked to each other's own.
    """
    mac = have.network.links[bridge].mac
    operations: dict[Operation, None] = {}
    linked = _address_pairs(flows)
    for source, destination in sorted(linked | _address_pairs(have.rules.flows_of(bridge))):
        netns = have.owners.get(source, "")
        for link, address, known in sorted(have.knows.get(netns, ())):
            if address == destination and (known == mac) != ((source, destination) in linked):
                operations[ForgetNeighbour(netns, link, address)] = None
    return list(operations)


def _address_pairs(flows: frozenset[IccFlow]) -> set[tuple[str, str]]:
    return {pair for flow in flows for pair in ((flow.source, flow.destination), (flow.destination, flow.source))}


def _firewall(flows: frozenset[IccFlow], bridge: str, have: IccState) -> list[Operation]:
    """Return what lets linked containers pass the host's firewall.

    A bridge of ours passes it all the time, see container_bridge.
    """
    families = {flow.family for flow in flows}
    operations = firewall.at_least(bridge, families, have.firewall, within=True)
    if have.network.links[bridge].ours:
        return operations
    if have.published:
        return operations + firewall.not_within(bridge, have.firewall, families)
    return operations + firewall.no_longer(bridge, have.firewall, families)
