# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a fork_server to run programs."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from typing import TextIO

import fork_server

_START = 60  # seconds; 1 to 2 are usual


class ForkServer:
    """A fork_server that ``argv`` starts; ``stop`` ends it."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(argv, stdin=theirs, env=environment)
        self._requests.settimeout(_START)
        said = self._requests.recv(64)
        assert said == fork_server.READY, f"{argv} has ended"

    def start(self, *words: str, text: str = "") -> Running:
        """Start a program with ``words`` as its arguments and ``text`` on its stdin."""
        return Running(self._requests, words, text)

    def stop(self) -> None:
        self._requests.close()
        self._process.wait(60)


class Running:
    """A program that was started."""

    def __init__(self, requests: socket.socket, words: tuple[str, ...], text: str) -> None:
        self._words = words
        given, self._out, self._err = (_stream(name) for name in ("in", "out", "err"))
        self._status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with given, theirs:
            given.write(text)
            given.seek(0)
            streams = [stream.fileno() for stream in (given, self._out, self._err)]
            socket.send_fds(requests, [json.dumps(words).encode()], [*streams, theirs.fileno()])

    def wait(self, seconds: float) -> subprocess.CompletedProcess[str]:
        """Return how it ended; it is killed if it has not after so many seconds."""
        with self._status, self._out, self._err:
            ready, _writable, _failed = select.select([self._status], [], [], seconds)
            if not ready:
                raise subprocess.TimeoutExpired(self._words, seconds)
            status = fork_server.unpack_status(self._status.recv(64))
            for stream in (self._out, self._err):
                stream.seek(0)
            return subprocess.CompletedProcess(self._words, status, self._out.read(), self._err.read())


def _stream(name: str) -> TextIO:
    """Return a file that is in memory alone: unlike a pipe it never makes a writer wait."""
    return os.fdopen(os.memfd_create(name), "w+", encoding="utf-8")
