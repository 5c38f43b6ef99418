# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses and MACs that are asked for, and that another one on the same bridge has. Pure. Private to the collection.

Imported where an attachment brings an address or MAC to where it hadn't it; most runs have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import Refused
from ..model import addresses
from ..model.attachment import Attachment, Purge
from ..model.ownership import label, read_label
from ..state.attachments import ContainerSide, HostSide
from ..state.network import Link
from . import attachment_segments as segments

_Wants = Sequence[tuple[Attachment, ContainerSide]]


class Asked(NamedTuple):
    """What is to be known of a port's other end."""

    addresses: bool
    mac: bool


def to_ask(wants: _Wants, host_side: HostSide, purge: Purge | None) -> dict[str, Asked]:
    """Return by name which ports could be in the way of what attachments bring, and by what.

    Ports of the list have in the end what the list says: what it leaves to them is compared. Those of ours that are
    not in the list and that ``purge`` takes go.
    """
    bringing = [want for want, side in wants if segments.brings_something(want, side, host_side)]
    with_addresses = {want.bridge for want in bringing if want.addresses}
    with_mac = {want.bridge for want in bringing if want.mac is not None}
    owner_of = _owners(wants, host_side)
    found: dict[str, Asked] = {}
    for port in host_side.network.links.values():
        bridge = host_side.bridge_of(port) if port.kind == "veth" and port.peer_netns is not None else None
        if bridge not in with_addresses and bridge not in with_mac:
            continue
        owner = owner_of(port)
        going = purge is not None and purge.takes(bridge or "", host_side.owner_of(port.name))
        if owner is None and port.ours and going:
            continue
        asked = Asked(
            bridge in with_addresses and (owner is None or owner.addresses is None),
            bridge in with_mac and (owner is None or owner.mac is None),
        )
        if any(asked):
            found[port.name] = asked
    return found


def _owners(wants: _Wants, host_side: HostSide) -> Callable[[Link], Attachment | None]:
    """Return what tells whose port of the list a link is, also one into a namespace that its container has left."""
    by_index: dict[int, Attachment] = {}
    by_label: dict[tuple[str, ...], Attachment] = {}
    for want, side in wants:
        peer = side.network.links.get(want.interface)
        host_veth = host_side.host_veth(side, peer) if peer is not None else None
        if host_veth is not None:
            by_index[host_veth.index] = want
        own = label(want.target, want.interface, side.identity)
        by_label[(own.interface, own.kind, own.value)] = want
        by_label[(own.interface, side.identity)] = want

    def owner(port: Link) -> Attachment | None:
        said = read_label(port.alias) if port.ours else None
        if port.index in by_index or said is None:
            return by_index.get(port.index)
        named = by_label.get((said.interface, said.kind, said.value))
        return named or by_label.get((said.interface, said.identity))

    return owner


def check(wants: _Wants, host_side: HostSide) -> None:
    """Refuse what another port of the bridge has, in the same VLAN, or this host itself.

    :raises Refused: naming the first such attachment.
    """
    taken = _taken(host_side)
    own = _own_addresses(host_side)
    for want, side in wants:
        if not segments.brings_something(want, side, host_side):
            continue
        bridge = host_side.bridges[want.bridge]
        peer = side.network.links.get(want.interface)
        host_veth = host_side.host_veth(side, peer) if peer is not None else None
        shown = host_side.ovs_ports.get(host_veth.name) if host_veth is not None else None
        segment = segments.wanted(want, bridge, shown)
        named = (want.bridge, want.target.kind, want.target.value, want.interface)
        if segment is None or (segment == segments.WITHOUT_VLAN and named in host_side.tagged_later):
            continue
        where = f"{want.bridge}, in VLAN {segment}," if segment != segments.WITHOUT_VLAN else want.bridge
        for port in taken.get((want.bridge, segment, want.mac or ""), ()):
            raise Refused(
                f"mac: {want.mac} is to be that of {want}, and {_whose(port)} has it on {where} already; "
                "give one of them another mac or mac_seed"
            )
        for address in want.addresses or ():
            bare = addresses.bare(address)
            for port in taken.get((want.bridge, segment, bare), ()):
                if port.peer_netns != side.netns_id:
                    raise Refused(
                        f"addresses: {address} is asked for for {want}, and {_whose(port)} has it on {where} already; "
                        f"give another, or {_what_to_do(port)}"
                    )
            speaks_ip = _compared(host_side.network.addresses.get(want.bridge, ()))
            if bare in own and segment == segments.WITHOUT_VLAN and speaks_ip:
                raise Refused(
                    f"addresses: {address} is asked for for {want}, and is an address of {own[bare]} of this host, "
                    f"which is reached by {want.bridge} too; give another"
                )


def _taken(host_side: HostSide) -> Mapping[tuple[str, int, str], list[Link]]:
    """Return the ports that have an address or a MAC, by bridge, segment and that."""
    found: dict[tuple[str, int, str], list[Link]] = {}
    for name, peer in host_side.peers.items():
        port = host_side.network.links[name]
        bridge = host_side.bridge_of(port) or ""
        segment = segments.of_port(port, host_side.bridges[bridge], host_side)
        if segment == segments.WITHOUT_VLAN and _is_tagged_later(port, bridge, host_side):
            segment = None
        if segment is not None:
            for text in (*_compared(peer.addresses), *((peer.mac,) if peer.mac else ())):
                found.setdefault((bridge, segment, text), []).append(port)
    return found


def _is_tagged_later(port: Link, bridge: str, host_side: HostSide) -> bool:
    said = read_label(port.alias) if port.ours and host_side.tagged_later else None
    return said is not None and (bridge, said.kind, said.value, said.interface) in host_side.tagged_later


def _own_addresses(host_side: HostSide) -> dict[str, str]:
    return {
        addresses.bare(address): name
        for name, held in host_side.network.addresses.items()
        for address in held
        if not addresses.is_link_local(address)
    }


def _compared(held: Iterable[str]) -> list[str]:
    return [address for address in held if not addresses.is_link_local(address)]


def _whose(port: Link) -> str:
    said = read_label(port.alias) if port.ours else None
    return f"{said.interface} of {said.kind} {said.value}" if said else f"the container behind {port.name}"


def _what_to_do(port: Link) -> str:
    return "detach that one first (state absent)" if port.ours else "take it from that one first"
