# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Translations in the table ``nat`` of iptables, as iptables-save prints it. Private to the collection.

nft's JSON shows matches of iptables-nft as opaque, so both kinds are asked of their own program.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from ...errors import MissingFeature
from ...light_dataclass import dataclass
from ...model.addresses import IPV4, IPV6
from .. import program
from ..netlink.nf_tables import table_exists
from .dnat_rule import ALL_PORTS, DnatRule, leading, protocols, single

_VERSION = {"ip": IPV4, "ip6": IPV6}
_PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
_TRANSLATIONS = ("DNAT", "REDIRECT")


def translations() -> Iterator[DnatRule]:
    """Yield the translations of every iptables that has a table ``nat``; it takes no process where none has."""
    for family in _VERSION:
        for kind in ("nft", "legacy"):
            if _has_nat(family, kind):
                # Where only one kind is packaged, it has the short name alone.
                done = program.run([f"{_PROGRAM[family]}-{kind}-save", "-t", "nat"]) or program.run(
                    [f"{_PROGRAM[family]}-save", "-t", "nat"]
                )
                if done is not None and done.status == 0:
                    yield from read(family, done.stdout.splitlines())


def _has_nat(family: str, kind: str) -> bool:
    if kind == "nft":
        try:
            return table_exists(family, "nat")
        except MissingFeature:
            return False
    # To ask iptables-legacy would load its module, and register its hooks, where nobody uses it.
    try:
        # thread-self: a thread may have entered another network namespace than the process.
        with open(f"/proc/thread-self/net/{family}_tables_names", encoding="ascii") as names:
            return "nat" in names.read().split()
    except OSError:
        return False


def read(family: str, lines: Iterable[str]) -> Iterator[DnatRule]:
    """Yield the translations among saved rules of a family (``ip``, ``ip6``)."""
    rules = [_read(line) for line in lines if line.startswith("-A ")]
    jumps: dict[str, set[str]] = {}
    for rule in rules:
        jumps.setdefault(rule.chain, set()).add(rule.target)
    translating = leading(_TRANSLATIONS, jumps)
    for rule in rules:
        if rule.target in translating:
            for ports in rule.ports or ((ALL_PORTS,) if rule.networks else ()):
                who = f"the rule {rule.text!r} of {_PROGRAM[family]}, table nat,"
                yield DnatRule(frozenset({_VERSION[family]}), rule.protocols, rule.networks, ports, who)


@dataclass(frozen=True)
class _Rule:
    text: str
    chain: str
    target: str
    protocols: frozenset[str]
    networks: tuple[str, ...]
    ports: tuple[tuple[int, int], ...]


def _read(line: str) -> _Rule:
    words = shlex.split(line)
    # What is negated names no certain address or port, and counts as not given.
    given = {
        word: value for before, word, value in zip(["", *words], words, words[1:]) if word[:1] == "-" and before != "!"
    }
    named = given.get("-p", "all")
    ports = given.get("--dport") or given.get("--dports") or ""
    return _Rule(
        line,
        given["-A"],
        given.get("-j") or given.get("-g") or "",
        protocols([named] if named != "all" else ("tcp", "udp", "sctp")),
        (single(given["-d"]),) if "-d" in given else (),
        tuple(_span(part) for part in ports.split(",") if part),
    )


def _span(text: str) -> tuple[int, int]:
    first, _colon, last = text.partition(":")
    return int(first), int(last or first)
