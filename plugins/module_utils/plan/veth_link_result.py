# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Links as options that give them back, before and after a plan. Pure. Private to the collection."""

from __future__ import annotations

from typing import Any

from ..model.attachment import HOST_KIND
from ..state.veth_links import LinkState
from .attachment_routes import taken_by_others
from .container_side_result import described, predicted
from .veth_link import standing
from .veth_link_match import find_all

Entry = dict[str, Any]


def describe(state: LinkState) -> list[list[Entry] | None]:
    """Return the ends of each link, ``None`` where it is not there."""
    found: list[list[Entry] | None] = []
    for link, sides in state.links:
        interfaces = standing(link, sides, state)
        if not interfaces:
            found.append(None)
            continue
        targets = [want.target for want, side in zip(link.ends, sides) if side is not None]
        found.append([_named(described(to.kind, to.value, side, end)) for to, (end, side) in zip(targets, interfaces)])
    return found


def predict(state: LinkState) -> list[list[Entry] | None]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    found = find_all(state)
    keys = iter(taken_by_others([end for match in found for end in match.ends]))
    matches = iter(found)
    entries: list[list[Entry] | None] = []
    for (_link, sides), shown in zip(state.links, describe(state)):
        if None in sides:
            entries.append(shown)
            continue
        before = iter(shown or ())
        entries.append([_named(predicted(end, next(keys), next(before, None))) for end in next(matches).ends])
    return entries


def _named(entry: Entry) -> Entry:
    return {**entry, HOST_KIND: True} if HOST_KIND in entry else entry


def unsettled(state: LinkState) -> str:
    """Return what carries no traffic yet, '' once all do."""
    for want, side in state.ends:
        end = side.network.links.get(want.interface) if side is not None else None
        if side is not None and end is not None and not end.carrier:
            return f"{end.name} in {side.where} has no carrier, as its other end is down"
    return ""
