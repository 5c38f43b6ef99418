# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that operations act on and kinds observe (``host.machine.Machine``), above a simulated kernel."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import names
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import (
    PortVlans,
    VlanRange,
    merged,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.masquerade import Masquerade
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import (
    NO_BRIDGES,
    OvsBridge,
    OvsChange,
    OvsPort,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import PublicationRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import HOST, Link
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    KERNEL,
    SimKernel,
    SimLink,
    SimNamespace,
)


class SimulatedHost:
    """Places are the host (``""``) and containers by name, each with its namespace of the moment."""

    def __init__(self, kernel: SimKernel | None = None) -> None:
        self.kernel = kernel or SimKernel()
        self.namespaces: dict[str, SimNamespace] = {HOST: self.kernel.host}
        self.masqueraded: set[Masquerade] = set()
        self.icc_rules = IccRules()
        self.firewall = FirewallState()
        self.ovs_bridges: dict[str, str] = {}
        self.ovs_ports: dict[str, OvsPort] = {}
        self.kernel.ovs_ports = self.ovs_ports  # type: ignore[assignment]
        self.announced: list[tuple[str, str, tuple[str, ...]]] = []
        # The mechanisms that kinds read from, as host.machine.Machine has them.
        self.masquerades = SimpleNamespace(in_effect=lambda needed=True: frozenset(self.masqueraded))
        self.publications = SimpleNamespace(read=lambda needed=True: (PublicationRules(), True))
        self.icc = SimpleNamespace(read=lambda: self.icc_rules)
        self.read_firewall = lambda: self.firewall
        self.ovsdb = SimpleNamespace(
            available=lambda: bool(self.ovs_bridges),
            switch_runs=lambda: True,
            read=lambda: (self._shown_ovs_bridges(), dict(self.ovs_ports)),
        )

    def start(self, netns: str) -> SimNamespace:
        """Give a container a namespace of its own."""
        self.namespaces[netns] = SimNamespace(self.kernel, netns)
        return self.namespaces[netns]

    def stop(self, netns: str, *, lives_on: bool = False) -> None:
        """End a container; its namespace goes with it unless a process outside still holds it."""
        namespace = self.namespaces.pop(netns)
        if not lives_on:
            for link in list(namespace.links.values()):
                namespace.drop(link)

    # ---- plan.operations.Host

    def netlink(self, netns: str) -> SimulatedNetlink:
        return SimulatedNetlink(self, self.namespaces[netns])

    def descriptor(self, netns: str) -> int:
        return sorted(self.namespaces).index(netns)

    def behind(self, descriptor: int) -> SimNamespace:
        return self.namespaces[sorted(self.namespaces)[descriptor]]

    def write_sysctl(self, netns: str, name: str, value: str) -> None:
        self.namespaces[netns].write_sysctl(name, value)

    def change_masquerades(self, add: Collection[Masquerade], remove: Collection[Masquerade]) -> None:
        self.kernel.request()
        assert not set(add) & self.masqueraded and set(remove) <= self.masqueraded, "a plan knows what is there"
        self.masqueraded = (self.masqueraded - set(remove)) | set(add)

    def change_icc_rules(self, rules: IccRules) -> None:
        self.kernel.request()
        self.icc_rules = IccRules() if rules.empty else replace(rules, intact=True)

    def change_iptables_forward(self, add: Collection[AcceptedBridge], remove: Collection[AcceptedBridge]) -> None:
        self.kernel.request()
        seen = self.firewall
        assert not (set(add) - set(remove)) & seen.accepted and set(remove) <= seen.accepted | seen.remains, (
            "a plan knows what is there"
        )
        assert {one.family for one in add} <= seen.families
        changed = {(one.family, one.bridge) for one in (*add, *remove)}
        remains = frozenset(one for one in seen.remains if (one.family, one.bridge) not in changed)
        self.firewall = replace(seen, accepted=seen.accepted - set(remove) | set(add), remains=remains)

    def lend_zone(self, bridge: str, zone: str, lend: bool) -> None:
        self.kernel.request()
        seen = replace(self.firewall, forgotten=self.firewall.forgotten - {bridge})
        if not lend and bridge in self.firewall.forgotten:
            self.firewall = seen
            return
        assert seen.zone(bridge) == ("" if lend else zone), "a plan knows what is there"
        zones = tuple(pair for pair in seen.zones or () if pair[0] != bridge)
        if lend:
            self.firewall = replace(seen, zones=(*zones, (bridge, zone)), lent=seen.lent | {bridge})
        else:
            self.firewall = replace(seen, zones=zones, lent=seen.lent - {bridge})

    def change_ovs_ports(self, change: OvsChange) -> None:
        self.kernel.request()
        assert change.bridges == NO_BRIDGES, "attachments make no bridges"
        ports = dict(self.ovs_ports)
        for port in change.remove:
            if port.name in ports and ports[port.name].bridge == port.bridge:
                del ports[port.name]
        for port in (*change.add, *change.change):
            if port.bridge not in self.ovs_bridges:
                raise PipefitterError(f"port {port.name}: there is no Open vSwitch bridge {port.bridge}")
        for port in change.add:
            link = self.kernel.host.links.get(port.name)
            if port.name in ports:
                raise PipefitterError(f"port {port.name} is on a bridge already")
            if link is None or link.master is not None:
                raise PipefitterError(f"port {port.name} was given no port number")
            ports[port.name] = port
        for port in change.change:
            if port.name not in ports or ports[port.name].bridge != port.bridge:
                raise PipefitterError(f"port {port.name} can't be changed")
            ports[port.name] = port
        self.ovs_ports.clear()
        self.ovs_ports.update(ports)

    def set_tx_checksum_offload(self, netns: str, link: str, on: bool) -> None:
        self.kernel.request()
        self.namespaces[netns].find("switch an offload", link).tx_checksum = on

    def announce(self, netns: str, link: str, addresses: Sequence[str]) -> None:
        self.kernel.request()
        if not self.namespaces[netns].find("announce", link).up:
            raise PipefitterError(f"{link} is down")
        self.announced.append((netns, link, tuple(addresses)))

    # ---- what kinds read besides

    def isolated_bridges(self) -> frozenset[str]:
        return self.icc_rules.off

    def read_sysctls(self, netns: str, names: Collection[str]) -> dict[str, str]:
        shown = {name: self.namespaces[netns].read_sysctl(name) for name in names}
        return {name: value for name, value in shown.items() if value is not None}

    def tx_checksum_offload(self, netns: str, links: Collection[Link]) -> dict[str, bool]:
        return {link.name: self.namespaces[netns].links[link.name].tx_checksum for link in links}

    def _shown_ovs_bridges(self) -> dict[str, OvsBridge]:
        return {
            name: OvsBridge(
                name, datapath, (name, *sorted(port.name for port in self.ovs_ports.values() if port.bridge == name))
            )
            for name, datapath in self.ovs_bridges.items()
        }

    # ---- what counts

    def picture(self) -> dict[str, object]:
        """All that a person would call the state of the host.

        Left out: indexes, MACs that the kernel chose at random for host ends,
        the order of addresses, trash that no run may refuse because of (veths
        into namespaces that were left, links under their birth names).
        """
        links = self.kernel.host.links
        picture: dict[str, object] = {
            "masquerades": set(self.masqueraded),
            "firewall": set(self.firewall.accepted | self.firewall.remains),
            "zones": set(self.firewall.zones or ()),
            "icc": self.icc_rules,
            "ovs": {
                name: port for name, port in self.ovs_ports.items() if name in links and not self._is_trash(links[name])
            },
        }
        for netns, namespace in self.namespaces.items():
            shown_links = {
                link.name: _link_picture(link) for link in namespace.links.values() if not self._is_trash(link)
            }
            for master in {
                link.master for link in namespace.links.values() if link.master is not None and self._is_trash(link)
            }:
                if not master.mtu_is_set:
                    shown_links[master.name]["mtu"] = mock.ANY  # it follows what nobody counts
            for name, shown in shown_links.items():
                port = self.ovs_ports.get(getattr(namespace.links[name].peer, "name", ""))
                if port is None or self.ovs_bridges[port.bridge] != "netdev":
                    shown["tx_checksum"] = mock.ANY  # only a datapath in userspace cares
                if shown["kind"] == "veth" and not any(":" in address for address in namespace.links[name].addresses):
                    shown["sysctls"] = mock.ANY  # a link that is made again has the defaults
            picture[netns or "host"] = {
                "links": shown_links,
                "sysctls": dict(namespace.sysctls),
                "defaults": dict(namespace.defaults),
                # A route whose gateway has become unreachable can't be made again by anybody.
                "routes": {
                    entry.shown()
                    for entry in namespace.table
                    if entry.gateway is None or namespace.reaches(entry.gateway, entry.link)
                },
            }
        return picture

    def _is_trash(self, link: SimLink) -> bool:
        if link.kind == "veth" and link.peer is not None and link.peer.namespace not in self.namespaces.values():
            return link.alias.startswith(MARK) or not link.alias
        return link.name.startswith("pfb") and link.kind == "bridge" and not link.alias


def _link_picture(link: SimLink) -> dict[str, object]:
    # The MAC of a host's end is a random one, and that of a bridge one of its ports' unless somebody set it.
    random = (
        link.alias.startswith(MARK + " ")
        or link.name.startswith("pf")
        or (link.kind == "bridge" and not link.mac_is_set)
    )
    return {
        "kind": link.kind,
        "mac": mock.ANY if random else link.mac,
        "mtu": link.mtu,
        "up": link.up,
        "master": link.master.name if link.master else "",
        "alias": link.alias,
        "bridge": dict(link.bridge),
        "addresses": set(link.addresses),
        "sysctls": dict(link.sysctls),
        "tx_checksum": link.tx_checksum,
        "isolated": link.isolated,
        "vlans": dict(link.vlans),
        "proxies": set(link.proxies),
        "alternative_names": set(link.alternative_names),
    }


def _vlans(link: SimLink) -> PortVlans:
    return merged(VlanRange(vlan, vlan, pvid, untagged) for vlan, (pvid, untagged) in link.vlans.items())


class SimulatedNetlink:
    """``host.netlink.handle.NetlinkHandle``: the same requests in the same order, to the simulated kernel."""

    def __init__(self, host: SimulatedHost, namespace: SimNamespace) -> None:
        self._host = host
        self._ns = namespace

    # ---- reading

    def links(self) -> dict[str, Link]:
        return {name: self._link(link) for name, link in self._ns.links.items()}

    def _link(self, link: SimLink) -> Link:
        peer, there = link.peer, link.peer.namespace if link.peer else None
        return Link(
            index=link.index,
            name=link.name,
            kind=link.kind,
            mac=link.mac,
            mtu=link.mtu,
            up=link.up,
            carrier=link.carrier,
            master=link.master.index if link.master else 0,
            alias=link.alias,
            alternative_names=tuple(link.alternative_names),
            peer=peer.index if peer else 0,
            peer_netns=None if there is None or there is self._ns else self._ns.id_of(there),
            bridge=dict(link.bridge),
            isolated=link.isolated,
        )

    def with_vlans(self, links: Mapping[str, Link], always: bool = False) -> dict[str, Link]:
        if not self._ns.kernel.vlan_filtering or not (
            always or any(link.bridge.get("vlan_filtering") for link in links.values())
        ):
            return dict(links)
        return {name: replace(link, vlans=_vlans(self._ns.links[name])) for name, link in links.items()}

    def addresses(self, links: Iterable[Link], leased: bool = False) -> dict[str, tuple[str, ...]]:
        return {link.name: tuple(self._ns.links[link.name].addresses) for link in links}

    def routes(
        self, names_by_index: Mapping[int, str], families: Iterable[int] = (4, 6), connected: bool = False
    ) -> tuple[Route, ...]:
        shown = [entry.shown() for entry in self._ns.table if connected or entry.protocol != KERNEL]
        # As the kernel dumps its trie: the widest first, so a default route stands before what its gateway needs.
        return tuple(sorted(shown, key=lambda route: (route.family, int(route.destination.rpartition("/")[2]))))

    def netns_id(self, descriptor: int) -> int | None:
        return self._ns.ids.get(self._host.behind(descriptor))

    # ---- links

    def add_bridge(self, name: str, attributes: Mapping[str, int], mac: str | None) -> None:
        birth_name = names.derived_name("pfb", name)
        if birth_name not in self._ns.links:
            self._ns.new_link(birth_name, "bridge", mac)
        elif mac:
            self._ns.set(birth_name, mac=mac)
        self._ns.change_bridge(birth_name, dict(attributes))
        try:
            self._ns.rename(birth_name, name, MARK)
        except KernelError:
            self.delete_link(birth_name)
            raise

    def set_bridge_vlans(self, name: str, vlans: PortVlans) -> None:
        wanted = {vlan: (entry.pvid, entry.untagged) for entry in vlans for vlan in range(entry.first, entry.last + 1)}
        if wanted:
            self._ns.add_vlans(name, wanted)
        self._ns.delete_vlans(name, wanted)

    def change_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        self._ns.change_bridge(name, dict(attributes))

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
        self._ns.new_veth(birth_name, peer, self._host.behind(descriptor), mtu, mac)
        self.claim(birth_name, name, alias, alternative_name)

    def claim(self, birth_name: str, name: str, alias: str, alternative_name: str) -> None:
        try:
            self._ns.rename(birth_name, name, alias)
        except KernelError:
            self.delete_link(birth_name)
            raise
        if alternative_name:
            self._ns.kernel.request()
            taken = {other for link in self._ns.links.values() for other in (link.name, *link.alternative_names)}
            if alternative_name not in taken:
                self._ns.links[name].alternative_names.append(alternative_name)

    def set_link(
        self,
        name: str,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: str | None = None,
        alias: str | None = None,
        isolated: bool | None = None,
        vlans: PortVlans | None = None,
    ) -> None:
        joins_down = bool(master) and (bool(isolated) or vlans is not None)
        if joins_down:
            self._ns.set(name, up=False)
            self._ns.set(name, master=master)
        if isolated is not None:
            self._ns.isolate(name, isolated)
        if vlans is not None:
            self.set_bridge_vlans(name, vlans)
        if mtu is not None and self._ns.find(f"change {name}", name).mtu == mtu:
            self._ns.set(name, mtu=mtu + 1 if mtu < 65535 else mtu - 1)
        self._ns.set(name, up, mtu, mac, None if joins_down else master, alias)

    def neighbours(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((link.name, *entry) for link in self._ns.links.values() for entry in link.neighbours.items())

    def forget_neighbour(self, link: str, address: str) -> None:
        self._ns.kernel.request()
        self._ns.find(f"forget a neighbour of {link}", link).neighbours.pop(address, None)

    def proxy_neighbours(self, link: str) -> frozenset[str]:
        return frozenset(self._ns.find(f"show {link}", link).proxies)

    def add_proxy_neighbour(self, link: str, address: str) -> None:
        self._ns.kernel.request()
        self._ns.find(f"answer on {link}", link).proxies.add(address)

    def remove_proxy_neighbour(self, link: str, address: str) -> None:
        self._ns.kernel.request()
        self._ns.find(f"no longer answer on {link}", link).proxies.discard(address)

    def rename_link(self, name: str, new: str, keep_addresses: Collection[str], keep_routes: Collection[Route]) -> None:
        try:
            self._ns.rename(name, new)
            return
        except KernelError as error:
            if error.code != errno.EBUSY:
                raise
        self._ns.set(name, up=False)
        try:
            self._ns.rename(name, new)
        except KernelError:
            self._ns.set(name, up=True)
            raise
        self._ns.set(new, up=True)
        self.put_back(new, keep_addresses, keep_routes)

    def delete_link(self, name: str) -> None:
        try:
            self._ns.delete(name)
        except KernelError as error:
            if error.code != errno.ENODEV:
                raise

    # ---- addresses and routes

    def add_address(self, link: str, address: str) -> None:
        try:
            self._ns.add_address(link, address)
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise

    def remove_address(
        self, link: str, address: str, keep_addresses: Collection[str] = (), keep_routes: Collection[Route] = ()
    ) -> None:
        try:
            self._ns.remove_address(link, address)
        except KernelError as error:
            if error.code not in (errno.EADDRNOTAVAIL, errno.ENODEV):
                raise
        self.put_back(link, keep_addresses, keep_routes)

    def set_route(self, route: Route) -> None:
        self._ns.set_route(route)

    def remove_route(self, route: Route) -> None:
        try:
            self._ns.remove_route(route)
        except KernelError as error:
            if error.code not in (errno.ESRCH, errno.ENODEV):
                raise

    def put_back(self, link: str, keep_addresses: Collection[str], keep_routes: Collection[Route]) -> None:
        for address in keep_addresses:
            self.add_address(link, address)
        for route in keep_routes:
            try:
                self.set_route(route)
            except KernelError as error:
                if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                    raise
