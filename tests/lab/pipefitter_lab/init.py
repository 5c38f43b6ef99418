# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that are PID 1: of the lab, and of each host in it."""

from __future__ import annotations

import json
import os
import signal
import sys

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


def spawn(arguments: list[str], inherit: tuple[int, ...], namespaces: int = syscalls.EVERY_NAMESPACE) -> int:
    """Start this program as PID 1 of new namespaces; the PID by which the caller's namespace knows it.

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
            syscalls.unshare(namespaces)
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


def reap_for_ever() -> None:
    """Bury what ends and has no other parent, as PID 1 must."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Blocked and waited for: a child that ends between two looks is not missed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})
