# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Being told when ports or bridges of Open vSwitch change (RFC 7047, monitor). Private to the collection.

As of containers' events, only that something changed is told.
"""

from __future__ import annotations

import json
import socket

from ..notices import Notices
from .ovsdb import SOCKET
from .session import DATABASE

# Counters are in other columns, or they would be told all the time.
_WATCHED = {
    "Bridge": {"columns": ["name", "ports"]},
    "Port": {"columns": ["name", "tag", "trunks", "vlan_mode"]},
}
_TIMEOUT = 5.0  # seconds to connect; what follows never blocks


class OvsEvents(Notices):
    """Notices of the database; ``fileno`` becomes readable when there is one."""

    def __init__(self, path: str = SOCKET) -> None:
        """Subscribe.

        :raises OSError: nobody listens there.
        """
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
        try:
            self._connection.settimeout(_TIMEOUT)
            self._connection.connect(path)
            request = {"id": 0, "method": "monitor", "params": [DATABASE, None, _WATCHED]}
            self._connection.sendall(json.dumps(request).encode())
            self._connection.setblocking(False)
        except BaseException:
            self._connection.close()
            raise
