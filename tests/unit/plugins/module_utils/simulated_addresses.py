# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and routes of a simulated network namespace, with the rules of the kernel that surprise people.

What is here was seen on Linux 6.18: taking a link down drops its IPv6 addresses and its
routes; a subnet's first IPv4 address takes the later ones with it, and the last one the
routes; a gateway must be on the link.
"""

from __future__ import annotations

import errno
import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route

if TYPE_CHECKING:
    from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
        SimKernel,
        SimNamespace,
    )

KERNEL = 2  # RTPROT_KERNEL


def version(text: str) -> int:
    return 6 if ":" in text else 4


def subnet(address: str) -> str:
    return str(ipaddress.ip_interface(address).network)


def bare(address: str) -> str:
    return address.partition("/")[0]


def covers(network: str, address: str) -> bool:
    inside, ip = ipaddress.ip_network(network), ipaddress.ip_address(address)
    return inside.version == ip.version and ip in inside


@dataclass(eq=False)
class SimLink:
    index: int
    name: str
    kind: str
    mac: str
    mac_is_set: bool = False
    mtu: int = 1500
    mtu_is_set: bool = False
    up: bool = False
    master: SimLink | None = None
    alias: str = ""
    alternative_names: list[str] = field(default_factory=list)
    peer: SimLink | None = None
    lower: SimLink | None = None  # the NIC of a macvlan or ipvlan, or of an interface for a VLAN
    macvlan_mode: int = 0
    ipvlan_mode: int = 0
    vlan_id: int | None = None
    namespace: SimNamespace | None = None
    bridge: dict[str, int] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    tx_checksum: bool = True
    isolated: bool = False
    tags: str = ""  # the MAC for which tc gives priority tags
    bound: set[str] = field(default_factory=set)  # MACs that no other port of its bridge may have
    floods: bool = True
    makes_link_local: bool = True
    ethernet: bool = True
    vlans: dict[int, tuple[bool, bool]] = field(default_factory=dict)  # pvid, untagged
    proxies: set[str] = field(default_factory=set)
    neighbours: dict[str, str] = field(default_factory=dict)

    @property
    def carrier(self) -> bool:
        return self.up and (self.peer is None or self.peer.up)


@dataclass(eq=False)
class SimRoute:
    """``ways`` are the links of ``route``, whose names in it are not looked at: links are renamed."""

    route: Route
    ways: list[SimLink]

    @property
    def destination(self) -> str:
        return self.route.destination

    @property
    def gateway(self) -> str | None:
        return self.route.gateway

    @property
    def link(self) -> SimLink | None:
        return self.ways[0] if self.route.has_link else None

    @property
    def metric(self) -> int:
        return self.route.metric

    @property
    def protocol(self) -> int:
        return self.route.protocol

    def shown(self) -> Route:
        if self.route.has_link:
            return replace(self.route, link=self.ways[0].name)
        names = tuple(link.name for link in self.ways)
        hops = tuple((hop[0], name, hop[2]) for hop, name in zip(self.route.details.hops, names))
        return replace(self.route, through=names, details=replace(self.route.details, hops=hops))


class SimAddresses:
    """The addresses and routes of a namespace's links; its methods are requests to the kernel and fail as those do."""

    def __init__(self, kernel: SimKernel) -> None:
        self.kernel = kernel
        self.links: dict[str, SimLink] = {}
        self.table: list[SimRoute] = []

    def find(self, what: str, name: str) -> SimLink:
        if name not in self.links:
            raise KernelError(what, errno.ENODEV, "")
        return self.links[name]

    def _went_down(self, link: SimLink) -> None:
        link.addresses = [address for address in link.addresses if version(address) == 4]
        self.table = [entry for entry in self.table if link not in entry.ways]

    def drop_ipv6(self, link: SimLink) -> None:
        link.addresses = [address for address in link.addresses if version(address) == 4]
        self.table = [entry for entry in self.table if link not in entry.ways or version(entry.destination) == 4]

    # ---- addresses

    def add_address(self, name: str, address: str) -> None:
        self.kernel.request()
        what = f"add address {address} to {name}"
        link = self.find(what, name)
        if version(address) == 6:
            if link.sysctls["ipv6/disable_ipv6"] == "1":
                raise KernelError(what, errno.EACCES, "IPv6 is disabled on this device")
            if link.mtu < 1280:
                raise KernelError(what, errno.EINVAL, "")
            if any(bare(other) == bare(address) for other in link.addresses):
                raise KernelError(what, errno.EEXIST, "")
            link.addresses.append(address)
        else:
            if address in link.addresses:
                raise KernelError(what, errno.EEXIST, "")
            primaries = self._primaries(link)
            # inet_insert_ifa(): a first address goes behind the other first ones, a later one to the end.
            is_later = any(subnet(other) == subnet(address) for other in primaries)
            fourth = [other for other in link.addresses if version(other) == 4]
            position = len(fourth) if is_later else len(primaries)
            fourth.insert(position, address)
            link.addresses = fourth + [other for other in link.addresses if version(other) == 6]
        if link.up:
            self._connect(link, address)

    def _primaries(self, link: SimLink) -> list[str]:
        first: dict[str, str] = {}
        for address in link.addresses:
            if version(address) == 4:
                first.setdefault(subnet(address), address)
        return list(first.values())

    def remove_address(self, name: str, address: str) -> None:
        self.kernel.request()
        link = self.find(f"remove address {address} from {name}", name)
        if address not in link.addresses:
            raise KernelError(f"remove address {address} from {name}", errno.EADDRNOTAVAIL, "")
        gone = {address}
        if (
            version(address) == 4
            and address in self._primaries(link)
            and link.sysctls["ipv4/promote_secondaries"] == "0"
        ):
            gone = {other for other in link.addresses if version(other) == 4 and subnet(other) == subnet(address)}
        link.addresses = [other for other in link.addresses if other not in gone]
        held = {subnet(other) for other in link.addresses}
        if subnet(address) not in held:
            self.table = [
                entry
                for entry in self.table
                if entry.link is not link or entry.protocol != KERNEL or entry.destination != subnet(address)
            ]
        if version(address) == 4 and not any(version(other) == 4 for other in link.addresses):
            # fib_disable_ip(); IPv6 has nothing like it.
            self.table = [entry for entry in self.table if link not in entry.ways or version(entry.destination) == 6]

    def _connect_all(self, link: SimLink) -> None:
        for address in link.addresses:
            self._connect(link, address)

    def _connect(self, link: SimLink, address: str) -> None:
        network = subnet(address)
        if network.endswith("/32"):
            return
        if not any(
            entry.link is link and entry.destination == network and entry.protocol == KERNEL for entry in self.table
        ):
            connected = Route(network, None, link.name, 0 if version(network) == 4 else 256, KERNEL)
            self.table.append(SimRoute(connected, [link]))

    # ---- routes

    def set_route(self, route: Route) -> None:
        """NLM_F_CREATE | NLM_F_REPLACE."""
        entry = self._checked(route)
        for position, other in enumerate(self.table):
            if other.route.key == route.key:
                self.table[position] = entry
                return
        self.table.append(entry)

    def append_route(self, route: Route) -> None:
        """NLM_F_CREATE | NLM_F_APPEND: after those with the same destination and metric."""
        self.table.append(self._checked(route))

    def _checked(self, route: Route) -> SimRoute:
        self.kernel.request()
        what = f"set route {route}"
        ways = [self.find(what, name) for name in route.links]
        for link in ways:
            if not link.up:
                raise KernelError(what, errno.ENETDOWN, "Nexthop device is not up")
            if version(route.destination) == 6 and link.mtu < 1280:
                raise KernelError(what, errno.ENODEV, "")
            for gateway in () if route.details.onlink else route.gateways(link.name):
                self._check_gateway(what, gateway, link)
        return SimRoute(route, ways)

    def _check_gateway(self, what: str, gateway: str, link: SimLink) -> None:
        if version(gateway) == 6:
            if gateway.startswith("fe80:"):
                return
            if any(bare(address) == gateway for address in link.addresses):
                raise KernelError(what, errno.EINVAL, "Gateway can not be a local address")
        if not self.reaches(gateway, link):
            raise KernelError(
                what, errno.ENETUNREACH if version(gateway) == 4 else errno.EHOSTUNREACH, "Nexthop has invalid gateway"
            )

    def reaches(self, gateway: str, link: SimLink) -> bool:
        on_link = (entry.destination for entry in self.table if entry.link is link and entry.route.is_on_link)
        return any(covers(destination, gateway) for destination in on_link)

    def remove_route(self, route: Route) -> None:
        self.kernel.request()
        for name in route.links:
            self.find(f"remove route {route}", name)
        for entry in self.table:
            if entry.shown() == route:
                self.table.remove(entry)
                return
        raise KernelError(f"remove route {route}", errno.ESRCH, "")
