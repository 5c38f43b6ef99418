# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attaches containers that are starting, for hooks that ask (``service/hook_client.py``). Private to the collection.

In a process of its own, forked from the service's, with all loaded: a pass may wait for an engine, which answers only
when the container has started, which waits for its hook.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
from collections.abc import Callable

from ..errors import PipefitterError
from . import own_sockets, starting, state_file
from .hook_client import READY, SOCKET
from .output import complain

_PATIENCE = 1.0  # seconds; a hook says at once what it wants
_LONGEST = 1 << 20  # bytes of a container's state
_BACKLOG = 512


class HookServer:
    """The process that serves hooks, as the service's sees it: ``fileno`` becomes readable when it has ended."""

    def __init__(self) -> None:
        """Start it.

        :raises OSError: there can be no such socket.
        """
        listening = listen()
        try:
            ended, self._end = socket.socketpair()
            self._pid = os.fork()
            if not self._pid:
                self._end.close()
                _serve_until_end(listening, ended)
        finally:
            listening.close()
        ended.close()

    def fileno(self) -> int:
        return self._end.fileno()

    def close(self) -> None:
        """End it, when it has served the one that it serves; and see to it that it has ended."""
        self._end.close()
        os.waitpid(self._pid, 0)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)


def listen() -> socket.socket:
    """Return a socket at which hooks ask; it is root's alone."""
    listening = own_sockets.bound(SOCKET, socket.SOCK_STREAM)
    try:
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def preload() -> None:
    """Load what attaching takes, so that the first container that starts doesn't wait for it."""
    from ..host.netlink.rtnetlink import message
    from ..host.packets import announce
    from . import attaching

    del announce, attaching
    with contextlib.suppress(PipefitterError):  # no pyroute2: whoever changes something says so
        for name in ("ifinfmsg", "ifaddrmsg"):
            message(name)
    gc.freeze()  # what is loaded stays shared with the process that is forked


def _serve_until_end(listening: socket.socket, ended: socket.socket) -> None:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd sends it to both; the service's process ends this one
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while ended not in [key.fileobj for key, _events in selector.select()]:
                answer(listening, starting.attach)
        status = 0
    except BaseException as error:
        complain(f"hooks of containers that start are not served any more: {error}")
    finally:
        os._exit(status)


def answer(listening: socket.socket, attach: Callable[[bytes, starting.Say], int]) -> None:
    """Serve one hook that waits."""
    connection, _address = listening.accept()
    with connection, contextlib.suppress(OSError):
        connection.settimeout(_PATIENCE)
        _pid, user, _group = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        )
        if user != os.geteuid():
            return
        connection.sendall(READY)
        told = _all_of(connection)
        if not told:
            return  # it did not wait, and does it itself
        warnings: list[str] = []

        def say(line: str, warning: bool) -> None:
            complain(line)
            state_file.note(line, starting.CAUSE)
            if warning:
                warnings.append(f"pipefitter: {line}")

        status = attach(told, say)
        lines = "\n".join(warnings)
        connection.sendall(f"{status} {lines}".encode(errors="replace"))


def _all_of(connection: socket.socket) -> bytes:
    told = b""
    while part := connection.recv(65536):
        told += part
        if len(told) > _LONGEST:
            return b""
    return told
