# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What of a NIC's interfaces the kernel does not make beside each other, or changes with each other. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import Refused
from ..model.nic_attachment import IPVLAN, MACVLAN, PASSTHRU, PHYSICAL
from ..model.ownership import read_label
from ..state.network import ON_ANOTHER, Link
from ..state.nic_attachments import NicHostSide
from .nic_attachment_match import NicMatch, is_on, mode_of

_ALIKE = {MACVLAN: ("macvlan", "macvtap"), IPVLAN: ("ipvlan", "ipvtap")}


def check(one: NicMatch, found: Sequence[NicMatch], host_side: NicHostSide) -> None:
    """Refuse what the kernel doesn't make beside what is there of the NIC already, or what is asked for of it.

    :raises Refused: macvlans and ipvlans, one that has the NIC to itself, ipvlans of several modes.
    """
    kind, mode, nic = one.want.kind, one.want.mode, one.link.name
    others: list[tuple[str, str, str]] = []
    for where, link in _beside(one, found, host_side):
        name = f"{link.name} in {where}" if where else link.name
        if link.kind not in _ALIKE[kind]:
            raise Refused(
                f"nic: {nic} has {name}, of kind {link.kind}, and a NIC has {kind}s or those; "
                f"give another NIC, or take {link.name} away"
            )
        if link.kind != "macvtap":
            others.append((name, kind, mode_of(link)))
    for other in found:
        # A NIC that goes itself refuses others; one in a container has an index of that one's.
        if other is not one and other.want.kind != PHYSICAL and other.link.index == one.link.index:
            others.append((str(other.want), other.want.kind, other.want.mode))
    for name, of_kind, of_mode in others:
        if of_kind != kind:
            raise Refused(
                f"kind: {one.want} is to be of kind {kind} and {name} of kind {of_kind}, and both on {nic}, which "
                "has either; give one of them another NIC, or both one kind"
            )
        if kind == MACVLAN and PASSTHRU in (of_mode, mode):
            raise Refused(
                f"mode: a macvlan of mode {PASSTHRU} has its NIC to itself, and {one.want} and {name} are both to be "
                f"on {nic}; give one of them another NIC, or both another mode"
            )
        if kind == IPVLAN and of_mode != mode:
            raise Refused(
                f"mode: all ipvlans on one NIC have one mode, and on {nic} {one.want} is to have {mode} and {name} "
                f"{of_mode}; give {of_mode}, or put all that are on {nic} into one list with the mode that they are to "
                "have"
            )


def _beside(one: NicMatch, found: Sequence[NicMatch], host_side: NicHostSide) -> Iterator[tuple[str, Link]]:
    """Yield what is on the NIC and not in the list, as far as it was looked for, and where; '' is the host."""
    for link in host_side.network.links.values():
        if link.kind in ON_ANOTHER and link.peer == one.link.index and link.peer_netns is None:
            yield "", link
    for netns, link in host_side.elsewhere:
        if link.peer == one.link.index:
            label = read_label(link.alias) if link.ours else None
            yield f"{label.kind} {label.value}" if label is not None else netns, link
    listed = {(other.side.netns, other.peer.index) for other in found if other.peer is not None}
    for netns, side in {other.side.netns: other.side for other in found}.items():
        for link in side.network.links.values():
            if link.kind in ON_ANOTHER and (netns, link.index) not in listed and is_on(link, one.link, side, host_side):
                yield netns, link
