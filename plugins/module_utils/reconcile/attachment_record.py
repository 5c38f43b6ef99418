# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record says of attachments, and what a run leaves in it. Private to the collection.

Imported where there is a record, or is to be one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model import attachment
from ..model.attachment import Attachment, Purge
from ..model.ownership import label
from ..model.record import ATTACHMENT, Record, target_of
from ..model.record_objects import of_attachment
from ..plan import attachment_recorded
from ..plan.attachment_result import describe
from ..plan.attachment_segments import brings_something
from ..state.attachments import AttachmentState
from . import wiring_record
from .recorded_vlans import RecordedPorts, last_asked
from .recording import Recording


def as_recorded(wants: Sequence[Attachment], keeping: Recording) -> tuple[Attachment, ...]:
    """Return attachments with the MAC addresses that were chosen for them before, where they ask for none."""
    return wiring_record.as_recorded(wants, keeping, ATTACHMENT, of_attachment)


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
    made = wiring_record.lasting(asked, of_attachment)
    if not present:
        wiring_record.forget(
            keeping, ATTACHMENT, made, lambda one, known: one.bridge in (attachment.ANY_BRIDGE, known.bridge)
        )
        return

    def gone(known: Record) -> bool:
        return attachment_recorded.is_purged(known, purge)

    wiring_record.keep(keeping, ATTACHMENT, made, have[0], describe(*have), of_attachment, check, gone)
    if any(want.vlans is not None for want in asked):
        last_asked(keeping, ATTACHMENT, made)
