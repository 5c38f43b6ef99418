# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to routes, and what undoing brings back. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.route import PROTOCOL, Route
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class RestoreOnUndo(Operation):
    """Does nothing; undone, as the last of its link's operations, it puts back what the kernel dropped on their way.

    Taking a link down, a subnet's first IPv4 address and the last one all
    take more with them than they say, and so does the undoing of the opposite.
    """

    link: str
    addresses: Mapping[str, bytes]
    routes: tuple[Route, ...]
    leases: tuple[bytes, ...] = field(default=(), repr=False)

    def lines(self) -> list[str]:
        return []

    def what(self) -> str:
        return f"keep the addresses and routes of {self.link}"

    def do(self, host: Host) -> None:
        pass

    def undo(self, host: Host) -> None:
        for message in self.leases:
            host.netlink(self.netns).restore_address(self.link, message)
        host.netlink(self.netns).put_back(self.link, self.addresses, on_link_first(self.routes))


@dataclass(frozen=True)
class SetRoute(Operation):
    """``old`` is the route that it replaces; a default route of others is put aside until this one goes."""

    route: Route
    old: Route | None

    def what(self) -> str:
        return f"set route {self.route}" + (f" in place of {self.old}" if self.old else "")

    def _of_others(self) -> bool:
        old = self.old
        return old is not None and old.is_default and old.protocol != PROTOCOL and old.link != self.route.link

    def do(self, host: Host) -> None:
        if self.old and self._of_others():
            host.netlink(self.netns).put_aside(self.old, True)
        host.netlink(self.netns).set_route(self.route)

    def undo(self, host: Host) -> None:
        if self.old and self._of_others():
            host.netlink(self.netns).put_aside(self.old, False)
        if self.old:
            # Its gateway may come into reach only later, as addresses are put back.
            host.netlink(self.netns).put_in_place(self.old)
        else:
            host.netlink(self.netns).remove_route(self.route)


@dataclass(frozen=True)
class TakeBackDefault(Operation):
    """Sets a default route again whose place that of an attachment took, which is gone by now."""

    route: Route

    def what(self) -> str:
        return f"set route {self.route} again"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).take_back(self.route)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).put_aside(self.route, True)
        host.netlink(self.netns).remove_route(self.route)


@dataclass(frozen=True)
class RemoveRoute(Operation):
    route: Route

    def what(self) -> str:
        return f"remove route {self.route}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).remove_route(self.route)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).put_back(self.route.link, {}, (self.route,))


def on_link_first(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return routes in the order in which they can be set: a gateway's own route before those through it."""
    every = tuple(routes)
    return (
        *(route for route in every if route.is_on_link),
        *(route for route in every if not route.is_on_link),
    )
