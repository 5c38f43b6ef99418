# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sets of VLANs, as lists or as ``100,200-210``. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import limits
from .limits import VLAN

ACCESS, TRUNK = "access", "trunk"
NATIVE_TAGGED, NATIVE_UNTAGGED = "native-tagged", "native-untagged"
DOT1Q_TUNNEL = "dot1q-tunnel"
MODES = (ACCESS, TRUNK, NATIVE_TAGGED, NATIVE_UNTAGGED, DOT1Q_TUNNEL)
"""Values of Port.vlan_mode (ovs-vswitchd.conf.db(5))."""

_PART = r"([0-9]{1,9})(?:-([0-9]{1,9}))?"
_UNTAGGED = 0


def vlan_set(option: str, given: Any) -> tuple[int, ...]:
    """Return the VLANs of a list or a text with ranges, each once and in order.

    1 to 4094, and 0, which in Open vSwitch's trunks stands for frames without
    a tag (ovs-vswitchd.conf.db(5)).

    :raises InvalidOption: naming ``option``: not a set of VLANs, or an empty one.
    """
    parts = [part for item in (given if isinstance(given, (list, tuple)) else [given]) for part in str(item).split(",")]
    found: set[int] = set()
    for part in parts:
        matched = re.fullmatch(_PART, part.strip())
        if matched is None:
            raise InvalidOption(
                option, given, "is not a set of VLANs; write a list such as [100, 200] or a text such as 100,200-210"
            )
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if last > VLAN[1]:
            raise InvalidOption(
                option,
                given,
                f"is out of range; give VLAN ids of {VLAN[0]} to {VLAN[1]}, and {_UNTAGGED} for frames without a tag",
            )
        if last < first:
            raise InvalidOption(
                option, given, f"has the range {first}-{last}, which ends before it begins; write {last}-{first}"
            )
        found.update(range(first, last + 1))
    if not found:
        raise InvalidOption(option, given, "is empty; leave it out for a trunk of all VLANs")
    return tuple(sorted(found))


def ranges(vlans: Iterable[int]) -> str:
    """Return ``100,200-210`` for sorted VLANs."""
    parts: list[list[int]] = []
    for vlan in vlans:
        if parts and vlan == parts[-1][1] + 1:
            parts[-1][1] = vlan
        else:
            parts.append([vlan, vlan])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


@dataclass(frozen=True)
class Vlans:
    """What a port is wanted to carry.

    ``mode`` is one of ``MODES``, ``tag`` the port's access or native VLAN (1
    to 4094), ``trunks`` those that it carries tagged (none: all).
    """

    mode: str
    tag: int | None = None
    trunks: tuple[int, ...] = ()

    @property
    def untagged(self) -> int | None:
        """The VLAN of frames that come without a tag: 0 is one of its own, ``None`` where they are dropped."""
        if self.mode != TRUNK:
            return self.tag
        return _UNTAGGED if not self.trunks or _UNTAGGED in self.trunks else None

    def on_the_wire(self, vlan: int) -> int | None:
        """Return the tag that frames of a VLAN have on the wire: 0 for none, ``None`` where the VLAN is not carried."""
        if self.mode == NATIVE_TAGGED and vlan == self.tag:
            return vlan
        if self.untagged == vlan:
            return _UNTAGGED
        tagged = self.mode in (TRUNK, NATIVE_TAGGED, NATIVE_UNTAGGED) and vlan != _UNTAGGED
        return vlan if tagged and (not self.trunks or vlan in self.trunks) else None


def as_options(vlans: Vlans) -> dict[str, Any]:
    """Return VLANs as the options of an attachment that ask for them."""
    options: dict[str, Any] = {"vlan": vlans.tag} if vlans.tag is not None else {}
    if vlans.mode != ACCESS:
        options["vlan_mode"] = vlans.mode
    if vlans.trunks:
        options["trunks"] = ranges(vlans.trunks)
    return options


def wanted(options: Mapping[str, Any], prefix: str, mode_option: str = "mode", tag_option: str = "tag") -> Vlans | None:
    """Return the VLANs that options ask for, ``None`` where none of them is given.

    :raises InvalidOption: naming ``prefix`` and the option: out of range, or VLANs that contradict the mode.
    """
    mode, given = options.get(mode_option), options.get("trunks")
    tag = limits.vlan(f"{prefix}{tag_option}", options.get(tag_option))
    trunks = vlan_set(f"{prefix}trunks", given) if given is not None else ()
    if mode is None:
        if tag is not None and trunks:
            advice = (
                f"requires a {mode_option} together with {tag_option}; give {mode_option} {NATIVE_TAGGED} or "
                f"{NATIVE_UNTAGGED}, or leave one of the two out"
            )
            raise InvalidOption(f"{prefix}trunks", given, advice)
        if tag is None and not trunks:
            return None
        mode = ACCESS if tag is not None else TRUNK
    if mode not in MODES:
        raise InvalidOption(f"{prefix}{mode_option}", mode, f"is not a VLAN mode; give one of {', '.join(MODES)}")
    if mode == TRUNK and tag is not None:
        advice = (
            f"is mutually exclusive with {mode_option} trunk, which has no native VLAN; leave it out, or give "
            f"{mode_option} {NATIVE_TAGGED} or {NATIVE_UNTAGGED}"
        )
        raise InvalidOption(f"{prefix}{tag_option}", tag, advice)
    if mode != TRUNK and tag is None:
        raise InvalidOption(f"{prefix}{mode_option}", mode, f"requires {tag_option}; give the VLAN of the port")
    if mode in (ACCESS, DOT1Q_TUNNEL) and trunks:
        advice = (
            f"is mutually exclusive with {mode_option} {mode}, which carries the VLAN of {tag_option} only; "
            f"leave it out, or give another {mode_option}"
        )
        raise InvalidOption(f"{prefix}trunks", given, advice)
    return Vlans(mode, tag, trunks)


def needed(options: Mapping[str, Any], prefix: str) -> Vlans:
    """Return the VLANs that options ask for, which must be given.

    :raises InvalidOption: as ``wanted``, or none is given.
    """
    vlans = wanted(options, prefix)
    if vlans is None:
        raise InvalidOption(
            f"{prefix}mode",
            None,
            "is required without tag and trunks; give tag for an access port, or mode trunk for all VLANs",
        )
    return vlans
