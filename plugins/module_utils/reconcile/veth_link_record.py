# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record says of links between namespaces, and what a run leaves in it. Private to the collection.

Each end is an object of its own there, which names the other one. Imported where there is a record, or is to be one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Refused
from ..model.record import LINK_END, Alike, Record, lasts
from ..model.record_objects import link_end_options, of_link_end, other_link_end
from ..model.veth_link import LinkEnd, VethLink
from ..plan.veth_link_result import describe
from ..state.veth_links import LinkState
from ..store.records import Store
from . import what_runs, wiring_record
from .recording import Recording
from .result import Result


def as_recorded(wants: Sequence[LinkEnd], keeping: Recording) -> tuple[LinkEnd, ...]:
    """Return ends with the MACs that were chosen for them before, where they ask for none."""
    return wiring_record.as_recorded(wants, keeping, LINK_END, of_link_end)


def record_all(keeping: Recording, links: Sequence[VethLink], have: LinkState, present: bool, check: bool) -> None:
    """Record links as they were asked for, or take them out of the record; in check mode, say that alone."""
    if not present:
        keeping.keep(LINK_END, (), {}, lambda known: any(_is_of(known, link) for link in links))
        return
    made = [of_link_end(end) for link in links if all(lasts(end.target) for end in link.ends) for end in link.ends]
    shown: list[dict[str, Any] | None] = []
    for both, (link, _sides) in zip(describe(have), have.links):
        shown += both or [None for _end in link.ends]
    named = Alike(made)

    def gone(known: Record) -> bool:
        """Tell whether it was linked to an end that is another's by now."""
        return bool(named.of(other_link_end(known)))

    wiring_record.keep(keeping, LINK_END, made, have.ends, shown, of_link_end, check, gone)


def _is_of(known: Record, link: VethLink) -> bool:
    """Tell whether what is recorded is an end of a link: of one that is named by one end, whatever that leads to."""
    there = Alike([known, other_link_end(known)])
    return all(there.of(of_link_end(end)) for end in link.ends)


def converge(records: Sequence[Record], check: bool) -> Result:
    """Make the links of recorded ends, whose other ends may be recorded and not among ``records``.

    :raises Refused: the other end of one is not recorded.
    """
    from . import veth_link

    every = Alike(Store(mend=False).read(LINK_END).values())
    links: dict[frozenset[tuple[str, ...]], list[Record]] = {}
    for record in records:
        found = every.of(other_link_end(record))
        if not found or record not in every.of(other_link_end(found[0])):
            raise Refused(
                f"{record}, and that end is not recorded any more; run the task again that linked them, or take this "
                "one out of the record (pipefitter forget)"
            )
        links[frozenset((record.key, found[0].key))] = [record, found[0]]
    entries = [{"ends": [link_end_options(end) for end in ends]} for ends in links.values()]
    options = {"links": entries, "state": "present", "wait": False}
    result = veth_link.converge(options, check, adds_only=True)
    pending = {_words(end) for entry in result.values["pending"] for end in entry["ends"]}
    waiting = [what_runs.pending(record) for record in records if _words(link_end_options(record)) in pending]
    values = {**result.values, "pending": waiting}
    return Result(
        result.operations, _ends_of(result.before), _ends_of(result.after), values, result.warnings, result.assumed
    )


def _words(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what names an end."""
    return tuple(str(options.get(name, "")) for name in ("container", "netns", "host", "interface"))


def _ends_of(sides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a side of a diff by ends, as each of them is an object of the record."""
    return {"link_ends": [end for entry in sides["links"] for end in entry["ends"]]}
