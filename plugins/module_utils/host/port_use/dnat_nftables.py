# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Translations in nftables tables of others, by nft's JSON. Private to the collection.

Most keep a rule a port (``tcp dport 8080 dnat to 10.0.0.2:80``), some a map
(``dnat to tcp dport map @ports``), kube-proxy one of verdicts
(``meta l4proto . th dport vmap @nodeports``). libnftables-json(5) describes the expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import MissingFeature
from ...light_dataclass import dataclass
from ...model.addresses import IPV4, IPV6
from ...model.publication import PROTOCOLS
from .. import program
from ..nftables import tables as nftables
from ..nftables.isolation import FAMILIES, TABLE
from .dnat_rule import ALL_PORTS, DnatRule, leading, protocols, single

_PURPOSE = "looking for ports that other rules translate"
_FAMILIES = {"ip": (IPV4,), "ip6": (IPV6,), "inet": (IPV4, IPV6)}
_OF_ADDRESS = {"ip": IPV4, "ip6": IPV6}
_TRANSLATIONS = ("dnat", "redirect")
_JUMPS = ("jump", "goto")
_ENDINGS = ("accept", "drop", "return", "continue")

# In the tables of iptables its translations are opaque, but others may have put rules of nft's own there.
_OURS = frozenset((family, TABLE) for family in FAMILIES)


def translations() -> Iterator[DnatRule]:
    """Yield the translations of all tables with a chain of type nat, but ours."""
    if not program.installed("nft"):
        return
    try:
        listed = nftables.run([{"list": {"chains": {}}}], _PURPOSE)
    except MissingFeature:
        return
    chains = [entry["chain"] for entry in listed if "chain" in entry]
    tables = {
        (chain["family"], chain["table"])
        for chain in chains
        if chain.get("type") == "nat" and chain["family"] in _FAMILIES
    }
    for family, table in sorted(tables - _OURS):
        yield from read(nftables.run([{"list": {"table": {"family": family, "name": table}}}], _PURPOSE))


def read(listed: Iterable[Mapping[str, Any]]) -> Iterator[DnatRule]:
    """Yield the translations in the listing of one table."""
    listed = list(listed)
    rules = [entry["rule"] for entry in listed if "rule" in entry]
    sets = {
        value["name"]: value.get("elem", ())
        for entry in listed
        for kind, value in entry.items()
        if kind in ("set", "map")
    }
    jumps: dict[str, set[str]] = {}
    for rule in rules:
        jumps.setdefault(rule["chain"], set()).update(_targets(rule.get("expr", ()), sets))
    translating = leading((rule["chain"] for rule in rules if _translates(rule.get("expr", ()))), jumps)
    for rule in rules:
        expressions = rule.get("expr", ())
        if _translates(expressions) or not translating.isdisjoint(_targets(expressions, sets)):
            who = f"a rule in chain {rule['chain']} of the nftables table {rule['family']} {rule['table']}"
            yield from _translations(_FAMILIES[rule["family"]], expressions, sets, translating, who)


def _translates(expressions: Sequence[Any]) -> bool:
    return any(
        kind in expression for expression in expressions if isinstance(expression, dict) for kind in _TRANSLATIONS
    )


def _targets(expressions: Any, sets: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield the chains that a rule sends into, by itself or by a map of verdicts."""
    for expression in expressions:
        if not isinstance(expression, dict):
            continue
        yield from (expression[kind]["target"] for kind in _JUMPS if kind in expression)
        if "vmap" in expression:
            for _key, verdict in _members(expression["vmap"]["data"], sets):
                yield from _targets([verdict], sets)


@dataclass(frozen=True)
class _Condition:
    """What a rule, or an element of its map, asks of a packet; ``ports`` of ``None`` is no certain port."""

    families: frozenset[int]
    protocols: frozenset[str] = frozenset(PROTOCOLS)
    networks: tuple[str, ...] = ()
    ports: tuple[tuple[int, int], ...] | None = None


def _translations(
    families: Iterable[int],
    expressions: Sequence[Any],
    sets: Mapping[str, Sequence[Any]],
    translating: frozenset[str],
    who: str,
) -> Iterator[DnatRule]:
    asked = _Condition(frozenset(families))
    for expression in expressions:
        match = expression.get("match", {}) if isinstance(expression, dict) else {}
        if match.get("op") == "==":
            asked = _narrowed(asked, match["left"], _values(match["right"], sets))
    conditions = [asked]
    for key, data in _maps(expressions):
        # A rule that chooses by a map is for what the map names.
        chosen = [(value, verdict) for value, verdict in _members(data, sets) if _leads(verdict, translating)]
        conditions = [_by_key(one, key, value) for one in conditions for value, _verdict in chosen]
    for one in conditions:
        for ports in one.ports if one.ports is not None else ((ALL_PORTS,) if one.networks else ()):
            yield DnatRule(one.families, one.protocols, one.networks, ports, who)


def _leads(verdict: Any, translating: frozenset[str]) -> bool:
    """Tell whether an element of a map leads to a translation.

    An address or port does, a verdict by where it sends to.
    """
    if not isinstance(verdict, dict):
        return True
    targets = [verdict[kind]["target"] for kind in _JUMPS if kind in verdict]
    return not translating.isdisjoint(targets) if targets else not any(word in verdict for word in _ENDINGS)


def _maps(expression: Any) -> Iterator[tuple[Any, Any]]:
    """Yield key and data of each map that a rule looks something up in."""
    if isinstance(expression, dict):
        for kind, value in expression.items():
            if kind in ("map", "vmap") and isinstance(value, dict):
                yield value["key"], value["data"]
            else:
                yield from _maps(value)
    elif isinstance(expression, list):
        for value in expression:
            yield from _maps(value)


def _members(data: Any, sets: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield keys and values of a map, named or anonymous, without comments and counters of its elements."""
    elements = sets.get(data[1:], ()) if isinstance(data, str) else data["set"]
    for key, value in elements:
        yield _bare(key), value


def _values(right: Any, sets: Mapping[str, Sequence[Any]]) -> list[Any]:
    if isinstance(right, str) and right.startswith("@"):
        found = sets.get(right[1:], ())
    elif isinstance(right, dict) and "set" in right:
        found = right["set"]
    else:
        found = [right]
    return [_bare(value) for value in (found if isinstance(found, (list, tuple)) else [found])]


def _bare(element: Any) -> Any:
    return element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def _by_key(asked: _Condition, key: Any, value: Any) -> _Condition:
    parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
    values = value["concat"] if isinstance(value, dict) and "concat" in value else [value]
    for part, one in zip(parts, values):
        asked = _narrowed(asked, part, [one])
    return asked


def _narrowed(asked: _Condition, left: Any, values: Sequence[Any]) -> _Condition:
    """Return a condition with what a selector (``tcp dport``, ``ip daddr``, ``meta l4proto``) has to be."""
    payload = left.get("payload", {}) if isinstance(left, dict) else {}
    header, field = str(payload.get("protocol")), payload.get("field")
    if field == "dport":
        named = asked.protocols if header == "th" else protocols([header])
        return replace(asked, protocols=asked.protocols & named, ports=tuple(filter(None, map(_span, values))))
    if field == "daddr" and header in _OF_ADDRESS:
        networks = [_network(value) for value in values]
        # A range of addresses is no subnet, and counts as all addresses.
        known = tuple(one for one in networks if one is not None) if None not in networks else ()
        return replace(asked, families=asked.families & {_OF_ADDRESS[header]}, networks=known)
    if (header, field) in (("ip", "protocol"), ("ip6", "nexthdr")) or _is_meta(left, "l4proto"):
        return replace(asked, protocols=asked.protocols & protocols(map(str, values)))
    if _is_meta(left, "nfproto"):
        return replace(
            asked,
            families=asked.families & {version for name, version in (("ipv4", IPV4), ("ipv6", IPV6)) if name in values},
        )
    return asked


def _is_meta(left: Any, key: str) -> bool:
    return isinstance(left, dict) and left.get("meta", {}).get("key") == key


def _span(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int):
        return value, value
    if isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        return first, last
    return None


def _network(value: Any) -> str | None:
    if isinstance(value, str):
        return single(value)
    shown = value.get("prefix") if isinstance(value, dict) else None
    return f"{shown['addr']}/{shown['len']}" if shown else None
