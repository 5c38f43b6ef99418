# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""How a run tells the service that there is something to do of which no kernel tells. Private to the collection."""

from __future__ import annotations

import contextlib
import os
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


def listen() -> socket.socket:
    """Return what becomes readable when the service is told; it is root's alone.

    :raises OSError: there can be no such socket.
    """
    os.makedirs(os.path.dirname(SOCKET), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET)  # of a service that was killed
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        listening.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
