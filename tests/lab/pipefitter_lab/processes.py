# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process is meant: a PID can be reused, a PID with its start time can't."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import time
from typing import Iterator, Optional

LAB_VARIABLE = "PIPEFITTER_LAB"  # in the environment of everything that "lab run" and "lab exec" start


def start_time(pid: int) -> Optional[int]:
    """Clock ticks after boot at which `pid` started; None for no such process or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Optional[Process]:
        started = start_time(pid)
        return None if started is None else cls(pid, started)

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def kill(self, timeout: float = 20.0) -> bool:
        """Kill it and wait until it is gone; False if it is not gone after `timeout` seconds."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive:  # asked after opening: from here on the descriptor can't mean another one
                return True
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(timeout * 1000))
        except ProcessLookupError:
            return True
        finally:
            os.close(descriptor)


def all_pids() -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            yield int(entry)


def ancestors() -> set[int]:
    """This process and those that started it."""
    found = set()
    pid = os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            break
    return found


def started_by_lab(root: str) -> Iterator[int]:
    """Processes that carry the mark of the lab whose folder is `root` in their environment."""
    mark = f"{LAB_VARIABLE}={root}".encode()
    for pid in all_pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    yield pid
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def in_namespaces(inodes: set[int]) -> Iterator[int]:
    """Processes whose network or mount namespace is among `inodes`."""
    for pid in all_pids():
        for kind in ("net", "mnt"):
            try:
                if os.stat(f"/proc/{pid}/ns/{kind}").st_ino in inodes:
                    yield pid
                    break
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                break


def pid_in_namespace(pid: int) -> list[int]:
    """The PIDs of `pid`, from this PID namespace inwards."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return [int(field) for field in line.split()[1:]]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return []


def wait_until(condition, timeout: float, interval: float = 0.02) -> bool:
    """Ask `condition` until it holds; False if it still does not after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
