# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a container may send as: what is asked for, and what its port lets pass. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass

ALLOW, DENY = "allow", "deny"

# The options of ``security`` in the order of a mark's letters.
_LETTERS = {"mac_spoofing": "m", "address_spoofing": "a", "router_advertisements": "r"}
_OPEN = "d"
_NOWHERE = "n"
_SIGN = "+"


@dataclass(frozen=True)
class Security:
    """What was asked for of each: DENY, ALLOW, or '' for what goes without saying (denied where ports are isolated)."""

    mac_spoofing: str = ""
    address_spoofing: str = ""
    router_advertisements: str = ""

    def denies(self, what: str, isolated: bool) -> bool:
        """Tell whether a port of a bridge, isolated or not, is to deny one of them."""
        asked: str = getattr(self, what)
        return asked == DENY or (isolated and asked != ALLOW)

    @property
    def options(self) -> dict[str, str]:
        """Return it as the option has it."""
        return {name: getattr(self, name) for name in _LETTERS if getattr(self, name)}

    @property
    def asks(self) -> bool:
        """Tell whether it denies something wherever the port is."""
        return DENY in self.options.values()


def parse(given: Mapping[str, Any] | None, option: str, addresses: object) -> Security | None:
    """Return what an option ``security`` asks for; ``None`` leaves it as it is.

    :raises InvalidOption: ``addresses`` are to be checked and not given.
    """
    if given is None:
        return None
    security = Security(**{name: given.get(name) or "" for name in _LETTERS})
    if security.address_spoofing == DENY and addresses is None:
        advice = "requires addresses: only those that are given can be told from others; give them ([] is none)"
        raise InvalidOption(f"{option}.address_spoofing", DENY, advice)
    return security


@dataclass(frozen=True)
class MarkNotes:
    """What the mark on a port keeps of how it was asked for.

    ``declared`` is whether its addresses were given, so that they are all that it has. Beside an alias this is one
    word, none where nothing is out of the ordinary: ``+d`` for addresses that are not declared, and a letter each for
    what is denied (mar), or allowed (MAR), of MACs, addresses and router advertisements. ``to_nowhere`` (n) is whether
    its container's routes that lead nowhere are for it: they have no link that would say so. Neither have rules:
    ``rules`` (0 to 15) is the number that those for it bear.
    """

    security: Security = Security()
    declared: bool = True
    to_nowhere: bool = False
    rules: int | None = None

    def word(self) -> str:
        letters = "" if self.declared else _OPEN
        for name, letter in _LETTERS.items():
            asked = getattr(self.security, name)
            letters += letter if asked == DENY else letter.upper() if asked == ALLOW else ""
        letters += _NOWHERE if self.to_nowhere else ""
        letters += str(self.rules) if self.rules is not None else ""
        return f"{_SIGN}{letters}" if letters else ""


def read_notes(word: str) -> MarkNotes:
    """Return what such a word says."""
    asked = {}
    for name, letter in _LETTERS.items():
        asked[name] = DENY if letter in word else ALLOW if letter.upper() in word else ""
    number = "".join(letter for letter in word if letter in "0123456789")
    return MarkNotes(Security(**asked), _OPEN not in word, _NOWHERE in word, int(number) if number else None)


def is_notes(word: str) -> bool:
    return word.startswith(_SIGN)


@dataclass(frozen=True, order=True)
class PortGuard:
    """What a bridge's port lets in. ``mac`` is the only source MAC, '' for any (several, or none, are no MAC).

    ``addresses`` are the only ones beside link-local IPv6 ones (bare, sorted), ``None`` for any. ``no_adverts`` is
    whether it lets in no router advertisements and redirects.
    """

    port: str
    mac: str = ""
    addresses: tuple[str, ...] | None = None
    no_adverts: bool = False

    def described(self) -> str:
        """Return what it does, for a line."""
        whence = ["its own MAC"] if self.mac else []
        if self.addresses is not None:
            whence += self.addresses or ["no address"]
        told = [f"check that what {self.port} sends comes from {', '.join(whence)}"] if whence else []
        if self.no_adverts:
            told.append(f"let no router advertisements in by {self.port}")
        return ", and ".join(told)


@dataclass(frozen=True)
class GuardRules:
    """All ports of this host that let in only what they are to. ``intact`` is as in ``IccRules``."""

    guards: frozenset[PortGuard] = frozenset()
    intact: bool = field(default=True, compare=False)

    def of(self, port: str) -> PortGuard | None:
        """Return what is known of a port."""
        return self.by_port().get(port)

    def by_port(self) -> dict[str, PortGuard]:
        return {guard.port: guard for guard in self.guards}
