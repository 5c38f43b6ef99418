# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A connection on which a server tells that something changed, and no more is read of it. Private to the collection."""

from __future__ import annotations

import socket

_MOST = 1 << 16


class Notices:
    """``fileno`` becomes readable when there is one; the connection is a stream that doesn't block."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self) -> bool:
        """Read what has come, and tell whether the server is still there."""
        try:
            while True:
                if not self._connection.recv(_MOST):
                    return False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        self._connection.close()
