# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces from NICs that must not be made on this host as it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MissingFeature, Refused
from ..model.nic_attachment import IPVLAN, PASSTHRU, PHYSICAL
from ..state.network import ON_ANOTHER
from ..state.nic_attachments import NicHostSide
from . import nic_sharing
from .container_side_refusals import check_interface_name, check_more, check_mtus, check_routes
from .nic_attachment_match import NicMatch
from .uplinks import upper_interfaces


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
        if one.nic is not None:
            from . import nic_vlan_refusals

            nic_vlan_refusals.check(one, one.nic, host_side)
        _check_nic(one, host_side)
        nic_sharing.check(one, found, host_side)
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
    wire = one.nic or nic
    if wire.name in host_side.wireless and one.want.kind != IPVLAN:
        raise Refused(
            f"nic: {wire.name} is wireless, and an access point takes frames of one MAC only, that of {wire.name}; "
            "give a NIC with a wire, or kind ipvlan"
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
