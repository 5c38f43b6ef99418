# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What several bridges put into the firewall, as one change for all. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .bridge_operations import ChangeMasquerades
from .firewall import ChangeIptablesForward
from .guard_operations import ChangeGuards
from .icc_operations import ChangeIccRules
from .operations import Operation
from .publication_operations import ChangePublications


def at_once(operations: Sequence[Operation], last: bool) -> list[Operation]:
    """Return operations with one change of each kind of rules, in the place of the last of them or the first."""
    places: dict[type[Operation], list[int]] = {}
    for place, operation in enumerate(operations):
        if type(operation) in _TOGETHER:
            places.setdefault(type(operation), []).append(place)
    merged: dict[int, Operation] = {}
    dropped: set[int] = set()
    for kind, found in places.items():
        merged[found[-1 if last else 0]] = _TOGETHER[kind]([operations[place] for place in found])
        dropped.update(found)
    return [
        merged.get(place, operation)
        for place, operation in enumerate(operations)
        if place in merged or place not in dropped
    ]


def _masquerades(changes: Sequence[Operation]) -> Operation:
    found = [one for one in changes if isinstance(one, ChangeMasquerades)]
    return ChangeMasquerades(
        found[0].netns,
        tuple(nat for one in found for nat in one.add),
        tuple(nat for one in found for nat in one.remove),
    )


def _iptables(changes: Sequence[Operation]) -> Operation:
    found = [one for one in changes if isinstance(one, ChangeIptablesForward)]
    return ChangeIptablesForward(
        found[0].netns,
        tuple(one for change in found for one in change.add),
        tuple(one for change in found for one in change.remove),
        tuple(one for change in found for one in change.remains),
    )


def _icc(changes: Sequence[Operation]) -> Operation:
    """Return the last one's rules in place of the first one's: each was planned on what the one before it leaves."""
    found = [one for one in changes if isinstance(one, ChangeIccRules)]
    return replace(found[0], new=found[-1].new)


def _guards(changes: Sequence[Operation]) -> Operation:
    found = [one for one in changes if isinstance(one, ChangeGuards)]
    return replace(found[0], new=found[-1].new)


def _publications(changes: Sequence[Operation]) -> Operation:
    found = [one for one in changes if isinstance(one, ChangePublications)]
    whole = found[0]
    for one in found[1:]:
        whole = replace(whole, add=whole.add | one.add, remove=whole.remove | one.remove)
    return whole


_TOGETHER: Mapping[type[Operation], Callable[[Sequence[Operation]], Operation]] = {
    ChangeMasquerades: _masquerades,
    ChangeIptablesForward: _iptables,
    ChangeIccRules: _icc,
    ChangeGuards: _guards,
    ChangePublications: _publications,
}
