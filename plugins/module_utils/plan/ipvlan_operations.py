# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to containers' interfaces that share a NIC's MAC. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.nic_attachment import IPVLAN_MODES
from ..state.network import HOST
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class AddIpvlan(Operation):
    """Makes an interface on the host's ``nic`` in the container's namespace, under ``birth_name``, and names it."""

    name: str
    birth_name: str
    nic: str
    mode: str
    mtu: int
    alias: str

    def lines(self) -> list[str]:
        return [f"create ipvlan {self.name} in {self.netns} on {self.nic}, mode {self.mode}, mtu {self.mtu}"]

    def what(self) -> str:
        return self.lines()[0]

    def do(self, host: Host) -> None:
        mode, descriptor = IPVLAN_MODES[self.mode], host.descriptor(self.netns)
        host.netlink(HOST).add_ipvlan(self.nic, self.birth_name, descriptor, mode, self.mtu)
        host.netlink(self.netns).name_link(self.birth_name, self.name, self.alias)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)


@dataclass(frozen=True)
class SetIpvlanMode(Operation):
    """Changes the mode of all ipvlans on a NIC by one of them."""

    name: str
    nic: str
    new: str
    old: str

    def what(self) -> str:
        return f"set the mode of all ipvlans on {self.nic} from {self.old} to {self.new} by {self.name}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_ipvlan_mode(self.name, IPVLAN_MODES[self.new])

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_ipvlan_mode(self.name, IPVLAN_MODES[self.old])
