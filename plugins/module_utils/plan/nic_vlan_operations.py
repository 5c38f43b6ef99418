# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to the host's interfaces that have one VLAN of a NIC. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.ownership import MARK
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class AddVlan(Operation):
    """Makes one under ``birth_name``, so that one that a killed run did not come to mark is known, and names it.

    ``alternative_name`` is a readable one for where the name is not, or ''.
    """

    name: str
    birth_name: str
    nic: str
    vlan: int
    mtu: int
    alternative_name: str = ""

    def what(self) -> str:
        return f"create {self.name} for VLAN {self.vlan} of {self.nic}, mtu {self.mtu}"

    def do(self, host: Host) -> None:
        netlink = host.netlink(self.netns)
        netlink.add_vlan(self.nic, self.birth_name, self.vlan, self.mtu)
        netlink.name_link(self.birth_name, self.name, MARK)
        if self.alternative_name:
            with all_or_nothing(lambda: self.undo(host)):
                netlink.set_alternative_name(self.name, self.alternative_name, True)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)


@dataclass(frozen=True)
class ClaimVlan(Operation):
    """Names and marks one that a killed run made and did not come to."""

    name: str
    birth_name: str

    def what(self) -> str:
        return f"name {self.birth_name} {self.name}, and mark it as ours"

    def do(self, host: Host) -> None:
        netlink = host.netlink(self.netns)
        netlink.rename_link(self.birth_name, self.name, {}, ())
        with all_or_nothing(lambda: netlink.rename_link(self.name, self.birth_name, {}, ())):
            netlink.set_link(self.name, alias=MARK)

    def undo(self, host: Host) -> None:
        netlink = host.netlink(self.netns)
        netlink.set_link(self.name, alias="")
        netlink.rename_link(self.name, self.birth_name, {}, ())
