# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""VLANs of a Linux bridge's ports, as the kernel keeps them: ids with two flags. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..light_dataclass import dataclass
from .limits import VLAN
from .vlans import ACCESS, NATIVE_TAGGED, NATIVE_UNTAGGED, TRUNK, Vlans, ranges

DEFAULT_PVID = 1
"""The VLAN that the kernel gives a new bridge for frames without a tag (br_vlan_init() in net/bridge/br_vlan.c)."""

NO_VLAN_FILTERING = "this kernel has no bridge VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)"


@dataclass(frozen=True, order=True)
class VlanRange:
    """VLANs ``first`` to ``last`` of a port.

    ``pvid`` is the one that frames without a tag are put into (of one VLAN
    only), ``untagged`` are those that leave the port without a tag.
    """

    first: int
    last: int
    pvid: bool = False
    untagged: bool = False

    @property
    def ids(self) -> str:
        """Return ``100``, or ``200-210``."""
        return f"{self.first}-{self.last}" if self.last != self.first else str(self.first)


PortVlans = tuple[VlanRange, ...]
"""All VLANs of a port: sorted, and merged as far as they can be, so that equal ones compare equal."""


def merged(vlans: Iterable[VlanRange]) -> PortVlans:
    """Return ranges sorted and merged; they must not overlap."""
    result: list[VlanRange] = []
    for entry in sorted(vlans):
        last = result[-1] if result else None
        if (
            last is not None
            and entry.first == last.last + 1
            and not (entry.pvid or last.pvid)
            and entry.untagged == last.untagged
        ):
            result[-1] = replace(last, last=entry.last)
        else:
            result.append(entry)
    return tuple(result)


def of_port(wanted: Vlans) -> PortVlans:
    """Return what a port that carries ``wanted`` has in the kernel; a Linux bridge must be able to (see ``unable``)."""
    tagged = wanted.trunks or (range(VLAN[0], VLAN[1] + 1) if wanted.mode != ACCESS else ())
    own = [VlanRange(wanted.tag, wanted.tag, True, wanted.mode != NATIVE_TAGGED)] if wanted.tag is not None else []
    return merged([VlanRange(vlan, vlan) for vlan in tagged if vlan != wanted.tag] + own)


def unable(wanted: Vlans) -> str:
    """Return why no port of a Linux bridge can carry ``wanted``, '' where it can."""
    if wanted.mode not in (ACCESS, TRUNK, NATIVE_TAGGED, NATIVE_UNTAGGED):
        return f"mode {wanted.mode} is for Open vSwitch only; use an Open vSwitch bridge, or give another mode"
    if 0 in wanted.trunks:
        return (
            "0 is no VLAN of a Linux bridge; for frames without a tag, "
            f"give mode {NATIVE_UNTAGGED} and their VLAN as tag"
        )
    return ""


def default(pvid: int) -> PortVlans:
    """Return what a port has that joins a bridge with this default PVID (0: none)."""
    return (VlanRange(pvid, pvid, True, True),) if pvid else ()


def outside(vlans: PortVlans) -> list[tuple[int, int]]:
    """Return the ids that are not among ``vlans``, as first and last."""
    gaps, start = [], VLAN[0]
    for entry in vlans:
        if entry.first > start:
            gaps.append((start, entry.first - 1))
        start = entry.last + 1
    if start <= VLAN[1]:
        gaps.append((start, VLAN[1]))
    return gaps


def as_wanted(vlans: PortVlans) -> Vlans | None:
    """Return what gives a port these VLANs, ``None`` where nothing does.

    That is no VLAN at all, or VLANs that leave untagged beside the PVID.
    """
    own = next((entry for entry in vlans if entry.pvid), None)
    others = [entry for entry in vlans if entry is not own]
    if not vlans or any(entry.untagged for entry in others):
        return None
    tagged = tuple(vlan for entry in others for vlan in range(entry.first, entry.last + 1))
    if own is not None and own.untagged and not tagged:
        return Vlans(ACCESS, own.first)
    carries_all = len(tagged) + (own is not None) == VLAN[1]
    if own is None:
        return Vlans(TRUNK, None, () if carries_all else tagged)
    # No trunks at all would mean all VLANs.
    return Vlans(
        NATIVE_UNTAGGED if own.untagged else NATIVE_TAGGED, own.first, () if carries_all else tagged or (own.first,)
    )


def on_the_wire(port: PortVlans, own: PortVlans, tag: int | None = None) -> str:
    """Return how frames of the bridge's own interface leave by a port: ``untagged``, ``in VLAN 5``, or '' if not.

    ``tag`` is the one that they have there: that of a VLAN interface on the
    bridge (``br0.5``), ``None`` for the bridge's own.
    """
    if tag is None:
        vlan = next((entry.first for entry in own if entry.pvid and entry.untagged), None)
    else:
        vlan = next((tag for entry in own if entry.first <= tag <= entry.last and not entry.untagged), None)
    carrying = next((entry for entry in port if vlan is not None and entry.first <= vlan <= entry.last), None)
    if carrying is None:
        return ""
    if not carrying.untagged:
        return f"in VLAN {vlan}"
    return "untagged" if carrying.pvid else ""


def described(vlans: PortVlans) -> str:
    """Return ``100 untagged (PVID), 200-210 tagged``."""
    own = [f"{entry.first} {'untagged' if entry.untagged else 'tagged'} (PVID)" for entry in vlans if entry.pvid]
    for word, untagged in (("untagged", True), ("tagged", False)):
        others = [
            vlan
            for entry in vlans
            if not entry.pvid and entry.untagged == untagged
            for vlan in range(entry.first, entry.last + 1)
        ]
        own += [f"{ranges(others)} {word}"] if others else []
    return ", ".join(own) or "no VLAN"
