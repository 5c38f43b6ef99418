# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A connection on which a server tells that something changed. Private to the collection."""

from __future__ import annotations

import socket
from typing import NamedTuple

_MOST = 1 << 16


class Notice(NamedTuple):
    """What was told, in a few words (``container web1 started``); ``about`` is the name of the container."""

    text: str
    about: str = ""


class Notices:
    """``fileno`` becomes readable when there is one; the connection is a stream that doesn't block."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._notices: list[Notice] = []

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self) -> bool:
        """Read what has come, and tell whether the server is still there."""
        try:
            while True:
                part = self._connection.recv(_MOST)
                if not part:
                    return False
                self._hear(part)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def taken(self) -> list[Notice]:
        """Return what was told since it was last asked, as far as it can be said."""
        taken, self._notices = self._notices, []
        return taken

    def close(self) -> None:
        self._connection.close()

    def _hear(self, part: bytes) -> None:
        """Take what came; most servers' notices say no more than that there was one."""
