# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses and MACs that are asked for, and that the record keeps for another container. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..errors import Refused
from ..model import addresses
from ..model.attachment import SELECTORS, VLAN_OPTIONS, Attachment, Purge, Target
from ..model.record import Alike, Record, target_of
from ..model.record_objects import of_attachment

_ID = re.compile(r"[0-9a-f]{12,64}")

_Place = tuple[str, Any]
_TaggedLater = Collection[tuple[str, str, str, str]]


def is_purged(record: Record, purge: Purge | None) -> bool:
    """Tell whether a record is of what a purge takes away, where it is not listed."""
    return purge is not None and purge.takes(record.bridge, str(record.want.get("owner", "")))


def check(
    wants: Sequence[Attachment],
    bringing: Collection[Attachment],
    recorded: Iterable[Record],
    purge: Purge | None,
    tagged_later: _TaggedLater = (),
) -> None:
    """Refuse what those of ``wants`` that are ``bringing`` it would take from a container that doesn't run now.

    What is recorded for it already is no news: two old records that contradict each other are told of where the second
    is made. Records of the list, and of the bridge that is purged, are about to say something else. Nothing is
    concluded for what is ``tagged_later`` (``HostSide``).

    :raises Refused: naming the first such attachment.
    """
    records = list(recorded)
    alike = Alike(records)
    own = {want: next(iter(alike.of(of_attachment(want))), None) for want in wants}
    listed = {record.key: want for want, record in own.items() if record is not None}
    kept: dict[tuple[_Place, str], list[Record]] = {}
    for record in records:
        place, want = _place(record.options, tagged_later), listed.get(record.key)
        if place is not None and (want is not None or not is_purged(record, purge)):
            for text in _of_record(record, want):
                kept.setdefault((place, text), []).append(record)
    for want in bringing:
        mine = own[want]
        place = _wanted_place(want, mine, tagged_later)
        known = _of_record(mine) if mine is not None and _place(mine.options, tagged_later) == place else []
        for option, shown, text in _asked(want):
            for other in kept.get((place, text), ()) if place is not None and text not in known else ():
                if _is_another(other, want.target):
                    raise Refused(
                        f"{option}: {shown} is asked for for {want}, and is recorded for {other} on {want.bridge}; "
                        "give another, or take that one out of the record first "
                        f'(state absent, or: pipefitter forget "{other}")'
                    )


def _asked(want: Attachment) -> list[tuple[str, str, str]]:
    held = [("addresses", address, addresses.bare(address)) for address in want.addresses or ()]
    held = [entry for entry in held if not addresses.is_link_local(entry[2])]
    return [*held, ("mac", want.mac, want.mac)] if want.mac is not None else held


def _of_record(record: Record, want: Attachment | None = None) -> list[str]:
    """Return the addresses and the MAC of a record, as far as ``want``, which is to be recorded, leaves them."""
    options = record.options
    held = [addresses.bare(address) for address in addresses.fixed(options.get("addresses") or ())]
    if want is not None and want.addresses is not None:
        held = []
    return [*held, options["mac"]] if options.get("mac") and (want is None or want.mac is None) else held


def _wanted_place(want: Attachment, record: Record | None, tagged_later: _TaggedLater) -> _Place | None:
    stays = want.vlans is None and record is not None and record.bridge == want.bridge
    return _place(record.options if stays and record is not None else of_attachment(want).want, tagged_later)


def _place(options: Mapping[str, Any], tagged_later: _TaggedLater) -> _Place | None:
    """Return bridge and access VLAN, ``None`` for a port in several VLANs, or in one that isn't said here."""
    vlan, *several = (options.get(name) for name in VLAN_OPTIONS)
    named = [
        (options["bridge"], kind, str(options[kind]), options["interface"]) for kind in SELECTORS if kind in options
    ]
    later = vlan is None and any(one in tagged_later for one in named)
    return None if any(several) or later else (options["bridge"], vlan)


def _is_another(record: Record, target: Target) -> bool:
    """Tell whether a record surely is for another container: an id, or a process id, may be of any name."""
    other = target_of(record)
    if other is None or (other.kind, other.value) == (target.kind, target.value):
        return False
    return not any(one.kind == "pid" or _ID.fullmatch(one.value) for one in (other, target))
