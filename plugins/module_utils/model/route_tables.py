# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Routing tables by number and name. Private to the collection."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidOption
from .route import ASIDE, MAIN

_TABLES = {"default": 253, "main": MAIN, "local": 255}
_NAMES = {number: name for name, number in _TABLES.items()}


def number_of(option: str, found: Any) -> int:
    """Return the number of a routing table.

    :raises InvalidOption: there is no such one, or it is one of ours.
    """
    text = str(found).strip()
    if text in _TABLES:
        return _TABLES[text]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not 0 < number < 2**32:
        raise InvalidOption(option, found, f"is no routing table; give 1 to 4294967295, or {', '.join(_TABLES)}")
    if number == ASIDE:
        advice = "is where this collection keeps default routes whose place another took; give another number"
        raise InvalidOption(option, found, advice)
    return number


def name_of(number: int) -> str:
    """Return the name of a routing table, its number where it has none."""
    return _NAMES.get(number, str(number))
