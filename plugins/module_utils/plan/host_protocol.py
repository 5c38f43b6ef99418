# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The seam between operations and host: all that an operation may ask for, typed. Private to the collection.

Types only: at run time nothing imports this file. ``host.machine.Machine`` is the real
host, and ``host.netlink.handle.NetlinkHandle`` the real ``Netlink``; the unit
tests simulate both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypedDict

from ..model.bridge_vlans import PortVlans
from ..model.firewall import AcceptedBridge
from ..model.icc_rules import IccRules
from ..model.masquerade import Masquerade
from ..model.ovs import OvsChange
from ..model.port_guard import GuardRules
from ..model.publication import PublicationRules, PublishedFlow
from ..model.route import Route
from ..model.rule import Rule


class LinkSettings(TypedDict, total=False):
    """What can be set of a link, as ``Netlink.set_link`` takes it; ``None`` and what is left out stay as they are.

    ``mtu`` is in bytes, ``master`` a bridge's name ('' takes the link out of its bridge).
    """

    up: bool | None
    mtu: int | None
    mac: str | None
    master: str | None
    alias: str | None
    isolated: bool | None
    floods: bool | None
    vlans: PortVlans | None


class Netlink(Protocol):
    """Changes the links, addresses, routes and neighbours of one network namespace.

    Each raises ``KernelError`` (a ``PipefitterError``) where the kernel refuses.
    """

    def add_bridge(self, name: str, attributes: Mapping[str, int], mac: str) -> None:
        """Create a bridge that bears our mark; ``attributes`` are named as in ``model.bridge.Bridge``."""

    def change_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        """Set attributes of a bridge."""

    def set_bridge_vlans(self, name: str, vlans: PortVlans) -> None:
        """Set the VLANs that the host itself takes part in by a bridge's own interface."""

    def add_veth(
        self,
        *,
        birth_name: str,
        name: str,
        peer: str,
        descriptor: int,
        mac: str | None,
        mtu: int,
        alias: str,
        alternative_name: str,
    ) -> None:
        """Create a veth whose peer is born in the namespace behind ``descriptor``; both links are down."""

    def add_macvlan(self, nic: str, name: str, descriptor: int, mode: int, mac: str | None, mtu: int) -> None:
        """Make a macvlan on a NIC, which is down, in the namespace behind ``descriptor``."""

    def set_macvlan_mode(self, name: str, mode: int) -> None:
        """Change the mode (MACVLAN_MODE_*) of a macvlan; the kernel refuses to or from passthru."""

    def move_link(self, name: str, descriptor: int, new: str) -> None:
        """Move a link, which goes down and loses its addresses, into the namespace behind ``descriptor`` as ``new``."""

    def marked(self, alias: str) -> str:
        """Return the name of the link that bears a mark, '' where none does."""

    def add_veth_pair(
        self, own: tuple[str, str | None, int], other: tuple[str, str | None, int], descriptor: int
    ) -> None:
        """Make a veth with one end here and the other one behind ``descriptor``: name, MAC and MTU of each end."""

    def add_ipvlan(self, nic: str, name: str, descriptor: int, mode: int, mtu: int) -> None:
        """Make an ipvlan on a NIC, which is down, in the namespace behind ``descriptor``."""

    def set_ipvlan_mode(self, name: str, mode: int) -> None:
        """Change the mode (IPVLAN_MODE_*) of an ipvlan, and so of all that are on its NIC."""

    def add_vlan(self, nic: str, name: str, vlan: int, mtu: int) -> None:
        """Make an interface, which is down, that has a NIC's frames of one VLAN."""

    def name_link(self, birth_name: str, name: str, alias: str) -> None:
        """Give a link that was just made its name and our mark in one request; where that fails, it goes again."""

    def set_link(
        self,
        name: str,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: str | None = None,
        alias: str | None = None,
        isolated: bool | None = None,
        floods: bool | None = None,
        vlans: PortVlans | None = None,
    ) -> None:
        """Change what is given of a link."""

    def set_priority_tags(self, port: str, mac: str) -> None:
        """Let a port give IP packets for its bridge's MAC a priority tag, or where that is '' none any more.

        ``set_link`` does it with ``isolated``, as far as the kernel can.
        """

    def bind_mac(self, port: str, mac: str, on: bool) -> None:
        """Let no other port of its bridge have a MAC, or let any."""

    def set_alternative_name(self, name: str, alternative: str, on: bool) -> None:
        """Give a link a further name, or take it off; a kernel that knows none gives none."""

    def drop_link_local(self, name: str) -> None:
        """Let a link make itself no link-local address, and take off the one that it has."""

    def rename_link(
        self, name: str, new: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route]
    ) -> None:
        """Rename a link; what an older kernel drops on the way is put back."""

    def delete_link(self, name: str) -> None:
        """Delete a link; one that is gone already is as good."""

    def delete_links(self, names: Collection[str]) -> None:
        """Delete links at once; those that are gone already are as good."""

    def add_address(self, link: str, address: str) -> None:
        """Add an address with its prefix length, used at once."""

    def restore_address(self, link: str, message: bytes) -> None:
        """Put an address back as the kernel showed it; one that had a lifetime and is permanent now expires again."""

    def remove_address(
        self, link: str, address: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route] = ()
    ) -> None:
        """Remove an address; what the kernel drops along with it is put back."""

    def set_route(self, route: Route) -> None:
        """Add a route, or replace the one with the same destination and metric."""

    def remove_route(self, route: Route) -> None:
        """Remove a route; one that is gone already is as good."""

    def put_back(self, link: str, held: Mapping[str, bytes], lost: Collection[Route]) -> None:
        """Add addresses, by how the kernel showed them where that is known (not b""), and routes that it dropped.

        What is there stays as it is. A route whose gateway is out of reach by now is passed over.
        """

    def put_in_place(self, route: Route) -> None:
        """Put a route back in the place of the one with the same destination and metric.

        One whose gateway is out of reach by now is passed over.
        """

    def put_aside(self, route: Route, on: bool) -> None:
        """Keep a default route whose place another takes, where nothing is routed by it, or no longer."""

    def take_back(self, route: Route) -> None:
        """Set a default route again that was put aside; one that is of no use any more is passed over."""

    def add_rule(self, rule: Rule) -> None:
        """Add a policy routing rule, after those of its priority."""

    def remove_rule(self, rule: Rule) -> None:
        """Remove a policy routing rule: the first that has all that this one asks for, which may be none."""

    def add_proxy_neighbour(self, link: str, address: str) -> None:
        """Let the host answer neighbour solicitations for an IPv6 address on a link."""

    def remove_proxy_neighbour(self, link: str, address: str) -> None:
        """Let it no longer answer; an entry that is gone already is as good."""

    def forget_neighbour(self, link: str, address: str) -> None:
        """Let a link ask anew for an address when it next sends to it."""


class Host(Protocol):
    """What operations need of a host.

    ``netns`` is '' for the host's own namespace, else a container's printable name.
    """

    def netlink(self, netns: str) -> Netlink:
        """Return what changes a namespace's links, addresses and routes."""

    def descriptor(self, netns: str) -> int:
        """Return the open file descriptor of a container's namespace, or of the host's own."""

    def write_sysctl(self, netns: str, name: str, value: str) -> None:
        """Write one sysctl, named with slashes (``net/ipv4/ip_forward``)."""

    def change_masquerades(self, add: Collection[Masquerade], remove: Collection[Masquerade]) -> None:
        """Change the source NAT in one transaction."""

    def change_icc_rules(self, rules: IccRules) -> None:
        """Make the firewall hold these rules of isolated bridges, in one transaction."""

    def change_guards(self, rules: GuardRules) -> None:
        """Make the firewall hold these rules of what ports let in, in one transaction."""

    def change_iptables_forward(self, add: Collection[AcceptedBridge], remove: Collection[AcceptedBridge]) -> None:
        """Change which bridges the host's iptables lets pass."""

    def lend_zone(self, bridge: str, zone: str, lend: bool) -> None:
        """Put a bridge into a zone of firewalld, or take it out."""

    def change_publications(self, add: PublicationRules, remove: PublicationRules) -> None:
        """Change published ports in one transaction."""

    def end_flows(self, flows: Collection[PublishedFlow]) -> None:
        """End flows that go another way than the rules say by now."""

    def set_port_hairpin(self, port: str, on: bool) -> None:
        """Switch the hairpin mode of a bridge port."""

    def change_ovs_ports(self, change: OvsChange) -> None:
        """Change ports and bridges of Open vSwitch in one transaction and wait until they are in effect."""

    def set_tx_checksum_offload(self, netns: str, link: str, on: bool) -> None:
        """Switch the transmit checksum offload of a link."""

    def release_lease(self, holder: tuple[str, str, str]) -> None:
        """Have the DHCP client of an attachment give its lease back; where there is none, nothing is to be done."""

    def announce(self, netns: str, link: str, addresses: Sequence[str]) -> None:
        """Send gratuitous ARP and unsolicited neighbour advertisements."""
