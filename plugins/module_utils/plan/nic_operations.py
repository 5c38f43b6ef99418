# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to containers' interfaces that are made from a host's NIC. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.nic_attachment import MODES
from ..state.network import HOST
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class AddMacvlan(Operation):
    """Makes an interface on the host's ``nic`` in the container's namespace, under ``birth_name``, and names it."""

    name: str
    birth_name: str
    nic: str
    mode: str
    mac: str | None
    mtu: int
    alias: str

    def lines(self) -> list[str]:
        mac = f", mac {self.mac}" if self.mac else ""
        made = f"create macvlan {self.name} in {self.netns} on {self.nic}, mode {self.mode}, mtu {self.mtu}{mac}"
        return [made]

    def what(self) -> str:
        return self.lines()[0]

    def do(self, host: Host) -> None:
        mode, descriptor = MODES[self.mode], host.descriptor(self.netns)
        host.netlink(HOST).add_macvlan(self.nic, self.birth_name, descriptor, mode, self.mac, self.mtu)
        host.netlink(self.netns).name_link(self.birth_name, self.name, self.alias)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)


@dataclass(frozen=True)
class SetMacvlanMode(Operation):
    name: str
    new: str
    old: str

    def what(self) -> str:
        return f"set the mode of {self.name} from {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_macvlan_mode(self.name, MODES[self.new])

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_macvlan_mode(self.name, MODES[self.old])
