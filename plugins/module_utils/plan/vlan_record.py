# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a port was before ovs_vlan_port set it, as it is noted on the port itself. Pure. Private to the collection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from ..light_dataclass import dataclass
from ..model.ovs import OvsPort
from ..model.ownership import VLAN_RECORD
from ..model.vlan_port import RESERVED_IDS
from ..model.vlans import MODES

_HIGHEST = 4095  # of tag and trunks in the schema; others may have set 0 and 4095, which this collection never does


@dataclass(frozen=True)
class VlanRecord:
    """What a port was.

    ``added``: it was on no bridge. ``vlans`` are its former tag, trunks and
    vlan_mode, ``None`` where they were not changed; ``external_ids`` the former
    values (``None``: none) of the keys that were; ``owner`` says for what the
    port was set.
    """

    added: bool = False
    vlans: tuple[int | None, tuple[int, ...], str | None] | None = None
    external_ids: Mapping[str, str | None] = field(default_factory=dict)
    owner: str = ""

    @property
    def empty(self) -> bool:
        return not (self.added or self.vlans or self.external_ids or self.owner)

    def text(self) -> str:
        said: dict[str, object] = {}
        if self.added:
            said["added"] = True
        if self.vlans is not None:
            tag, trunks, vlan_mode = self.vlans
            said["former"] = {"tag": tag, "trunks": list(trunks), "vlan_mode": vlan_mode}
        if self.external_ids:
            said["former_external_ids"] = dict(self.external_ids)
        if self.owner:
            said["owner"] = self.owner
        return json.dumps(said, sort_keys=True)


def read(port: OvsPort) -> VlanRecord | None:
    """Return the record on a port, ``None`` without one.

    What somebody has made unreadable counts as one that holds nothing.
    """
    text = dict(port.external_ids).get(VLAN_RECORD)
    if text is None:
        return None
    try:
        said = json.loads(text)
        former = said.get("former")
        vlans = _vlans(former) if former else None
        return VlanRecord(
            bool(said.get("added")),
            vlans,
            _external_ids(said.get("former_external_ids", {})),
            str(said.get("owner", "")),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return VlanRecord()


def _vlans(said: Any) -> tuple[int | None, tuple[int, ...], str | None]:
    tag, trunks, vlan_mode = said["tag"], said["trunks"], said["vlan_mode"]
    if not isinstance(trunks, list) or not all(map(_is_vlan, trunks if tag is None else [tag, *trunks])):
        raise ValueError("VLANs that Open vSwitch does not take")
    if vlan_mode is not None and vlan_mode not in MODES:
        raise ValueError("no VLAN mode")
    return tag, tuple(sorted(set(trunks))), vlan_mode


def _is_vlan(said: Any) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= _HIGHEST


def _external_ids(said: Any) -> dict[str, str | None]:
    for text in (*said, *said.values()):
        # Lone surrogates, which JSON can spell, fail to encode.
        if text is not None and b"\0" in text.encode():
            raise ValueError("a text that Open vSwitch does not take")
    # These say whose the port is, and are no user's to be given back.
    return {key: value for key, value in said.items() if key not in RESERVED_IDS}


def former(port: OvsPort, record: VlanRecord) -> OvsPort:
    """Return the port as it was, without the record."""
    ids: dict[str, str | None] = {**dict(port.external_ids), **record.external_ids, VLAN_RECORD: None}
    port = replace(port, external_ids=tuple(sorted((key, value) for key, value in ids.items() if value is not None)))
    if record.vlans is None:
        return port
    tag, trunks, vlan_mode = record.vlans
    return replace(port, tag=tag, trunks=trunks, vlan_mode=vlan_mode)
