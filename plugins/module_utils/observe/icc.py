# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the host shows of a bridge's policy, and what linked containers hold. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..host.machine import Machine
from ..model import addresses, icc_policy
from ..model.attachment import Target
from ..model.icc_policy import IccPolicy, IccPort
from ..plan import forwarding, port_guards
from ..plan import icc_policy as plan
from ..state.attachments import OVS, ContainerSide, HostSide, PeerState
from ..state.firewall import FirewallState
from ..state.icc import IccState
from ..state.network import HOST, Link, NetworkState, names_by_index
from . import attachments
from .containers import containers_of, pin_targets
from .forwarding import read_before_switching

_PATIENCE = 10.0  # seconds for a container that is just restarting


class LinkedContainers:
    """The containers that links name, pinned once, and those that bear a label."""

    def __init__(self, machine: Machine, want: IccPolicy) -> None:
        self.labelled = _labelled({link.label for link in want.links if link.label is not None})
        named = {target for link in want.links for target in (link.source, link.destination) if target is not None}
        netns_of, _inodes = pin_targets(machine, named, must_run=True, patience=_PATIENCE)
        # Those that were linked before may be gone by now; one of a group may stop in the meantime.
        members = {target for group in self.labelled.values() for target in group} | _linked_before(
            machine, want.bridge
        )
        more, _inodes = pin_targets(machine, members - named, must_run=False, patience=0)
        self.netns_of = {target: netns for target, (netns, _identity) in (*netns_of.items(), *more.items())}
        self.exposes = _exposed(
            {target for link in want.links if link.ports is None for target in _destinations(link, self.labelled)}
        )


def _linked_before(machine: Machine, bridge: str) -> set[Target]:
    if bridge not in machine.isolated_bridges():
        return set()
    found = set()
    for flow in machine.icc.read().flows_of(bridge):
        for kind, _space, value in (name.partition(" ") for name in (flow.source_name, flow.destination_name)):
            if value:
                found.add(Target(kind, value))
    return found


def _destinations(link: icc_policy.IccLink, labelled: Mapping[str, tuple[Target, ...]]) -> tuple[Target, ...]:
    return (link.destination,) if link.destination is not None else labelled.get(link.label or "", ())


def _labelled(labels: Collection[str]) -> dict[str, tuple[Target, ...]]:
    if not labels:
        return {}
    from ..host.engines.lookup import listing

    running = listing()
    found = {}
    for label in labels:
        key, equals, value = label.partition("=")
        bearing = [one for one in running if key in one.labels and (not equals or one.labels[key] == value)]
        found[label] = tuple(
            Target("container", one.name, one.runtime) for one in sorted(bearing, key=lambda one: one.name)
        )
    return found


def _exposed(targets: Collection[Target]) -> dict[Target, tuple[IccPort, ...] | None]:
    found = containers_of(targets)
    containers = [container for container in found.values() if container is not None]
    if not containers:
        return dict.fromkeys(found)
    from ..host.engines.lookup import exposed_ports

    exposed = exposed_ports(containers)
    return {
        target: tuple(sorted(icc_policy.port("ports", text) for text in exposed[container.id]))
        if container is not None
        else None
        for target, container in found.items()
    }


def observe(machine: Machine, want: IccPolicy, containers: LinkedContainers) -> IccState:
    """Read what the host shows of a bridge's policy, and what the linked containers hold on it."""
    netlink = machine.netlink(HOST)
    host_side = attachments.observe(machine, {want.bridge})
    links = host_side.network.links
    bridge = links.get(want.bridge)
    linux = bridge is not None and bridge.kind == "bridge"
    seen = host_side.bridges.get(want.bridge)
    seen_firewall = machine.read_firewall()
    holds = {
        target: _held(machine, netns, want.bridge, host_side)
        for target, netns in containers.netns_of.items()
        if netns is not None
    }
    others = {name for held in holds.values() for name in held} - {want.bridge}
    bridges = [links[name] for name in (want.bridge, *others) if name in links]
    host = NetworkState(
        links,
        netlink.addresses(bridges) if bridges else {},
        netlink.routes(names_by_index(links)),
    )
    ports = host.ports(want.bridge) if linux else []
    tags = netlink.priority_tags(ports)
    guards = machine.read_guards()
    checked = linux and port_guards.any_checked(want.bridge, not want.icc, host)
    bound = netlink.bound_macs() if guards is not None or checked or any(port.isolated for port in ports) else {}
    asked = port_guards.to_ask(want.bridge, not want.icc, host, guards, bound) if linux else []
    can_guard = guards is not None or not checked or machine.can_guard
    lacking = bridge is not None and any(port.isolated and tags[port.name] != bridge.mac for port in ports)
    return IccState(
        network=host,
        rules=machine.icc.read(),
        sysctls=_sysctls(machine, want, host, others),
        proxies=netlink.proxy_neighbours(want.bridge) if linux else frozenset(),
        firewall=seen_firewall,
        published=_published(machine, bridge, seen_firewall),
        tags=tags,
        can_tag=not lacking or machine.can_tag,
        guards=guards,
        can_guard=can_guard,
        bound=bound,
        peers={port.name: PeerState(*netlink.peer(port, True, True)) for port in (asked if can_guard else ())},
        openvswitch=seen is not None and seen.kind == OVS,
        holds=holds,
        exposes=containers.exposes,
        labelled=containers.labelled,
        owners={
            address: containers.netns_of[target] or ""
            for target, held in holds.items()
            for address in held.get(want.bridge, ())
        },
        knows={
            netns: machine.netlink(netns).neighbours() for netns in {*containers.netns_of.values()} if netns is not None
        },
    )


def _published(machine: Machine, bridge: Link | None, seen: FirewallState) -> bool:
    """Tell whether ports are published on another's bridge; read only where that matters."""
    if bridge is None or bridge.ours or not (seen.traces(bridge.name) or bridge.name in seen.lent):
        return False
    return bool(machine.publications.read(needed=False)[0].of_bridge(bridge.name).published)


def _held(machine: Machine, netns: str, bridge: str, host_side: HostSide) -> dict[str, tuple[str, ...]]:
    """Return the bare addresses of a container's interfaces by bridge: ``bridge``, or another of ours."""
    netlink = machine.netlink(netns)
    inside = netlink.links()
    side = ContainerSide(netns, "", NetworkState(inside), machine.netlink(HOST).netns_id(machine.descriptor(netns)))
    on_bridge: dict[str, list[Link]] = {}
    for link in inside.values():
        host_veth = host_side.host_veth(side, link)
        name = host_side.bridge_of(host_veth) if host_veth is not None else None
        master = host_side.network.links.get(name) if name is not None else None
        if name is not None and (name == bridge or (master is not None and master.kind == "bridge" and master.ours)):
            on_bridge.setdefault(name, []).append(link)
    held = netlink.addresses([link for found in on_bridge.values() for link in found]) if on_bridge else {}
    bare = {
        name: tuple(
            sorted(
                addresses.bare(address)
                for link in found
                for address in held[link.name]
                if not addresses.is_link_local(address)
            )
        )
        for name, found in on_bridge.items()
    }
    return {name: found for name, found in bare.items() if found}


def _sysctls(machine: Machine, want: IccPolicy, host: NetworkState, others: Collection[str]) -> dict[str, str]:
    shown = machine.read_sysctls(HOST, plan.sysctls(want.bridge, others))
    if want.links and shown.get(forwarding.IPV6_SWITCH) == "0":
        shown.update(read_before_switching(machine, host))
    return shown
