# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of root's Podman. Private to the collection.

https://docs.podman.io/en/latest/_static/api.html. Podman has no daemon: its
socket is there only where ``podman.socket`` is enabled. Without it the program
is run, which costs 30 to 100 ms, so only where it can matter.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .. import lock
from .api import Container, EngineFailed, EngineSilent, EngineSocket, Unreachable

SOCKET = "/run/podman/podman.sock"
STORAGE = "/var/lib/containers/storage"
RUN_STORAGE = "/run/containers/storage"
PROGRAM = ("podman", "ps", "--all", "--format", "json")
INSPECT = {"containers": ("podman", "container", "inspect"), "images": ("podman", "image", "inspect")}

# The oldest the server takes is 4.0.0 in Podman 4 and 5; Podman 3 doesn't look at it.
API = "/v4.0.0/libpod"
LIST = f"{API}/containers/json?all=true"


class Podman:
    runtime = "podman"

    def __init__(self, timeout: float, asked_for: bool) -> None:
        """``asked_for``: the user named Podman, so its program is run even if nothing hints at containers.

        ``timeout`` is in seconds.
        """
        self._socket = EngineSocket(
            "Podman",
            "CONTAINER_HOST",
            SOCKET,
            timeout,
            "start Podman's socket (systemctl start podman.socket) or install podman",
        )
        self._asked_for = asked_for

    def find(self, names: Sequence[str], known: Collection[str]) -> dict[str, list[Container]]:
        try:
            containers = self._by_socket()
        except Unreachable:
            unknown = any(name not in known for name in names)
            if not (self._asked_for or (unknown and is_used()) or _may_know(names)):
                raise
            containers = self._by_program()
        return {name: _meant(name, containers) for name in names}

    def running(self) -> list[Container]:
        try:
            containers = self._by_socket()
        except Unreachable:
            if not (self._asked_for or is_used()):
                raise
            containers = self._by_program()
        return [container for container in containers if container.pid]

    def _by_socket(self) -> list[Container]:
        document = self._socket.document(LIST, self._socket.get([LIST])[0], list)
        try:
            return _from_list(document)
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._socket.unexpected(LIST, document) from None

    def exposed(self, ids: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the ports that containers of these ids expose (``80/tcp``), a tuple each, by image or when created.

        Podman lists what was exposed when the container was created only where
        the network is its own, and what the image exposes only with the image.
        """
        made = self._inspect("containers", ids)
        try:
            images = sorted({each["Image"] for each in made} - {""})
            by_image = {
                name: _section(each, "Config", "ExposedPorts")
                for name, each in zip(images, self._inspect("images", images))
            }
            return [_exposed(each, by_image.get(each["Image"], {})) for each in made]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._socket.unexpected(f"{API}/containers/{ids[0]}/json", made) from None

    def _inspect(self, kind: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        if not ids:
            return []
        targets = [f"{API}/{kind}/{each}/json" for each in ids]
        try:
            return [
                self._socket.document(target, answer, dict)
                for target, answer in zip(targets, self._socket.get(targets))
            ]
        except Unreachable:
            document: list[Mapping[str, Any]] = self._run((*INSPECT[kind], *ids))
            return document

    def _by_program(self) -> list[Container]:
        # Podman 3 prints nothing where there is no container.
        document = self._run(PROGRAM) or []
        try:
            return _from_list(document)
        except (KeyError, TypeError, ValueError, IndexError):
            raise _unexpected(PROGRAM, json.dumps(document)) from None

    def _run(self, argv: Sequence[str]) -> Any:
        """Return the JSON that podman prints, ``None`` for nothing."""
        import subprocess

        command = " ".join(argv[:5])
        timeout = self._socket.timeout
        # With these it would ask a socket too, and the one that isn't there.
        local = {
            key: value for key, value in os.environ.items() if key not in ("CONTAINER_HOST", "CONTAINER_CONNECTION")
        }
        try:
            with lock.lent():
                ran = subprocess.run(
                    argv, env=local, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
                )
        except FileNotFoundError:
            raise Unreachable("Podman", self._socket.path, "no socket and no program", self._socket.advice) from None
        except subprocess.TimeoutExpired:
            raise EngineSilent(
                "Podman",
                f"timed out after {timeout:g} s waiting for {command!r}; see whether another podman holds its lock",
            ) from None
        if ran.returncode:
            said = " ".join(ran.stderr.decode(errors="replace").split())[-300:]
            raise EngineFailed(f"{command!r} failed with status {ran.returncode}: {said}; run it by hand on the host")
        try:
            document = json.loads(ran.stdout or b"null")
        except ValueError:
            document = 0
        if document is not None and not isinstance(document, list):
            raise _unexpected(argv, ran.stdout.decode(errors="replace"))
        return document


def _unexpected(argv: Sequence[str], said: str) -> EngineFailed:
    command = " ".join(argv[:5])
    return EngineFailed(
        f"{command!r} printed {said[:80]!r}, which is not a list of containers; run it by hand on the host"
    )


def _exposed(made: Mapping[str, Any], of_image: Mapping[str, Any]) -> tuple[str, ...]:
    texts = {*of_image, *_section(made, "Config", "ExposedPorts"), *_section(made, "NetworkSettings", "Ports")}
    return tuple(sorted(port for text in texts for port in _each_port(text)))


def _section(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    found: Any = document
    for key in keys:
        found = found.get(key) or {}
    section: Mapping[str, Any] = found
    return section


def _each_port(text: str) -> list[str]:
    """Return the ports of a range: an image built by Podman keeps ``EXPOSE 90-91`` as it was written."""
    span, _slash, protocol = text.partition("/")
    first, _dash, last = span.partition("-")
    return [f"{number}/{protocol or 'tcp'}" for number in range(int(first), int(last or first) + 1)]


def _from_list(document: Sequence[Mapping[str, Any]]) -> list[Container]:
    return [
        Container(
            runtime=Podman.runtime,
            id=each["Id"],
            name=each["Names"][0],
            pid=int(each["Pid"]),
            status=str(each["State"]).lower(),
            labels=dict(each.get("Labels") or {}),
        )
        for each in document
    ]


def _meant(name: str, containers: Sequence[Container]) -> list[Container]:
    """Return what ``podman inspect`` resolves a name to: that name or full id, else the ids that begin so."""
    exactly = [container for container in containers if name in (container.name, container.id)]
    return exactly[:1] or [container for container in containers if container.id.startswith(name)]


def is_used() -> bool:
    return os.path.isdir(STORAGE) or os.path.isdir(RUN_STORAGE)


def _may_know(names: Sequence[str]) -> bool:
    """Tell whether Podman's storage mentions a name that Docker has found already.

    Only a hint to run the program, so it may err: the files are
    containers/storage's own, one folder a driver, JSON with "id" and "names".
    """
    for path in glob.glob(f"{STORAGE}/*-containers/*containers.json"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if any(f'"{name}' in text for name in names):
            return True
    return False
