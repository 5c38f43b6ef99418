# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Lines of a file in place of others, which stay beside them as comments. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.nic_move import NicMove

_BEGIN = "# pipefitter, {}: what was here before it was a bridge:"
_NOW = "# pipefitter, {}: in place of it, and gone when the bridge is:"
_END = "# pipefitter, {}: end"
_KEPT = "#|"


def block(before: Iterable[str], now: Iterable[str], move: NicMove) -> list[str]:
    """Return the lines that stand in place of those of ``before``, from which ``without`` has these again."""
    begin, middle, end = (f"{line.format(move.bridge)}\n" for line in (_BEGIN, _NOW, _END))
    return [begin, *(f"{_KEPT}{line}" for line in before), middle, *now, end]


def without(text: str, move: NicMove) -> str:
    """Return a file as it was before this bridge."""
    begin, now, end = (line.format(move.bridge) for line in (_BEGIN, _NOW, _END))
    kept: list[str] = []
    state = ""
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if not state and bare == begin:
            state = begin
        elif state == begin and bare == now:
            state = now
        elif state == begin:
            kept.append(line[len(_KEPT) :] if line.startswith(_KEPT) else line)
        elif state == now and bare == end:
            state = ""
        elif not state:
            kept.append(line)
    return "".join(kept)
