# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What one concern keeps in one of our nftables tables: declared, compared, made whole. Private to the collection.

A concern (masquerading, published ports, isolation) derives its own table from
``OurTable``: it names its sets and chains, and reads and writes the elements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ...light_dataclass import dataclass
from .isolation import FAMILIES, TABLE
from .tables import Command, Listing, in_table


@dataclass(frozen=True)
class OurSet:
    """A set or map: its ``shape`` is what declares it and what its listing must have.

    ``text`` declares it in nft's own language, for concerns that need that (see ``tables.run_script``).
    """

    shape: Mapping[str, Any]
    kind: str = "set"
    text: str = ""


@dataclass(frozen=True)
class OurChain:
    """A base chain: its ``hook`` (type, hook, prio, policy), and its rules in order.

    A rule has ``expr``, or ``text`` in nft's own language, and a ``comment`` if it is known by that.
    """

    hook: Mapping[str, object] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()


class OurTable:
    """One of our tables as far as one concern goes.

    :raises Refused: an object has the name of one of ours and another layout.
    """

    def __init__(self, listing: Listing, sets: Mapping[str, OurSet], chains: Mapping[str, OurChain]) -> None:
        self.listing = listing
        self.family = listing.family
        self.sets = sets
        self.chains = chains
        for name, chain in chains.items():
            listing.expect(name, "chain", chain.hook)
        for name, one in sets.items():
            listing.expect(name, one.kind, one.shape)

    @staticmethod
    def known_by(rule: Mapping[str, Any]) -> object:
        """Return what tells a rule from all others, in a listing as in ours.

        It is no comparison of expressions, whose JSON differs a little from one nft to the next.
        """
        return rule.get("comment")

    def is_whole(self) -> bool:
        """Tell whether all sets are there, and all chains with our rules and no others."""
        return all(name in self.listing.objects for name in self.sets) and all(map(self.has_rules, self.chains))

    def has_rules(self, chain: str) -> bool:
        """Tell whether a chain is there with our rules and no others."""
        shown = [self.known_by(rule) for rule in self.listing.rules.get(chain, ())]
        return chain in self.listing.objects and shown == [self.known_by(rule) for rule in self.chains[chain].rules]

    def frame(self) -> list[Command]:
        """Return commands that make table, sets and chains whole; none where they are."""
        family = self.family
        commands: list[Command] = []
        if not self.listing.exists:
            commands.append({"add": {"table": {"family": family, "name": TABLE}}})
        for name, one in self.sets.items():
            if name not in self.listing.objects:
                text = {"text": one.text} if one.text else {}
                commands.append({"add": {one.kind: in_table(family, name=name, **one.shape, **text)}})
        for name, chain in self.chains.items():
            if not self.has_rules(name):
                commands.append({"add": {"chain": in_table(family, name=name, **chain.hook)}})
                commands.append({"flush": {"chain": in_table(family, name=name)}})
                commands += [{"add": {"rule": in_table(family, chain=name, **rule)}} for rule in chain.rules]
        return commands


def each_family(listings: Mapping[str, Listing]) -> Iterator[Listing]:
    """Yield what each of our tables holds, nothing for one that is not there."""
    for family in FAMILIES:
        yield listings.get(family) or Listing(family)


def digest(text: str) -> str:
    """Return a digest of what a rule does, for its comment."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
