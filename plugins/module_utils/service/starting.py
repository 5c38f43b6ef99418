# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A container that is starting: its name, what is recorded for it, and what becomes of that. Private to the collection.

A hook that fails keeps a container from starting; this one does so only for an attachment that is required.
"""

from __future__ import annotations

import glob
import json
import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import hook
from .output import complain

_ID = re.compile(r"[0-9a-f]{64}")
_SHORT_ID = 12  # digits, as engines show them

_LONGEST = 25  # seconds; with the wait for the lock
CAUSE = "hook of a container that starts"
"""As ``pipefitter events`` tells it."""

_LOG = "/dev/log"
_WARNING, _INFO = 28, 30  # RFC 5424: facility daemon

Say = Callable[[str, bool], None]
"""Takes a line, and whether it is a warning."""


class Starting(NamedTuple):
    """A container as the OCI runtime tells of it; ``netns`` is that of the process ``pid``."""

    engine: str
    id: str
    name: str
    pid: int

    def __str__(self) -> str:
        return f"container {self.name}"

    def is_meant_by(self, value: str, runtime: str) -> bool:
        """Tell whether a record names this container: by its name, its id, or the short form of that."""
        if runtime not in ("auto", self.engine):
            return False
        return value in (self.name, self.id) or (len(value) >= _SHORT_ID and self.id.startswith(value))


class Recorded(NamedTuple):
    """An attachment or a port's VLANs that are recorded for a container, by the file that holds it."""

    file: str
    interface: str
    want: Mapping[str, Any]


def attach_alone(told: bytes) -> int:
    """Do it in a process of its own, which begins with this and ends with it."""
    from . import deferred

    deferred.defer(*deferred.UNUSED)
    return attach(told, _say)


def attach(told: bytes, say: Say) -> int:
    """Attach the container whose state the runtime told; return 1 where it must not start, else 0."""
    begun = time.monotonic()
    os.environ.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")  # a hook has an empty environment
    try:
        state = json.loads(told or b"{}")
        container_id, pid, bundle = str(state["id"]), int(state["pid"]), str(state.get("bundle", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        say("what is on stdin is no state of an OCI runtime with id and pid; nothing is attached", True)
        return 0
    container = None
    found: list[Recorded] = []
    try:
        if _files("attachment"):
            container = _container(container_id, pid, bundle)
            found = recorded(container, "attachment") if container is not None else []
    except Exception as error:  # whatever it is, the container is to start
        say(f"what is recorded for container {container_id} can't be read: {error}", True)
    if container is None or not found:
        return 0
    failed = _attach(container, found)
    for one, sentence in failed:
        say(_failure(container, one, sentence), True)
    if not failed:
        say(f"attached {container} as it starts, in {(time.monotonic() - begun) * 1000:.0f} ms", False)
    return 1 if any(one.want.get("required") for one, _sentence in failed) else 0


def _attach(container: Starting, found: Sequence[Recorded]) -> list[tuple[Recorded, str]]:
    """Return those that could not be made, and why."""
    signal.signal(signal.SIGALRM, _expired)
    signal.alarm(_LONGEST)
    try:
        from .attaching import attach_recorded

        return attach_recorded(container, found, recorded(container, "vlan_port"))
    except Exception as error:  # a library that is gone, say
        return [(one, str(error) or type(error).__name__) for one in found]
    finally:
        signal.alarm(0)


def _expired(_number: int, _frame: object) -> None:
    raise TimeoutError(f"timed out after {_LONGEST} s")


def _failure(container: Starting, one: Recorded, sentence: str) -> str:
    if one.want.get("required"):
        consequence = f"{container} is not started, as {one.interface} is required (required: true)"
    else:
        consequence = f"{container} is started without {one.interface}, which is left to the service"
    return f"{consequence}: {sentence}"


def _files(kind: str) -> list[str]:
    try:
        return os.listdir(f"{hook.RECORD}/{kind}")
    except (FileNotFoundError, PermissionError):  # nothing is recorded; a user's own Podman
        return []


def recorded(container: Starting, kind: str) -> list[Recorded]:
    """Return what is recorded for a container; files of others, by their names, are not read."""
    # store.records begins the names so, and cuts them.
    begins = tuple(f"container-{word}"[:50] for word in (f"{container.name}-", container.id[:_SHORT_ID]))
    found = []
    for name in sorted(_files(kind)):
        if not name.endswith(".json") or not any(word in name for word in begins):
            continue
        try:
            with open(f"{hook.RECORD}/{kind}/{name}", "rb") as file:
                document = json.load(file)
            word, value, interface = document["key"][-3:]
            want = document["want"]
            runtime = want.get("runtime", document["chosen"].get("runtime", "auto"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # the service sets it aside and says so
        if word.endswith("container") and container.is_meant_by(value, runtime):
            found.append(Recorded(name, interface, want))
    return found


def _container(container_id: str, pid: int, bundle: str) -> Starting | None:
    """Return whose container it is, and its name, from files: engines don't answer for one that they are starting."""
    if not _ID.fullmatch(container_id) or pid <= 0:
        return None
    for engine, name_of in _ENGINES:
        name = name_of(container_id, bundle)
        if name:
            return Starting(engine, container_id, name, pid)
    return None


def _docker_name(container_id: str, bundle: str) -> str:
    for folder in (f"{hook.DOCKER}/{container_id}", ""):
        try:
            with open(f"{folder or _docker_folder(container_id, bundle)}/config.v2.json", "rb") as file:
                return str(json.load(file)["Name"]).lstrip("/")
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _docker_folder(container_id: str, bundle: str) -> str:
    """Return the container's folder below another data-root than the usual one: Docker mounts files of it."""
    with open(f"{bundle}/config.json", "rb") as file:
        mounts = json.load(file).get("mounts") or ()
    for mount in mounts:
        folder = os.path.dirname(str(mount.get("source", "")))
        if folder.endswith(f"/containers/{container_id}"):
            return folder
    return ""


def _podman_name(container_id: str, bundle: str) -> str:
    """Return the name in containers/storage's list, two folders above the bundle (STORAGE/x-containers/ID/userdata)."""
    folder, _slash, _userdata = bundle.rstrip("/").rpartition("/")
    if os.path.basename(folder) != container_id:
        return ""
    for path in glob.glob(f"{glob.escape(os.path.dirname(folder))}/*containers.json"):
        try:
            with open(path, "rb") as file:
                held = json.load(file) or ()
            for entry in held:
                if entry.get("id") == container_id and entry.get("names"):
                    return str(entry["names"][0])
        except (OSError, ValueError, TypeError, AttributeError):
            continue
    return ""


_ENGINES: tuple[tuple[str, Callable[[str, str], str]], ...] = (("podman", _podman_name), ("docker", _docker_name))


def _say(line: str, warning: bool) -> None:
    """Say it where runc shows it, if the container doesn't start, in the journal and to ``pipefitter events``."""
    if warning:
        complain(f"pipefitter: {line}")
    import socket

    from . import state_file

    state_file.note(line, CAUSE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as log:
        try:
            severity = _WARNING if warning else _INFO
            log.sendto(f"<{severity}>pipefitter[{os.getpid()}]: {line}".encode(errors="replace"), _LOG)
        except OSError:
            pass  # a host without one
