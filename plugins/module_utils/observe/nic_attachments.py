# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what host and containers show of interfaces made from NICs. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Refused
from ..host.nic_machine import NicMachine
from ..model.addresses import bare
from ..model.nic_attachment import ANY_NIC, PASSTHRU, PHYSICAL, NicAttachment
from ..plan.nic_attachment_match import find_all, find_nic, interface_of
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link, NetworkState, names_by_index
from ..state.nic_attachments import NicAttachmentState, NicHostSide
from . import container_side
from .containers import Pinned

if TYPE_CHECKING:
    from ..state.kept_nic import KeptNic


def observe_all(machine: NicMachine, wants: Sequence[tuple[NicAttachment, Pinned]], going: bool) -> NicAttachmentState:
    """Return each attachment with its container's side, and the host's side of all.

    Those that are ``going`` are to be no more: nothing is asked that only what is made needs.
    """
    identities = {one.netns: one.identity for _want, one in wants if one.netns is not None}
    seen = {netns: container_side.glance(machine, netns, identity) for netns, identity in identities.items()}
    host_side = _host_side(machine, [want for want, _one in wants], seen, going)
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
    network, kept = NetworkState(links), machine.kept_nics()
    if going:
        return NicHostSide(network, bus_addresses, host_ids=host_ids, kept=kept)
    if any(PASSTHRU == want.mode or PHYSICAL == want.kind for want in wants):
        held = netlink.addresses(links.values(), leased=True)
        network = NetworkState(links, held, netlink.routes(names_by_index(links)))
    there = {link.kind for side in seen.values() for link in side.network.links.values()}
    made = {want.kind for want in wants} - there - {PHYSICAL}
    return NicHostSide(
        network,
        bus_addresses,
        machine.wireless({nic.name for text in named if (nic := _found(text, links, bus_addresses)) is not None}),
        host_ids,
        _reached_by(machine, network),
        [kind for kind in sorted(made) if not netlink.can_make(kind)],
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
