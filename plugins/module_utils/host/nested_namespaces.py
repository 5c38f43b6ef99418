# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces that a container has within: of its processes, or by name. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_OF_A_NAMESPACE = "net:["


@contextmanager
def opened(pid: int) -> Iterator[list[int]]:
    """Open the network namespaces within the container whose first process is ``pid``, its own among them."""
    found: dict[int, int] = {}  # by inode
    try:
        for path in (*_of_processes(pid), *(f"/proc/{pid}/root{path}" for _inode, path in mounted(pid))):
            with suppress(OSError):  # it ended meanwhile
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                other = found.setdefault(os.fstat(descriptor).st_ino, descriptor)
                if other != descriptor:
                    os.close(descriptor)
        yield list(found.values())
    finally:
        for descriptor in found.values():
            os.close(descriptor)


def _of_processes(pid: int) -> Iterator[str]:
    """Yield the namespaces of the container's processes, which have its PID namespace, or come from one that has."""
    parents = dict(_parents())
    of_container, of_host = _pid_namespace(pid), _pid_namespace(os.getpid())

    def within(process: int) -> bool:
        if process == pid or (of_container != of_host and _pid_namespace(process) == of_container):
            return True
        return process in parents and within(parents[process])

    yield from (f"/proc/{process}/ns/net" for process in parents if within(process))


def _parents() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                yield int(name), int(file.read().rpartition(")")[2].split()[1])


def _pid_namespace(pid: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return ""


def mounted(pid: int) -> Iterator[tuple[int, str]]:
    """Yield inode and path of namespaces that have a name there (``ip netns add``): a mount (proc(5), mountinfo)."""
    with suppress(OSError), open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split(" ")
            if words[3].startswith(_OF_A_NAMESPACE):
                yield inode_of(words[3]), words[4]


def inode_of(text: str) -> int:
    """Return the inode of a namespace that is told as ``net:[4026531840]``."""
    return int(text[len(_OF_A_NAMESPACE) : -1])
