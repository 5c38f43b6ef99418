# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Finding containers by name in the engines of this host. Private to the collection.

Each engine is one file; a new one is added to ``_engines`` and to ``model.attachment.RUNTIMES``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ...errors import MissingFeature, Refused
from ...model.attachment import CONTAINER_NAME, RUNTIMES
from . import docker
from .api import Container, Engine, EngineSilent, Unreachable
from .docker import Docker
from .podman import Podman

__all__ = ["RUNTIMES", "Container", "exposed_ports", "find", "inspect_again", "listing"]

wakes_docker = True
"""Whether Docker is asked where that starts it; the service lets it sleep."""

TIMEOUT = 10.0
"""Seconds to wait for each answer of an engine."""

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Engine)

_silent: dict[str, EngineSilent] | None = None


@contextmanager
def waited_for_once() -> Iterator[None]:
    """For many questions in a row: an engine that does not answer one is not asked the others, and holds up no other.

    What another engine answers counts then, and EngineSilent has the names for which that is not enough.
    """
    global _silent  # noqa: PLW0603 # pylint: disable=global-statement
    _silent = {}
    try:
        yield
    finally:
        _silent = None


def find(names: Sequence[str], runtime: str = "auto", timeout: float = TIMEOUT) -> dict[str, Container | None]:
    """Return the container of each name: a name, a full id or the beginning of one id.

    The keys are the names as asked; ``None`` means that no reachable engine
    has such a container. ``timeout`` is in seconds.

    :raises Refused: what no name can be, or what means two containers.
    :raises MissingFeature: no engine can be reached.
    :raises PipefitterError: an engine doesn't answer in time, or as it should.
    """
    asked = list(dict.fromkeys(names))
    for name in asked:
        if not re.fullmatch(CONTAINER_NAME, name):
            raise Refused(
                f"container {name!r} is not a valid name or id; give letters, digits, '_', '.' and '-', "
                "a letter or digit first"
            )
    candidates: dict[str, list[Container]] = {name: [] for name in asked}
    known: set[str] = set()

    def ask(engine: Engine) -> None:
        for name, found in engine.find(asked, known).items():
            candidates[name] += found
        known.update(name for name in asked if candidates[name])

    if asked:
        _ask_each(runtime, timeout, ask, lambda: [name for name in asked if not candidates[name]])
    return {name: _the_one(name, found) for name, found in candidates.items()}


def listing(runtime: str = "auto", timeout: float = TIMEOUT) -> list[Container]:
    """Return all containers that run (or are paused); raises as ``find`` does."""
    answers = _ask_each(runtime, timeout, lambda engine: engine.running())
    return _without_twins(container for answer in answers for container in answer)


def inspect_again(container: Container, timeout: float = TIMEOUT) -> Container | None:
    """Return the same container as its engine shows it now, ``None`` where it is gone; raises as ``find`` does."""
    return find([container.id], container.runtime, timeout)[container.id]


def exposed_ports(found: Sequence[Container], timeout: float = TIMEOUT) -> dict[str, tuple[str, ...]]:
    """Return the ports that containers expose (``80/tcp``), by image or when created, by the containers' ids.

    Raises as ``find`` does.
    """
    exposed = {each.id: each.exposed for each in found if each.exposed is not None}
    unknown = [each.id for each in found if each.exposed is None]
    if unknown:
        exposed.update(zip(unknown, Podman(timeout, asked_for=True).exposed(unknown)))
    return exposed


def published_ports(timeout: float = TIMEOUT) -> dict[tuple[str, int], list[tuple[str, str]]]:
    """Return what Docker has published, by protocol and port of the host: addresses, and whose each is.

    Podman's conmon listens on such ports itself.
    """
    try:
        return _ask(Docker(timeout), Docker.published_ports)
    except Unreachable:
        return {}
    except EngineSilent:
        if _silent is None:
            raise
        return {}  # what it publishes is in the host's rules, or bound


def _engines(runtime: str, timeout: float) -> list[Engine]:
    if runtime == "docker":
        return [Docker(timeout)]
    if runtime == "podman":
        return [Podman(timeout, asked_for=True)]
    if runtime == "auto":
        return [Docker(timeout), Podman(timeout, asked_for=False)]
    raise Refused(f"runtime {runtime!r} is not supported; set it to auto or one of {', '.join(RUNTIMES)}")


def _let_sleep(engine: Engine) -> None:
    if not wakes_docker and engine.runtime == Docker.runtime and docker.is_asleep():
        raise Unreachable("Docker", docker.SOCKET, "not started", "start Docker (systemctl start docker)")


def _ask_each(
    runtime: str,
    timeout: float,
    question: Callable[[Engine], _T],
    unanswered: Callable[[], Collection[str]] | None = None,
) -> list[_T]:
    """Return the answers of the engines that can be reached, at least one.

    ``unanswered`` tells what is not known after all of them were asked, if an answer of one may be enough.
    """
    answers = []
    absent = []
    silent = None
    for engine in _engines(runtime, timeout):
        try:
            _let_sleep(engine)
            answers.append(_ask(engine, question))
        except Unreachable as error:
            absent.append(error)
        except EngineSilent as error:
            if _silent is None or unanswered is None:
                raise
            silent = error
    if silent is not None and unanswered is not None and (names := unanswered()):
        raise silent.about(names)
    if answers:
        return answers
    if len(absent) == 1:
        raise absent[0]
    tried = " and ".join(error.tried for error in absent)
    advice = "; ".join(error.advice for error in absent)
    raise MissingFeature(f"a container engine is required and none was found, tried {tried}; {advice}")


def _ask(engine: _E, question: Callable[[_E], _T]) -> _T:
    if _silent is not None and engine.runtime in _silent:
        raise _silent[engine.runtime]
    try:
        return question(engine)
    except EngineSilent as error:
        if _silent is not None:
            _silent[engine.runtime] = error
        raise


def _the_one(name: str, candidates: Collection[Container]) -> Container | None:
    found = _without_twins(candidates)
    # A container called "db" is meant by "db", however many ids begin so.
    found = [each for each in found if name in (each.name, each.id)] or found
    if len(found) > 1:
        known = " and ".join(f"{each.name} {each.id} of {each.runtime}" for each in found[:2])
        more = f" and {len(found) - 2} more" if len(found) > 2 else ""
        advice = "set runtime or give the whole id" if found[0].runtime != found[-1].runtime else "give the whole id"
        raise Refused(f"container {name} is ambiguous, it may be {known}{more}; {advice}")
    return found[0] if found else None


def _without_twins(containers: Iterable[Container]) -> list[Container]:
    """Return each id once, as the last engine has it.

    Podman answers on Docker's socket too, where podman-docker or a symbolic
    link put it there.
    """
    return list({container.id: container for container in containers}.values())
