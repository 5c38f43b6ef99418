# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A policy routing rule (``ip rule``) of a container. Private to the collection."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..light_dataclass import dataclass
from . import addresses, route, route_tables

LOOKUP = 1
"""FR_ACT_TO_TBL of linux/fib_rules.h; those of other kinds let nothing pass (``route.KINDS``)."""

ALL_BITS = 0xFFFFFFFF

MARKS = 16
"""How many attachments of a container can have rules: their marks (FRA_PROTOCOL) are ``route.PROTOCOL`` and on."""


@dataclass(frozen=True, order=True)
class Rule:
    """What becomes of the packets that it selects; ``source`` and ``destination`` are canonical subnets, or ''.

    ``mask`` is 0 where it asks for no firewall mark. ``table`` is 0 for one that looks up none. ``protocol`` says whose
    it is; ``others`` is whether it selects by more than we ask for. ``message`` is how the kernel showed it.
    """

    family: int
    priority: int
    source: str = ""
    destination: str = ""
    iif: str = ""
    fwmark: int = 0
    mask: int = 0
    kind: int = LOOKUP
    table: int = 0
    protocol: int = route.PROTOCOL
    others: bool = False
    message: bytes = field(default=b"", compare=False, repr=False)

    @property
    def key(self) -> tuple[int, int]:
        """Return what an attachment has one rule for: family and priority."""
        return self.family, self.priority

    @property
    def mark(self) -> int:
        """Return the number of the attachment that it is of, of those of its container."""
        return self.protocol - route.PROTOCOL

    @property
    def ours(self) -> bool:
        return 0 <= self.mark < MARKS

    def __str__(self) -> str:
        words = [f"rule {self.priority}:"]
        if self.source or not self.destination:
            whole = "all" if self.destination else route.DEFAULT[self.family]
            words += ["from", self.source or whole]
        words += ["to", self.destination] if self.destination else []
        words += ["iif", self.iif] if self.iif else []
        words += ["fwmark", fwmark_text(self)] if self.mask else []
        words += ["and more"] if self.others else []
        words += ["lookup", route_tables.name_of(self.table)] if self.kind == LOOKUP else [kind_name(self.kind)]
        return " ".join(words)


def kind_name(kind: int) -> str:
    """Return the word of ip-rule(8) for what a rule does, its number where there is none."""
    return "unicast" if kind == LOOKUP else route.KINDS.get(kind, f"type {kind}")


def fwmark_text(rule: Rule) -> str:
    """Return the firewall mark of a rule, with its mask unless that is all bits."""
    return f"{rule.fwmark:#x}" + (f"/{rule.mask:#x}" if rule.mask != ALL_BITS else "")


def as_options(rule: Rule) -> dict[str, Any]:
    """Return a rule as the options that ask for it."""
    described: dict[str, Any] = {"priority": rule.priority}
    if rule.source:
        described["from"] = rule.source
    if rule.destination:
        described["to"] = rule.destination
    if not rule.source and not rule.destination:
        described["family"] = "ipv4" if rule.family == addresses.IPV4 else "ipv6"
    if rule.iif:
        described["iif"] = rule.iif
    if rule.mask:
        described["fwmark"] = fwmark_text(rule)
    if rule.kind == LOOKUP:
        described["table"] = route_tables.name_of(rule.table)
    else:
        described["type"] = kind_name(rule.kind)
    return described
