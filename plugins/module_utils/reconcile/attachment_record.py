# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record says of attachments, and what a run leaves in it. Private to the collection.

Imported where there is a record, or is to be one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..model import addresses, attachment
from ..model.attachment import Attachment, Purge
from ..model.ownership import label
from ..model.record import ATTACHMENT, Alike, Record, lasts, target_of
from ..model.record_objects import of_attachment
from ..plan import attachment_recorded
from ..plan.attachment_result import describe
from ..plan.attachment_segments import brings_something
from ..state.attachments import AttachmentState
from .recorded_vlans import RecordedPorts, last_asked
from .recording import Recording


def as_recorded(wants: Sequence[Attachment], keeping: Recording) -> tuple[Attachment, ...]:
    """Return attachments with the MAC addresses that were chosen for them before, where they ask for none."""
    known = keeping.read(ATTACHMENT)
    alike = Alike(known.values())

    def mac_of(want: Attachment) -> str | None:
        record = of_attachment(want)
        found = [known[record.key]] if record.key in known else []
        if not found and want.target.runtime != "auto":  # otherwise it may be another engine's
            found = alike.of(record)
        return found[0].options.get("mac") if found else None

    return tuple(replace(want, mac=want.mac or mac_of(want)) for want in wants)


def asked_mtus(keeping: Recording) -> dict[tuple[str, str, str], int]:
    """Return the MTUs that are recorded as asked for, by what the marks of the attachments say."""
    found = {}
    for record in keeping.read(ATTACHMENT).values():
        target, interface = target_of(record), str(record.want.get("interface", ""))
        if target is not None and record.want.get("mtu") is not None:
            named = label(target, interface, "")
            found[named.kind, named.value, interface] = int(record.want["mtu"])
    return found


def refuse_recorded(
    keeping: Recording, asked: Sequence[Attachment], have: AttachmentState, purge: Purge | None, ports: RecordedPorts
) -> None:
    """Refuse addresses and MACs that are recorded for others: of what is to be recorded, else of what is made."""
    known = keeping.read(ATTACHMENT)
    made = {
        (want.target, want.interface)
        for want, side in have.sides
        if side is not None and brings_something(want, side, have.host_side)
    }

    def is_news(want: Attachment) -> bool:
        record = of_attachment(want)
        before = known[record.key].want if record.key in known else {}
        return any(before.get(name) != value for name, value in record.want.items())

    news = [want for want in asked if (keeping.keeps or (want.target, want.interface) in made) and is_news(want)]
    if news:
        attachment_recorded.check(asked, news, known.values(), purge, ports.tagged_later(have.host_side))


def record_all(
    keeping: Recording,
    asked: Sequence[Attachment],
    have: AttachmentState,
    present: bool,
    purge: Purge | None,
    check: bool,
) -> None:
    """Record attachments as they were asked for, or take them out of the record; in check mode, say that alone."""
    made = [of_attachment(want) for want in asked if lasts(want.target)]
    if not present:
        going = Alike(made)

        def is_going(known: Record) -> bool:
            return any(one.bridge in (attachment.ANY_BRIDGE, known.bridge) for one in going.of(known))

        keeping.keep(ATTACHMENT, (), {}, is_going)
        return
    shown: dict[tuple[str, ...], Mapping[str, Any]] = {
        of_attachment(want).key: entry for (want, _side), entry in zip(have[0], describe(*have)) if entry
    }
    known = Alike(keeping.read(ATTACHMENT).values())
    engines = {of_attachment(want).key: side.identity.partition(":")[0] for want, side in have[0] if side is not None}

    def mac_of(record: Record) -> str:
        """Return the MAC that an attachment has, or is to have each time its container starts."""
        if record.key in shown:
            return str(shown[record.key]["mac"])
        has_one = any("mac" in other.options for other in known.of(record))
        return "" if check or has_one else addresses.random_mac()

    def with_engine(record: Record) -> Record:
        # Another engine's container of that name, later, is another container.
        engine = engines.get(record.key, "") if "container" in record.want and "runtime" not in record.want else ""
        return record._replace(chosen={"runtime": engine}) if engine else record

    def with_mac(record: Record) -> Record:
        mac = mac_of(record) if "mac" not in record.want else ""
        return record._replace(chosen={**record.chosen, "mac": mac}) if mac else record

    wanted = [with_mac(with_engine(record)) for record in made]
    keeping.keep(ATTACHMENT, wanted, shown, lambda known: attachment_recorded.is_purged(known, purge))
    if any(want.vlans is not None for want in asked):
        last_asked(keeping, ATTACHMENT, made)
