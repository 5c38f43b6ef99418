# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The VLANs that are recorded for ports of containers, as they are to join with. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..model import vlan_port
from ..model.record import VLAN_PORT, target_of
from ..store.records import Store

if TYPE_CHECKING:
    from ..model.vlans import Vlans


def vlans_of_ports() -> dict[tuple[str, ...], tuple[Vlans, str]]:
    """Return what is recorded of VLANs by bridge, kind and value of the container, and interface.

    A port that is in them as it joins hears and says nothing in others, not for a moment.
    """
    found: dict[tuple[str, ...], tuple[Vlans, str]] = {}
    twice: set[tuple[str, ...]] = set()  # containers of one name, of two engines
    for record in Store(mend=False).read(VLAN_PORT).values():
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
