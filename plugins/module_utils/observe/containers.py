# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the containers that attachments name to pinned namespaces. Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import MissingFeature, Refused
from ..host import namespace
from ..host.machine import Machine
from ..host.namespace import NetnsFd
from ..light_dataclass import dataclass
from ..model.attachment import Attachment, Target

if TYPE_CHECKING:
    from ..host.engines.lookup import Container

_PAUSE = 0.1

# Pins the namespace of a target, in place of an engine's answer, and returns it with its identity; none of one gone.
Pin = Callable[[Target], "tuple[NetnsFd | None, str]"]


def gone(_target: Target) -> tuple[NetnsFd | None, str]:
    """Pin nothing: for what is known to have ended. An engine that is asked may be starting it again meanwhile."""
    return None, ""


@dataclass(frozen=True)
class Pinned:
    """An attachment and the network namespace of its container.

    A ``netns`` of ``None`` is a container that is gone, has stopped or shares the host's network.
    """

    want: Attachment
    netns: str | None
    identity: str
    inode: int | None


def pin_all(
    machine: Machine,
    wants: Sequence[Attachment],
    must_run: bool,
    patience: float,
    may_come: bool = False,
    pin: Pin | None = None,
    advice: str = "",
) -> list[Pinned]:
    """Pin the namespace of each container, each namespace once, with one question to an engine for all.

    ``patience`` is how many seconds to wait for a container that is just
    restarting. With ``pin``, no engine is asked. ``advice`` goes on what is said of one that doesn't run.

    :raises Refused: a container is missing, has stopped or shares the host's
        network; with ``must_run`` false these make ``netns`` ``None``. With ``may_come``, the first two do.
    """
    netns_of, inodes = pin_targets(machine, {want.target for want in wants}, must_run, patience, may_come, pin, advice)
    return [Pinned(want, *netns_of[want.target], inodes.get(netns_of[want.target][0] or "")) for want in wants]


def pin_targets(
    machine: Machine,
    targets: Collection[Target],
    must_run: bool,
    patience: float,
    may_come: bool = False,
    pin: Pin | None = None,
    advice: str = "",
) -> tuple[dict[Target, tuple[str | None, str]], dict[str, int]]:
    """Return namespace and identity of each container, and the inode of each namespace; as ``pin_all``."""
    namespace.raise_open_file_limit(len(targets))
    try:
        found = containers_of(targets) if pin is None else {}
    except MissingFeature:
        if not may_come:
            raise
        found = {}  # an engine that isn't there yet has no containers yet
    netns_of: dict[Target, tuple[str | None, str]] = {}
    by_inode: dict[int, str] = {}
    inodes: dict[str, int] = {}
    for target in sorted(targets):
        pinned, identity = (
            pin(target) if pin is not None else _pin(target, found.get(target), must_run, patience, may_come, advice)
        )
        if pinned is None:
            netns_of[target] = (None, identity)
            continue
        if pinned.inode in by_inode:
            netns_of[target] = (by_inode[pinned.inode], identity)
            pinned.close()
            continue
        if pin is None and pinned.left():
            # While an engine was asked about another one, a hook may have attached it where it is now.
            pinned.close()
            if must_run and not may_come:
                raise Refused(f"{pinned.origin} stopped or restarted meanwhile; run the task again")
            netns_of[target] = (None, identity)
            continue
        netns = pinned.origin
        by_inode[pinned.inode] = netns
        inodes[netns] = pinned.inode
        machine.pin(netns, pinned)
        netns_of[target] = (netns, identity)
    return netns_of, inodes


def refuse_left(machine: Machine, pinned: Sequence[Pinned]) -> None:
    """Refuse to call done what was done to a namespace that its container has left meanwhile.

    :raises Refused: naming the container.
    """
    for one in pinned:
        namespace_pinned = machine.pinned(one.netns) if one.netns is not None else None
        if namespace_pinned is not None and namespace_pinned.left():
            raise Refused(
                f"{one.netns} stopped or restarted while {one.want.interface} was being attached to it, "
                "which is gone with its old network; run the task again"
            )


def refuse_same_interface(pinned: Sequence[Pinned], option: str = "attachments") -> None:
    """Refuse two entries of ``option`` with one interface: only the host tells that two names are one namespace.

    :raises Refused: naming both.
    """
    seen: dict[tuple[int, str], Pinned] = {}
    for one in pinned:
        if one.inode is None:
            continue
        other = seen.setdefault((one.inode, one.want.interface), one)
        if other is not one:
            raise Refused(
                f"{option}: {one.want.target} and {other.want.target} are the same network namespace "
                f"and both ask for {one.want.interface}; name it once"
            )


def containers_of(targets: Iterable[Target]) -> dict[Target, Container | None]:
    """Return what the engines say of those targets that are containers, ``None`` for one that none knows."""
    by_runtime: dict[str, list[Target]] = {}
    for target in targets:
        if target.kind == "container":
            by_runtime.setdefault(target.runtime, []).append(target)
    if not by_runtime:
        return {}
    from ..host.engines.lookup import find  # namespaces given as such don't need it

    found: dict[Target, Container | None] = {}
    for runtime, asked in by_runtime.items():
        answers = find([target.value for target in asked], runtime)
        found.update({target: answers[target.value] for target in asked})
    return found


def _pin(
    target: Target, container: Container | None, must_run: bool, patience: float, may_come: bool, advice: str
) -> tuple[NetnsFd | None, str]:
    if target.kind == "container":
        if container is None:
            if must_run and not may_come:
                engine, check = ("any container engine of this host", "the name")
                if target.runtime != "auto":
                    engine, check = (
                        f"{target.runtime} on this host, and runtime: {target.runtime} was asked for",
                        "both",
                    )
                raise Refused(
                    f"container: {target.value!r} is not known to {engine}; check {check}, or start the container "
                    f"first{advice}"
                )
            return None, ""
        identity = f"{container.runtime}:{container.id}"
        if not container.pid and (may_come or not must_run):
            return None, identity
        try:
            return _running(container, patience), identity
        except namespace.HostsOwn:
            if must_run:
                raise
            return None, identity  # it holds no attachment; one of before is found by its mark
        except Refused as error:
            if not may_come:
                raise Refused(f"{error}{advice}") from None
            return None, identity  # it ended meanwhile
    try:
        pinned = namespace.of_path(target.value) if target.kind == "netns" else namespace.of_pid(int(target.value))
    except Refused:
        if must_run and not may_come:
            raise
        return None, ""
    return pinned, target.value if target.kind == "netns" else f"pid:{pinned.inode}"


def _running(container: Container, patience: float) -> NetnsFd:
    from ..host.engines.lookup import inspect_again

    deadline = time.monotonic() + patience
    current: Container | None = container
    while True:
        try:
            return namespace.of_container(current or container)
        except Refused:
            # Only a restart passes by itself; one that has stopped, or shares the host's network, does not.
            again = inspect_again(container)
            passing = again is not None and (again.status == "restarting" or again.pid != (current or container).pid)
            if not passing or time.monotonic() > deadline:
                raise
            current = again
            time.sleep(_PAUSE)
