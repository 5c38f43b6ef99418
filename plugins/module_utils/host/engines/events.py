# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Being told when containers start and end, are renamed or connected. Private to the collection.

What is told says only why it is time to look: whoever is told looks at all containers that matter, which holds however
many events were missed. Docker keeps 256 past events only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from typing import Any
from urllib.parse import quote

from ..notices import Notice, Notices
from .api import EngineSocket, Unreachable
from .docker import SOCKET as DOCKER
from .podman import SOCKET as PODMAN

_DOCKER_FILTERS = {
    "type": ["container", "network"],
    "event": ["start", "die", "pause", "unpause", "rename", "destroy", "connect", "disconnect"],
}
# Podman says died and remove; names that it does not know are an error of the whole request.
_PODMAN_EVENTS = ("start", "died", "pause", "unpause", "rename", "remove")
_PODMAN_FILTERS = {"type": ["container"], "event": list(_PODMAN_EVENTS)}
_TIMEOUT = 5.0  # seconds to connect; what follows never blocks
_MOST = 1 << 16


class EngineEvents(Notices):
    """The events of one engine; ``fileno`` becomes readable when there is something."""

    def __init__(self, engine: str) -> None:
        """Subscribe.

        :raises Unreachable: nobody listens there.
        :raises PipefitterError: there is no connecting to it for another reason.
        """
        self.engine = engine
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            self._connection.settimeout(_TIMEOUT)
            variable, path, target = _WHERE[engine]
            EngineSocket(engine, variable, path, _TIMEOUT, "start it").connect(self._connection)
            self._connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self._connection.setblocking(False)
        except BaseException:
            self._connection.close()
            raise
        self._lines = _Lines()

    def _hear(self, part: bytes) -> None:
        self._notices += self._lines.notices(part)


class PodmanProgram:
    """The events of a Podman without a socket, which has no daemon: by its own program, which follows its journal."""

    engine = "Podman"

    def __init__(self) -> None:
        filters = [word for event in _PODMAN_EVENTS for word in ("--filter", f"event={event}")]
        self._descriptor, its_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                ["podman", "events", "--format", "json", "--filter", "type=container", *filters],
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            os.close(self._descriptor)
            raise Unreachable("Podman", "podman events", str(error.strerror), "install podman") from None
        finally:
            os.close(its_end)
        os.set_blocking(self._descriptor, False)
        self._lines = _Lines()
        self._notices: list[Notice] = []

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bool:
        """Read what has come, and tell whether the program still runs."""
        try:
            while True:
                part = os.read(self._descriptor, _MOST)
                if not part:
                    return False
                self._notices += self._lines.notices(part)
        except BlockingIOError:
            return True

    def taken(self) -> list[Notice]:
        taken, self._notices = self._notices, []
        return taken

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._descriptor)


class _Lines:
    """A stream of JSON objects, a line each, between lines of HTTP."""

    def __init__(self) -> None:
        self._rest = b""

    def notices(self, part: bytes) -> list[Notice]:
        """Return the notices that are whole by now; what isn't understood is none."""
        *lines, rest = (self._rest + part).split(b"\n")
        self._rest = rest[-_MOST:]
        found = []
        for line in lines:
            if line.startswith(b"{"):
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    found += _notices_of(json.loads(line))
        return found


def _notices_of(event: dict[str, Any]) -> list[Notice]:
    """Return what an event says, of one that was asked for; Podman's program has names of its own."""
    kind = str(event.get("Type"))
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    name = str(event.get("Name") or attributes.get("name") or "")
    words = _WORDS.get(str(event.get("Action") or event.get("status") or event.get("Status")))
    if words is None or not name:
        return []
    return [Notice(f"{kind} {name} {words}", name if kind == "container" else "")]


_WORDS = {
    "start": "started",
    "die": "ended",
    "died": "ended",
    "pause": "was paused",
    "unpause": "goes on",
    "rename": "was renamed",
    "destroy": "was removed",
    "remove": "was removed",
    "connect": "connected to a container",
    "disconnect": "disconnected from a container",
}


def _filtered(target: str, filters: dict[str, list[str]]) -> str:
    return f"{target}filters={quote(json.dumps(filters))}"


_WHERE = {
    "Docker": ("DOCKER_HOST", DOCKER, _filtered("/events?", _DOCKER_FILTERS)),
    "Podman": ("CONTAINER_HOST", PODMAN, _filtered("/v4.0.0/libpod/events?stream=true&", _PODMAN_FILTERS)),
}
