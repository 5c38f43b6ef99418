# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a network namespace shows of itself: what every plan starts from. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

from ..light_dataclass import dataclass
from ..model import bridge_vlans
from ..model.bridge_vlans import PortVlans
from ..model.limits import USUAL_MTU
from ..model.ownership import MARK, read_link_label
from ..model.route import Route

ON_ANOTHER = ("macvlan", "macvtap", "ipvlan", "ipvtap")
"""Kinds of links that are made on a NIC and share it."""

ETH_P_8021Q = 0x8100
"""The type of frames with a VLAN tag (linux/if_ether.h)."""

HOST = ""
"""The ``netns`` that is the host's own network namespace; every other is a container's, by its printable name."""


@dataclass(frozen=True)
class Link:
    """An interface. ``master``, ``peer`` are interface indexes, 0 where there is none.

    ``peer_netns`` is the id (RTM_GETNSID) by which this namespace knows
    the one the peer is in, ``None`` where the peer is in this one, -1 where that one ends just now.
    ``bridge`` holds a bridge's IFLA_BR_* attributes by the name they have in
    ``Bridge``; a feature the kernel lacks has no entry. ``isolated`` is a
    bridge's port that reaches no other isolated port (IFLA_BRPORT_ISOLATED), ``hairpin`` one by which frames may leave
    that came in by it (IFLA_BRPORT_MODE).
    ``floods`` is false for a bridge's port that gets no broadcasts and no
    multicast of which it said nothing (IFLA_BRPORT_BCAST_FLOOD, _MCAST_FLOOD).
    ``ipv6`` tells whether it speaks IPv6 (disable_ipv6), ``None`` where the kernel doesn't;
    ``makes_link_local`` whether it gives itself an address when it comes up (addrgenmode).
    ``vlans`` are read for bridges that filter VLANs, and for their ports.
    ``ethernet`` is false for one without Ethernet frames, as WireGuard's and a tun device (ARPHRD_ETHER).
    ``vlan_id`` is that of an interface (of kind ``vlan``) which takes the frames of one VLAN from its ``peer``.
    ``vlan_protocol`` is the type of its tags, of 802.1Q or of 802.1ad (ETH_P_8021AD).
    ``macvlan_mode`` is that of one (of kind ``macvlan``) which has a MAC of its own on its ``peer`` (MACVLAN_MODE_*),
    ``ipvlan_mode`` that of one (of kind ``ipvlan``) which shares it (IPVLAN_MODE_*).
    ``ipv6_token`` is the end of the addresses that it makes itself (``ip token``), '' where none was set.
    """

    index: int
    name: str
    kind: str = ""
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    carrier: bool = False
    master: int = 0
    alias: str = ""
    alternative_names: tuple[str, ...] = ()
    peer: int = 0
    peer_netns: int | None = None
    bridge: Mapping[str, int] = field(default_factory=dict)
    isolated: bool = False
    hairpin: bool = False
    floods: bool = True
    ethernet: bool = True
    ipv6: bool | None = None
    makes_link_local: bool = False
    vlans: PortVlans = ()
    vlan_id: int | None = None
    vlan_protocol: int = ETH_P_8021Q
    macvlan_mode: int = 0
    ipvlan_mode: int = 0
    ipv6_token: str = ""

    @property
    def leads_elsewhere(self) -> bool:
        """Tell whether it may lead, as a bridge's port, to others than a container.

        It is neither ours nor a veth of another network namespace then.
        """
        return not self.ours and (self.kind != "veth" or self.peer_netns is None)

    @property
    def default_vlans(self) -> PortVlans:
        """Return the VLANs of a port that joins this bridge."""
        return bridge_vlans.default(self.bridge.get("vlan_default_pvid", 0))

    @property
    def ours(self) -> bool:
        return self.alias == MARK or self.alias.startswith(MARK + " ")


def names_by_index(links: Mapping[str, Link]) -> dict[int, str]:
    """Return the names of links by interface index."""
    return {link.index: link.name for link in links.values()}


def with_leases(
    permanent: Mapping[str, tuple[str, ...]], leases: Mapping[str, Mapping[str, bytes]]
) -> dict[str, tuple[str, ...]]:
    """Return all addresses of links, those with a lifetime after the permanent ones."""
    return {name: (*held, *leases.get(name, ())) for name, held in permanent.items()}


@dataclass(frozen=True)
class SourceRule:
    """A rule of the host (``ip rule``): what comes from ``source``, an address or subnet, is routed by ``table``."""

    source: str
    table: int


@dataclass(frozen=True)
class NetworkState:
    """A network namespace: links by name, permanent addresses by link name, unicast routes of the main table.

    Link-local IPv6 addresses that the kernel made are left out: nobody
    declares them. Neither are addresses with a lifetime (DHCP, router
    advertisements): they are ``leases``, by link name and address, each with
    the kernel's message of it. ``messages`` are those of the permanent ones.
    ``faults`` are words of ip-address(8), by link name and address, for
    addresses that are there and not as they would be made: ``dadfailed``,
    ``peer``, ``noprefixroute``, ``deprecated``.
    """

    links: Mapping[str, Link]
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    leases: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    messages: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    faults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def by_alternative_name(self) -> dict[str, Link]:
        """Return the links by each of their alternative names: the kernel gives no other link such a name."""
        return {name: link for link in self.links.values() for name in link.alternative_names}

    def messages_of(self, link: str) -> dict[str, bytes]:
        """Return the kernel's messages of all addresses of a link, by which they come back with all that they had."""
        return {**self.messages.get(link, {}), **self.leases.get(link, {})}

    def ports(self, bridge: str) -> list[Link]:
        """Return the ports of a bridge by name; none where there is no such link."""
        master = self.links.get(bridge)
        return list(self._ports.get(master.index, ())) if master is not None else []

    @cached_property
    def _ports(self) -> dict[int, list[Link]]:
        found: dict[int, list[Link]] = {}
        for link in sorted(self.links.values(), key=lambda link: link.name):
            if link.master:
                found.setdefault(link.master, []).append(link)
        return found

    def mtu_was_set(self, bridge: str) -> bool:
        """Tell whether a Linux bridge surely keeps its MTU whatever joins: else it has the smallest of its ports.

        The kernel doesn't tell; one that was set to that very MTU looks as if it was not.
        """
        return self.links[bridge].mtu != min((port.mtu for port in self.ports(bridge)), default=USUAL_MTU)

    def all_isolated(self, bridge: str) -> bool:
        """Tell whether a bridge has ports and each is isolated.

        So it was left, even if a flushed ruleset took what says so.
        """
        ports = self.ports(bridge)
        return bool(ports) and all(port.isolated for port in ports)

    def by_index(self, index: int) -> Link | None:
        return self._by_index.get(index)

    @cached_property
    def _by_index(self) -> dict[int, Link]:
        return {link.index: link for link in self.links.values()}

    @cached_property
    def link_ends(self) -> dict[str, Link]:
        """Return the ends of links without a bridge by the interface that their marks say."""
        veths = [link for link in self.links.values() if link.kind == "veth"]
        return {label.interface: link for link in veths if (label := read_link_label(link.alias)) is not None}
