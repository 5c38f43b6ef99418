# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the service follows: how each source is opened, and how its notices count. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..errors import PipefitterError
from ..host.engines import docker
from ..host.engines.api import Unreachable
from ..host.engines.events import EngineEvents, PodmanProgram
from ..host.engines.podman import is_used
from ..host.netlink import events as kernel
from ..host.notices import Notice
from ..host.ovs.events import OvsEvents
from .output import complain

AT_ONCE, SOON, IN_TURN = "at once", "soon", "in turn"
"""How notices count: the next look is at once, and tries anew what failed; or those of a short time lead to one look,
as they may be of what the service made; or looks take a small part of the time, as notices may never end."""


class Source(Protocol):
    """``fileno`` becomes readable when there is a notice."""

    def fileno(self) -> int: ...

    def read(self) -> bool:
        """Read what has come, and tell whether whoever tells is still there."""

    def taken(self) -> list[Notice]:
        """Return what was told since it was last asked, as far as it can be said."""

    def close(self) -> None: ...


class Followed(NamedTuple):
    """``open`` returns nothing where there is nothing to follow. ``cause`` says why it is looked then.

    ``comes_and_goes`` is one that is looked for again and again, and of whose coming and going is told.
    """

    name: str
    open: Callable[[], Source | None]
    counts: str
    cause: str
    comes_and_goes: bool = False


def _docker() -> Source | None:
    return None if docker.is_asleep() else _engine("Docker")


def _podman() -> Source | None:
    return _engine("Podman", PodmanProgram if is_used() else None)


def _engine(name: str, otherwise: Callable[[], Source] | None = None) -> Source | None:
    try:
        return EngineEvents(name)
    except Unreachable:
        return _tried(otherwise) if otherwise is not None else None  # that it is not there is nothing unusual
    except PipefitterError as error:
        complain(str(error))
        return None


def _tried(opens: Callable[[], Source]) -> Source | None:
    try:
        return opens()
    except Unreachable:
        return None


def _switch() -> Source | None:
    try:
        return OvsEvents()
    except OSError:
        return None  # most hosts have none


_BY_HAND = "changed on the host"

DOCKER = "Docker"

SOURCES = (
    Followed(DOCKER, _docker, AT_ONCE, "Docker told of something", True),
    Followed("Podman", _podman, AT_ONCE, "Podman told of something", True),
    Followed("Open vSwitch", _switch, SOON, "changed in Open vSwitch", True),
    Followed("links and addresses", kernel.of_links_and_addresses, SOON, _BY_HAND),
    Followed("nftables", kernel.of_nftables, SOON, "nftables changed on the host"),
    Followed("routes", kernel.of_routes, IN_TURN, "routes changed on the host"),
)
