# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to bridges: attributes, VLANs, masquerading. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model import addresses, limits
from ..model.bridge_vlans import PortVlans, VlanRange, described, merged
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from ..model.masquerade import Masquerade
    from .host_protocol import Host, Netlink


@dataclass(frozen=True)
class AddBridge(Operation):
    """Without ``mac`` one is chosen at random: a bridge whose MAC the kernel chose takes that of its lowest port,
    and another one as ports come and go (br_stp_recalculate_bridge_id() in net/bridge/br_stp_if.c)."""

    name: str
    attributes: Mapping[str, int]
    mac: str | None

    def what(self) -> str:
        settings = "".join(f" {key} {value}" for key, value in sorted(self.attributes.items()))
        return f"create bridge {self.name}{f' mac {self.mac}' if self.mac else ''}{settings}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_bridge(self.name, self.attributes, self.mac or addresses.random_mac())

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).delete_link(self.name)


@dataclass(frozen=True)
class ChangeBridge(Operation):
    """``new`` and ``old`` have the same keys, named as in ``model.bridge.Bridge``."""

    name: str
    new: Mapping[str, int]
    old: Mapping[str, int]

    def what(self) -> str:
        changes = ", ".join(f"{key} {self.old[key]} to {self.new[key]}" for key in sorted(self.new))
        return f"change bridge {self.name}: {changes}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).change_bridge(self.name, self.new)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).change_bridge(self.name, self.old)


@dataclass(frozen=True)
class ChangeDefaultPvid(Operation):
    """The kernel moves what is in the old one along, and from 0 every port (__br_vlan_set_default_pvid() in
    net/bridge/br_vlan.c): ``kept`` are the VLANs of the bridge itself and of ports that stay.

    The kernel leaves alone what has the new VLAN already. So what stays carries that, tagged, for the moment, and its
    own all the time. To 0 the way leads by a VLAN that nobody has, as the kernel takes the old one away from all.
    """

    name: str
    new: int
    old: int
    kept: tuple[tuple[str, PortVlans], ...]

    def what(self) -> str:
        return f"change bridge {self.name}: vlan_default_pvid {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        with all_or_nothing(lambda: self._put_back(host)):
            self._change(host, self.old, self.new)

    def undo(self, host: Host) -> None:
        self._change(host, self.new, self.old)

    def _change(self, host: Host, old: int, new: int) -> None:
        netlink = host.netlink(self.netns)
        by_way_of = new or self._unused(old)
        moving = [
            (name, vlans)
            for name, vlans in self.kept
            if (not old or VlanRange(old, old, True, True) in vlans)
            and not any(entry.first <= by_way_of <= entry.last for entry in vlans)
        ]
        for name, vlans in moving:
            self._set(netlink, name, merged([*vlans, VlanRange(by_way_of, by_way_of)]))
        if moving and not new:
            netlink.change_bridge(self.name, {"vlan_default_pvid": by_way_of})
        netlink.change_bridge(self.name, {"vlan_default_pvid": new})
        for name, vlans in moving:
            self._set(netlink, name, vlans)

    def _put_back(self, host: Host) -> None:
        netlink = host.netlink(self.netns)
        netlink.change_bridge(self.name, {"vlan_default_pvid": self.old})
        for name, vlans in self.kept:
            self._set(netlink, name, vlans)

    def _unused(self, old: int) -> int:
        """Return a VLAN that is nobody's PVID, and where there is one no trunk's either."""
        entries = [entry for _name, vlans in self.kept for entry in vlans]
        pvids = {old, *(entry.first for entry in entries if entry.pvid)}
        free = [vlan for vlan in range(limits.VLAN[1], limits.VLAN[0] - 1, -1) if vlan not in pvids]
        return next((vlan for vlan in free if not any(entry.first <= vlan <= entry.last for entry in entries)), free[0])

    def _set(self, netlink: Netlink, name: str, vlans: PortVlans) -> None:
        if name == self.name:
            netlink.set_bridge_vlans(name, vlans)
        else:
            netlink.set_link(name, vlans=vlans)


@dataclass(frozen=True)
class SetBridgeVlans(Operation):
    """VLANs that the host takes part in by a bridge's own interface."""

    name: str
    new: PortVlans
    old: PortVlans

    def what(self) -> str:
        return f"set bridge {self.name} itself VLANs {described(self.new)}"

    def do(self, host: Host) -> None:
        with all_or_nothing(lambda: self.undo(host)):
            host.netlink(self.netns).set_bridge_vlans(self.name, self.new)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_bridge_vlans(self.name, self.old)


@dataclass(frozen=True)
class ChangeMasquerades(Operation):
    add: tuple[Masquerade, ...]
    remove: tuple[Masquerade, ...]

    def lines(self) -> list[str]:
        return [
            f"masquerade {nat.subnet} when it leaves by another interface than {nat.bridge}" for nat in self.add
        ] + [f"stop masquerading {nat.subnet} of {nat.bridge}" for nat in self.remove]

    def do(self, host: Host) -> None:
        host.change_masquerades(self.add, self.remove)

    def undo(self, host: Host) -> None:
        host.change_masquerades(self.remove, self.add)
