# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What systemd is told of a service (sd_notify(3)). Private to the collection."""

from __future__ import annotations

import os
import socket


def tell(*lines: str) -> None:
    """Tell the service manager, where one asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.connect("\0" + address[1:] if address[0] == "@" else address)
            connection.sendall("\n".join(lines).encode())
        except OSError:
            pass  # it has its own time limit for a service that says nothing


def watchdog_pause() -> float | None:
    """Return how many seconds may pass between two signs of life, half of what systemd waits; ``None`` for any."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(limit) / 2e6 if limit.isdigit() and mine else None
