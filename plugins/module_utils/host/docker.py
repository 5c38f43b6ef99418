# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of Docker Engine. Private to the collection.

https://docs.docker.com/reference/api/engine/; requests carry no API version,
which every dockerd takes as its own newest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..errors import Refused
from .engine_api import Answer, Container, EngineSocket

SOCKET = "/var/run/docker.sock"


class Docker:
    runtime = "docker"

    def __init__(self, timeout: float) -> None:
        self._socket = EngineSocket(
            "Docker", "DOCKER_HOST", SOCKET, timeout, "start Docker (systemctl start docker) or set DOCKER_HOST"
        )

    def find(self, names: Sequence[str], known: Collection[str]) -> dict[str, Container]:
        # Docker's list has no PIDs, so each one is inspected. Docker decides
        # what a name means: full id, then name, then beginning of one id.
        targets = [_inspection(name) for name in names]
        answers = self._socket.get(targets)
        found = {}
        for name, target, answer in zip(names, targets, answers):
            if answer.status == 404:
                continue
            if answer.status != 200:
                self._refuse_ambiguous(name)
            found[name] = self._container(target, answer)
        return found

    def running(self) -> list[Container]:
        targets = [_inspection(each) for each in self._ids("/containers/json")]
        answers = self._socket.get(targets)
        # One that is gone since the list is not running.
        found = [self._container(t, a) for t, a in zip(targets, answers) if a.status != 404]
        return [container for container in found if container.pid]

    def _ids(self, target: str) -> list[str]:
        document = self._socket.document(target, self._socket.get([target])[0], list)
        try:
            return [str(each["Id"]) for each in document]
        except (KeyError, TypeError):
            raise self._socket.unexpected(target, document) from None

    def _refuse_ambiguous(self, name: str) -> None:
        """Raise if that is why Docker refused; it says 500 or 400 by version."""
        ids = [each for each in self._ids("/containers/json?all=true") if each.startswith(name)]
        if len(ids) > 1:
            raise Refused(
                f"container {name} was asked for, and the ids of {len(ids)} Docker containers begin so "
                f"({ids[0]}, {ids[1]}); give the name or the whole id"
            )

    def _container(self, target: str, answer: Answer) -> Container:
        document = self._socket.document(target, answer, dict)
        try:
            return _from_inspection(document)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._socket.unexpected(target, document) from None


def _inspection(name: str) -> str:
    return f"/containers/{quote(name, safe='')}/json"


def _from_inspection(document: Mapping[str, Any]) -> Container:
    state = document["State"]
    return Container(
        runtime=Docker.runtime,
        id=document["Id"],
        name=document["Name"].lstrip("/"),
        pid=int(state["Pid"]),
        status=str(state["Status"]),
        labels=dict(document["Config"].get("Labels") or {}),
    )
