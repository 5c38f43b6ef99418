# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Asks the service, which has all loaded, to attach a container that is starting. Private to the collection.

``service/hook_server.py`` answers. Where it doesn't, the hook does the work itself, four times as slowly.
"""

from __future__ import annotations

# Not socket: making enums of its constants takes as long as Python's start.
import _socket

SOCKET = "/run/pipefitter/hook.sock"
READY = b"?"
"""What the service says first: before it, nothing was asked, and nobody else works on it."""

_PATIENCE = 2.0  # seconds until it is ready: it serves one container after the other, quicker than all by themselves
_LONGEST = 35.0  # seconds; the service itself takes no longer than 25


def answers() -> bool:
    """Tell whether the service runs: it listens, also where it is busy."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(SOCKET)
    except (_socket.timeout, BlockingIOError):
        return True  # too many wait for it
    except OSError:
        return False
    finally:
        connection.close()
    return True


def ask(told: bytes) -> tuple[int, str] | None:
    """Return the hook's exit status and what it has to say, ``None`` where the service did not do it."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(SOCKET)
        if connection.recv(1) != READY:
            return None
        connection.settimeout(_LONGEST)
        rest = told
        while rest:
            rest = rest[connection.send(rest) :]
        connection.shutdown(_socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    except OSError:
        return None
    finally:
        connection.close()
    status, _space, lines = answer.decode(errors="replace").partition(" ")
    return (int(status), lines) if status in ("0", "1") else None  # it was ended in the middle
