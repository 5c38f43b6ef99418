# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what host and containers show of interfaces made from NICs. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Refused
from ..host.nic_machine import NicMachine
from ..model.addresses import bare
from ..model.nic_attachment import ANY_NIC, IPVLAN, PASSTHRU, PHYSICAL, NicAttachment
from ..plan.nic_attachment_match import find_all, find_nic, interface_of, mode_of
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link, NetworkState, names_by_index
from ..state.nic_attachments import NicAttachmentState, NicHostSide
from . import container_side
from .containers import Pinned

if TYPE_CHECKING:
    from ..host.netlink.handle import NetlinkHandle
    from ..state.kept_nic import KeptNic


def observe_all(machine: NicMachine, wants: Sequence[tuple[NicAttachment, Pinned]], going: bool) -> NicAttachmentState:
    """Return each attachment with its container's side, and the host's side of all.

    Those that are ``going`` are to be no more: nothing is asked that only what is made needs.
    """
    identities = {one.netns: one.identity for _want, one in wants if one.netns is not None}
    seen = {netns: container_side.glance(machine, netns, identity) for netns, identity in identities.items()}
    host_side = _host_side(machine, [want for want, _one in wants], seen, going)
    host_side = _with_elsewhere(machine, wants, seen, host_side, going)
    by_netns: dict[str, list[NicAttachment]] = {}
    for want, one in wants:
        if one.netns is not None:
            by_netns.setdefault(one.netns, []).append(want)
    sides = {netns: _side(machine, seen[netns], here, host_side, going) for netns, here in by_netns.items()}
    return NicAttachmentState([(want, sides[one.netns] if one.netns else None) for want, one in wants], host_side)


def _host_side(
    machine: NicMachine, wants: Sequence[NicAttachment], seen: Mapping[str, ContainerSide], going: bool
) -> NicHostSide:
    netlink = machine.netlink(HOST)
    links = netlink.links()
    named = {want.nic for want in wants if want.nic != ANY_NIC}
    bus_addresses = machine.bus_addresses(links) if any("." in nic and ":" in nic for nic in named) else {}
    host_ids = {netns: machine.host_id(netns) for netns in seen}
    vlans = [link for link in links.values() if link.kind == "vlan"]
    network = NetworkState(links, netlink.addresses(vlans, leased=True) if vlans else {})
    kept = machine.kept_nics()
    if going:
        return NicHostSide(network, bus_addresses, host_ids=host_ids, kept=kept)
    if any(PASSTHRU == want.mode or PHYSICAL == want.kind for want in wants):
        held = netlink.addresses(links.values(), leased=True)
        network = NetworkState(links, held, netlink.routes(names_by_index(links)))
    there = {link.kind for side in seen.values() for link in side.network.links.values()}
    kinds = {want.kind for want in wants} - {PHYSICAL}
    if any(want.vlan is not None for want in wants):
        kinds.add("vlan")
        there |= {link.kind for link in links.values()}
        network = replace(network, links=_with_vlans(netlink, network.links, wants, bus_addresses))
    return NicHostSide(
        network,
        bus_addresses,
        machine.wireless({nic.name for text in named if (nic := _found(text, links, bus_addresses)) is not None}),
        host_ids,
        _reached_by(machine, network),
        [kind for kind in sorted(kinds - there) if not netlink.can_make(kind)],
        kept,
        _snapshots(machine, wants, links, bus_addresses, kept),
    )


def _snapshots(
    machine: NicMachine,
    wants: Sequence[NicAttachment],
    links: Mapping[str, Link],
    bus_addresses: Mapping[str, str],
    kept: Mapping[str, KeptNic],
) -> dict[str, KeptNic]:
    """Return what NICs are like that are to move into containers."""
    asked = {want.nic for want in wants if want.kind == PHYSICAL}
    marks = {one.alias for one in kept.values()}
    nics = [nic for text in sorted(asked) if (nic := _found(text, links, bus_addresses)) is not None]
    if not nics:
        return {}
    from .nic_physical import snapshot

    return {nic.name: snapshot(machine, nic) for nic in nics if nic.alias not in marks}


def _with_vlans(
    netlink: NetlinkHandle, links: Mapping[str, Link], wants: Sequence[NicAttachment], bus_addresses: Mapping[str, str]
) -> Mapping[str, Link]:
    """Return links with the VLANs of bridges and their ports, where one of a bridge that filters them is asked for."""
    nics = [_found(want.nic, links, bus_addresses) for want in wants if want.vlan is not None]
    filters = any(nic is not None and nic.bridge.get("vlan_filtering") for nic in nics)
    return netlink.with_vlans(links) if filters else links


def _with_elsewhere(
    machine: NicMachine,
    wants: Sequence[tuple[NicAttachment, Pinned]],
    seen: Mapping[str, ContainerSide],
    host_side: NicHostSide,
    going: bool,
) -> NicHostSide:
    """Return the host's side with what is in other namespaces, which takes a while, where it matters.

    What is made needs a NIC without some others, a mode is that of all ipvlans of a NIC, and an interface for a VLAN
    goes with the last that is on it.
    """
    vlans: set[int] = set()
    if host_side.has_vlans:
        from ..plan import nic_vlan

        vlans = nic_vlan.ours_in(host_side.network)
    if going:
        return replace(host_side, elsewhere=machine.made_on(vlans, seen)) if vlans else host_side
    try:
        found = find_all([(want, seen[one.netns]) for want, one in wants if one.netns is not None], host_side)
    except Refused:
        return host_side  # the plan says so
    made = [one for one in found if one.want.kind != PHYSICAL]
    indexes = {
        one.link.index
        for one in made
        if one.peer is None or (one.want.kind == IPVLAN and mode_of(one.peer) != one.want.mode)
    }
    if vlans and nic_vlan.in_question(found, host_side):
        indexes |= vlans
    return replace(host_side, elsewhere=machine.made_on(indexes, seen)) if indexes else host_side


def _found(text: str, links: Mapping[str, Link], bus_addresses: Mapping[str, str]) -> Link | None:
    try:
        return find_nic(text, links, bus_addresses)
    except Refused:
        return None  # the plan says so


def _reached_by(machine: NicMachine, host: NetworkState) -> dict[str, str]:
    """Return the interfaces by which this host reaches others, and by which this task came, with the reason."""
    found = dict.fromkeys(
        (link for entry in host.routes if entry.is_default for link in entry.links), "carries this host's default route"
    )
    server = machine.came_by() if host.addresses else ""
    for link, held in host.addresses.items():
        if server and server in {bare(address) for address in held}:
            found.setdefault(link, "carries the SSH session by which this was asked for")
    return found


def _side(
    machine: NicMachine, seen: ContainerSide, wants: Sequence[NicAttachment], host_side: NicHostSide, going: bool
) -> ContainerSide:
    relevant = []
    for want in wants:
        try:
            link = interface_of(want, seen)
        except Refused:
            continue  # the plan says so
        if link is not None and link not in relevant:
            relevant.append(link)
    marks = {link.name: link.alias for link in relevant if link.ours}
    marks.update(_marks_of_veths(seen, host_side))
    return container_side.observe(
        machine, seen, wants, relevant, marks, new=_is_made(wants, seen, host_side), going=going
    )


def _marks_of_veths(seen: ContainerSide, host_side: NicHostSide) -> dict[str, str]:
    """Return the marks of the container's interfaces on bridges, which their host veths bear."""
    if seen.netns_id is None:
        return {}  # nothing of the host leads there
    by_index = {link.index: name for name, link in seen.network.links.items()}
    return {
        by_index[link.peer]: link.alias
        for link in host_side.network.links.values()
        if link.ours and link.kind == "veth" and link.peer_netns == seen.netns_id and link.peer in by_index
    }


def _is_made(wants: Sequence[NicAttachment], seen: ContainerSide, host_side: NicHostSide) -> bool:
    """Tell whether any interface is to be made, for the first time or anew."""
    try:
        return any(one.peer is None for one in find_all([(want, seen) for want in wants], host_side))
    except Refused:
        return False
