# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What somebody changed by hand, and is to be told and not put back. Private to the collection.

A container that started, or a host that booted, has nothing of what is recorded for it: that is made in any case. What
was in order since then and isn't any more was changed on this host.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..host.processes import started
from ..model import icc_policy
from ..model.attachment import Target
from ..model.record import POLICY, REPAIR, REPORT, Record, peer_of, target_of
from ..observe.containers import containers_of

if TYPE_CHECKING:
    from ..host.engines.lookup import Container


class Drift:
    """Which recorded objects are only to be looked at: ``default`` is for those that were asked for without ``drift``.

    ``settled`` has by an object's name the instance in which it was in order: of its container, of the containers that
    a policy's links are for, and of the host. The host's is ``engines``, which rewrite its firewall as they start; what
    is known is gone with a boot, as it is kept below /run. While they are ``starting``, nothing of the host settles.
    """

    def __init__(
        self,
        default: str = REPAIR,
        settled: Mapping[str, str] | None = None,
        engines: str = "",
        starting: bool = False,
    ) -> None:
        self._default = default
        self._settled = settled or {}
        self._host = f"host {engines}"
        self._starting = starting
        self.instances: dict[str, str] = {}
        """By the names of objects that are to be reported, in which instance each was found."""

    def parted(self, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Return which are to be made again, and which are only to be looked at."""
        watched = [record for record in records if (record.drift or self._default) == REPORT]
        if not watched:
            return list(records), []
        targets = {id(record): targets_of(record) for record in watched}
        instances = _instances({target for named in targets.values() for target in named})
        settled: set[int] = set()
        for record in watched:
            if record.kind == POLICY or target_of(record) is None:
                own = sorted(f"{target} {instances.get(target, '')}" for target in targets[id(record)])
                instance = " ".join([self._host, *own])
            else:
                instance = "".join(instances.get(target, "") for target in sorted(targets[id(record)]))
            same = bool(instance) and self._settled.get(str(record)) == instance
            if same:
                settled.add(id(record))
            if same or not (self._starting and instance.startswith(self._host)):
                self.instances[str(record)] = instance
        return [one for one in records if id(one) not in settled], [one for one in records if id(one) in settled]


def targets_of(record: Record) -> set[Target]:
    """Return whose network namespaces a record is for: of a policy, those of its links."""
    if record.kind != POLICY:
        return {target for target in (target_of(record), peer_of(record)) if target is not None}
    try:
        links = icc_policy.parse({**record.options, "state": "present"}).links
    except PipefitterError:
        return set()  # it is told of where its own turn comes
    return {target for link in links for target in (link.source, link.destination) if target is not None}


def _instances(targets: Collection[Target]) -> dict[Target, str]:
    """Return what of each container or namespace is another one after a restart; none of what is not there."""
    found: dict[Target, Container | None] = {}
    for runtime in sorted({target.runtime for target in targets}):  # one that doesn't answer says nothing of others
        with contextlib.suppress(PipefitterError):
            found.update(containers_of(target for target in targets if target.runtime == runtime))
    told: dict[Target, str] = {}
    for target in targets:
        container = found.get(target)
        try:
            if target.kind == "netns":
                seen = os.stat(target.value)
                told[target] = f"{seen.st_ino} {seen.st_ctime_ns}"
            elif container is not None and container.pid:
                told[target] = f"{container.pid} {started(container.pid)}"
        except OSError:
            continue
    return told
