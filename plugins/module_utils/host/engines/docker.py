# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of Docker Engine. Private to the collection.

https://docs.docker.com/reference/api/engine/; requests carry no API version,
which every dockerd takes as its own newest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..processes import started
from .api import Answer, Container, EngineSocket

SOCKET = "/var/run/docker.sock"


# Where systemd notes that docker.socket is active, and dockerd its process.
_SOCKET_UNIT = "/run/systemd/units/invocation:docker.socket"
_PID_FILE = "/var/run/docker.pid"
_ENABLED, _TARGETS = "/etc/systemd/system", ("multi-user.target", "default.target", "graphical.target")


def is_asleep() -> bool:
    """Tell whether asking Docker would start it: systemd listens in its place while docker.socket is active."""
    if not os.path.lexists(_SOCKET_UNIT):
        return False
    try:
        with open(_PID_FILE, encoding="ascii") as file:
            return not os.path.exists(f"/proc/{int(file.read())}")
    except (OSError, ValueError):
        return True


def starts_at_boot() -> bool:
    """Tell whether systemd starts Docker as the host boots."""
    return any(os.path.lexists(f"{_ENABLED}/{target}.wants/docker.service") for target in _TARGETS)


def process() -> str:
    """Return what is another one after Docker was restarted, '' where it doesn't run."""
    try:
        with open(_PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        return f"{pid} {started(pid)}"
    except (OSError, ValueError):
        return ""


class Docker:
    runtime = "docker"

    def __init__(self, timeout: float) -> None:
        self._socket = EngineSocket(
            "Docker", "DOCKER_HOST", SOCKET, timeout, "start Docker (systemctl start docker) or set DOCKER_HOST"
        )

    def find(self, names: Sequence[str], known: Collection[str]) -> dict[str, list[Container]]:
        # Docker's list has no PIDs, so each one is inspected. Docker decides
        # what a name means: full id, then name, then beginning of one id.
        found = {}
        for name, (target, answer) in zip(names, self._inspect(names)):
            several = [] if answer.status in (200, 404) else self._beginning_with(name)
            if len(several) > 1:
                found[name] = several
            elif answer.status != 404:
                found[name] = [self._container(target, answer)]
        return found

    def running(self) -> list[Container]:
        return [container for container in self._of_ids(self._ids("/containers/json")) if container.pid]

    def published_ports(self) -> dict[tuple[str, int], list[tuple[str, str]]]:
        """Return what running containers publish, by protocol and port of the host: addresses, and whose each is."""
        target = "/containers/json"
        document = self._socket.document(target, self._socket.get([target])[0], list)
        found: dict[tuple[str, int], list[tuple[str, str]]] = {}
        try:
            for each in document:
                whose = f"container {each['Names'][0].lstrip('/')} of Docker"
                for port in each.get("Ports") or ():
                    if port.get("PublicPort"):
                        found.setdefault((port["Type"], port["PublicPort"]), []).append(
                            (port.get("IP") or "0.0.0.0", whose)
                        )
        except (KeyError, TypeError, IndexError, AttributeError):
            raise self._socket.unexpected(target, document) from None
        return found

    def networks_on(self, link: str) -> list[str]:
        """Return the networks that are macvlans or ipvlans on a link, as ``name (driver)``."""
        target = f"/networks?filters={quote(json.dumps({'driver': ['macvlan', 'ipvlan']}))}"
        document = self._socket.document(target, self._socket.get([target])[0], list)
        try:
            parents = [(each, (each.get("Options") or {}).get("parent")) for each in document]
            return sorted(f"{each['Name']} ({each['Driver']})" for each, parent in parents if parent == link)
        except (KeyError, TypeError, AttributeError):
            raise self._socket.unexpected(target, document) from None

    def runtimes(self) -> list[str]:
        """Return the names of the runtimes that containers may be run with."""
        document = self._socket.document("/info", self._socket.get(["/info"])[0], dict)
        return list(document.get("Runtimes") or ())

    def _beginning_with(self, start: str) -> list[Container]:
        """Return the containers whose ids begin so: with several, Docker answers 400 or 500, by version."""
        return self._of_ids([each for each in self._ids("/containers/json?all=true") if each.startswith(start)])

    def _ids(self, target: str) -> list[str]:
        document = self._socket.document(target, self._socket.get([target])[0], list)
        try:
            return [str(each["Id"]) for each in document]
        except (KeyError, TypeError):
            raise self._socket.unexpected(target, document) from None

    def _of_ids(self, ids: Sequence[str]) -> list[Container]:
        """Return the containers of ids, without those that are gone since they were listed."""
        return [self._container(target, answer) for target, answer in self._inspect(ids) if answer.status != 404]

    def _inspect(self, names: Sequence[str]) -> list[tuple[str, Answer]]:
        targets = [f"/containers/{quote(name, safe='')}/json" for name in names]
        return list(zip(targets, self._socket.get(targets)))

    def _container(self, target: str, answer: Answer) -> Container:
        document = self._socket.document(target, answer, dict)
        try:
            return _from_inspection(document)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._socket.unexpected(target, document) from None


def _from_inspection(document: Mapping[str, Any]) -> Container:
    state = document["State"]
    return Container(
        runtime=Docker.runtime,
        id=document["Id"],
        name=document["Name"].lstrip("/"),
        pid=int(state["Pid"]),
        status=str(state["Status"]),
        labels=dict(document["Config"].get("Labels") or {}),
        exposed=tuple(sorted(document["Config"].get("ExposedPorts") or ())),
    )
