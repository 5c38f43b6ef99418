# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces made from NICs as options that give them back, before and after a plan. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model.nic_attachment import BRIDGE, IPVLAN, PHYSICAL, VEPA, NicAttachment
from ..state.attachments import ContainerSide
from ..state.network import Link
from ..state.nic_attachments import NicHostSide
from .attachment_routes import taken_by_others
from .container_side_result import described, predicted, sysctls_described
from .nic_attachment_match import NicMatch, find_all, interface_of, is_moved, is_on, mode_of


def describe(
    sides: Sequence[tuple[NicAttachment, ContainerSide | None]], host_side: NicHostSide
) -> list[dict[str, Any] | None]:
    """Return what there is of each attachment, ``None`` where there is nothing."""
    found: list[dict[str, Any] | None] = []
    for want, side in sides:
        link = interface_of(want, side) if side is not None else None
        if side is None or link is None:
            found.append(None)
            continue
        if is_moved(link):
            from .nic_physical_match import kept_of

            entry = described(want.target.kind, want.target.value, side, link)
            entry.update(sysctls_described(want, side, link.name))
            found.append({**entry, "nic": kept_of(link, host_side).name, "kind": PHYSICAL})
            continue
        nic = host_side.network.by_index(link.peer)
        on_nic = nic is not None and is_on(link, nic, side, host_side)
        entry = described(want.target.kind, want.target.value, side, link)
        entry.update(sysctls_described(want, side, link.name))
        if link.kind == IPVLAN:
            del entry["mac"]  # it is the NIC's, and can't be given
        placed = _placed(want, nic, host_side) if nic is not None and on_nic else {"nic": None}
        found.append({**entry, **placed, **_kind_of(link)})
    return found


def _placed(want: NicAttachment, lower: Link, host_side: NicHostSide) -> dict[str, Any]:
    """Return on what an interface is, in the words in which it is asked for."""
    nic = host_side.network.by_index(lower.peer) if want.vlan is not None and lower.vlan_id is not None else None
    return {"nic": nic.name, "vlan": lower.vlan_id} if nic is not None else {"nic": lower.name}


def _kind_of(link: Link) -> dict[str, str]:
    return {"kind": link.kind, "mode": mode_of(link)}


def predict(
    sides: Sequence[tuple[NicAttachment, ContainerSide | None]], host_side: NicHostSide
) -> list[dict[str, Any] | None]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    found = find_all([(want, side) for want, side in sides if side is not None], host_side)
    matches = iter(zip(found, taken_by_others(found)))
    entries: list[dict[str, Any] | None] = []
    for (_want, side), shown in zip(sides, describe(sides, host_side)):
        if side is None:
            entries.append(shown)
            continue
        one, taken = next(matches)
        entry = predicted(one, taken, shown if one.replaced is None else None)
        entries.append({**entry, **_predicted_kind(one)})
    return entries


def _predicted_kind(one: NicMatch) -> dict[str, Any]:
    if one.want.kind != PHYSICAL:
        placed = {"nic": one.link.name} if one.nic is None else {"nic": one.nic.name, "vlan": one.want.vlan}
        return {**placed, "kind": one.want.kind, "mode": one.want.mode}
    from .nic_physical_match import PhysicalMatch

    if not isinstance(one, PhysicalMatch):
        raise AssertionError(one)
    return {"nic": one.host_name, "kind": PHYSICAL}


def unsettled(sides: Sequence[tuple[NicAttachment, ContainerSide | None]], _host_side: NicHostSide) -> str:
    """Return what carries no traffic yet, '' once all do."""
    for want, side in sides:
        link = side.network.links.get(want.interface) if side is not None else None
        if side is not None and link is not None and not link.carrier:
            return f"{link.name} in {side.netns} has no carrier, as its NIC has none or is down"
    return ""


def surprises(sides: Sequence[tuple[NicAttachment, ContainerSide | None]], before: NicHostSide) -> list[str]:
    """Return a warning for each NIC of what works otherwise than on a bridge, for what is new."""
    new = [(want, side) for want, side in sides if side is not None and interface_of(want, side) is None]
    told = []
    for one in {match.link.name: match for match in find_all(new, before)}.values():
        if one.want.kind == PHYSICAL:
            from .nic_physical_result import surprises as surprises_of_nic

            told += surprises_of_nic(one)
            continue
        nic, kind, mode = one.link.name, one.want.kind, one.want.mode
        if one.want.is_routed:
            told.append(
                f"mode: with {mode} nobody answers for the containers on {nic} when others ask by ARP for their "
                f"addresses; others reach them by a route to these through this host's address on {nic}"
            )
            continue
        others = "other machines do"
        if kind != IPVLAN:
            others += (
                f", unless what is behind {nic} takes frames of one MAC only (clouds, virtual machines with port "
                "security)"
            )
        told.append(
            f"this host itself does not reach containers by the {kind}s on {nic}, nor they this host by its addresses "
            f"there; {others}"
        )
        if mode == VEPA:
            told.append(
                f"mode: {VEPA} sends what is for another container on {nic} to the switch, which must send it back "
                f"by the port that it came from (hairpin, 802.1Qbg); without that they do not reach each other, "
                f"and mode {BRIDGE} is right"
            )
    return told
