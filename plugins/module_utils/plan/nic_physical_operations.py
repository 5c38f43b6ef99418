# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to NICs that are containers' interfaces themselves. Private to the collection.

Whatever happens in between, a NIC that is on its way bears our mark, and what it was like is on the disk before: so the
next run knows it, under whichever name, and gives it back or moves it on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..light_dataclass import dataclass
from ..state.kept_nic import KeptNic
from ..state.network import HOST
from .link_operations import DeleteLink, RenameLink
from .nic_host_protocol import of_nics
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host, LinkSettings


@dataclass(frozen=True)
class MoveNic(Operation):
    """Moves a NIC, ``now`` called so on the host, into the container's namespace as ``name``.

    ``kept`` is what it is to be like when it is back.
    """

    name: str
    now: str
    kept: KeptNic

    def what(self) -> str:
        return f"move NIC {self.kept.name} as {self.name}"

    def lines(self) -> list[str]:
        return [f"move NIC {self.kept.name} into {self.netns} as {self.name}"]

    def do(self, host: Host) -> None:
        of_nics(host).keep_nic(self.kept)
        try:
            host.netlink(HOST).set_link(self.now, alias=self.kept.alias)
            host.netlink(HOST).move_link(self.now, host.descriptor(self.netns), self.name)
        except PipefitterError:
            with suppress(PipefitterError):  # nobody undoes an operation that failed
                self._take_back(host)
            raise

    def _take_back(self, host: Host) -> None:
        # The kernel may have moved it, and not given it the name that somebody took meanwhile.
        away = host.netlink(self.netns).marked(self.kept.alias)
        if away:
            host.netlink(self.netns).move_link(away, host.descriptor(HOST), self.kept.name)
        if away or self.now == self.kept.name:
            _put_back(host, self.kept, None, None)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).move_link(self.name, host.descriptor(HOST), self.kept.name)
        _put_back(host, self.kept, None, None)


@dataclass(frozen=True)
class ReturnNic(DeleteLink):
    """Gives a container's NIC back to the host; ``mac`` and ``mtu`` are set where they differ by now."""

    kept: KeptNic
    mac: str | None = None
    mtu: int | None = None

    def what(self) -> str:
        return f"give NIC {self.description} back to the host"

    def lines(self) -> list[str]:
        return [f"{self.what()} as {_told(self.kept)}"]

    def do(self, host: Host) -> None:
        host.netlink(self.netns).move_link(self.name, host.descriptor(HOST), self.kept.name)
        with all_or_nothing(lambda: self.undo(host)):
            _put_back(host, self.kept, self.mac, self.mtu)


@dataclass(frozen=True)
class RestoreNic(Operation):
    """Puts a NIC back as it was that is on the host, and ``now`` called so there; ``down`` it is renamed."""

    now: str
    down: bool
    kept: KeptNic
    mac: str | None = None
    mtu: int | None = None

    def what(self) -> str:
        also = f", which came back as {self.now}," if self.now != self.kept.name else ""
        return f"put NIC {self.kept.name}{also} back as it was: {_told(self.kept)}"

    def do(self, host: Host) -> None:
        if self.now != self.kept.name:
            if not self.down:
                host.netlink(HOST).set_link(self.now, up=False)
            host.netlink(HOST).rename_link(self.now, self.kept.name, {}, ())
        _put_back(host, self.kept, self.mac, self.mtu)

    def undo(self, host: Host) -> None:
        pass  # it is where it belongs, whatever comes of the rest


class StepAside(RenameLink):
    """Renames one that came back under the name of another one that did."""

    def undo(self, host: Host) -> None:
        pass  # it has its own name by then, or has it by the next run


def _put_back(host: Host, kept: KeptNic, mac: str | None, mtu: int | None) -> None:
    new: LinkSettings = {"mac": mac} if mac is not None else {}
    if mtu is not None:
        new["mtu"] = mtu
    if new:
        host.netlink(HOST).set_link(kept.name, **new)
    # Before it comes up, as by them the kernel gives it an address then or doesn't (addr_gen_mode).
    of_nics(host).put_back_sysctls(kept.before)
    host.netlink(HOST).set_link(kept.name, up=kept.before.up)
    of_nics(host).put_back_nic(kept.before)
    # Last, as all that comes before is done again by the next run where this one is killed.
    host.netlink(HOST).set_link(kept.name, alias=kept.former_alias)
    of_nics(host).forget_nic(kept.name)


def _told(kept: KeptNic) -> str:
    """Say what a NIC gets back."""
    held = [entry.text for entry in kept.before.entries if entry.kind == "address" and not entry.temporary]
    shown = [text for text in held if not text.startswith("fe80:")]
    routes = sum(entry.kind == "route" for entry in kept.before.entries)
    told = [kept.name, "up" if kept.before.up else "down", *(f"address {text}" for text in shown)]
    if routes:
        told.append(f"{routes} route{'s' if routes > 1 else ''}")
    return ", ".join(told)


def marked(kept: KeptNic, alias: str) -> KeptNic:
    """Return what was kept of a NIC for a container's attachment of that mark."""
    return replace(kept, alias=alias)
