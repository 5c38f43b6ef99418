# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What moves of the host's NICs mean for all else on their bridges. Private to the collection."""

from __future__ import annotations

import os

from ..errors import PipefitterError
from ..store import pending

_OF_LINKS = "/sys/class/net"


class NicMoves:
    """The moves that host_nic_bridge left on this host; ``waiting`` has by bridge the NIC of one that may be undone."""

    def __init__(self) -> None:
        self.waiting, self._kept = pending.waiting_bridges(), pending.kept_bridges()

    @property
    def files(self) -> list[str]:
        """The files that go when moves that wait have ended."""
        return [pending.path(nic) for nic in self.waiting.values()]

    def lost(self) -> dict[str, str]:
        """Return the NICs that are no ports any more though nobody took them back, each with its bridge."""
        return {
            nic: bridge
            for nic, bridge in self._kept.items()
            if bridge not in self.waiting and os.path.exists(f"{_OF_LINKS}/{nic}") and not _is_port(nic, bridge)
        }


def _is_port(nic: str, bridge: str) -> bool:
    if os.path.isdir(f"{_OF_LINKS}/{bridge}/bridge"):
        return os.path.exists(f"{_OF_LINKS}/{bridge}/brif/{nic}")
    from ..host.ovs.ovsdb import Ovsdb

    ovsdb = Ovsdb()
    try:
        if not ovsdb.available():
            return True  # its ports are in its database, which outlives it
        held = ovsdb.read()[1].get(nic)
    except PipefitterError:
        return True
    return held is not None and held.bridge == bridge
