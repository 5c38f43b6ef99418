# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink handle of a simulated host (``host.netlink.handle.NetlinkHandle``), above the simulated kernel."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import names
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import (
    PortVlans,
    VlanRange,
    merged,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import MAIN, Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.rule import Rule
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import (
    KERNEL,
    SimLink,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    SimNamespace,
)

if TYPE_CHECKING:
    from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
        SimulatedHost,
    )


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
        peer = link.peer or link.lower
        there = peer.namespace if peer else None
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
            floods=link.floods,
            ethernet=link.ethernet,
            makes_link_local=link.makes_link_local,
            ipv6=link.sysctls["ipv6/disable_ipv6"] == "0",
            vlan_id=link.vlan_id,
            macvlan_mode=link.macvlan_mode,
            ipvlan_mode=link.ipvlan_mode,
        )

    def with_vlans(self, links: Mapping[str, Link], always: bool = False) -> dict[str, Link]:
        if not self._ns.kernel.vlan_filtering or not (
            always or any(link.bridge.get("vlan_filtering") for link in links.values())
        ):
            return dict(links)
        return {name: replace(link, vlans=_vlans(self._ns.links[name])) for name, link in links.items()}

    def addresses_and_leases(
        self, links: Iterable[Link]
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, Any], dict[str, dict[str, bytes]]]:
        held = self.addresses(links)
        # A message says no more than the address; the rest, and leases: tests/integration/test_leases.py
        messages = {name: {address: address.encode() for address in shown} for name, shown in held.items()}
        return held, {}, messages

    def address_faults(self, messages: Mapping[str, Mapping[str, bytes]]) -> dict[str, dict[str, str]]:
        return {}  # tests/integration/test_leases.py

    def addresses(self, links: Iterable[Link], leased: bool = False) -> dict[str, tuple[str, ...]]:
        return {link.name: tuple(self._ns.links[link.name].addresses) for link in links}

    def routes(
        self,
        names_by_index: Mapping[int, str],
        families: Iterable[int] = (4, 6),
        connected: bool = False,
        everything: bool = False,
    ) -> tuple[Route, ...]:
        shown = [
            entry.shown()
            for entry in self._ns.table
            if (connected or entry.protocol != KERNEL)
            and (everything or (entry.route.table == MAIN and not entry.route.leads_nowhere))
        ]
        # As the kernel dumps its trie: the widest first, so a default route stands before what its gateway needs.
        return tuple(sorted(shown, key=lambda route: (route.family, int(route.destination.rpartition("/")[2]))))

    def netns_id(self, descriptor: int) -> int | None:
        return self._ns.ids.get(self._host.behind(descriptor))

    def peer(self, port: Link, addresses: bool, mac: bool) -> tuple[str, tuple[str, ...]]:
        self._host.asked_peers.append(port.name)
        peer = self._ns.links[port.name].peer
        held = tuple(text.partition("/")[0] for text in peer.addresses) if peer and addresses else ()
        return peer.mac if peer and mac else "", held

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
        self._ns.links[name].makes_link_local = False
        if alternative_name:
            try:
                self.set_alternative_name(name, alternative_name, True)
            except KernelError:
                self.delete_link(name)
                raise

    def can_make(self, kind: str) -> bool:
        return kind in self._ns.kernel.kinds

    def add_macvlan(self, nic: str, name: str, descriptor: int, mode: int, mac: str | None, mtu: int) -> None:
        self._ns.new_macvlan(nic, name, self._host.behind(descriptor), mode, mtu, mac)

    def set_macvlan_mode(self, name: str, mode: int) -> None:
        self._ns.set_macvlan_mode(name, mode)

    def move_link(self, name: str, descriptor: int, new: str) -> None:
        self._ns.move(name, self._host.behind(descriptor), new)

    def marked(self, alias: str) -> str:
        return next((link.name for link in self._ns.links.values() if link.alias == alias), "")

    def add_veth_pair(
        self, own: tuple[str, str | None, int], other: tuple[str, str | None, int], descriptor: int
    ) -> None:
        (name, mac, mtu), (peer, peer_mac, peer_mtu) = own, other
        link = self._ns.new_veth(name, peer, self._host.behind(descriptor), mtu, peer_mac)
        link.mac = mac or link.mac
        assert link.peer is not None
        link.peer.mtu = peer_mtu

    def add_ipvlan(self, nic: str, name: str, descriptor: int, mode: int, mtu: int) -> None:
        self._ns.new_ipvlan(nic, name, self._host.behind(descriptor), mode, mtu)

    def set_ipvlan_mode(self, name: str, mode: int) -> None:
        self._ns.set_ipvlan_mode(name, mode)

    def add_vlan(self, nic: str, name: str, vlan: int, mtu: int) -> None:
        self._ns.new_vlan(nic, name, vlan, mtu)

    def name_link(self, birth_name: str, name: str, alias: str) -> None:
        try:
            self._ns.rename(birth_name, name, alias)
        except KernelError:
            self.delete_link(birth_name)
            raise

    def set_alternative_name(self, name: str, alternative: str, on: bool) -> None:
        self._ns.kernel.request()
        shown = self._ns.find(f"name {name}", name).alternative_names
        if not on:
            shown[:] = [other for other in shown if other != alternative]
        elif not self._ns.taken(alternative):
            shown.append(alternative)

    def priority_tags(self, ports: Iterable[Link]) -> dict[str, str]:
        return {port.name: self._ns.links[port.name].tags for port in ports}

    def set_priority_tags(self, port: str, mac: str) -> None:
        self._ns.tag(port, mac)

    def bound_macs(self) -> dict[str, frozenset[str]]:
        return {link.name: frozenset(link.bound) for link in self._ns.links.values() if link.bound}

    def bind_mac(self, port: str, mac: str, on: bool) -> None:
        self._ns.bind(port, mac, on)

    def drop_link_local(self, name: str) -> None:
        self._ns.kernel.request()
        self._ns.find(f"change {name}", name).makes_link_local = False

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
        joins_down = bool(master) and (bool(isolated) or floods is False or vlans is not None)
        if joins_down:
            self._ns.set(name, up=False)
            self._ns.set(name, master=master)
        if isolated is not None:
            self._ns.isolate(name, isolated)
        if floods is not None:
            self._ns.flood(name, floods)
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

    def rename_link(
        self, name: str, new: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route]
    ) -> None:
        try:
            self._ns.rename(name, new)
            return
        except KernelError as error:
            own = self._ns.links[name].alternative_names if name in self._ns.links else []
            if error.code == errno.EEXIST and new in own:
                self._ns.kernel.request()
                own.remove(new)
                self.rename_link(name, new, keep_addresses, keep_routes)
                return
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

    def delete_links(self, names: Collection[str]) -> None:
        self._ns.kernel.request()  # the last of several; those before it only name a group
        for name in names:
            link = self._ns.links.get(name)
            if link is not None:
                self._ns.drop(link)

    # ---- addresses and routes

    def add_address(self, link: str, address: str) -> None:
        try:
            self._ns.add_address(link, address)
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise

    def restore_address(self, link: str, message: bytes) -> None:
        self.add_address(link, message.decode())

    def remove_address(
        self, link: str, address: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route] = ()
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

    def put_back(self, link: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route]) -> None:
        held = self._ns.links[link].addresses if link in self._ns.links else ()
        for address in keep_addresses:
            if address not in held:
                self.add_address(link, address)
        there = {entry.shown() for entry in self._ns.table}
        for route in keep_routes:
            if route not in there:
                self._send_if_reached(self._ns.append_route, route)

    def own_rules(self) -> tuple[Rule, ...]:
        found = sorted((rule for rule in self._ns.rules.shown if rule.ours), key=lambda rule: rule.family)
        # As from the kernel, each has its message, by which it is known from one of ours.
        return tuple(replace(rule, message=str(rule).encode()) for rule in found)

    def add_rule(self, rule: Rule) -> None:
        self._ns.kernel.request()
        self._ns.rules.add(rule)

    def remove_rule(self, rule: Rule) -> None:
        self._ns.kernel.request()
        try:
            self._ns.rules.remove(rule)
        except KernelError as error:
            if error.code != errno.ENOENT:
                raise

    def routes_aside(self, by_index: Mapping[int, str]) -> tuple[Route, ...]:
        return tuple(route for route in self._ns.aside if set(route.links) <= set(self._ns.links))

    def put_aside(self, route: Route, on: bool) -> None:
        self._ns.aside[:] = [other for other in self._ns.aside if other.family != route.family] + [route] * on

    def take_back(self, route: Route) -> None:
        self._ns.aside.remove(route)
        self._send_if_reached(self._ns.set_route, route)

    def put_in_place(self, route: Route) -> None:
        self._send_if_reached(self._ns.set_route, route)

    @staticmethod
    def _send_if_reached(send: Callable[[Route], None], route: Route) -> None:
        try:
            send(route)
        except KernelError as error:
            if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                raise
