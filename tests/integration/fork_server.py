# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Python programs, each in a fork of a process that has imported already what they need.

A request is a datagram on a socket, the program's arguments in JSON, with three descriptors that become its streams
and a socket that takes its exit status. Whoever closes that socket before wants the program to end. fork_client asks.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable

READY = b"ready"
_STREAMS = 3
_LARGEST = 1 << 17
_STATUS = struct.Struct("=i")
_PR_SET_PDEATHSIG = 1

Program = Callable[[list[str]], None]


def serve(program: Program) -> None:
    """Serve on the socket that is stdin, until nobody has its other end."""
    requests = socket.socket(fileno=os.dup(0))
    gc.freeze()  # else the first collection of each fork would copy all that was imported
    requests.send(READY)
    _Server(requests, program).serve()


def become(program: Program, words: list[str], streams: list[int]) -> None:
    """Run a program in this process, which is a fork made for it, and end the process as Python would."""
    status = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        opened = [open(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")]
        sys.stdin, sys.stdout, sys.stderr = opened
        program(words)
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def unpack_status(datagram: bytes) -> int:
    """Return an exit status, or a signal's number below zero."""
    return int(_STATUS.unpack(datagram)[0])


class _Server:
    """One socket for requests; of each program that runs, what says that it ended, and who wants to know."""

    def __init__(self, requests: socket.socket, program: Program) -> None:
        self._requests = requests
        self._program = program
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)
        self._running: dict[int, tuple[int, socket.socket]] = {}  # by pidfd: the process and its client
        self._pidfd_of: dict[int, int] = {}  # by the client's descriptor

    def serve(self) -> None:
        while True:
            for descriptor, _events in self._poll.poll():
                if descriptor == self._requests.fileno():
                    if not self._accept():
                        return
                elif descriptor in self._running:
                    self._ended(descriptor)
                elif descriptor in self._pidfd_of:  # the client has gone
                    self._poll.unregister(descriptor)
                    signal.pidfd_send_signal(self._pidfd_of[descriptor], signal.SIGKILL)

    def _accept(self) -> bool:
        asked, descriptors, _flags, _address = socket.recv_fds(self._requests, _LARGEST, _STREAMS + 1)
        if not asked:
            return False
        *streams, answer = descriptors
        client = socket.socket(fileno=answer)
        process = os.fork()
        if process == 0:
            client.close()
            self._let_go()
            become(self._program, json.loads(asked), streams)
        for stream in streams:
            os.close(stream)
        pidfd = os.pidfd_open(process)
        self._running[pidfd] = (process, client)
        self._pidfd_of[client.fileno()] = pidfd
        self._poll.register(pidfd, select.POLLIN)
        self._poll.register(client, 0)  # tells of its end in any case
        return True

    def _let_go(self) -> None:
        """Keep nothing of this server in a program's process, but die with it."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._requests.close()
        for pidfd, (_process, client) in self._running.items():
            os.close(pidfd)
            client.close()

    def _ended(self, pidfd: int) -> None:
        process, client = self._running.pop(pidfd)
        del self._pidfd_of[client.fileno()]
        self._poll.unregister(pidfd)
        os.close(pidfd)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        try:
            self._poll.unregister(client)
        except KeyError:
            pass  # it has gone
        else:
            with contextlib.suppress(BrokenPipeError):
                client.send(_STATUS.pack(status))
        client.close()
