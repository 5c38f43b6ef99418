# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The host that operations act on: its mechanisms under one roof. Private to the collection.

Each is imported and opened when it is first used: a host compiles what a task
imports anew each time (AnsiballZ brings sources only).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..state.network import HOST, Link, SourceRule
from . import sysctl
from .netlink.handle import NetlinkHandle

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from ..model.firewall import AcceptedBridge
    from ..model.icc_rules import IccRules
    from ..model.masquerade import Masquerade
    from ..model.ovs import OvsChange
    from ..model.port_guard import GuardRules
    from ..model.publication import PublicationRules, PublishedFlow
    from ..state.firewall import FirewallState
    from .firewall.firewalld import Firewalld
    from .firewall.iptables_forward import IptablesForward
    from .namespace import NetnsFd
    from .nftables.guards import GuardTable
    from .nftables.icc import IccTables
    from .nftables.masquerade import Masquerades
    from .nftables.publications import Publications
    from .offload import Offloads
    from .ovs.ovsdb import Ovsdb
    from .packets.announce import Announcer


class Machine:
    """The real host (``plan.host_protocol.Host``). A container's namespace is pinned before it is used."""

    def __init__(self) -> None:
        self._announcer: Announcer | None = None
        self._pinned: dict[str, NetnsFd] = {}
        self._own_netns: int | None = None
        self._handles: dict[str, NetlinkHandle] = {}

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._announcer is not None:
            self._announcer.close()
        for handle in self._handles.values():
            handle.close()
        if self._own_netns is not None:
            os.close(self._own_netns)
        for pinned in self._pinned.values():
            pinned.close()

    @cached_property
    def masquerades(self) -> Masquerades:
        from .nftables.masquerade import Masquerades

        return Masquerades()

    @cached_property
    def publications(self) -> Publications:
        from .nftables.publications import Publications

        return Publications()

    @cached_property
    def icc(self) -> IccTables:
        from .nftables.icc import IccTables

        return IccTables()

    @cached_property
    def guards(self) -> GuardTable:
        from .nftables.guards import GuardTable

        return GuardTable()

    def read_guards(self) -> GuardRules | None:
        """Return what ports let in only what they are to, ``None`` where none does: then nothing is loaded for it."""
        from .nftables.isolation import has_guards

        return self.guards.read() if has_guards() else None

    @cached_property
    def can_guard(self) -> bool:
        """Whether a bridge's port can be told what to let in, and a MAC be kept where it is."""
        return self.kernel_version >= (4, 20) and self.guards.possible()

    @cached_property
    def seed(self) -> str:
        """A text that nobody knows before, for what is to be chosen at random."""
        return os.urandom(16).hex()

    @property
    def kernel_version(self) -> tuple[int, ...]:
        """The kernel's version as far as it is told by numbers: (6, 18)."""
        return sysctl.kernel_version()

    def isolated_bridges(self) -> frozenset[str]:
        """Return the bridges whose ports are to be isolated."""
        from .nftables.isolation import isolated_bridges

        return isolated_bridges()

    def nested_netns_ids(self, netns: str) -> frozenset[int]:
        """Return the ids by which the host knows network namespaces that a container has within."""
        from .nested_namespaces import opened

        pinned = self._pinned.get(netns)
        words = pinned.path.split("/") if pinned is not None else []
        if words[1:2] != ["proc"]:
            return frozenset()
        with opened(int(words[2])) as descriptors:
            ids = [self.netlink(HOST).netns_id(descriptor) for descriptor in descriptors]
        return frozenset(one for one in ids if one is not None)

    def source_rules(self) -> tuple[SourceRule, ...]:
        """Return the host's rules that send what comes from certain addresses to a routing table of its own."""
        from .netlink.rtnetlink import RouteSocket
        from .netlink.rules import by_source

        route_socket = RouteSocket()
        try:
            return by_source(route_socket)
        finally:
            route_socket.close()

    @cached_property
    def can_tag(self) -> bool:
        """Whether what a bridge's port hands to the host can be taken past br_netfilter."""
        from .netlink.features import supports_priority_tags

        return supports_priority_tags()

    @cached_property
    def iptables_forward(self) -> IptablesForward:
        from .firewall.iptables_forward import IptablesForward

        return IptablesForward()

    @cached_property
    def firewalld(self) -> Firewalld:
        from .firewall.firewalld import Firewalld

        return Firewalld()

    @cached_property
    def ovsdb(self) -> Ovsdb:
        from .ovs.ovsdb import Ovsdb

        return Ovsdb()

    def host_id(self, netns: str) -> int | None:
        """Return the id by which a container's namespace knows the host's, ``None`` where nothing leads there."""
        with open("/proc/thread-self/ns/net", "rb") as own:
            return self.netlink(netns).netns_id(own.fileno())

    def came_by(self) -> str:
        """Return the address of this host to which the SSH session leads that asked for this run, '' for none."""
        from .ssh_session import current

        session = current()
        return session.server if session is not None else ""

    def bus_addresses(self, links: Collection[str]) -> dict[str, str]:
        """Return the PCI address of each of the host's links that has one, by name."""
        from .nic_devices import bus_addresses

        return bus_addresses(links)

    def wireless(self, links: Collection[str]) -> frozenset[str]:
        """Return which of the host's links are wireless."""
        from .nic_devices import wireless

        return wireless(links)

    def pin(self, netns: str, pinned: NetnsFd) -> None:
        """Make a container's namespace known as ``netns``; it is closed with the machine."""
        self._pinned[netns] = pinned

    def pinned(self, netns: str) -> NetnsFd | None:
        return self._pinned.get(netns)

    def netlink(self, netns: str) -> NetlinkHandle:
        if netns not in self._handles:
            if netns == HOST:
                self._handles[netns] = NetlinkHandle()
            else:
                with self._entered(netns):
                    self._handles[netns] = NetlinkHandle()
        return self._handles[netns]

    def descriptor(self, netns: str) -> int:
        if netns != HOST:
            return self._pinned[netns].fd
        if self._own_netns is None:
            self._own_netns = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        return self._own_netns

    def read_sysctls(self, netns: str, names: Collection[str]) -> dict[str, str]:
        """Return those of the sysctls that are there."""
        if netns == HOST:
            return _read_sysctls(names)
        with self._entered(netns):
            return _read_sysctls(names)

    def settable_sysctls(self, netns: str, names: Collection[str]) -> dict[str, str | None]:
        """Return those of a container's sysctls that are there, ``None`` for one that can't be both read and set."""
        found = {}
        with self._entered(netns):
            for name in names:
                with suppress(FileNotFoundError, NotADirectoryError):
                    found[name] = sysctl.settable(name)
        return found

    def write_sysctl(self, netns: str, name: str, value: str) -> None:
        if netns == HOST:
            sysctl.write(name, value)
            return
        with self._entered(netns):
            sysctl.write(name, value)

    def tx_checksum_offload(self, netns: str, links: Collection[Link]) -> dict[str, bool]:
        """Return by name whether the links leave checksums to the hardware."""
        offloads = self._offloads(netns)
        try:
            return {link.name: offloads.tx_checksum(link.name) for link in links}
        finally:
            offloads.close()

    def set_tx_checksum_offload(self, netns: str, link: str, on: bool) -> None:
        offloads = self._offloads(netns)
        try:
            offloads.set_tx_checksum(link, on)
        finally:
            offloads.close()

    def change_masquerades(self, add: Collection[Masquerade], remove: Collection[Masquerade]) -> None:
        self.masquerades.apply(add, remove)

    def change_publications(self, add: PublicationRules, remove: PublicationRules) -> None:
        self.publications.apply(add, remove)

    def end_flows(self, flows: Collection[PublishedFlow]) -> None:
        if flows:
            from .netlink.conntrack import end

            end(flows)

    def end_translated(self, addresses: Collection[str]) -> None:
        """End the flows of addresses of containers that are gone, as far as they are translated and can be seen."""
        if addresses:
            from .netlink.conntrack import end_translated

            end_translated(addresses)

    def set_port_hairpin(self, port: str, on: bool) -> None:
        self.netlink(HOST).set_hairpin(port, on)

    def change_icc_rules(self, rules: IccRules) -> None:
        self.icc.apply(rules)

    def change_guards(self, rules: GuardRules) -> None:
        self.guards.apply(rules)

    def read_firewall(self) -> FirewallState:
        """Return what the host's firewall lets pass of forwarded traffic."""
        zones, lent, forgotten = self.firewalld.zones()
        return replace(self.iptables_forward.read(), zones=zones, lent=lent, forgotten=forgotten)

    def lend_zone(self, bridge: str, zone: str, lend: bool) -> None:
        if lend:
            self.firewalld.lend(bridge, zone)
        else:
            self.firewalld.take_back(bridge, zone)

    def change_iptables_forward(self, add: Collection[AcceptedBridge], remove: Collection[AcceptedBridge]) -> None:
        self.iptables_forward.apply(add, remove)

    def change_ovs_ports(self, change: OvsChange) -> None:
        self.ovsdb.apply(change)

    def release_lease(self, holder: tuple[str, str, str]) -> None:
        from . import leases  # few have one

        leases.release(leases.path_of(*holder))

    def announce(self, netns: str, link: str, addresses: Sequence[str]) -> None:
        if self._announcer is None:
            from .packets.announce import Announcer

            self._announcer = Announcer()
        with self._entered(netns):
            self._announcer.send(link, addresses)

    def _entered(self, netns: str) -> AbstractContextManager[NetnsFd]:
        from .namespace import entered  # bridges and VLAN ports are of no container

        return entered(self._pinned[netns])

    def _offloads(self, netns: str) -> Offloads:
        from .offload import Offloads

        if netns == HOST:
            return Offloads()
        with self._entered(netns):
            return Offloads()


def _read_sysctls(names: Collection[str]) -> dict[str, str]:
    shown = {name: sysctl.read(name) for name in names}
    return {name: value for name, value in shown.items() if value is not None}
