# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What tells a process from another one that has its id later. Private to the collection."""

from __future__ import annotations


def started(pid: int) -> str:
    """Return when a process was started, in clock ticks since the boot (proc(5), stat).

    :raises OSError: there is none.
    """
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[19]
