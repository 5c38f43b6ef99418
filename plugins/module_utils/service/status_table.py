# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What ``pipefitter status`` prints for people, within 100 columns. Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

_WIDE = 100
_COLUMNS = "{:<9} {:<20} "  # a state, and when it began; the name has the rest of the line
_INDENT = len(_COLUMNS.format("", ""))


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the table of rows with ``kind``, ``state``, ``name``, ``why`` and, where it is known, ``since``.

    Kinds stay in their order, and of each it is sorted by name.
    """
    if not rows:
        return ["nothing is recorded on this host"]
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    ordered = sorted(rows, key=lambda row: (kinds.index(row["kind"]), row["name"]))
    return [_COLUMNS.format("STATE", "SINCE") + "NAME", *(line for row in ordered for line in _of(row))]


def printable(text: str) -> str:
    """Return a text in one line, with backslash escapes for what is not to be shown."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _of(row: Mapping[str, Any]) -> Iterator[str]:
    since = row.get("since")
    when = "-" if since is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    start = _COLUMNS.format(row["state"], when)
    # Names are given to forget, so they are never cut.
    for part in (*_wrapped(row["name"]), *_wrapped(row["why"])):
        yield start + part
        start = " " * _INDENT


def _wrapped(text: str) -> list[str]:
    return wrap(printable(text), _WIDE - _INDENT, break_on_hyphens=False)
