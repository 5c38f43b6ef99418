# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record says of interfaces made from NICs, and what a run leaves in it. Private to the collection.

Imported where there is a record, or is to be one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model.nic_attachment import ANY_NIC, NicAttachment, has_own_mac
from ..model.record import NIC_ATTACHMENT, Record
from ..model.record_objects import of_nic_attachment
from ..plan.nic_attachment_result import describe
from ..state.nic_attachments import NicAttachmentState
from . import wiring_record
from .recording import Recording


def as_recorded(wants: Sequence[NicAttachment], keeping: Recording) -> tuple[NicAttachment, ...]:
    """Return attachments with the MACs that were chosen for them before, where they can have one and ask for none."""
    known = wiring_record.as_recorded(wants, keeping, NIC_ATTACHMENT, of_nic_attachment)
    return tuple(chosen if want.has_own_mac else want for want, chosen in zip(wants, known))


def record_all(
    keeping: Recording, asked: Sequence[NicAttachment], have: NicAttachmentState, present: bool, check: bool
) -> None:
    """Record attachments as they were asked for, or take them out of the record; in check mode, say that alone."""
    made = wiring_record.lasting(asked, of_nic_attachment)
    if present:
        wiring_record.keep(
            keeping, NIC_ATTACHMENT, made, have.sides, describe(*have), of_nic_attachment, check, with_macs=_has_mac
        )
    else:
        wiring_record.forget(
            keeping, NIC_ATTACHMENT, made, lambda one, known: one.want["nic"] == ANY_NIC or _on(one) == _on(known)
        )


def _on(record: Record) -> tuple[object, object]:
    return record.want.get("nic"), record.want.get("vlan")


def _has_mac(record: Record) -> bool:
    return has_own_mac(record.want["kind"], record.want.get("mode", ""))
