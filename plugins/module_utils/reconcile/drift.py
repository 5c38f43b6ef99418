# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What somebody changed by hand, and is to be told and not put back. Private to the collection.

A container that started, or a host that booted, has nothing of what is recorded for it: that is made in any case. What
was in order since then and isn't any more was changed on this host.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from ..errors import PipefitterError
from ..model.attachment import Target
from ..model.record import REPAIR, REPORT, Record, target_of
from ..observe.containers import containers_of

_HOST = "host"
"""Instance of what is no container's: what is known of it is gone with a boot, as it is kept below /run."""


class Drift:
    """Which recorded objects are only to be looked at: ``default`` is for those that were asked for without ``drift``.

    ``settled`` has by an object's name the instance of its container in which it was in order.
    """

    def __init__(self, default: str = REPAIR, settled: Mapping[str, str] | None = None) -> None:
        self._default = default
        self._settled = settled or {}
        self.instances: dict[str, str] = {}
        """By the names of objects that are to be reported, in which instance each was found."""

    def parted(self, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Return which are to be made again, and which are only to be looked at."""
        watched = [record for record in records if (record.drift or self._default) == REPORT]
        if not watched:
            return list(records), []
        instances = _instances({target for record in watched if (target := target_of(record)) is not None})
        settled: set[int] = set()
        for record in watched:
            target = target_of(record)
            instance = instances.get(target, "") if target is not None else _HOST
            if instance:
                self.instances[str(record)] = instance
                if self._settled.get(str(record)) == instance:
                    settled.add(id(record))
        return [one for one in records if id(one) not in settled], [one for one in records if id(one) in settled]


def _instances(targets: Collection[Target]) -> dict[Target, str]:
    """Return what of each container or namespace is another one after a restart; none of what is not there."""
    try:
        found = containers_of(targets)
    except PipefitterError:
        found = {}
    told: dict[Target, str] = {}
    for target in targets:
        container = found.get(target)
        try:
            if target.kind == "netns":
                seen = os.stat(target.value)
                told[target] = f"{seen.st_ino} {seen.st_ctime_ns}"
            elif container is not None and container.pid:
                told[target] = f"{container.pid} {_started(container.pid)}"
        except OSError:
            continue
    return told


def _started(pid: int) -> str:
    """Return when a process was started, in clock ticks since the boot (proc(5), stat)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[19]
