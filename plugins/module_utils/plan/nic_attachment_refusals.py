# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces from NICs that must not be made on this host as it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MissingFeature, Refused
from ..model.nic_attachment import MACVLAN, PASSTHRU, PHYSICAL
from ..state.network import ON_ANOTHER, Link
from ..state.nic_attachments import NicHostSide
from .container_side_refusals import check_interface_name, check_more, check_mtus, check_routes
from .nic_attachment_match import NicMatch, mode_of
from .uplinks import upper_interfaces

_MACVLANS = ("macvlan", "macvtap")


def check(found: Sequence[NicMatch], host_side: NicHostSide) -> None:
    """Refuse what would take something of others, or what the kernel would refuse half-way.

    :raises Refused: naming the first such attachment.
    :raises MissingFeature: the kernel lacks what one is to be.
    """
    _check_links(found)
    for one in found:
        if one.want.kind in host_side.lacking:
            raise MissingFeature(
                f"kind: this host's kernel has no {one.want.kind} (CONFIG_{one.want.kind.upper()}), which {one.want} "
                "is to be; use a kernel that has it, or a bridge (veth_attach)"
            )
        check_interface_name(one)
        if one.want.kind == PHYSICAL:
            from . import nic_physical_refusals

            nic_physical_refusals.check(one, found, host_side)
            continue
        _check_nic(one, host_side)
        _check_alone(one, found, host_side)
        if one.want.mtu is not None and one.want.mtu > one.link.mtu:
            raise Refused(
                f"mtu: {one.want.mtu} is asked for for {one.want}, and NIC {one.link.name} has {one.link.mtu}, which "
                f"what is made from it can't exceed; give that or less, or raise the MTU of {one.link.name}"
            )
    check_mtus(found)
    check_routes(found)
    check_more(found)


def _check_links(found: Sequence[NicMatch]) -> None:
    seen: dict[tuple[str, int], NicMatch] = {}
    for one in found:
        if one.peer is not None and (other := seen.setdefault((one.side.netns, one.peer.index), one)) is not one:
            raise Refused(
                f"interface: {one.want.interface!r} and {other.want.interface!r} are the same link {one.peer.name} in "
                f"{one.side.netns}; it was renamed, so rename it back first"
            )


def _check_nic(one: NicMatch, host_side: NicHostSide) -> None:
    nic = one.link
    master = host_side.network.by_index(nic.master) if nic.master else None
    if master is not None:
        bridge = master.kind == "bridge"
        raise Refused(
            f"nic: {nic.name} is a port of {'bridge ' if bridge else ''}{master.name}, which has all its frames; "
            + (f"attach to {master.name} with veth_attach" if bridge else f"give {master.name}")
            + ", or take it out of there first"
        )
    if nic.kind in ON_ANOTHER:
        below = host_side.network.by_index(nic.peer) if nic.peer_netns is None else None
        advice = f"give {below.name}" if below is not None else "give a NIC"
        raise Refused(f"nic: {nic.name} is a {nic.kind} itself, on which none is made; {advice}")
    if not nic.ethernet:
        raise Refused(f"nic: {nic.name} carries no Ethernet frames, which a {one.want.kind} needs; give another NIC")
    if nic.name in host_side.wireless:
        raise Refused(
            f"nic: {nic.name} is wireless, and an access point takes frames of one MAC only, that of {nic.name}; "
            "give a NIC with a wire"
        )
    if one.want.mode == PASSTHRU:
        for link, _tag in upper_interfaces(nic, host_side.network):
            why = host_side.reached_by.get(link.name)
            if why:
                on_it = f", on which {link.name} stands, which" if link.name != nic.name else ""
                raise Refused(
                    f"mode: {PASSTHRU} would take all frames of {nic.name} from this host{on_it or ', and it'} {why}; "
                    "give another NIC, or another mode"
                )


def _check_alone(one: NicMatch, found: Sequence[NicMatch], host_side: NicHostSide) -> None:
    """Refuse what the kernel doesn't make beside what is there of the NIC already."""
    beside = [
        link
        for link in host_side.network.links.values()
        if link.kind in ON_ANOTHER and link.peer == one.link.index and link.peer_netns is None
    ]
    for link in beside:
        if link.kind not in _MACVLANS:
            raise Refused(
                f"nic: {one.link.name} has {link.name}, of kind {link.kind}, and a NIC has {one.want.kind}s or those; "
                f"give another NIC, or take {link.name} away"
            )
    others: list[tuple[str, bool]] = [(link.name, _is_passthru(link)) for link in beside]
    others += [
        (str(other.want), other.want.mode == PASSTHRU)
        for other in found
        if other is not one and other.link.index == one.link.index and other.want.kind == MACVLAN
    ]
    for name, has_it_alone in others:
        if has_it_alone or one.want.mode == PASSTHRU:
            raise Refused(
                f"mode: a macvlan of mode {PASSTHRU} has its NIC to itself, and {one.want} and {name} are both to be "
                f"on {one.link.name}; give one of them another NIC, or both another mode"
            )


def _is_passthru(link: Link) -> bool:
    return link.kind == MACVLAN and mode_of(link) == PASSTHRU
