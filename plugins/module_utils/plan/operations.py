# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to a host: small values that know how to be done, undone and said. Private to the collection.

An operation never looks: all it needs stands in it, put there by a plan. It
acts through the ``Host`` it is given, the real one or the tests' simulated
one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import PipefitterError
from ..model import addresses, limits
from ..model.bridge_vlans import PortVlans, VlanRange, described, merged
from ..model.ovs import NO_BRIDGES, OvsBridgeChange, OvsChange
from ..model.route import Route
from ..model.vlans import ACCESS, DOT1Q_TUNNEL, TRUNK, ranges

if TYPE_CHECKING:
    from ..model.firewall import AcceptedBridge
    from ..model.icc_rules import IccRules
    from ..model.masquerade import Masquerade
    from ..model.ovs import OvsBridge, OvsPort
    from ..model.publication import PublicationRules, UdpFlow

_FAMILY_NAMES = {"ip": "IPv4", "ip6": "IPv6"}


class Host(Protocol):
    """What operations need of a host."""

    def netlink(self, netns: str) -> Any:
        """Return what reads and changes a namespace.."""

    def descriptor(self, netns: str) -> int:
        """Return the open descriptor by which a place's namespace is pinned."""

    def write_sysctl(self, netns: str, name: str, value: str) -> None:
        """Write one sysctl, named with slashes (``net/ipv4/ip_forward``)."""

    def change_masquerades(self, add: Collection[Masquerade], remove: Collection[Masquerade]) -> None:
        """Change the source NAT in one transaction."""

    def change_icc_rules(self, rules: IccRules) -> None:
        """Make the firewall hold these rules of isolated bridges, in one transaction."""

    def change_iptables_forward(self, add: Collection[AcceptedBridge], remove: Collection[AcceptedBridge]) -> None:
        """Change which bridges the host's iptables lets pass."""

    def lend_zone(self, bridge: str, zone: str, lend: bool) -> None:
        """Put a bridge into a zone of firewalld, or take it out."""

    def change_publications(self, add: PublicationRules, remove: PublicationRules) -> None:
        """Change published ports in one transaction."""

    def end_flows(self, flows: Collection[UdpFlow]) -> None:
        """End UDP flows that go another way than the rules say by now."""

    def set_port_hairpin(self, port: str, on: bool) -> None:
        """Switch the hairpin mode of a bridge port."""

    def change_ovs_ports(self, change: OvsChange) -> None:
        """Change ports and bridges of Open vSwitch in one transaction and wait until they are in effect."""

    def set_tx_checksum_offload(self, netns: str, link: str, on: bool) -> None:
        """Switch the transmit checksum offload of a link."""

    def announce(self, netns: str, link: str, addresses: Sequence[str]) -> None:
        """Send gratuitous ARP and unsolicited neighbour advertisements."""


@dataclass(frozen=True)
class Operation:
    """``netns`` is where it acts."""

    netns: str

    def lines(self) -> list[str]:
        """Return what it does, a line each thing."""
        return [f"{self.what()}{f' in {self.netns}' if self.netns else ''}"]

    def what(self) -> str:
        raise NotImplementedError

    def do(self, host: Host) -> None:
        raise NotImplementedError

    def undo(self, host: Host) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class RestoreOnUndo(Operation):
    """Does nothing; undone, as the last of its link's operations, it puts back what the kernel dropped on their way.

    Taking a link down, a subnet's first IPv4 address and the last one all
    take more with them than they say, and so does the undoing of the opposite.
    """

    link: str
    addresses: tuple[str, ...]
    routes: tuple[Route, ...]

    def lines(self) -> list[str]:
        return []

    def what(self) -> str:
        return f"keep the addresses and routes of {self.link}"

    def do(self, host: Host) -> None:
        pass

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).put_back(self.link, self.addresses, on_link_first(self.routes))


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

    def _unused(self, old: int) -> int:
        """Return a VLAN that is nobody's PVID, and where there is one no trunk's either."""
        entries = [entry for _name, vlans in self.kept for entry in vlans]
        pvids = {old, *(entry.first for entry in entries if entry.pvid)}
        free = [vlan for vlan in range(limits.VLAN[1], limits.VLAN[0] - 1, -1) if vlan not in pvids]
        return next((vlan for vlan in free if not any(entry.first <= vlan <= entry.last for entry in entries)), free[0])

    def _set(self, netlink: Any, name: str, vlans: PortVlans) -> None:
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
        host.netlink(self.netns).set_bridge_vlans(self.name, self.new)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_bridge_vlans(self.name, self.old)


@dataclass(frozen=True)
class AddVeth(Operation):
    """The peer is born in ``peer_place`` as ``peer``."""

    name: str
    birth_name: str
    peer: str
    peer_place: str
    mac: str | None
    mtu: int
    alias: str
    alternative_name: str

    def what(self) -> str:
        return f"create veth {self.name} with its peer {self.peer} in {self.peer_place}, mtu {self.mtu}{f', mac {self.mac}' if self.mac else ''}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_veth(
            self.birth_name,
            self.name,
            self.peer,
            host.descriptor(self.peer_place),
            self.mac,
            self.mtu,
            self.alias,
            self.alternative_name,
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
            raise PipefitterError("its other end was not read before; run again what made it")
        for operation in self.restore:
            operation.do(host)


@dataclass(frozen=True)
class SetLink(Operation):
    """``new`` and ``old`` have the same keys: up, mtu, mac, master ('' for none), alias, isolated, vlans (the last two ``None``: not told)."""

    name: str
    new: Mapping[str, Any]
    old: Mapping[str, Any]

    def what(self) -> str:
        return f"set {self.name} " + ", ".join(
            _setting(key, value) for key, value in sorted(self.new.items()) if value is not None
        )

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_link(self.name, **self.new)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_link(self.name, **self.old)


def _setting(key: str, value: Any) -> str:
    if key == "up":
        return "up" if value else "down"
    if key == "isolated":
        return "isolated" if value else "not isolated"
    if key == "master" and not value:
        return "nomaster"
    if key == "vlans":
        return f"VLANs {described(value)}"
    return f"{key} {value}"


@dataclass(frozen=True)
class RenameLink(Operation):
    """What is kept is what an older kernel drops while the link is down for it."""

    old: str
    new: str
    keep_addresses: tuple[str, ...]
    keep_routes: tuple[Route, ...]

    def what(self) -> str:
        return f"rename {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).rename_link(self.old, self.new, self.keep_addresses, self.keep_routes)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).rename_link(self.new, self.old, self.keep_addresses, self._routes_of(self.old))

    def _routes_of(self, link: str) -> tuple[Route, ...]:
        return tuple(
            Route(route.destination, route.gateway, link, route.metric, route.protocol) for route in self.keep_routes
        )


@dataclass(frozen=True)
class AddAddress(Operation):
    link: str
    address: str

    def what(self) -> str:
        return f"add address {self.address} to {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_address(self.link, self.address)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).remove_address(self.link, self.address)


@dataclass(frozen=True)
class RemoveAddress(Operation):
    """What is kept is what the kernel drops along with a subnet's first address."""

    link: str
    address: str
    keep_addresses: tuple[str, ...]
    keep_routes: tuple[Route, ...]

    def what(self) -> str:
        return f"remove address {self.address} from {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).remove_address(self.link, self.address, self.keep_addresses, self.keep_routes)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).add_address(self.link, self.address)


@dataclass(frozen=True)
class SetRoute(Operation):
    """``old`` is the route it takes the place of."""

    route: Route
    old: Route | None

    def what(self) -> str:
        return f"set route {self.route}" + (f" in place of {self.old}" if self.old else "")

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_route(self.route)

    def undo(self, host: Host) -> None:
        if self.old:
            # Its gateway may come into reach only later, as addresses are put back.
            host.netlink(self.netns).put_back(self.old.link, (), (self.old,))
        else:
            host.netlink(self.netns).remove_route(self.route)


@dataclass(frozen=True)
class RemoveRoute(Operation):
    route: Route

    def what(self) -> str:
        return f"remove route {self.route}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).remove_route(self.route)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).put_back(self.route.link, (), (self.route,))


def on_link_first(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return routes in the order in which they can be set: a gateway's own route before those through it."""
    return tuple(sorted(routes, key=lambda route: route.gateway is not None))


@dataclass(frozen=True)
class SetSysctl(Operation):
    """``undone`` are written when it is undone: values of others that the kernel overwrites along with this one."""

    name: str
    new: str
    old: str
    undone: tuple[tuple[str, str], ...] = ()

    def what(self) -> str:
        return f"set sysctl {self.name.replace('/', '.')} from {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        host.write_sysctl(self.netns, self.name, self.new)

    def undo(self, host: Host) -> None:
        host.write_sysctl(self.netns, self.name, self.old)
        for name, value in self.undone:
            host.write_sysctl(self.netns, name, value)


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


@dataclass(frozen=True)
class ChangeOvsPorts(Operation):
    """``old`` holds the ports of ``change`` and ``remove`` as they were.

    ``timeout`` is for how many seconds Open vSwitch is waited for.
    """

    add: tuple[OvsPort, ...]
    change: tuple[OvsPort, ...]
    remove: tuple[OvsPort, ...]
    old: tuple[OvsPort, ...]
    bridges: OvsBridgeChange = NO_BRIDGES
    timeout: float | None = None

    def lines(self) -> list[str]:
        before = {port.name: port for port in self.old}
        bridges_before = {bridge.name: bridge for bridge in self.bridges.former}
        return (
            [f"create Open vSwitch bridge {bridge.name}{_settings(bridge)}" for bridge in self.bridges.add]
            + [line for bridge in self.bridges.change for line in _bridge_changes(bridges_before[bridge.name], bridge)]
            + [
                f"add port {port.name} to Open vSwitch bridge {port.bridge}{_tunnel(port)}{_vlans(port)}"
                for port in self.add
                if port.name != port.bridge
            ]
            + [
                f"change port {port.name} of Open vSwitch bridge {port.bridge}{_vlans(port)}"
                for port in self.add
                if port.name == port.bridge
            ]
            + [_port_change(before.get(port.name), port) for port in self.change]
            + [f"remove port {port.name} from Open vSwitch bridge {port.bridge}" for port in self.remove]
            + [f"delete Open vSwitch bridge {bridge.name}" for bridge in self.bridges.remove]
        )

    def do(self, host: Host) -> None:
        host.change_ovs_ports(
            OvsChange(self.add, self.change, self.remove, self.bridges, former=self.old, timeout=self.timeout)
        )

    def undo(self, host: Host) -> None:
        before = {port.name: port for port in self.old}
        made = {bridge.name for bridge in self.bridges.add}
        host.change_ovs_ports(
            OvsChange(
                tuple(before[port.name] for port in self.remove if port.name in before),
                tuple(before[port.name] for port in self.change if port.name in before),
                tuple(port for port in self.add if port.name not in made),
                OvsBridgeChange(self.bridges.remove, self.bridges.former, self.bridges.add, self.bridges.change),
                former=self.change,
                restore=True,
                timeout=self.timeout,
            )
        )


_BRIDGE_SETTINGS = ("datapath_type", "fail_mode", "stp", "rstp", "mcast_snooping")


def _settings(bridge: OvsBridge) -> str:
    shown = [(name, getattr(bridge, name)) for name in _BRIDGE_SETTINGS]
    told = [f" {name} {_said(value)}" for name, value in shown if value]
    return "".join([*told, *(f" other_config:{key}={value}" for key, value in bridge.other_config)])


def _bridge_changes(old: OvsBridge, new: OvsBridge) -> list[str]:
    start = f"change Open vSwitch bridge {new.name}"
    told = [
        f"{name} {_said(getattr(old, name))} to {_said(getattr(new, name))}"
        for name in _BRIDGE_SETTINGS
        if getattr(old, name) != getattr(new, name)
    ]
    before, after = dict(old.other_config), dict(new.other_config)
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    told += [f"other_config:{key} {before.get(key, 'unset')} to {after.get(key, 'unset')}" for key in changed]
    # Others' values may be long, and mean nothing here.
    told += [
        f"external_ids:{key}" for key in sorted({key for key, _value in {*old.external_ids} ^ {*new.external_ids}})
    ]
    return [f"{start}: {', '.join(told)}"]


def _said(value: Any) -> str:
    return {None: "unset", True: "on", False: "off"}.get(value, str(value))


def _port_change(old: OvsPort | None, new: OvsPort) -> str:
    start = f"change port {new.name} of Open vSwitch bridge {new.bridge}"
    if old is not None and old.vlans == new.vlans:
        return f"{start}: external_ids"
    return f"{start}{_vlans(new) or ', all VLANs'}"


def _tunnel(port: OvsPort) -> str:
    if port.tunnel is None:
        return ""
    return (
        f", VXLAN {port.tunnel.vni} to {port.tunnel.remote}{f' from {port.tunnel.local}' if port.tunnel.local else ''}"
    )


def _vlans(port: OvsPort) -> str:
    """Say what VLANs a port is in; a trunk of all, which is Open vSwitch's default, goes without saying."""
    mode, tag, trunks = port.mode, port.tag, port.trunks
    if mode == ACCESS:
        return f", VLAN {tag}"
    carried = f" of VLANs {ranges(trunks)}" if trunks else " of all VLANs"
    if mode == TRUNK:
        return f", trunk{carried}" if trunks else ""
    return f", {mode} VLAN {tag}" + ("" if mode == DOT1Q_TUNNEL else f", trunk{carried}")


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
