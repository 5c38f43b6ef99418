# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to links: veths, what is set of a link, what it announces. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from ..errors import PipefitterError
from ..light_dataclass import dataclass
from ..model.bridge_vlans import described
from ..model.route import Route
from .operations import Operation

if TYPE_CHECKING:
    from ..model.bridge_vlans import PortVlans
    from .host_protocol import Host, LinkSettings


@dataclass(frozen=True)
class AddVeth(Operation):
    """The peer is born in ``peer_netns`` as ``peer``."""

    name: str
    birth_name: str
    peer: str
    peer_netns: str
    mac: str | None
    mtu: int
    alias: str
    alternative_name: str

    def what(self) -> str:
        mac = f", mac {self.mac}" if self.mac else ""
        return f"create veth {self.name} with its peer {self.peer} in {self.peer_netns}, mtu {self.mtu}{mac}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_veth(
            birth_name=self.birth_name,
            name=self.name,
            peer=self.peer,
            descriptor=host.descriptor(self.peer_netns),
            mac=self.mac,
            mtu=self.mtu,
            alias=self.alias,
            alternative_name=self.alternative_name,
        )

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)


@dataclass(frozen=True)
class ClaimVeth(Operation):
    """Mark a veth that a killed run made and did not come to mark, or whose mark was taken off."""

    name: str
    alias: str

    def what(self) -> str:
        return f"mark {self.name} as ours"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_link(self.name, alias=self.alias)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_link(self.name, alias="")


@dataclass(frozen=True)
class SetAlternativeName(Operation):
    """Give a link a further name, or take it off."""

    name: str
    alternative: str
    on: bool

    def what(self) -> str:
        if self.on:
            return f"give {self.name} the alternative name {self.alternative}"
        return f"take the alternative name {self.alternative} off {self.name}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_alternative_name(self.name, self.alternative, self.on)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_alternative_name(self.name, self.alternative, not self.on)


@dataclass(frozen=True)
class DropLinkLocal(Operation):
    name: str

    def what(self) -> str:
        return f"take the link-local address off {self.name}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).drop_link_local(self.name)

    def undo(self, host: Host) -> None:
        pass  # a port of a bridge has no use for it


@dataclass(frozen=True)
class DeleteLink(Operation):
    """``restore`` makes it again as it was; ``None`` where nobody knows how it was."""

    name: str
    description: str
    restore: tuple[Operation, ...] | None

    def what(self) -> str:
        return f"delete {self.description}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)

    def undo(self, host: Host) -> None:
        if self.restore is None:
            raise PipefitterError("its peer was not read before; run the task again that made it")
        for operation in self.restore:
            operation.do(host)


@dataclass(frozen=True)
class DeleteLinks(Operation):
    """Delete many at once, which takes the kernel hardly longer than one."""

    deletions: tuple[DeleteLink, ...]

    def lines(self) -> list[str]:
        return [line for deletion in self.deletions for line in deletion.lines()]

    def do(self, host: Host) -> None:
        host.netlink(self.netns).delete_links([deletion.name for deletion in self.deletions])

    def undo(self, host: Host) -> None:
        for deletion in reversed(self.deletions):
            deletion.undo(host)


def deletions_in(operations: Iterable[Operation]) -> Iterator[DeleteLink]:
    """Yield the deletions of links among operations, alone or together."""
    for operation in operations:
        if isinstance(operation, DeleteLinks):
            yield from operation.deletions
        elif isinstance(operation, DeleteLink):
            yield operation


def together(deletions: Sequence[DeleteLink]) -> list[Operation]:
    """Return deletions, of one network namespace, as one operation where they are several."""
    return [DeleteLinks(deletions[0].netns, tuple(deletions))] if len(deletions) > 1 else list(deletions)


@dataclass(frozen=True)
class SetLink(Operation):
    """``new`` and ``old`` have the same keys; ``None`` is a value that nobody knows, and stays as it is.

    The kernel takes part of what one request asks for: the link is up, and its bridge refuses it. What was taken is
    put back then, as nobody undoes an operation that failed.
    """

    name: str
    new: LinkSettings
    old: LinkSettings

    def what(self) -> str:
        return f"set {self.name} " + ", ".join(
            _setting(key, value) for key, value in sorted(self.new.items()) if value is not None
        )

    def do(self, host: Host) -> None:
        try:
            host.netlink(self.netns).set_link(self.name, **self.new)
        except PipefitterError:
            self._put_back(host)
            raise

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_link(self.name, **self._restored())

    def _put_back(self, host: Host) -> None:
        """Put back what was taken, as far as it goes: the reason for which the rest was not is what counts.

        The link is up in no bridge that it has not all settings of.
        """
        settings = self._restored()
        up = settings.pop("up", None)
        # Nothing that can fail comes after the MTU; and a bridge whose MTU is set no longer follows its ports.
        settings.pop("mtu", None)
        first: LinkSettings = {"up": False} if up is False else {}
        last: LinkSettings = {"up": True} if up else {}
        try:
            for step in filter(None, (first, settings, last)):
                host.netlink(self.netns).set_link(self.name, **step)
        except PipefitterError:
            pass

    def _restored(self) -> LinkSettings:
        """Return ``old`` without what a link has by itself that joins a bridge or leaves it.

        Only a port takes it: of one that is in no bridge, the kernel refuses it.
        """
        restored = self.old.copy()
        if "master" in restored:
            if restored.get("isolated") is False:
                del restored["isolated"]
            if restored.get("floods"):
                del restored["floods"]
        return restored


def of_same_keys(known: LinkSettings, new: LinkSettings) -> LinkSettings:
    """Return of ``known`` what ``new`` speaks of: the ``old`` of a ``SetLink``."""
    return cast("LinkSettings", {key: value for key, value in known.items() if key in new})


def _setting(key: str, value: object) -> str:
    if key == "up":
        return "up" if value else "down"
    if key == "isolated":
        return "isolated" if value else "not isolated"
    if key == "floods":
        return "open to floods" if value else "closed to floods"
    if key == "master" and not value:
        return "nomaster"
    if key == "vlans":
        return f"VLANs {described(cast('PortVlans', value))}"
    return f"{key} {value}"


@dataclass(frozen=True)
class RenameLink(Operation):
    """What is kept is what an older kernel drops while the link is down for it."""

    old: str
    new: str
    keep_addresses: Mapping[str, bytes]
    keep_routes: tuple[Route, ...]

    def what(self) -> str:
        return f"rename {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).rename_link(self.old, self.new, self.keep_addresses, self.keep_routes)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).rename_link(self.new, self.old, self.keep_addresses, self._routes_of(self.old))

    def _routes_of(self, link: str) -> tuple[Route, ...]:
        return tuple(replace(route, link=link) for route in self.keep_routes)


@dataclass(frozen=True)
class SetTxChecksumOffload(Operation):
    link: str
    on: bool

    def what(self) -> str:
        return f"switch the TX checksum offload of {self.link} {'on' if self.on else 'off'} (userspace datapath)"

    def do(self, host: Host) -> None:
        host.set_tx_checksum_offload(self.netns, self.link, self.on)

    def undo(self, host: Host) -> None:
        host.set_tx_checksum_offload(self.netns, self.link, not self.on)


@dataclass(frozen=True)
class Announce(Operation):
    link: str
    addresses: tuple[str, ...]

    def what(self) -> str:
        return f"announce {', '.join(self.addresses)} from {self.link}"

    def do(self, host: Host) -> None:
        host.announce(self.netns, self.link, self.addresses)

    def undo(self, host: Host) -> None:
        pass  # what was said can't be unsaid; neighbours correct themselves
