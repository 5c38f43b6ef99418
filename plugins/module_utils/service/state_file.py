# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the service's last passes found and did, for ``pipefitter status`` and ``events``. Private to the collection."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..host.notices import Notice
    from ..reconcile.passes import Report

FOLDER = "/run/pipefitter"
LASTING = "/var/lib/pipefitter"
"""What was done is worth knowing after a reboot, too."""

_STATES = "state.json"
_EVENTS, _EARLIER_EVENTS = "events.jsonl", "events.earlier.jsonl"
_LARGEST = 256 << 10  # bytes of each of the two; 200 containers that start at once take 200 kB
_SETTLED = ("in order", "repaired", "drifted")


def keep(report: Report, causes: Sequence[Notice]) -> None:
    """Keep since when each object is in its state, and what was done; a host where that can't be done goes without."""
    from ..reconcile.passes import NOT_ASKED  # hooks note what they do here, and load little

    with contextlib.suppress(OSError):
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        before, now = since(), time.time()
        states = {}
        for one in report.objects:
            name = str(one.record)
            state, _sentence, then, instance = before.get(name, ["", "", now, ""])
            if one.sentence == NOT_ASKED and state:
                states[name] = before[name]
                continue
            if one.state in _SETTLED:
                instance = report.instances.get(name, "")
            # One that is not there, or can't be made, is the same container still when it comes back.
            states[name] = [one.state, one.sentence, then if state == one.state else now, instance]
        if states != before:
            _replace(f"{FOLDER}/{_STATES}", json.dumps(states))
    keep_events(report.operations, causes)


def keep_events(lines: Sequence[str], causes: Sequence[Notice]) -> None:
    """Keep what was done, each with its cause; a host where that can't be done goes without."""
    from .causes import cause_of

    now = time.time()
    with contextlib.suppress(OSError):
        if lines:
            _append([{"time": now, "did": line, "cause": cause_of(line, causes)} for line in lines])


def note(line: str, cause: str) -> None:
    """Keep one thing that was done; a host where that can't be done goes without."""
    with contextlib.suppress(OSError):
        _append([{"time": time.time(), "did": line, "cause": cause}])


def settled() -> dict[str, str]:
    """Return by object in which instance of its container it was in order, of those whose drift is reported."""
    return {name: str(instance) for name, (*_state, instance) in since().items() if instance}


def since() -> dict[str, list[Any]]:
    """Return by object its state, why, since when (seconds of the epoch), and what ``settled`` tells."""
    try:
        with open(f"{FOLDER}/{_STATES}", encoding="utf-8") as file:
            held = json.load(file)
    except (OSError, ValueError):
        return {}
    # Of another version, an entry may have another form.
    entries = held.items() if isinstance(held, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, list) and len(entry) == 4}


def events(since_time: float = 0.0) -> list[dict[str, Any]]:
    """Return what the service did since a time (seconds of the epoch), newest first."""
    lines: list[str] = []
    for name in (_EARLIER_EVENTS, _EVENTS):
        with contextlib.suppress(OSError), open(f"{LASTING}/{name}", encoding="utf-8", errors="replace") as file:
            lines += file.readlines()
    found = [entry for line in reversed(lines) if (entry := _entry(line)) is not None]
    return [entry for entry in found if entry["time"] >= since_time]


def _entry(line: str) -> dict[str, Any] | None:
    """Return an event, ``None`` for a line that a power cut left half."""
    try:
        held = json.loads(line)
    except ValueError:
        return None
    if not isinstance(held, dict) or not isinstance(held.get("time"), (int, float)) or "did" not in held:
        return None
    return {"cause": "", **held}  # one of an earlier version has none


def _append(entries: list[dict[str, Any]]) -> None:
    # The folder is the record's: without one there is nothing to do, and so nothing to tell.
    path = f"{LASTING}/{_EVENTS}"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write("".join(json.dumps(entry) + "\n" for entry in entries))
        full = file.tell() > _LARGEST
    if full:
        os.rename(path, f"{LASTING}/{_EARLIER_EVENTS}")


def _replace(path: str, content: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(f"{path}.half", flags, 0o600), "w") as file:
        file.write(content)
    os.rename(f"{path}.half", path)
