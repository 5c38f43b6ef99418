# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""How a run tells the service that there is something to do of which no kernel tells. Private to the collection."""

from __future__ import annotations

import socket

SOCKET = "/run/pipefitter/wake.sock"


def wake() -> bool:
    """Have the service make a pass, and tell whether one runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        connection.setblocking(False)
        try:
            connection.connect(SOCKET)
            connection.send(b"!")
        except BlockingIOError:
            return True  # it has been told often enough
        except OSError:
            return False
    return True
