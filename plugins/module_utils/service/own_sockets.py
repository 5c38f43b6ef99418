# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sockets at which the service is told something; they are root's alone. Private to the collection."""

from __future__ import annotations

import contextlib
import os
import socket


def bound(path: str, kind: socket.SocketKind) -> socket.socket:
    """Return a Unix socket of a kind, bound to its path.

    :raises OSError: there can be no such socket.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of a service that was killed
    listening = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    try:
        listening.bind(path)
        os.chmod(path, 0o600)
    except OSError:
        listening.close()
        raise
    return listening
