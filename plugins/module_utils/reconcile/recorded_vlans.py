# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The VLANs that are recorded for ports of containers, by attachments and by ports. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..model import vlan_port
from ..model.attachment import SELECTORS, VLAN_OPTIONS
from ..model.record import ATTACHMENT, VLAN_PORT, Alike, Record, target_of
from ..state.attachments import LINUX
from ..store.records import Store
from .recording import FOLDER

if TYPE_CHECKING:
    from ..model.vlans import Vlans
    from ..state.attachments import HostSide
    from .recording import Recording

_OTHER = {ATTACHMENT: VLAN_PORT, VLAN_PORT: ATTACHMENT}
_SAID_BY = {ATTACHMENT: VLAN_OPTIONS, VLAN_PORT: ("mode", "tag", "trunks")}

# What a record of a port's VLANs is for; one that has nothing else says nothing.
_NAMES = frozenset((*SELECTORS, "runtime", "interface", "bridge", "owner"))


def last_asked(keeping: Recording, kind: str, asked: Iterable[Record]) -> None:
    """Take the VLANs out of the other kind's records of the same ports: those asked for last are wanted.

    Both would be made again in turn, without end.
    """
    said = [record for record in asked if any(name in record.want for name in _SAID_BY[kind])]
    if not said:
        return
    other = _OTHER[kind]
    known = Alike(keeping.read(other).values())
    found = [
        one
        for record in said
        for one in known.of(_of_other_kind(record, other))
        if one.bridge == record.bridge and any(name in one.want for name in _SAID_BY[other])
    ]
    left = [
        record._replace(want={name: value for name, value in record.want.items() if name not in _SAID_BY[other]})
        for record in found
    ]
    empty = {record.key for record in left if other == VLAN_PORT and not record.want.keys() - _NAMES}
    keeping.keep(other, (), {}, lambda record: record.key in empty, left)


def _of_other_kind(record: Record, other: str) -> Record:
    key = (record.bridge, *record.key) if other == VLAN_PORT else record.key[1:]
    return Record(other, key, {name: value for name, value in record.want.items() if name in ("bridge", "runtime")})


class RecordedPorts:
    """The VLANs that are recorded for ports of containers, read once a run, when they are first asked for."""

    def __init__(self) -> None:
        self._read: list[Record] | None = None

    def vlans(self) -> dict[tuple[str, ...], tuple[Vlans, str]]:
        """Return what is recorded of VLANs by bridge, kind and value of the container, and interface.

        A port that is in them as it joins hears and says nothing in others, not for a moment.
        """
        found: dict[tuple[str, ...], tuple[Vlans, str]] = {}
        twice: set[tuple[str, ...]] = set()  # containers of one name, of two engines
        for record in self._records():
            target = target_of(record)
            entry = {name: value for name, value in record.options.items() if name not in ("bridge", "owner")}
            asked = {"bridge": record.bridge, "ports": [entry]}
            try:
                ports = vlan_port.parse(asked).ports or ()
            except PipefitterError:
                continue  # it is told of where its own turn comes
            for port in ports:
                if target is not None and port.vlans is not None:
                    key = (record.bridge, target.kind, target.value, port.interface)
                    if key in found:
                        twice.add(key)
                    found[key] = (port.vlans, str(record.want.get("owner") or ""))
        return {key: value for key, value in found.items() if key not in twice}

    def tagged_later(self, host_side: HostSide) -> frozenset[tuple[str, str, str, str]]:
        """Return the attachments to whose ports ovs_vlan_port gives VLANs after they were made, as is recorded."""
        if all(bridge.kind == LINUX for bridge in host_side.bridges.values()) or not os.path.isdir(FOLDER):
            return frozenset()
        found = ((record, target_of(record)) for record in self._records())
        return frozenset(
            (record.bridge, target.kind, target.value, record.key[-1]) for record, target in found if target is not None
        )

    def _records(self) -> list[Record]:
        if self._read is None:
            self._read = list(Store(mend=False).read(VLAN_PORT).values())
        return self._read
