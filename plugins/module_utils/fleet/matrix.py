# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who reaches whom in the VLANs of a fleet, wanted and found. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..light_dataclass import dataclass
from .fleet import Fleet
from .members import Member
from .subnets import Interface

Addresses = tuple[Interface, ...]

# What a cell can be.
SELF, REACHED, APART, LEAK, SILENT, TWICE, UNKNOWN = "=", "+", ".", "X", "!", "2", "?"

_WRONG = {
    LEAK: "reaches",
    SILENT: "does not reach",
    TWICE: "finds more than one interface at the address of",
}

_LEGEND = (
    f"{REACHED} reached, {APART} not reached, as it should be; "
    f"{LEAK} reached across VLANs, {SILENT} not reached, {TWICE} the address is there twice, {UNKNOWN} not checked"
)

_MOST_TOLD = 20


@dataclass(frozen=True)
class Matrix:
    """``lines`` is the matrix for a person, ``warnings`` what else is to be told.

    ``wrong`` has a sentence for each cell that is not as it should be, but one
    only for all cells that are open for the same reason.
    """

    lines: tuple[str, ...]
    wrong: tuple[str, ...]
    cells: int
    warnings: tuple[str, ...] = ()


def matrix(fleet: Fleet, seen: Mapping[str, Mapping[str, Any]]) -> Matrix:
    """Compare what was found with what the variables ask for: containers of one VLAN reach each other, and no others.

    ``seen`` holds by host what container_neighbours_info returned; a host that could not be asked is missing.
    """
    members = sorted(
        (member for member in fleet.members if member.addresses), key=lambda one: (fleet.vlans[one.vlan].id, one.key)
    )
    found = {member.key: shown for member in members if (shown := _shown(member, seen)) is not None}
    grid = [[_cell(fleet, source, target, found) for target in members] for source in members]
    wrong = [
        f"{_name(member, member.addresses)} could not be checked: {_problem(member, seen)}"
        for member in members
        if member.key not in found
    ]
    wrong += [
        f"{_name(source, source.addresses)} {_WRONG[cell]} {_name(target, at)}"
        for source, row in zip(members, grid)
        for target, (cell, at) in zip(members, row)
        if cell in _WRONG
    ]
    cells = [cell for row in grid for cell, _at in row]
    pairs = len(cells) - cells.count(SELF)
    # Nothing wrong where nothing was looked at is no news, and most likely a variable that is missing.
    none = (
        "nothing was checked: it takes two containers with addresses, "
        f"and the variables of the hosts hold {len(members)}"
    )
    lines = _lines(fleet, members, grid)
    lines.append(
        f"{pairs} pairs, {sum(cell in _WRONG or cell == UNKNOWN for cell in cells)} not as they should be ({_LEGEND})"
    )
    bare = [f"{member} ({member.vlan})" for member in fleet.members if not member.addresses]
    if bare:
        lines.append(f"Left out, as neither an entry nor a subnet gives them an address: {', '.join(bare)}")
    return Matrix(tuple(lines), tuple(wrong), pairs, () if pairs else (none,))


def told(wrong: Sequence[str]) -> str:
    """Return wrong cells as one text that stays readable."""
    more = f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
    return "; ".join(wrong[:_MOST_TOLD]) + more


def _problem(member: Member, seen: Mapping[str, Mapping[str, Any]]) -> str:
    if member.host not in seen:
        return f"{member.host} was not asked"
    return next(
        (shown["problem"] for shown in _probes(member, seen) if shown.get("problem")),
        f"{member.host} returned no result for it",
    )


def _shown(member: Member, seen: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((shown for shown in _probes(member, seen) if shown.get("mac")), None)


def _probes(member: Member, seen: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    selector, value = member.target
    probes = seen.get(member.host, {}).get("probes") or ()
    return [shown for shown in probes if str(shown.get(selector)) == value and shown["interface"] == member.interface]


def _cell(
    fleet: Fleet, source: Member, target: Member, found: Mapping[tuple[str, str, str], Mapping[str, Any]]
) -> tuple[str, Addresses]:
    """Return what a cell is, and at which of the target's addresses. One address that is wrong is enough."""
    if source is target:
        return SELF, target.addresses
    if source.key not in found or target.key not in found:
        return UNKNOWN, target.addresses
    states = [_state(fleet, source, target, address, found) for address in target.addresses]
    worst = next((state for state in (LEAK, SILENT, TWICE) if state in states), states[0])
    return worst, tuple(address for address, state in zip(target.addresses, states) if state == worst)


def _state(
    fleet: Fleet,
    source: Member,
    target: Member,
    address: Interface,
    found: Mapping[tuple[str, str, str], Mapping[str, Any]],
) -> str:
    wanted = fleet.vlans[source.vlan].id == fleet.vlans[target.vlan].id
    answered = list(found[source.key]["neighbours"].get(str(address.ip)) or ())
    # Two VLANs may have the same addresses: only the MAC tells who it was that answered.
    reached = found[target.key]["mac"] in answered
    if wanted and reached and len(answered) > 1:
        return TWICE
    if wanted:
        return REACHED if reached else SILENT
    return LEAK if reached else APART


def _name(member: Member, addresses: Addresses) -> str:
    return f"{member.label} of {member.host} ({member.vlan}, {_words(addresses)})"


def _words(addresses: Addresses) -> str:
    return " and ".join(str(address.ip) for address in addresses)


def _lines(fleet: Fleet, members: Sequence[Member], grid: Sequence[Sequence[tuple[str, Addresses]]]) -> list[str]:
    width = max(2, len(str(len(members))))
    heads = [f"{number:>{width}}" for number in range(1, len(members) + 1)]
    table = [
        (
            head,
            f"{member.vlan} ({fleet.vlans[member.vlan].id})",
            member.host,
            member.label,
            ",".join(str(address.ip) for address in member.addresses),
        )
        for head, member in zip(heads, members)
    ]
    widths = [max((len(row[column]) for row in table), default=0) for column in range(5)]
    lines = [" ".join(["".ljust(sum(widths) + 4), *heads])] if members else []
    for words, cells in zip(table, grid):
        lines.append(
            " ".join(
                [*(text.ljust(size) for text, size in zip(words, widths)), *(cell.rjust(width) for cell, _at in cells)]
            ).rstrip()
        )
    return lines
