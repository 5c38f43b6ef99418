# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to a host about what ports of bridges let in. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.port_guard import GuardRules
from ..state.network import HOST
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class ChangeGuards(Operation):
    """Make our table hold ``new``, in one transaction.

    ``given`` are new interfaces for which nobody asked a MAC, each with its namespace and the one that it is to have:
    its port is bound to one that the container had no hand in.
    """

    new: GuardRules
    old: GuardRules
    given: tuple[tuple[str, str, str], ...] = ()

    def lines(self) -> list[str]:
        new, old = self.new.by_port(), self.old.by_port()
        told = [guard.described() for port, guard in sorted(new.items()) if old.get(port) != guard]
        told += [f"no longer check what {port} sends" for port in sorted(old.keys() - new.keys())]
        return told or ["repair the checks of what ports send in the nftables table bridge pipefitter"]

    def do(self, host: Host) -> None:
        for netns, interface, mac in self.given:
            host.netlink(netns).set_link(interface, mac=mac)
        host.change_guards(self.new)

    def undo(self, host: Host) -> None:
        host.change_guards(self.old)


@dataclass(frozen=True)
class BindMacs(Operation):
    """Have bridges find MACs behind certain ports (``add``: port and MAC) and nowhere else, or no longer (``remove``).

    No line tells of what goes ``along`` with a port.
    """

    add: tuple[tuple[str, str], ...]
    remove: tuple[tuple[str, str], ...]
    along: bool = False

    def lines(self) -> list[str]:
        if self.along:
            return []
        freed = [f"no longer bind {port} to {mac} in its bridge's forwarding table" for port, mac in self.remove]
        # Which MAC is not known before it is there.
        return [*freed, *(f"bind {port} to its MAC in its bridge's forwarding table" for port, _mac in self.add)]

    def what(self) -> str:
        return f"let go of the MACs of {', '.join(sorted({port for port, _mac in self.remove}))}"

    def do(self, host: Host) -> None:
        with all_or_nothing(lambda: self.undo(host)):
            _change(host, self.add, self.remove)

    def undo(self, host: Host) -> None:
        _change(host, self.remove, self.add)


def _change(host: Host, add: tuple[tuple[str, str], ...], remove: tuple[tuple[str, str], ...]) -> None:
    netlink = host.netlink(HOST)
    for port, mac in remove:
        netlink.bind_mac(port, mac, False)
    for port, mac in add:
        netlink.bind_mac(port, mac, True)
