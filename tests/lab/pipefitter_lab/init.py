# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that are PID 1: of the lab, and of each host in it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence

from . import syscalls

PROGRAM = os.path.dirname(os.path.realpath(__file__))  # Python runs a folder by its __main__.py
COMMAND = os.path.join(os.path.dirname(PROGRAM), "lab")


class Report:
    """Tells "lab up" how far things are, over a pipe that all inits share: a line fits in one atomic write."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def send(self, **news: object) -> None:
        try:
            os.write(self.descriptor, (json.dumps(news)[:4000] + "\n").encode())
        except BrokenPipeError:
            pass  # "lab up" was killed; whoever comes next removes this lab


def spawn(arguments: list[str], inherit: tuple[int, ...], own_groups: Sequence[str] = ()) -> int:
    """Start this program as PID 1 of new namespaces; the PID by which the caller's namespace knows it.

    Where it gets control groups of its own, the folders `own_groups`, it sees them as the roots of their hierarchies.

    There is a process in between because unshare moves only the children into a new PID namespace;
    it ends at once, so that none stays outside.
    """
    read_end, write_end = os.pipe()
    # An interrupted "lab up" looks for the new process by its command line: it must have got that far.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
    middle = os.fork()
    if middle == 0:
        try:
            os.setsid()
            for group in own_groups:
                with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write("0")
            syscalls.unshare(syscalls.EVERY_NAMESPACE | (syscalls.CLONE_NEWCGROUP if own_groups else 0))
            child = os.fork()
            if child == 0:
                for descriptor in inherit:
                    os.set_inheritable(descriptor, True)
                signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
                os.execv(sys.executable, [sys.executable, "-IS", PROGRAM] + arguments)
            os.write(write_end, str(child).encode())
        except OSError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(middle, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    if not answer.isdigit():
        raise OSError(f"no new namespaces: {answer or 'the process that makes them died'}")
    return int(answer)


def reap_for_ever(
    on_end: Callable[[int, int], None] = lambda _pid, _status: None, on_request: Callable[[], None] = lambda: None
) -> None:
    """Bury what ends and has no other parent, as PID 1 must.

    `on_end` gets the PID and the wait status of each; `on_request` is called after a SIGUSR1.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Blocked and waited for: a child that ends between two looks is not missed.
    awaited = {signal.SIGCHLD, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    while True:
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                on_end(*ended)
        except ChildProcessError:
            pass
        if signal.sigwait(awaited) == signal.SIGUSR1:
            on_request()
