# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Options of policy routing rules, as they can be given. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidOption
from . import addresses, limits, names, route, route_tables
from .rule import ALL_BITS, LOOKUP, Rule

FIRST_PRIORITY = 1000
"""What the first rule of a list has where it names none; each after it has one more."""

_FAMILIES = {"ipv4": (addresses.IPV4,), "ipv6": (addresses.IPV6,), "both": (addresses.IPV4, addresses.IPV6)}
_KINDS = {"unicast": LOOKUP, **{name: number for number, name in route.KINDS.items() if name != "throw"}}


def parse(items: Sequence[Mapping[str, Any]], prefix: str) -> tuple[Rule, ...]:
    """Return the rules that a list asks for, in its order; an entry for both families is two.

    :raises InvalidOption: naming the first option that can't be right.
    """
    rules: list[Rule] = []
    for position, item in enumerate(items):
        option = f"{prefix}rules[{position}]"
        given = {name: value for name, value in item.items() if value not in (None, "")}
        priority = given.get("priority", FIRST_PRIORITY + position)
        limits.between(f"{option}.priority", priority, (1, 2**32 - 1), "; the lowest comes first")
        for rule in _rules(given, priority, option):
            if any(rule.key == other.key for other in rules):
                what = "is" if "priority" in given else f"is that of a rule which names none at place {position}, and"
                raise InvalidOption(
                    f"{option}.priority", priority, f"{what} an earlier rule's of the list, too; give each its own"
                )
            rules.append(rule)
    return tuple(rules)


def _rules(given: Mapping[str, Any], priority: int, option: str) -> list[Rule]:
    source, destination = (_subnet(f"{option}.{name}", given.get(name)) for name in ("from", "to"))
    kind = given.get("type", "unicast")
    if kind not in _KINDS:
        raise InvalidOption(f"{option}.type", kind, f"is none of {', '.join(_KINDS)}; give one of them")
    if (kind == "unicast") != ("table" in given):
        if kind == "unicast":
            raise InvalidOption(
                f"{option}.table", None, "is required; name the table that is looked up, or give a type"
            )
        advice = f"is for a rule that looks up routes, and one of type {kind} does not; leave one of the two out"
        raise InvalidOption(f"{option}.table", given["table"], advice)
    fwmark, mask = _fwmark(f"{option}.fwmark", given["fwmark"]) if "fwmark" in given else (0, 0)
    return [
        Rule(
            family,
            priority,
            "" if source in route.DEFAULT.values() else source,
            "" if destination in route.DEFAULT.values() else destination,
            names.interface_name(f"{option}.iif", given["iif"]) if "iif" in given else "",
            fwmark,
            mask,
            _KINDS[kind],
            route_tables.number_of(f"{option}.table", given["table"]) if "table" in given else 0,
        )
        for family in _families(given, source, destination, option)
    ]


def _subnet(option: str, text: str | None) -> str:
    return addresses.destination(option, text, default=True) if text else ""


def _families(given: Mapping[str, Any], source: str, destination: str, option: str) -> Sequence[int]:
    asked = given.get("family")
    if asked is not None and asked not in _FAMILIES:
        raise InvalidOption(f"{option}.family", asked, f"is none of {', '.join(_FAMILIES)}; give one of them")
    named = {addresses.family(subnet) for subnet in (source, destination) if subnet}
    if len(named) > 1:
        raise InvalidOption(f"{option}.to", destination, f"is of another family than from, {source}; make it two rules")
    if not named and asked is None:
        advice = "is required where neither from nor to tells it; give ipv4, ipv6 or both"
        raise InvalidOption(f"{option}.family", None, advice)
    if named and asked is not None and tuple(named) != _FAMILIES[asked]:
        advice = f"is another family than that of {source or destination}; leave it out"
        raise InvalidOption(f"{option}.family", asked, advice)
    return tuple(named) or _FAMILIES[str(asked)]


def _fwmark(option: str, text: Any) -> tuple[int, int]:
    """Return a firewall mark and its mask."""
    value, slash, mask = str(text).partition("/")
    numbers = [_number(word) for word in ((value, mask) if slash else (value,))]
    found = [number for number in numbers if number is not None]
    if len(found) < len(numbers):
        raise InvalidOption(option, text, "is no firewall mark; give a number up to 0xffffffff, or MARK/MASK")
    if slash and not found[1]:
        raise InvalidOption(option, text, "has a mask without a bit, which every packet fits; leave the mark out")
    if slash and found[0] & ~found[1]:
        raise InvalidOption(option, text, f"has bits outside of its mask; write {found[0] & found[1]:#x}/{found[1]:#x}")
    return found[0], found[1] if slash else ALL_BITS


def _number(word: str) -> int | None:
    try:
        number = int(word.strip(), 0)
    except ValueError:
        return None
    return number if 0 <= number <= ALL_BITS else None
