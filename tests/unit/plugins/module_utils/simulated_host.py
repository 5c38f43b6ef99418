# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that operations change and ``observe`` reads (``host.machine.Machine``), above a simulated kernel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
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
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.port_guard import GuardRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import PublicationRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import HOST, Link
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.nic_attachments import OnNic
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import SimLink
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    SimKernel,
    SimNamespace,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_netlink import (
    SimulatedNetlink,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_nics import (
    SimulatedNics,
)


class SimulatedHost(SimulatedNics):
    """A ``netns`` is the host (``""``) or a container by name, each with its namespace of the moment."""

    def __init__(self, kernel: SimKernel | None = None) -> None:
        super().__init__(kernel or SimKernel())
        self.namespaces: dict[str, SimNamespace] = {HOST: self.kernel.host}
        self.masqueraded: set[Masquerade] = set()
        self.icc_rules = IccRules()
        self.guard_rules = GuardRules()
        self.can_guard = True
        self.seed = "seed"
        self.on_bus: dict[str, str] = {}
        self.without_wire: set[str] = set()
        self.session = ""
        self.firewall = FirewallState()
        self.ovs_bridges: dict[str, str] = {}
        self.ovs_ports: dict[str, OvsPort] = {}
        self.kernel.ovs_ports = self.ovs_ports  # type: ignore[assignment]
        self.asked_peers: list[str] = []
        self.announced: list[tuple[str, str, tuple[str, ...]]] = []
        # The mechanisms that ``observe`` reads from, as host.machine.Machine has them.
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
                if link.kind:
                    namespace.drop(link)
                else:
                    self.give_back(link)

    # ---- plan.host_protocol.Host

    def netlink(self, netns: str) -> SimulatedNetlink:
        return SimulatedNetlink(self, self.namespaces[netns])

    def pinned(self, _netns: str) -> None:
        """No namespace here is at a path."""

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

    def read_guards(self) -> GuardRules | None:
        return self.guard_rules if self.guard_rules.guards else None

    def change_guards(self, rules: GuardRules) -> None:
        self.kernel.request()
        assert self.can_guard or not rules.guards, "a plan knows what the host can do"
        self.guard_rules = replace(rules, intact=True)

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

    def release_lease(self, holder: tuple[str, str, str]) -> None:
        self.kernel.request()

    def announce(self, netns: str, link: str, addresses: Sequence[str]) -> None:
        self.kernel.request()
        if not self.namespaces[netns].find("announce", link).up:
            raise PipefitterError(f"{link} is down")
        self.announced.append((netns, link, tuple(addresses)))

    # ---- what ``observe`` reads besides

    def isolated_bridges(self) -> frozenset[str]:
        return self.icc_rules.off

    kernel_version = (6, 18)

    def bus_addresses(self, links: Collection[str]) -> dict[str, str]:
        return {name: address for name, address in self.on_bus.items() if name in links}

    def wireless(self, links: Collection[str]) -> frozenset[str]:
        return frozenset(self.without_wire.intersection(links))

    def made_on(self, indexes: Collection[int], but: Collection[str]) -> tuple[OnNic, ...]:
        looked_at = [self.kernel.host, *(self.namespaces[netns] for netns in but)]
        others = [namespace for namespace in self.kernel.namespaces if namespace not in looked_at]
        shown = [(one, link) for one in others for link in SimulatedNetlink(self, one).links().values()]
        return tuple(
            OnNic(one.netns, link) for one, link in shown if link.peer in indexes and link.kind in ("macvlan", "ipvlan")
        )

    def host_id(self, netns: str) -> int | None:
        return self.namespaces[netns].ids.get(self.kernel.host)

    def came_by(self) -> str:
        return self.session

    @property
    def can_tag(self) -> bool:
        return self.kernel.can_tag

    def read_sysctls(self, netns: str, names: Collection[str]) -> dict[str, str]:
        shown = {name: self.namespaces[netns].read_sysctl(name) for name in names}
        return {name: value for name, value in shown.items() if value is not None}

    def settable_sysctls(self, netns: str, names: Collection[str]) -> dict[str, str | None]:
        return dict(self.read_sysctls(netns, names))

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

        Left out: indexes, MACs that the kernel chose at random for host veths,
        the order of addresses, trash that no run may refuse because of (veths
        into namespaces that were left, links under their birth names).
        """
        links = self.kernel.host.links
        picture: dict[str, object] = {
            "masquerades": set(self.masqueraded),
            "firewall": set(self.firewall.accepted | self.firewall.remains),
            "zones": set(self.firewall.zones or ()),
            "icc": self.icc_rules,
            "guards": {
                guard
                for guard in self.guard_rules.guards
                if guard.port in links and not self._is_trash(links[guard.port])
            },
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
                "rules": sorted((rule.protocol, str(rule)) for rule in namespace.rules.shown),
                "sysctls": dict(namespace.sysctls),
                "defaults": dict(namespace.defaults),
                # A route whose gateway has become unreachable can't be made again by anybody.
                "routes": {
                    entry.shown()
                    for entry in namespace.table
                    if entry.route.details.onlink
                    or all(
                        namespace.reaches(gateway, link)
                        for link in entry.ways
                        for gateway in entry.shown().gateways(link.name)
                    )
                },
            }
        return picture

    def _is_trash(self, link: SimLink) -> bool:
        if link.kind == "veth" and link.peer is not None and link.peer.namespace not in self.namespaces.values():
            return link.alias.startswith(MARK) or not link.alias
        return link.name.startswith(("pfb", "pfn")) and link.kind in ("bridge", "vlan") and not link.alias


def _link_picture(link: SimLink) -> dict[str, object]:
    # The MAC of a host veth is a random one, and that of a bridge one of its ports' unless somebody set it.
    random = (
        link.alias.startswith(MARK + " ")
        or link.name.startswith("pf")
        or (link.kind == "bridge" and not link.mac_is_set)
    )
    return {
        "kind": link.kind,
        "on": (link.lower.name if link.lower else "", link.macvlan_mode, link.ipvlan_mode, link.vlan_id),
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
        "floods": link.floods,
        "vlans": dict(link.vlans),
        "proxies": set(link.proxies),
        "alternative_names": set(link.alternative_names),
    }
