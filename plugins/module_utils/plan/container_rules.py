# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted policy routing rules of attachments to operations. Pure. Private to the collection.

A rule has no interface with which it goes. So each attachment of a container that has rules has a number, which its
mark notes and its rules bear (FRA_PROTOCOL): they are told from those of the container's other attachments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar

from ..errors import Refused
from ..model.route import PROTOCOL
from ..model.rule import MARKS, Rule
from ..state.attachments import ContainerSide
from .attachment_match import AttachmentMatch
from .operations import Operation
from .rule_operations import RemoveRule, SetRule

Match = TypeVar("Match", bound=AttachmentMatch)


def numbered(found: Sequence[Match]) -> list[Match]:
    """Return attachments of which each container's side has the numbers that those with rules are to have.

    Rules that are nobody's, as those of an interface that somebody deleted, go with the first that asks for any.
    """
    numbers: dict[str, dict[str, int]] = {}
    for one in found:
        here = numbers.setdefault(one.side.netns, dict(one.side.rule_marks))
        if one.want.rules:
            here.setdefault(one.seen_as, next(number for number in count() if number not in here.values()))
        elif one.want.rules is not None:
            here.pop(one.seen_as, None)
    cleared: set[str] = set()
    result = []
    for one in found:
        netns, here = one.side.netns, numbers[one.side.netns]
        rules = one.side.rules
        if one.want.rules is None or netns in cleared:
            rules = tuple(rule for rule in rules if rule.mark in here.values())
        else:
            cleared.add(netns)
        result.append(replace(one, side=replace(one.side, rules=rules, rule_marks=here)))
    return result


def check(found: Sequence[AttachmentMatch]) -> None:
    """Refuse more attachments with rules than a container can have."""
    for one in found:
        if one.want.rules and one.side.rule_marks[one.seen_as] >= MARKS:
            raise Refused(
                f"rules: {one.want} is asked to have rules, and {MARKS} attachments of {one.side.netns} have such, "
                "which is the most; put them in the rules of one of those"
            )


def wanted_rules(one: AttachmentMatch) -> list[Rule]:
    """Return the rules that an attachment is to have; where it is not said, those that it has."""
    if one.want.rules is None:
        return rules_of(one.side, one.seen_as)
    return [replace(rule, protocol=PROTOCOL + one.side.rule_marks[one.seen_as]) for rule in one.want.rules]


def rules_of(side: ContainerSide, interface: str) -> list[Rule]:
    """Return the rules that are there of an interface's attachment."""
    number = side.rule_marks.get(interface)
    return [rule for rule in side.rules if rule.mark == number]


def planned(one: AttachmentMatch) -> list[Operation]:
    """Return what brings an attachment's rules to those that are wanted; those that go are the last."""
    if one.want.rules is None:
        return []
    netns, here = one.side.netns, one.side.rule_marks
    number = here.get(one.seen_as)
    shown: dict[tuple[int, int], list[Rule]] = {}
    for rule in one.side.rules:
        if rule.mark == number:
            shown.setdefault(rule.key, []).append(rule)
    operations: list[Operation] = []
    for rule in wanted_rules(one):
        there = shown.pop(rule.key, [])
        if there == [rule]:
            continue
        if len(there) > 1:
            # The kernel removes the first that has all that is asked for, which may be the one that is to stay.
            operations += _removals(netns, there)
            there = []
        operations.append(SetRule(netns, rule, there[0] if there else None))
    surplus = [rule for rules in shown.values() for rule in rules]
    return operations + _removals(netns, [*surplus, *_nobodys(one.side, here)])


def _nobodys(side: ContainerSide, numbers: Mapping[str, int]) -> list[Rule]:
    return [rule for rule in side.rules if rule.mark not in numbers.values()]


def left_behind(
    sides: Iterable[ContainerSide], going: Collection[tuple[str, str]], nobodys: bool = True
) -> list[Operation]:
    """Return what removes the rules of attachments that are ``going`` (netns and interface), and those of nobody."""
    operations: dict[str, list[Operation]] = {}
    for side in sides:
        here = {interface for netns, interface in going if netns == side.netns}
        staying = {name: number for name, number in side.rule_marks.items() if name not in here}
        rules = _nobodys(side, staying) if here else []
        if not nobodys:
            rules = [rule for rule in rules if rule.mark in side.rule_marks.values()]
        operations[side.netns] = _removals(side.netns, rules)
    return [operation for removals in operations.values() for operation in removals]


def _removals(netns: str, rules: Iterable[Rule]) -> list[Operation]:
    return [RemoveRule(netns, rule) for rule in rules]
