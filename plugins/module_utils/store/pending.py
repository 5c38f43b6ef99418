# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A move of a host's NIC that is not confirmed yet, kept for whoever has to undo it. Private to the collection.

One folder a NIC below /var/lib/pipefitter-nic, for root alone. While ``pending.json`` is there, the move is undone when
its time is over; how it ended is in ``ended.json``, and what the NIC had before a move that was confirmed in
``before.json``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

from ..errors import PipefitterError
from ..host import files
from ..light_dataclass import dataclass
from ..model.nic_move import ManagedFile
from ..state.nic import NicState, as_json, of_json

FOLDER = "/var/lib/pipefitter-nic"

_PENDING, _ENDED, _BEFORE = "pending.json", "ended.json", "before.json"
_VERSION = 1


@dataclass(frozen=True)
class Pending:
    """What puts a host back: ``before`` is how it was, ``goal`` how it is to be.

    ``deadline`` is in seconds since the boot (CLOCK_BOOTTIME) ``boot``, ``timeout`` after how many it was to be over.
    ``files`` are a manager's as they were, once they have been touched. ``came_by`` says by which SSH connection it was
    asked for, '' by none.
    """

    token: str
    confirm: str
    deadline: float
    boot: str
    timeout: int
    before: NicState
    goal: NicState
    manager: str = ""
    came_by: str = ""
    probes: tuple[tuple[str, str, int], ...] = ()
    files: tuple[ManagedFile, ...] = ()

    @property
    def seconds_left(self) -> float:
        return self.deadline - boot_time() if self.boot == boot_id() else 0.0


@dataclass(frozen=True)
class Ended:
    """How a move ended: ``how`` is confirmed or rolled_back, ``left`` in what the host is not as it was.

    ``why`` is the reason for which it was rolled back; of one that was confirmed, what it did. Such a one is taken back
    by the state ``take_back_with``.
    """

    token: str
    how: str
    why: str
    left: tuple[str, ...] = field(default_factory=tuple)
    take_back_with: str = ""


def boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def folder(nic: str) -> str:
    return f"{FOLDER}/{nic}"


def path(nic: str) -> str:
    """Return the file that is there as long as a move of a NIC waits for its confirmation."""
    return f"{folder(nic)}/{_PENDING}"


def read(nic: str) -> Pending | None:
    """Return the move that waits for its confirmation, ``None`` where there is none.

    :raises PipefitterError: there is one, and it can't be understood.
    """
    held = _read(nic, _PENDING)
    if held is None:
        return None
    try:
        return Pending(
            token=str(held["token"]),
            confirm=str(held["confirm"]),
            deadline=float(held["deadline"]),
            boot=str(held["boot"]),
            timeout=int(held["timeout"]),
            before=of_json(held["before"]),
            goal=of_json(held["goal"]),
            manager=str(held["manager"]),
            came_by=str(held["came_by"]),
            probes=tuple((str(kind), str(address), int(port)) for kind, address, port in held["probes"]),
            files=tuple(
                ManagedFile(path, None if content is None else bytes.fromhex(content), mode)
                for path, content, mode in held["files"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(nic, _PENDING) from error


def write(pending: Pending) -> None:
    """Keep a move; once this returns, whatever happens, it is undone where nobody confirms it.

    :raises PipefitterError: it can't be written; what was kept is kept still.
    """
    document = {
        "version": _VERSION,
        "token": pending.token,
        "confirm": pending.confirm,
        "deadline": pending.deadline,
        "boot": pending.boot,
        "timeout": pending.timeout,
        "before": as_json(pending.before),
        "goal": as_json(pending.goal),
        "manager": pending.manager,
        "came_by": pending.came_by,
        "probes": [list(probe) for probe in pending.probes],
        "files": [[one.path, None if one.content is None else one.content.hex(), one.mode] for one in pending.files],
    }
    _write(pending.before.nic, _PENDING, document)


def replace_files(pending: Pending, held: Sequence[ManagedFile]) -> Pending:
    """Keep with a move the files that are about to be changed, as they are, and return it."""
    changed = replace(pending, files=tuple(held))
    write(changed)
    return changed


def forget(nic: str) -> None:
    """Take away a move that was not begun; where that fails it is undone, which changes nothing."""
    with suppress(OSError):
        files.remove(path(nic))


def end(pending: Pending, how: str, why: str, left: Sequence[str] = (), take_back_with: str = "") -> None:
    """Keep how a move ended (``Ended``); nothing is undone any more.

    :raises PipefitterError: it can't be written.
    """
    nic = pending.before.nic
    document = {"version": _VERSION, "token": pending.token, "how": how, "why": why, "left": list(left)}
    _write(nic, _ENDED, {**document, "take_back_with": take_back_with} if take_back_with else document)
    try:
        files.remove(path(nic))
    except OSError as error:
        raise _failed(path(nic), error) from None


def ended(nic: str, token: str) -> Ended | None:
    """Return how the move of a token ended, ``None`` where that isn't known."""
    held = _read(nic, _ENDED)
    if held is None or held.get("token") != token:
        return None
    left = tuple(str(one) for one in held.get("left", ()))
    return Ended(token, str(held.get("how")), str(held.get("why")), left, str(held.get("take_back_with", "")))


def keep_before(nic: str, before: NicState | None, is_back: bool = False) -> None:
    """Keep what a NIC had before it became a port, to have it again; ``None`` takes it away.

    One that ``is_back`` has it again, and left a bridge that was made for it: once nothing is in it, that goes too.
    """
    if before is not None:
        _write(nic, _BEFORE, {"version": _VERSION, "before": as_json(before), "is_back": is_back})
        return
    try:
        files.remove(f"{folder(nic)}/{_BEFORE}")
    except OSError as error:
        raise _failed(f"{folder(nic)}/{_BEFORE}", error) from None


def before_of(nic: str) -> NicState | None:
    """Return what a NIC had before it became a port; ``None`` where nobody knows."""
    held = _read(nic, _BEFORE)
    try:
        return of_json(held["before"]) if held is not None else None
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(nic, _BEFORE) from error


def waiting_bridges() -> dict[str, str]:
    """Return the bridges into or out of which a move waits for its confirmation, each with the NIC."""
    return {bridge: nic for nic, bridge in _bridges(_PENDING)}


def kept_bridges() -> dict[str, str]:
    """Return the NICs that were made ports by moves that were confirmed, each with its bridge."""
    return dict(_bridges(_BEFORE))


def _bridges(name: str) -> Iterator[tuple[str, str]]:
    try:
        nics = sorted(os.listdir(FOLDER))
    except OSError:
        return
    for nic in nics:
        # What can't be read is told by whoever has to act on it.
        with suppress(PipefitterError, KeyError, TypeError):
            held = _read(nic, name)
            if held is not None and not held.get("is_back"):
                yield nic, str(held["before"]["bridge"])


def _read(nic: str, name: str) -> Mapping[str, Any] | None:
    path = f"{folder(nic)}/{name}"
    try:
        content = files.read(path)
        held = json.loads(content) if content is not None else None
    except OSError as error:
        raise _failed(path, error) from None
    except ValueError as error:
        raise _damaged(nic, name) from error
    if held is not None and (not isinstance(held, dict) or held.get("version") != _VERSION):
        raise _damaged(nic, name)
    return held


def _write(nic: str, name: str, document: Mapping[str, Any]) -> None:
    path = f"{folder(nic)}/{name}"
    try:
        os.makedirs(folder(nic), mode=0o700, exist_ok=True)
        files.write(path, json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise _failed(path, error) from None


def _damaged(nic: str, name: str) -> PipefitterError:
    return PipefitterError(
        f"{folder(nic)}/{name}, of a move of {nic}, can't be understood; look at it and at the host's network, "
        "then move it away"
    )


def _failed(path: str, error: OSError) -> PipefitterError:
    from ..host.unwritable import advice

    return PipefitterError(f"{path} can't be read or written ({error.strerror}); {advice(error)}")
