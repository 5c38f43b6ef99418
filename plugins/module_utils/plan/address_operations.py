# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to addresses. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.route import Route
from .operations import Operation, SetSysctl, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class AddAddress(Operation):
    """``lease`` is how the kernel showed the address with a lifetime, where it is there so."""

    link: str
    address: str
    lease: bytes = field(default=b"", repr=False)

    def what(self) -> str:
        return f"add address {self.address} to {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_address(self.link, self.address)

    def undo(self, host: Host) -> None:
        if self.lease:
            host.netlink(self.netns).restore_address(self.link, self.lease)
        else:
            host.netlink(self.netns).remove_address(self.link, self.address, {})


@dataclass(frozen=True)
class RestoreAddress(Operation):
    """Gives a link that was made again an address as the kernel showed it (``message``)."""

    link: str
    address: str
    message: bytes = field(repr=False)

    def what(self) -> str:
        return f"add address {self.address} to {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).restore_address(self.link, self.message)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).remove_address(self.link, self.address, {})


@dataclass(frozen=True)
class RemoveAddress(Operation):
    """What is kept is what the kernel drops along with a subnet's first address.

    ``message`` is how the kernel showed the address, and those of ``keep_addresses`` are by address: what else they
    have (metric, label, flags, lifetime) comes back with them. One that it did not show yet has b"".
    """

    link: str
    address: str
    keep_addresses: Mapping[str, bytes]
    keep_routes: tuple[Route, ...]
    message: bytes = field(default=b"", repr=False)

    def what(self) -> str:
        return f"remove address {self.address} from {self.link}"

    def do(self, host: Host) -> None:
        with all_or_nothing(lambda: self.undo(host)):
            host.netlink(self.netns).remove_address(self.link, self.address, self.keep_addresses, self.keep_routes)

    def undo(self, host: Host) -> None:
        if self.message:
            host.netlink(self.netns).restore_address(self.link, self.message)
        else:
            host.netlink(self.netns).add_address(self.link, self.address)


def set_ipv6(netns: str, link: str, on: bool) -> SetSysctl:
    """Let a link speak IPv6, or no longer: it loses all IPv6 addresses and routes then."""
    new, old = ("0", "1") if on else ("1", "0")
    return SetSysctl(netns, f"net/ipv6/conf/{link}/disable_ipv6", new, old)
