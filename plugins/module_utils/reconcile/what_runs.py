# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What of the record is for containers that run, as engines and the host's veths tell. Private to the collection."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence

from ..errors import MissingFeature
from ..host.machine import Machine
from ..model.attachment import Target
from ..model.ownership import OwnershipLabel, read_label
from ..model.ownership import label as ownership_label
from ..model.record import LINK_END, Record, target_of
from ..observe.containers import containers_of
from ..state.network import HOST

_ID = re.compile(r"[0-9a-f]{12,64}")


def by_running(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return those whose container runs, or which are of none, and the others."""
    found = running({target for record in records if (target := target_of(record)) is not None})
    ready: list[Record] = []
    waiting: list[Record] = []
    for record in records:
        target = target_of(record)
        (ready if target is None or target in found else waiting).append(record)
    return ready, waiting


def running(targets: Collection[Target]) -> set[Target]:
    """Return the containers that run and the namespaces that are there."""
    try:
        found = containers_of(targets)
    except MissingFeature:
        found = {}  # an engine that isn't there runs nothing
    run = {target for target, container in found.items() if container is not None and container.pid}
    return run | {target for target in targets if target.kind == "netns" and os.path.exists(target.value)}


def pending(record: Record) -> dict[str, str]:
    target = target_of(record)
    return {**(target.named if target is not None else {}), "interface": interface(record)}


def why_pending(record: Record, wired: Collection[OwnershipLabel]) -> str:
    if record.kind == LINK_END:
        return "one of the two containers is not running"
    target = target_of(record)
    for label in wired:
        # It was renamed, or its engine is away: it loses nothing for that.
        named = target is not None and label.kind == "container" and label.names(target)
        if named and label.interface == interface(record):
            return f"no engine shows {target} running; {label.holder} keeps its {label.interface} until one comes"
    return f"{target} is not running"


def interface(record: Record) -> str:
    return str(record.want.get("interface", ""))


def ended(records: Sequence[Record]) -> list[Record]:
    """Return those of which no interface is left on this host.

    A container of which no engine tells may run all the same: Docker's live-restore.
    """
    if not records:
        return []
    labels = wired()
    by_name: dict[tuple[str, str, str], list[OwnershipLabel]] = {}
    for label in labels:
        by_name.setdefault((label.kind, label.value, label.interface), []).append(label)
    found = []
    for record in records:
        target = target_of(record)
        if target is None:
            continue
        known = ownership_label(target, interface(record), "")
        may_be = labels if _ID.fullmatch(target.value) else by_name.get((known.kind, known.value, known.interface), ())
        if not any(label.names(target) for label in may_be):
            found.append(record)
    return found


def wired() -> list[OwnershipLabel]:
    """Return what the host's veths of ours say of whom they are for."""
    with Machine() as machine:
        links = machine.netlink(HOST).links().values()
    return [label for link in links if link.ours and (label := read_label(link.alias)) is not None]
