# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The steps by which what a NIC holds becomes a bridge's, or its own again. Private to the collection.

None of them knows how it is undone: what is undone is brought to where a snapshot was, whatever has been done until
then, which is the same plan with another goal (``plan.nic``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ..model.bridge_vlans import PortVlans, described
from ..model.nic_move import OPENVSWITCH
from ..state.nic import Entry


class NicHost(Protocol):
    """What the steps ask of a host. Each raises ``PipefitterError`` where it can't be done."""

    def make_bridge(self, name: str, kind: str, mac: str, mtu: int, netdev: bool) -> None:
        """Make a bridge that bears our mark, down, without spanning tree and delays; of Open vSwitch, transient."""

    def delete_bridge(self, name: str, kind: str) -> None:
        """Delete a bridge; one that is gone already is as good."""

    def change_bridge(self, name: str, mac: str, mtu: int) -> None:
        """Give a bridge that is there another MAC and MTU."""

    def set_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        """Set attributes of a Linux bridge, named as in ``model.bridge.Bridge``."""

    def set_vlans(self, name: str, vlans: PortVlans, own: bool) -> None:
        """Make these all VLANs of a Linux bridge's port, or with ``own`` of the bridge itself."""

    def set_up(self, name: str, up: bool) -> None:
        """Bring a link up, or take it down."""

    def join(self, nic: str, bridge: str, kind: str) -> None:
        """Make a NIC a port of a bridge."""

    def leave(self, nic: str, bridge: str, kind: str) -> None:
        """Take a NIC out of its bridge."""

    def add_entry(self, entry: Entry) -> None:
        """Make an address, route, rule or neighbour."""

    def replace_route(self, entry: Entry) -> None:
        """Put a route in the place of the one with the same destination and metric."""

    def remove_entry(self, entry: Entry) -> None:
        """Take an entry away."""

    def drop_subnet(self, link: str, subnet: str) -> None:
        """Remove the route to an IPv6 subnet that the kernel made of an address; one that is gone is as good."""

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Write those that have another value; what the kernel takes from nobody stays as it is."""

    def announce(self, link: str, addresses: Sequence[str]) -> None:
        """Tell neighbours and switches behind which MAC addresses are."""


class Step(Protocol):
    """One thing that is done."""

    def line(self) -> str:
        """Say it."""

    def do(self, host: NicHost) -> None:
        """Do it."""


class MakeBridge(NamedTuple):
    name: str
    kind: str
    mac: str
    mtu: int
    netdev: bool
    sysctls: Mapping[str, str]
    pvid: int = 0

    def line(self) -> str:
        which = "Open vSwitch bridge" if self.kind == OPENVSWITCH else "bridge"
        pvid = f", vlan_default_pvid {self.pvid}" if self.pvid else ""
        return f"create {which} {self.name}, mtu {self.mtu}, mac {self.mac}{pvid}"

    def do(self, host: NicHost) -> None:
        host.make_bridge(self.name, self.kind, self.mac, self.mtu, self.netdev)
        if self.pvid:
            host.set_bridge(self.name, {"vlan_default_pvid": self.pvid})
        host.set_sysctls(self.sysctls)
        host.set_up(self.name, True)


class ChangeBridge(NamedTuple):
    name: str
    mac: str
    mtu: int

    def line(self) -> str:
        return f"change bridge {self.name}: mtu {self.mtu}, mac {self.mac}"

    def do(self, host: NicHost) -> None:
        host.change_bridge(self.name, self.mac, self.mtu)


class Filter(NamedTuple):
    name: str
    on: bool

    def line(self) -> str:
        return f"change bridge {self.name}: vlan_filtering {int(not self.on)} to {int(self.on)}"

    def do(self, host: NicHost) -> None:
        host.set_bridge(self.name, {"vlan_filtering": int(self.on)})


class SetVlans(NamedTuple):
    bridge: str
    name: str
    vlans: PortVlans

    def line(self) -> str:
        which = f"bridge {self.name} itself" if self.name == self.bridge else self.name
        return f"set {which} VLANs {described(self.vlans)}"

    def do(self, host: NicHost) -> None:
        host.set_vlans(self.name, self.vlans, self.name == self.bridge)


class DeleteBridge(NamedTuple):
    name: str
    kind: str

    def line(self) -> str:
        return f"delete bridge {self.name}"

    def do(self, host: NicHost) -> None:
        host.delete_bridge(self.name, self.kind)


class SetUp(NamedTuple):
    name: str
    up: bool

    def line(self) -> str:
        return f"set {self.name} {'up' if self.up else 'down'}"

    def do(self, host: NicHost) -> None:
        host.set_up(self.name, self.up)


class Join(NamedTuple):
    nic: str
    bridge: str
    kind: str

    def line(self) -> str:
        return f"set {self.nic} master {self.bridge}"

    def do(self, host: NicHost) -> None:
        host.join(self.nic, self.bridge, self.kind)


class Leave(NamedTuple):
    nic: str
    bridge: str
    kind: str

    def line(self) -> str:
        return f"take {self.nic} out of {self.bridge}"

    def do(self, host: NicHost) -> None:
        host.leave(self.nic, self.bridge, self.kind)


class AddEntry(NamedTuple):
    entry: Entry

    def line(self) -> str:
        return f"add {self.entry}"

    def do(self, host: NicHost) -> None:
        host.add_entry(self.entry)


class ReplaceRoute(NamedTuple):
    entry: Entry
    instead: Entry

    def line(self) -> str:
        return f"replace {self.instead} by {self.entry}"

    def do(self, host: NicHost) -> None:
        host.replace_route(self.entry)


class RemoveEntry(NamedTuple):
    entry: Entry

    def line(self) -> str:
        return f"remove {self.entry}"

    def do(self, host: NicHost) -> None:
        host.remove_entry(self.entry)


class DropSubnet(NamedTuple):
    link: str
    subnet: str

    def line(self) -> str:
        return f"remove route {self.subnet} dev {self.link}, which its addresses left"

    def do(self, host: NicHost) -> None:
        host.drop_subnet(self.link, self.subnet)


def told(name: str, value: str) -> str:
    """Return a sysctl's value as it is told: of a secret, by which addresses are made (RFC 7217), nothing."""
    return "(not shown)" if name.endswith("/stable_secret") else value


class SetSysctls(NamedTuple):
    values: Mapping[str, str]

    def line(self) -> str:
        each = [f"{name.replace('/', '.')} {told(name, value)}" for name, value in sorted(self.values.items())]
        return f"set sysctl {', '.join(each)}" if len(each) < 4 else f"set {len(each)} sysctls"

    def do(self, host: NicHost) -> None:
        host.set_sysctls(self.values)


class Announce(NamedTuple):
    link: str
    addresses: Sequence[str]

    def line(self) -> str:
        return f"announce {', '.join(self.addresses)} from {self.link}"

    def do(self, host: NicHost) -> None:
        host.announce(self.link, self.addresses)
