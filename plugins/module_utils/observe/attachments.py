# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what host and containers show of attachments, in as few dumps as possible. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import MissingFeature
from ..host.machine import Machine
from ..model import attachment
from ..model.attachment import Attachment, Purge
from ..model.limits import IPV6_MTU, USUAL_MTU
from ..model.ownership import read_label
from ..state.attachments import LINUX, OVS, AttachedBridgeState, AttachmentState, ContainerSide, HostSide, PeerState
from ..state.network import HOST, Link, NetworkState
from . import container_side
from .containers import Pinned

if TYPE_CHECKING:
    from ..model.ovs import OvsBridge, OvsPort

_USERSPACE = "netdev"
_ALTERNATIVE_NAMES = (5, 5)  # the kernel that brought them

# The device that each datapath has, whatever its bridges are called (ofproto/ofproto-dpif.c).
_DATAPATHS = frozenset(("ovs-system", "ovs-netdev"))


def observe(machine: Machine, bridges: Collection[str], leftovers: bool = False) -> HostSide:
    """Return the host's links, the bridges asked for as far as they are there, and ports of Open vSwitch.

    Open vSwitch is asked only where something can be its: a bridge that is
    no Linux bridge, a link of ours that is in none, or a name that it takes
    in wherever a datapath of it is; and with ``leftovers``, for ports of ours
    whose link is gone.
    """
    netlink = machine.netlink(HOST)
    links = netlink.with_vlans(netlink.links())
    isolated = machine.isolated_bridges() if bridges else frozenset()
    host = NetworkState(links)
    seen = {
        name: _linux_bridge(links[name], name in isolated or host.all_isolated(name))
        for name in bridges
        if name in links and links[name].kind == "bridge"
    }
    ports: dict[str, OvsPort] = {}
    others = [name for name in bridges if name not in seen]
    runs = True
    # A port outlives its link, and would take in the one that a restarted container gets under the same name.
    if leftovers or others or not _DATAPATHS.isdisjoint(links) or _unmastered(links.values()):
        runs = machine.ovsdb.available()
        ovs_bridges, ports = machine.ovsdb.read() if runs else ({}, {})
        asked = [ovs_bridges[name] for name in others if name in ovs_bridges]
        switch_runs = not asked or machine.ovsdb.switch_runs()
        seen.update((bridge.name, _ovs_bridge(bridge, links, switch_runs)) for bridge in asked)
    return HostSide(
        host, seen, ports, runs, bool(host.by_alternative_name) or machine.kernel_version >= _ALTERNATIVE_NAMES
    )


def _unmastered(links: Collection[Link]) -> bool:
    linux_bridges = {link.index for link in links if link.kind == "bridge"}
    return any(link.ours and link.kind == "veth" and link.master not in linux_bridges for link in links)


def _linux_bridge(link: Link, isolated: bool) -> AttachedBridgeState:
    filters = bool(link.bridge["vlan_filtering"]) if "vlan_filtering" in link.bridge else None
    return AttachedBridgeState(
        LINUX, link.mtu, isolated=isolated, vlan_filtering=filters, default_vlans=link.default_vlans if filters else ()
    )


def _ovs_bridge(bridge: OvsBridge, links: dict[str, Link], switch_runs: bool) -> AttachedBridgeState:
    from ..model.ovs import missing_device

    problem = missing_device(bridge, links, switch_runs)
    if problem:
        raise MissingFeature(problem)
    # The MTU of the bridge's own device follows the least of its ports, so one attachment's would become
    # everybody's, and stay.
    others = [links[name].mtu for name in bridge.devices if name in links and not links[name].ours]
    return AttachedBridgeState(
        OVS,
        bridge.mtu_request or min([*others, *bridge.driven_mtus], default=USUAL_MTU),
        bridge.datapath_type == _USERSPACE,
    )


def observe_container(
    machine: Machine, netns: str, identity: str, wants: Sequence[Attachment], host_side: HostSide, going: bool = False
) -> ContainerSide:
    """Return what a container shows of the links that attachments ask for, those that are ``going`` to be no more."""
    seen = container_side.glance(machine, netns, identity)
    asked = {want.interface for want in wants}
    relevant = [link for link in seen.network.links.values() if link.name in asked or _ours(seen, link, host_side)]
    pairs = [(link.name, veth) for link in relevant if (veth := host_side.host_veth(seen, link)) is not None]
    on_ovs = [
        link
        for link in relevant
        if (host_veth := host_side.host_veth(seen, link)) is not None and host_veth.name in host_side.ovs_ports
    ]
    # What goes to a datapath in userspace is to have it off; what is deleted comes back as it was where that is undone.
    if any(want.bridge in host_side.bridges and host_side.bridges[want.bridge].userspace for want in wants):
        on_ovs = relevant
    marks = {name: veth.alias for name, veth in pairs if veth.ours}
    new = not asked <= seen.network.links.keys()
    return container_side.observe(machine, seen, wants, relevant, marks, on_ovs, new=new, going=going)


def _ours(side: ContainerSide, link: Link, host_side: HostSide) -> bool:
    host_veth = host_side.host_veth(side, link)
    return host_veth is not None and host_veth.ours


def _with_addresses(machine: Machine, wants: Sequence[Attachment], host_side: HostSide) -> HostSide:
    """Return the host's side with the addresses of bridges, where attachments could clash with them.

    They could ask for the same, or take IPv6 off a Linux bridge by a small MTU.
    """
    asked = {want.bridge for want in wants if want.addresses or (want.mtu is not None and want.mtu < IPV6_MTU)}
    links = [host_side.network.links[name] for name in sorted(asked) if name in host_side.network.links]
    if not links:
        return host_side
    held = machine.netlink(HOST).addresses(links, leased=True)
    return replace(host_side, network=replace(host_side.network, addresses=held))


def with_guards(machine: Machine, wants: Sequence[Attachment], host_side: HostSide) -> HostSide:
    """Return the host's side with what ports let in, and whether they could be told; mostly nothing is asked for it."""
    guards = machine.read_guards()
    asked = any(want.security is not None and want.security.asks for want in wants) or any(
        label.notes.security.asks
        for link in host_side.network.links.values()
        if " +" in link.alias and link.ours and (label := read_label(link.alias))
    )
    to_be = guards is None and (asked or any(bridge.isolated for bridge in host_side.bridges.values()))
    if guards is None and not to_be:
        return host_side
    return replace(
        host_side,
        guards=guards,
        can_guard=machine.can_guard if to_be else True,
        bound=machine.netlink(HOST).bound_macs(),
        seed=machine.seed,
    )


def observe_all(
    machine: Machine,
    pinned: Sequence[Pinned],
    check: bool,
    purge: Purge | None,
    leftovers: bool,
    kinds: Mapping[str, str],
) -> AttachmentState:
    """Return each wanted attachment with its container's side, and the host's side of all.

    With ``check``, a bridge that is not there counts as made by an earlier task, of what ``kinds`` says by its name.
    ``leftovers`` is as for ``observe``.
    """
    wants = [one.want for one in pinned]
    bridges = {want.bridge for want in wants if want.bridge != attachment.ANY_BRIDGE} | (
        {purge.bridge} if purge is not None else set()
    )
    host_side = with_guards(machine, wants, _with_addresses(machine, wants, observe(machine, bridges, leftovers)))
    if check:
        # A play is checked as a whole: an earlier task would have made the bridge.
        tagged = {want.bridge for want in wants if want.vlans is not None}
        missing = {
            name: AttachedBridgeState(kinds.get(name, OVS if name in tagged else LINUX), USUAL_MTU, assumed=True)
            for name in bridges
            if name not in host_side.bridges and not host_side.no_bridge(name)
        }
        host_side = replace(host_side, bridges={**host_side.bridges, **missing}, ovs_runs=True)
    by_netns: dict[str, list[Attachment]] = {}
    for one in pinned:
        if one.netns is not None:
            by_netns.setdefault(one.netns, []).append(one.want)
    identities = {one.netns: one.identity for one in pinned if one.netns is not None}
    sides = {
        netns: observe_container(machine, netns, identities[netns], here, host_side, leftovers and purge is None)
        for netns, here in by_netns.items()
    }
    each = [(one.want, sides[one.netns] if one.netns is not None else None) for one in pinned]
    nested = _nested(machine, each, host_side)
    return AttachmentState(each, replace(host_side, nested=nested) if nested else host_side)


def _nested(
    machine: Machine, each: Sequence[tuple[Attachment, ContainerSide | None]], host_side: HostSide
) -> frozenset[str]:
    """Return host veths of attachments that a container moved into a network namespace within, as ``HostSide.nested``.

    They are looked for where an interface is missing and its veth leads elsewhere, which mostly is the namespace that
    the container had before it restarted.
    """
    sides = {
        (side.identity, want.interface): side
        for want, side in each
        if side is not None and want.target.kind == "container" and want.interface not in side.network.links
    }
    found = set()
    for link in host_side.network.links.values() if sides else ():
        label = read_label(link.alias) if link.ours and link.kind == "veth" and link.peer_netns is not None else None
        side = sides.get((label.identity, label.interface)) if label is not None else None
        if side is not None and link.peer_netns != side.netns_id:
            if link.peer_netns in machine.nested_netns_ids(side.netns):
                found.add(link.name)
    return frozenset(found)


def with_peers(machine: Machine, have: AttachmentState, purge: Purge | None) -> AttachmentState:
    """Return what was seen, with what other ports of the bridges have where attachments bring an address or a MAC.

    And with the addresses of all links of this host. A run that finds all in order asks for nothing more.
    """
    wants = [(want, side) for want, side in have.sides if side is not None]
    host_side = have.host_side
    from ..plan.attachment_segments import brings_something  # for veth_attach alone

    if not any(brings_something(want, side, host_side) for want, side in wants):
        return have
    from ..plan.attachment_conflicts import to_ask

    netlink, links = machine.netlink(HOST), host_side.network.links
    asked = to_ask(wants, host_side, purge)
    peers = {name: PeerState(*netlink.peer(links[name], *what)) for name, what in asked.items()}
    held = netlink.addresses(links.values(), leased=True)
    network = replace(host_side.network, addresses=held)
    return have._replace(host_side=replace(host_side, network=network, peers=peers))
