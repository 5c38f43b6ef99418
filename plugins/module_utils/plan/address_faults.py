# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses that are there and not as they would be made (``NetworkState.faults``). Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model.route import Route
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class RemakeAddress(Operation):
    """Makes an address anew that is there and not as it would be made: ``fault`` is what it has.

    ``message`` is how the kernel showed it; what is kept is as for ``RemoveAddress``, and put back once the address
    is there, as routes need it.
    """

    link: str
    address: str
    fault: str
    keep_addresses: Mapping[str, bytes]
    keep_routes: tuple[Route, ...]
    message: bytes = field(repr=False)

    def what(self) -> str:
        return f"make address {self.address} of {self.link} anew, without {self.fault}"

    def do(self, host: Host) -> None:
        with all_or_nothing(lambda: self.undo(host)):
            host.netlink(self.netns).remove_address(self.link, self.address, {})
            host.netlink(self.netns).add_address(self.link, self.address)
            host.netlink(self.netns).put_back(self.link, self.keep_addresses, self.keep_routes)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).remove_address(self.link, self.address, {})
        host.netlink(self.netns).restore_address(self.link, self.message)
        host.netlink(self.netns).put_back(self.link, self.keep_addresses, self.keep_routes)


def put_right(
    netns: str,
    link: str,
    wanted: tuple[str, ...],
    shown: tuple[str, ...],
    routes: tuple[Route, ...],
    removable: bool,
    messages: Mapping[str, bytes],
    faults: Mapping[str, str],
) -> list[Operation]:
    """Return what makes wanted addresses right, where what is on the link is ours to remove.

    :raises Refused: another machine has one, and the kernel doesn't use it.
    """
    operations: list[Operation] = []
    remade: list[str] = []
    for address in wanted:
        fault = faults.get(address) if address in shown else None
        if fault == "dadfailed":
            raise Refused(
                f"addresses: {address} is on {link}{f' in {netns}' if netns else ''} and can't be used, as another "
                "machine had it when the kernel looked for duplicates (dadfailed); give another, or take it off that "
                "machine and off this interface (ip -6 address del), and run this again"
            )
        if fault is None or not removable:
            continue
        # The kernel may drop others of its subnet along with it; those that were remade by then come back as that.
        beside = {other: b"" if other in remade else messages.get(other, b"") for other in shown if other != address}
        operations.append(RemakeAddress(netns, link, address, fault, beside, routes, messages[address]))
        remade.append(address)
    return operations
