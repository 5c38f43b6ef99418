# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sets of VLANs, as lists or as ``100,200-210``. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..errors import InvalidOption
from .limits import VLAN

_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
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
        matched = _PART.fullmatch(part.strip())
        if matched is None:
            raise InvalidOption(option, given, "is not a set of VLANs; write a list such as [100, 200] or a text such as 100,200-210")
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if last > VLAN[1]:
            raise InvalidOption(option, given, f"is out of range; give VLAN ids of {VLAN[0]} to {VLAN[1]}, and {_UNTAGGED} for frames without a tag")
        if last < first:
            raise InvalidOption(option, given, f"holds the range {first}-{last}, which runs backwards; write {last}-{first}")
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
