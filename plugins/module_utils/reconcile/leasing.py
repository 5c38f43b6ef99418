# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What runs do about attachments whose address a DHCP server gives. Private to the collection.

The service runs the clients: a lease that nobody renews is a fault that waits. Imported where one is asked for or held.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption, MissingFeature
from ..host import leases, program, service_wake
from ..model.addresses import DHCP
from ..model.attachment import DEFAULT_INTERFACE, Attachment
from ..model.nic_attachment import NicAttachment
from ..model.ownership import OwnershipLabel, label, read_label
from ..model.record import ATTACHMENT, NIC_ATTACHMENT, Record, target_of
from ..model.record_objects import of_attachment, of_nic_attachment
from ..plan.lease_operations import ReleaseLease
from ..plan.link_operations import deletions_in
from ..plan.operations import Operation
from ..state.network import NetworkState
from .recording import Recording
from .result import Result
from .wiring import Entries

_PAUSE = 0.05

_Holder = tuple[str, str, str]


class Leasing:
    """The part of one run that is about leases."""

    def __init__(self, wants: Sequence[Attachment], keeping: Recording, persistent: object) -> None:
        """See whether what is wanted can be had here.

        :raises PipefitterError: what is missing for it.
        """
        self._wants = wants
        asking = [want for want in wants if want.dhcp]
        if asking and persistent is not None:
            _refuse(keeping)
        # The service's own runs have all from the record.
        self._before = {_holder_of(want) for want in asking if persistent is None or _is_recorded(want, keeping)}

    def released_first(self, operations: list[Operation], *networks: NetworkState) -> list[Operation]:
        """Return operations that give leases back before interfaces of ``networks`` are deleted that have them.

        What is only made anew keeps its lease.
        """
        staying = {_holder_of(want) for want in self._wants if want.dhcp}
        first: list[Operation] = []
        for deletion in deletions_in(operations):
            link = next((found for each in networks if (found := each.links.get(deletion.name)) is not None), None)
            mark = read_label(link.alias) if link is not None and link.ours else None
            if mark is None or _holder(mark) in staying:
                continue
            lease = leases.read(leases.path_of(*_holder(mark)))
            if lease.holds:
                first.append(ReleaseLease("", _holder(mark), lease.address))
        return [*first, *operations]

    def told(
        self, sides: Sequence[tuple[Attachment, object]], before: Entries, after: Entries, shown: Entries
    ) -> tuple[Entries, Entries, Entries]:
        """Return what is shown of attachments, with ``dhcp`` among the addresses of those that have one from a server.

        Which one that is, is not for the task to say, and no change of it when it is another.
        """
        wants = [want for want, _side in sides]
        asking = {_holder_of(want) for want in self._wants if want.dhcp}
        return (
            _with_dhcp(before, wants, self._before),
            _with_dhcp(after, wants, asking),
            _with_dhcp(shown, wants, asking),
        )

    def awaited(self, result: Result, timeout: float) -> Result:
        """Have the service ask for what is wanted, and wait for it; a result tells of leases that did not come.

        That no server answers undoes nothing: the service goes on asking.
        """
        pending = {tuple(entry.items()) for entry in result.values.get("pending", ())}
        asking = [
            want
            for want in self._wants
            if want.dhcp and tuple({**want.target.named, "interface": want.interface}.items()) not in pending
        ]
        if not asking:
            return result
        if not service_wake.wake():
            advice = "the service pipefitter is not running, so nobody asks a DHCP server; systemctl start pipefitter"
            return replace(result, warnings=[*result.warnings, f"addresses: {_named(asking)}: {advice}"])
        deadline = time.monotonic() + timeout
        while asking and time.monotonic() < deadline:
            asking = [want for want in asking if not leases.read(leases.path_of(*_holder_of(want))).holds]
            if asking:
                time.sleep(_PAUSE)
        if not asking or not timeout:
            return result
        told = f"no DHCP server gave an address within {timeout:g} s; the service goes on asking"
        return replace(result, warnings=[*result.warnings, f"addresses: {_named(asking)}: {told}"])


def asks(record: Record) -> bool:
    """Tell whether a record is of an attachment that has an address from a server."""
    return record.kind in (ATTACHMENT, NIC_ATTACHMENT) and DHCP in (record.options.get("addresses") or ())


def path_of(record: Record) -> str:
    """Return the file of a recorded attachment's lease."""
    target = target_of(record)
    if target is None:
        raise ValueError(f"{record} is no attachment")
    interface = str(record.options.get("interface") or DEFAULT_INTERFACE)
    return leases.path_of(*_holder(label(target, interface, "")))


def _refuse(keeping: Recording) -> None:
    """Refuse addresses from a server where nobody would ask it."""
    if not keeping.keeps:
        raise InvalidOption(
            "addresses",
            DHCP,
            "is for the service, which asks for a lease and renews it, and nothing is recorded here; install it (role "
            "host_setup), or set persistent to true, or give an address",
        )
    if not program.installed(leases.CLIENT) and not program.installed("busybox"):
        raise MissingFeature(
            f"addresses: {DHCP} needs the DHCP client {leases.CLIENT}, which is not installed on this host; install "
            f"the package busybox or {leases.CLIENT}"
        )


def _is_recorded(want: Attachment, keeping: Recording) -> bool:
    asked: Any = want  # either has a record of its own kind
    record = of_nic_attachment(asked) if isinstance(want, NicAttachment) else of_attachment(want)
    known = keeping.read(record.kind).get(record.key)
    return known is not None and asks(known)


def _with_dhcp(entries: Entries, wants: Sequence[Attachment], asking: Collection[_Holder]) -> Entries:
    return [
        {**entry, "addresses": [DHCP, *entry["addresses"]]}
        if entry is not None and _holder_of(want) in asking
        else entry
        for entry, want in zip(entries, wants)
    ]


def _holder(mark: OwnershipLabel) -> _Holder:
    return mark.kind, mark.value, mark.interface


def _holder_of(want: Attachment) -> _Holder:
    return _holder(label(want.target, want.interface, ""))


def _named(wants: Sequence[Attachment]) -> str:
    return f"{wants[0]} and {len(wants) - 1} more" if len(wants) > 1 else str(wants[0])
