# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A host's NIC and the bridge above it: read whole, and changed step by step. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple

from ..errors import PipefitterError, Refused
from ..model import names
from ..model.bridge_vlans import PortVlans
from ..model.nic_move import LINUX, OPENVSWITCH
from ..model.ovs import MADE_FOR_NIC, NETDEV, SYSTEM, OvsBridge, OvsBridgeChange, OvsChange, OvsPort
from ..model.route import KERNEL_PROTOCOL, Route
from ..state.network import Link, names_by_index
from ..state.nic import Entry, NicState, Obstacles
from . import nic_sysctls
from .netlink import nic_obstacles, standing
from .netlink.handle import NetlinkHandle
from .offload import Offloads
from .ovs.ovsdb import Ovsdb
from .packets.announce import Announcer

_TRANSIENT = ("transient", "true")
_METRIC_OF_SUBNETS = 256  # IP6_RT_PRIO_ADDRCONF of linux/ipv6_route.h
_PATIENCE = 5.0  # seconds for Open vSwitch


Switch = tuple[Mapping[str, OvsBridge], Mapping[str, OvsPort]]

_OF_SWITCHES = ("bridge", "openvswitch", "tun", "vxlan", "ifb")
"""Kinds of links that bridges are, have as ports of their own, or take frames by; tun is also a port in userspace."""


class Seen(NamedTuple):
    """A host's links by name; of Open vSwitch all bridges and ports, ``None`` where it does not run."""

    links: Mapping[str, Link]
    switch: Switch | None


class NicLinks(NetlinkHandle):
    """The host's own namespace, as ``plan.nic_steps.NicHost`` and the look before and after want it."""

    def __init__(self) -> None:
        super().__init__()
        self._announcer = Announcer()
        self.ovsdb = Ovsdb(timeout=_PATIENCE)
        self._switch_answers = True

    def __enter__(self) -> NicLinks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._announcer.close()
        self.close()

    # ---- reading

    def look(self) -> Seen:
        """Return the host's links, and what Open vSwitch has."""
        return Seen(self.links(), self.ovsdb.read() if self.ovsdb.available() else None)

    def read(self, nic: str, bridge: str, seen: Seen | None = None) -> NicState:
        """Return what the two hold.

        :raises Refused: there is no such NIC.
        """
        links, in_switch = seen or self.look()
        if nic not in links:
            real = next((link.name for link in links.values() if nic in link.alternative_names), "")
            if real:
                raise Refused(f"nic: {nic!r} is another name of {real}; give {real}")
            named = _may_be_nics(links, in_switch)
            advice = f"one of {', '.join(named)}" if named else "the NIC that leads to the LAN"
            raise Refused(f"nic: {nic!r} is no interface of this host; give {advice}")
        own = links[nic]
        above = links.get(bridge)
        bridges, in_bridges = in_switch or ({}, {})
        switch, joined = bridges.get(bridge), in_bridges[nic].bridge if nic in in_bridges else ""
        by_index = names_by_index(links)
        kind = OPENVSWITCH if switch is not None else LINUX if above is not None and above.kind == "bridge" else ""
        ports = tuple(link.name for link in links.values() if above is not None and link.master == above.index)
        if switch is not None:
            ports = tuple(name for name in switch.ports if name != bridge)
        under = joined or by_index.get(own.master, "")
        # As a bridge that does not filter yet may have them.
        vlans = self.with_vlans(links, True) if above is not None and "vlan_filtering" in above.bridge else {}
        return NicState(
            nic=nic,
            bridge=bridge,
            bridge_kind=kind,
            master=bridge if under == bridge else "",
            mac=own.mac,
            mtu=own.mtu,
            up=own.up,
            bridge_mac=above.mac if kind and above is not None else "",
            bridge_mtu=above.mtu if kind and above is not None else 0,
            bridge_up=bool(kind and above is not None and above.up),
            ours=MADE_FOR_NIC in switch.external_ids if switch is not None else above is not None and above.ours,
            netdev=switch is not None and switch.datapath_type == NETDEV,
            ports=tuple(sorted(port for port in ports if port != nic)),
            entries=standing.shown(self._socket, by_index, (nic, bridge)),
            sysctls={**nic_sysctls.of(own), **(nic_sysctls.of(above) if kind and above is not None else {})},
            filters=bool(above.bridge.get("vlan_filtering")) if above is not None else False,
            pvid=above.bridge.get("vlan_default_pvid", 0) if above is not None else 0,
            vlans={
                name: link.vlans
                for name, link in vlans.items()
                if above is not None and (name == bridge or link.master == above.index)
            },
        )

    def obstacles(self, links: Mapping[str, Link], nic: str, bridge: str) -> Obstacles:
        """Return what of the host's addresses and routes may keep a NIC from being moved."""
        return nic_obstacles.found(self._socket, names_by_index(links), nic, bridge)

    def address_labels(self, nic: str) -> list[str]:
        """Return the prefixes that have a label for addresses of a NIC (``ip addrlabel``)."""
        return standing.address_labels(self._socket, self._index(nic))

    # ---- steps (plan.nic_steps.NicHost)

    def make_bridge(self, name: str, kind: str, mac: str, mtu: int, netdev: bool) -> None:
        if kind == OPENVSWITCH:
            made = OvsBridge(
                name,
                NETDEV if netdev else SYSTEM,
                (),
                external_ids=(MADE_FOR_NIC,),
                fail_mode="standalone",
                other_config=(("hwaddr", mac), _TRANSIENT),
            )
            self.ovsdb.apply(OvsChange(bridges=OvsBridgeChange(add=(made,)), timeout=_PATIENCE))
            self._indexes.pop(name, None)
            if netdev:
                self._leave_no_checksums(name)
        else:
            self.add_bridge(name, {"stp": 0, "forward_delay": 0}, mac)
        self.set_link(name, mtu=mtu)

    def _leave_no_checksums(self, link: str) -> None:
        """What Open vSwitch in userspace takes from the host has to have its checksums."""
        offloads = Offloads()
        try:
            with suppress(PipefitterError, OSError):
                offloads.set_tx_checksum(link, False)
        finally:
            offloads.close()

    def delete_half_made(self, bridge: str) -> None:
        """Delete a bridge that a run which was killed made and did not come to name."""
        self.delete_link(names.derived_name("pfb", bridge))

    def delete_bridge(self, name: str, kind: str) -> None:
        self._indexes.pop(name, None)
        if kind != OPENVSWITCH:
            self.delete_link(name)
            return
        going = self._bridge(name)
        if going is not None:
            self._take_out(OvsChange(bridges=OvsBridgeChange(remove=(going,)), timeout=_PATIENCE))

    def change_bridge(self, name: str, mac: str, mtu: int) -> None:  # type: ignore[override]
        self.set_link(name, mac=mac, mtu=mtu)

    def set_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        super().change_bridge(name, attributes)

    def set_vlans(self, name: str, vlans: PortVlans, own: bool) -> None:
        if own:
            self.set_bridge_vlans(name, vlans)
        else:
            self.set_link(name, vlans=vlans)

    def set_up(self, name: str, up: bool) -> None:
        self.set_link(name, up=up)

    def join(self, nic: str, bridge: str, kind: str) -> None:
        if kind == OPENVSWITCH:
            self.ovsdb.apply(OvsChange(add=(OvsPort(nic, bridge),), timeout=_PATIENCE))
        else:
            self.set_link(nic, master=bridge)

    def leave(self, nic: str, bridge: str, kind: str) -> None:
        if kind == OPENVSWITCH:
            _bridges, ports = self.ovsdb.read()
            if nic in ports:
                self._take_out(OvsChange(remove=(ports[nic],), timeout=_PATIENCE))
        else:
            self.set_link(nic, master="")

    def _take_out(self, change: OvsChange) -> None:
        """Take a NIC or a bridge out of Open vSwitch, also where only its database lives."""
        if self._switch_answers:
            try:
                self.ovsdb.apply(change)
                return
            except PipefitterError:
                self._switch_answers = False
        self.ovsdb.commit(change)

    def _bridge(self, name: str) -> OvsBridge | None:
        return self.ovsdb.read()[0].get(name)

    def keep_bridge(self, name: str) -> None:
        """Let a bridge of Open vSwitch that was made for the move stay over a reboot."""
        held = self._bridge(name)
        if held is not None and _TRANSIENT in held.other_config:
            lasting = replace(held, other_config=tuple(pair for pair in held.other_config if pair != _TRANSIENT))
            self.ovsdb.apply(OvsChange(bridges=OvsBridgeChange(change=(lasting,), former=(held,)), timeout=_PATIENCE))

    def add_entry(self, entry: Entry) -> None:
        standing.add(self._socket, entry, self._index)

    def replace_route(self, entry: Entry) -> None:
        standing.replace_route(self._socket, entry, self._index)

    def remove_entry(self, entry: Entry) -> None:
        standing.remove(self._socket, entry, self._index)

    def drop_subnet(self, link: str, subnet: str) -> None:
        self.remove_route(Route(subnet, None, link, _METRIC_OF_SUBNETS, KERNEL_PROTOCOL))

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        nic_sysctls.write(values)

    def announce(self, link: str, addresses: Sequence[str]) -> None:
        with suppress(OSError):  # neighbours learn it a little later
            self._announcer.send(link, addresses)


def _may_be_nics(links: Mapping[str, Link], in_switch: Switch | None) -> list[str]:
    """Return the names of links that may lead to a LAN: no bridge, and no container's port of one."""
    bridges, in_bridges = in_switch or ({}, {})
    return sorted(
        name
        for name, link in links.items()
        if link.ethernet
        and name != "lo"
        and link.kind not in _OF_SWITCHES
        and name not in bridges
        and not link.ours
        and not (link.kind == "veth" and (link.master or name in in_bridges))
    )
