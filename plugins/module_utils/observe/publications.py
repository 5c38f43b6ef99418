# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the host shows of published ports, and which addresses they go to. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Refused
from ..host.machine import Machine
from ..host.port_use.listeners import Listeners, reserved_ports
from ..model import addresses
from ..model.ownership import read_label
from ..model.publication import Endpoint, Publication, endpoint
from ..plan.alternative_names import refuse_alternative
from ..plan.publication import Wanted
from ..state.attachments import ContainerSide, HostSide
from ..state.network import HOST, Link, NetworkState, names_by_index
from ..state.publications import BridgePortState, PublicationState
from . import attachments
from .containers import Pinned

_TAGGED_FILTER = "net/bridge/bridge-nf-filter-vlan-tagged"
_BRIDGED_FILTERS = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")


_RESERVED = "net/ipv4/ip_local_reserved_ports"


def observe(
    machine: Machine,
    bridge: str,
    wants: Sequence[Publication],
    pinned: Sequence[Pinned],
    listeners: Listeners,
    present: bool,
) -> tuple[list[Wanted], PublicationState]:
    host_side = attachments.observe(machine, {bridge})
    link = host_side.network.links.get(bridge)
    if present:
        refuse_alternative("bridge", bridge, host_side.network)
    if link is None and present:
        raise Refused(f"bridge: {bridge!r} is not a bridge of this host; create it first (container_bridge makes one)")
    if present and host_side.no_bridge(bridge):
        raise Refused(host_side.no_bridge(bridge))
    endpoints: dict[str, Endpoint] = {}
    wanted = [_wanted(machine, want, one, host_side, endpoints, present) for want, one in zip(wants, pinned)]
    reading = machine.publications.begin()  # while it runs, all else is read
    ours = link is not None and link.ours
    localnet = f"net/ipv4/conf/{bridge}/route_localnet"
    sysctls = machine.read_sysctls(HOST, [localnet, _RESERVED, _TAGGED_FILTER, *_BRIDGED_FILTERS])
    bridged_filter = any(sysctls.get(name) == "1" for name in _BRIDGED_FILTERS)
    shown = machine.netlink(HOST).addresses([link])[bridge] if link is not None else ()
    source_rules = machine.source_rules() if present else ()
    firewall = machine.read_firewall()
    rules, whole = reading()
    if not rules.of_bridge(bridge):  # what is left of a bridge that is gone goes, whoever bears its name
        refuse_alternative("bridge", bridge, host_side.network)
    have = PublicationState(
        bridge,
        bridge_ours=ours,
        rules=rules,
        whole=whole,
        subnets=_outermost({addresses.network(address) for address in shown if not addresses.is_link_local(address)}),
        route_localnet=sysctls.get(localnet) if link is not None else None,
        bridged_filter=bridged_filter,
        cut_off=_cut_off(machine, host_side, link, sysctls) if bridged_filter and link is not None else "",
        ports=tuple(_ports(host_side, link, endpoints)) if link is not None and link.kind == "bridge" else (),
        firewall=firewall,
        linked=not ours and bridge in machine.isolated_bridges() and bool(machine.icc.read().flows_of(bridge)),
        reserved=reserved_ports(sysctls.get(_RESERVED, "")),
        source_rules=source_rules,
        addresses=_elsewhere(machine, host_side, bridge) if source_rules else (),
        taken=listeners.who,
    )
    return wanted, have


def _elsewhere(machine: Machine, host_side: HostSide, bridge: str) -> tuple[str, ...]:
    """Return the host's bare addresses but for those on the bridge and link-local ones."""
    links = [link for name, link in host_side.network.links.items() if name != bridge]
    held = machine.netlink(HOST).addresses(links, leased=True)
    return tuple(
        addresses.bare(address) for shown in held.values() for address in shown if not addresses.is_link_local(address)
    )


def _cut_off(machine: Machine, host_side: HostSide, bridge: Link, sysctls: Mapping[str, str]) -> str:
    """Return why isolated ports of the bridge don't reach what is published for it, '' where they do.

    br_netfilter sends what it translated on within the bridge (``host.netlink.priority_tags``).
    """
    isolated = [port for port in host_side.network.ports(bridge.name) if port.isolated]
    if not isolated:
        return ""
    if sysctls.get(_TAGGED_FILTER) == "1":
        return "what is tagged, too (net.bridge.bridge-nf-filter-vlan-tagged is 1)"
    tags = machine.netlink(HOST).priority_tags(isolated)
    lacking = [name for name, mac in tags.items() if mac != bridge.mac]
    if not lacking:
        return ""
    if not machine.can_tag:
        return "and this kernel has no cls_bpf to take packets past it"
    return f"and {lacking[0]} doesn't take packets past it, which a run of icc_policy mends"


def _outermost(subnets: Collection[str]) -> tuple[str, ...]:
    """Return the subnets that no other one contains: a set of intervals can't hold both."""
    return tuple(sorted(one for one in subnets if not any(_is_part(one, other) for other in subnets)))


def _is_part(subnet: str, whole: str) -> bool:
    return addresses.overlap(subnet, whole) and int(subnet.partition("/")[2]) > int(whole.partition("/")[2])


def _wanted(
    machine: Machine, want: Publication, one: Pinned, host_side: HostSide, endpoints: dict[str, Endpoint], present: bool
) -> Wanted:
    """Return a publication with the container's addresses, and note its host veth in ``endpoints``."""
    target, interface, bridge = want.attachment.target, want.attachment.interface, want.attachment.bridge
    # A container may be named by its id: its engine's name for it is what is kept.
    named = (
        one.netns.partition(" ")[2]
        if one.netns is not None and target.kind == "container" and one.netns.startswith("container ")
        else target.value
    )
    whose = endpoint(bridge, interface, target.kind, named)
    if not present or one.netns is None:
        return Wanted(whose, want.ports)
    netlink = machine.netlink(one.netns)
    links = netlink.links()
    peer = links.get(interface)
    side = ContainerSide(
        one.netns, one.identity, NetworkState(links), machine.netlink(HOST).netns_id(machine.descriptor(one.netns))
    )
    refuse_alternative("interface", interface, side.network)
    host_veth = host_side.host_veth(side, peer) if peer is not None else None
    if peer is None or host_veth is None or host_side.bridge_of(host_veth) != bridge:
        raise Refused(
            f"{target.kind}: {target.value!r} has no interface {interface} on bridge {bridge}; "
            "attach it first, or name the interface it has there"
        )
    endpoints[host_veth.name] = whose
    found = _addresses(netlink.addresses([peer], leased=True)[interface])
    if not found:
        raise Refused(
            f"{target.kind}: {target.value!r} has no address on its {interface} on bridge {bridge} "
            "to publish ports to; give it one first"
        )
    routes = netlink.routes(names_by_index(links), found)
    leading_out = {entry.family for entry in routes if entry.gateway or entry.is_default}
    return Wanted(whose, want.ports, found, tuple(sorted(found.keys() - leading_out)))


def _addresses(shown: Sequence[str]) -> dict[int, str]:
    """Return the first address of each family."""
    found: dict[int, str] = {}
    for address in shown:
        if not addresses.is_link_local(address):
            found.setdefault(addresses.family(address), addresses.bare(address))
    return found


def _ports(host_side: HostSide, link: Link, endpoints: Mapping[str, Endpoint]) -> list[BridgePortState]:
    """Return the ports of the bridge that are ours; others' hairpin mode is theirs to set."""
    found = []
    for port in host_side.network.links.values():
        label = read_label(port.alias) if port.ours and port.master == link.index else None
        if label is not None:
            whose = endpoints.get(port.name) or endpoint(link.name, label.interface, label.kind, label.value)
            found.append(BridgePortState(port.name, whose, port.hairpin))
    return sorted(found, key=lambda seen: seen.name)
