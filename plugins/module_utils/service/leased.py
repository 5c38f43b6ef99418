# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which recorded attachments have an address from a DHCP server, and what it gave. Private to the collection."""

from __future__ import annotations

from ..host import leases
from ..model.addresses import DHCP
from ..model.attachment import DEFAULT_INTERFACE
from ..model.ownership import label
from ..model.record import ATTACHMENT, NIC_ATTACHMENT, Record, target_of


def asks(record: Record) -> bool:
    """Tell whether a record is of an attachment that has an address from a server."""
    return record.kind in (ATTACHMENT, NIC_ATTACHMENT) and DHCP in (record.options.get("addresses") or ())


def path_of(record: Record) -> str:
    """Return the file of an attachment's lease."""
    target = target_of(record)
    if target is None:
        raise ValueError(f"{record} is no attachment")
    named = label(target, str(record.options.get("interface") or DEFAULT_INTERFACE), "")
    return leases.path_of(named.kind, named.value, named.interface)


def lease_of(record: Record) -> leases.Lease:
    """Return what an attachment was given, an empty lease where that is nothing."""
    return leases.read(path_of(record))
