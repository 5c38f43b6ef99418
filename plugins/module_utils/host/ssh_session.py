# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""By which SSH connection this process was asked for what it does. Private to the collection."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

_VARIABLE = b"SSH_CONNECTION="
_DEEPEST = 64


class SshSession(NamedTuple):
    """Both ends of a connection, the other one first (``SSH_CONNECTION`` of ssh(1))."""

    client: str
    client_port: str
    server: str
    server_port: str

    def __str__(self) -> str:
        return " ".join(self)


def current() -> SshSession | None:
    """Return the connection, ``None`` where there is none.

    sudo takes the variable away, so it is looked for in whoever started this process, too.
    """
    pid = os.getpid()
    for _level in range(_DEEPEST):
        found = _of(pid)
        if found is not None:
            return found
        pid = _parent(pid)
        if pid <= 0:
            return None
    return None


def _of(pid: int) -> SshSession | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:
        return None
    for entry in environment.split(b"\0"):
        words = entry[len(_VARIABLE) :].decode(errors="replace").split()
        if entry.startswith(_VARIABLE) and len(words) == 4:
            return SshSession(*words)
    return None


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            found = re.search(r"^PPid:\s*(\d+)", file.read(), re.MULTILINE)
    except OSError:
        return 0
    return int(found.group(1)) if found is not None else 0
