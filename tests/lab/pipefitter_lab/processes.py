# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process is meant: a PID can be reused, a PID with its start time can't."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from .environment import LAB_VARIABLE


def _stat(pid: int) -> list[bytes]:
    """The fields of proc_pid_stat(5) from the state on; empty where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


class Process:
    """A process that lives, or did when it was found."""

    def __init__(self, pid: int, started: int) -> None:
        self.pid = pid
        self.started = started  # clock ticks after boot

    @classmethod
    def of(cls, pid: int) -> Process | None:
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields and fields[0] not in (b"Z", b"X") else None

    @property
    def alive(self) -> bool:
        now = Process.of(self.pid)
        return now is not None and now.started == self.started

    def kill(self, timeout: float = 20.0, how: int = signal.SIGKILL) -> bool:
        """Send it the signal `how` and wait until it is gone; False if it is not gone after `timeout` seconds."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive:  # asked after opening: from here on the descriptor can't mean another one
                return True
            signal.pidfd_send_signal(descriptor, how)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(timeout * 1000))
        except ProcessLookupError:
            return True
        finally:
            os.close(descriptor)


def all_pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def ancestors() -> set[int]:
    """This process and those that started it."""
    found = set()
    pid = os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = parent(pid)
    return found


def _read(pid: int, name: str) -> list[bytes]:
    """The zero-terminated strings of /proc/PID/`name`; one empty one where the process has ended."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return [b""]


def marked_with(folder: str) -> Iterator[Process]:
    """Processes whose environment says that the lab with this folder started them."""
    mark = f"{LAB_VARIABLE}={folder}".encode()
    return _matching(lambda pid: mark in _read(pid, "environ"))


def commanded(wanted: Callable[[list[bytes]], bool]) -> Iterator[Process]:
    """Processes whose command line is `wanted`."""
    return _matching(lambda pid: wanted(_read(pid, "cmdline")))


def in_namespaces_of(processes: Iterable[Process]) -> Iterator[Process]:
    """Processes in a network or mount namespace of `processes`, as far as those live.

    Inode numbers are not kept: that of a namespace that has ended is given to the next one.
    """
    inodes = {_namespace(process.pid, kind) for process in processes if process.alive for kind in ("net", "mnt")}
    inodes.discard(0)
    return _matching(lambda pid: any(_namespace(pid, kind) in inodes for kind in ("net", "mnt")))


def _namespace(pid: int, kind: str) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def _matching(condition: Callable[[int], bool]) -> Iterator[Process]:
    for pid in all_pids():
        process = Process.of(pid)
        if process is not None and condition(pid):
            yield process


def children_by_inner_pid(init: Process) -> dict[int, Process]:
    """The children of `init` that are PID 1 of a namespace below its own; by their PID in its namespace."""
    found = {}
    for pid in all_pids():
        if parent(pid) == init.pid:
            inner = _pids_inwards(pid)
            process = Process.of(pid)
            if process is not None and len(inner) > 1 and inner[-1] == 1:
                found[inner[-2]] = process
    return found


def _pids_inwards(pid: int) -> list[int]:
    """The PIDs of `pid`, from this PID namespace inwards."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return [int(field) for field in line.split()[1:]]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return []


def wait_until(condition: Callable[[], bool], timeout: float, interval: float = 0.02) -> bool:
    """Ask `condition` until it holds; False if it still does not after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
