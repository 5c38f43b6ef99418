# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing a lab, whatever state it is in."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable

from . import cgroups
from .errors import LabError
from .layout import ROOT, SSH_CONTROL, Layout
from .processes import Process, ancestors, commanded, in_namespaces_of, marked_with
from .record import Record


def remove(layout: Layout) -> None:
    """Remove the lab and its folder."""
    clear(layout)
    os.rmdir(layout.root)
    shutil.rmtree(layout.ssh_control, ignore_errors=True)
    for folder in (ROOT, SSH_CONTROL):
        with contextlib.suppress(OSError):  # another lab has its files there
            os.rmdir(folder)


def clear(layout: Layout) -> None:
    """Kill the lab's init, which ends everything in it, and clear away what the kernel does not."""
    record = Record.load(layout)
    if record is not None:
        record.find_booted(layout)
    # Looked for while init lives: then the namespaces are certain to be this lab's.
    joined = [] if record is None else list(in_namespaces_of(record.processes))
    cgroups.thaw(layout.name)
    # Before the inits, as these wait for the end of what has its parent outside: until that takes note of it.
    _kill(marked_with(layout.root))
    _kill(_inits(layout))
    _kill(joined)
    _kill(marked_with(layout.root))
    _kill(_ssh_masters(layout))
    left = cgroups.remove(layout.name)
    for entry in os.scandir(layout.root):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    if left:
        raise LabError(f"control groups that are still in use: {' '.join(left)}")


def _inits(layout: Layout) -> Iterable[Process]:
    """The lab's init, found by its command line: a "lab up" that was killed may not have recorded it."""
    name, log = layout.name.encode(), layout.log.encode()
    return commanded(lambda words: words[3:5] == [b"_lan", name] and words[-2:] == [log, b""])


def _ssh_masters(layout: Layout) -> Iterable[Process]:
    """ssh in the background (ControlPersist): it holds a socket of the LAN, and so the network namespace."""
    mark = os.fsencode(layout.ssh_control) + b"/"
    return commanded(lambda words: words[0].startswith(b"ssh") and any(mark in word for word in words))


def _kill(processes: Iterable[Process]) -> None:
    spared = ancestors()  # "lab down" may have been typed in a shell of "lab run"
    for process in list(processes):
        if process.pid not in spared and not process.kill():
            raise LabError(f"process {process.pid} does not die: /proc/{process.pid}/stack says what it waits for")
