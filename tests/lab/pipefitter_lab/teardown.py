# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing a lab, whatever state it is in, and looking whether anything is left."""

from __future__ import annotations

import os
import shutil
import signal

from . import cgroups
from .errors import LabError
from .layout import ROOT, Layout
from .processes import ancestors, in_namespaces, started_by_lab, wait_until
from .record import Record


def remove(layout: Layout) -> None:
    """Kill the lab's init, which ends everything in it, and clear away what the kernel does not."""
    record = Record.load(layout)
    if record is not None:
        if record.init.alive:
            # Only now are the numbers certain to be this lab's: a dead namespace's inode is given out again.
            _kill(in_namespaces({*record.namespaces}))
            if not record.init.kill():
                raise LabError(f"the lab's init (PID {record.init.pid}) does not die: see 'ps' for what it waits for")
    _kill(started_by_lab(layout.root))
    _end_ssh_connections(layout)
    left = cgroups.remove(layout.name)
    shutil.rmtree(layout.root, onerror=_ignore_missing)
    try:
        os.rmdir(ROOT)
    except OSError:
        pass  # another lab has its files there
    if left:
        raise LabError(f"control groups that are still in use: {' '.join(left)}")


def _ignore_missing(function: object, path: str, failure: tuple) -> None:
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


def _kill(pids) -> None:
    spared = ancestors()  # "lab down" may have been typed in a shell of "lab run"
    killed = [pid for pid in pids if pid not in spared]
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/ns/net") and _runs(pid) for pid in killed), timeout=5)


def _runs(pid: int) -> bool:
    try:
        return bool(os.readlink(f"/proc/{pid}/ns/net"))  # a zombie has none
    except OSError:
        return False


def _end_ssh_connections(layout: Layout) -> None:
    """ssh masters that stay in the background hold a socket of the LAN, and with it the whole network namespace."""
    mark = os.fsencode(layout.ssh_control)
    pids = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command.startswith(b"ssh") and mark in command:
                pids.append(int(entry))
    _kill(pids)
