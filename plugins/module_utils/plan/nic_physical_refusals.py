# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""NICs that must not move into a container. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Refused
from ..model.nic_attachment import MACVLAN, PHYSICAL
from ..state.network import ON_ANOTHER, Link
from ..state.nic_attachments import NicHostSide
from .nic_attachment_match import NicMatch
from .uplinks import DEVICES, upper_interfaces

# Of a driver that keeps them where they are (NETIF_F_NETNS_LOCAL), or of use on the host alone.
_STAY = ("bridge", "bond", "team", "vrf", *DEVICES)


def check(one: NicMatch, found: Sequence[NicMatch], host_side: NicHostSide) -> None:
    """Refuse a NIC that others use, that this host needs, or that can't move.

    :raises Refused: naming the NIC and what to do.
    """
    if one.peer is not None:
        return
    nic = one.link
    for other in found:
        if other is not one and nic.index in _indexes_on_host(other):
            raise Refused(
                f"nic: {nic.name} is to be {one.want}, and {other.want} asks for it, too; a NIC that moves into a "
                "container is that one's alone, so give another NIC to one of the two"
            )
    if nic.kind in ON_ANOTHER:
        raise Refused(f"nic: {nic.name} is a {nic.kind} on another NIC; give that one, with kind {MACVLAN}")
    if nic.kind in _STAY:
        raise Refused(
            f"nic: {nic.name} is a {nic.kind}, which the kernel keeps in its network namespace; give a NIC"
            + (", or attach to it with veth_attach" if nic.kind == "bridge" else "")
        )
    if nic.name in host_side.wireless:
        raise Refused(
            f"nic: {nic.name} is wireless, and leaves this host only with all of its radio (iw phy); give a NIC with a "
            "wire"
        )
    if one.want.interface in nic.alternative_names:
        raise Refused(
            f"interface: {one.want.interface!r} is an alternative name of {nic.name}, and the kernel gives it no "
            "second time; choose another interface, or take that name off it (ip link property del)"
        )
    _check_use(nic, host_side)


def _indexes_on_host(one: NicMatch) -> set[int]:
    """Return the indexes of the host's interfaces of which an attachment is to be one, or is made."""
    if one.want.kind == PHYSICAL and one.peer is not None:
        return set()
    return {one.link.index, one.nic.index if one.nic is not None else one.link.index}


def _check_use(nic: Link, host_side: NicHostSide) -> None:
    master = host_side.network.by_index(nic.master) if nic.master else None
    if master is not None:
        raise Refused(
            f"nic: {nic.name} is a port of {master.kind} {master.name}, and would leave it; give another NIC, or take "
            "it out of there first"
        )
    uppers = [link for link, _tag in upper_interfaces(nic, host_side.network)]
    for link in uppers:
        why = host_side.reached_by.get(link.name)
        if why:
            on_it = f"{link.name}, which is on it," if link is not nic else "and it"
            raise Refused(
                f"nic: {nic.name} would leave this host, {on_it} {why}; give another NIC, or a macvlan of it (kind "
                f"{MACVLAN})"
            )
    for link in uppers:
        if link is not nic:
            raise Refused(
                f"nic: {nic.name} would leave this host, and {link.name}, of kind {link.kind}, is on it; give another "
                f"NIC, or take {link.name} away first"
            )
