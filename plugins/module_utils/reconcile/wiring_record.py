# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record says of attachments, whatever they lead to, and what a run leaves in it.

Private to the collection. Imported where there is a record, or is to be one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..model import addresses
from ..model.attachment import Attachment
from ..model.record import Alike, Record, lasts
from ..state.attachments import ContainerSide
from .recording import Recording

Want = TypeVar("Want", bound=Attachment)


def as_recorded(wants: Sequence[Want], keeping: Recording, kind: str, of: Callable[[Want], Record]) -> tuple[Want, ...]:
    """Return attachments with the MAC addresses that were chosen for them before, where they ask for none.

    ``of`` makes records, of that ``kind``, of what is wanted.
    """
    known = keeping.read(kind)
    alike = Alike(known.values())

    def mac_of(want: Want) -> str | None:
        record = of(want)
        found = [known[record.key]] if record.key in known else []
        if not found and want.target.runtime != "auto":  # otherwise it may be another engine's
            found = alike.of(record)
        return found[0].options.get("mac") if found else None

    return tuple(replace(want, mac=want.mac or mac_of(want)) for want in wants)


def forget(keeping: Recording, kind: str, going: Sequence[Record], where: Callable[[Record, Record], bool]) -> None:
    """Take attachments out of the record: those that ``where`` says are meant by the one that is ``going``."""
    alike = Alike(going)
    keeping.keep(kind, (), {}, lambda known: any(where(one, known) for one in alike.of(known)))


def lasting(asked: Sequence[Want], of: Callable[[Want], Record]) -> list[Record]:
    """Return the records of attachments that mean the same after a restart."""
    return [of(want) for want in asked if lasts(want.target)]


def keep(
    keeping: Recording,
    kind: str,
    made: Sequence[Record],
    sides: Sequence[tuple[Want, ContainerSide | None]],
    described: Sequence[Mapping[str, Any] | None],
    of: Callable[[Want], Record],
    check: bool,
    gone: Callable[[Record], bool] = lambda record: False,
    with_macs: Callable[[Record], bool] = lambda record: True,
) -> None:
    """Record attachments as they were asked for, with the MACs and engines that they have; in check mode, say so.

    ``described`` are those of ``sides`` as options that give them back, and what is ``gone`` leaves the record.
    """
    shown = {of(want).key: entry for (want, _side), entry in zip(sides, described) if entry}
    known = Alike(keeping.read(kind).values())
    engines = {of(want).key: side.identity.partition(":")[0] for want, side in sides if side is not None}

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
        mac = mac_of(record) if "mac" not in record.want and with_macs(record) else ""
        return record._replace(chosen={**record.chosen, "mac": mac}) if mac else record

    keeping.keep(kind, [with_mac(with_engine(record)) for record in made], shown, gone)
