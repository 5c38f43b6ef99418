# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what Open vSwitch and the host show of a bridge's ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host.machine import Machine
from ..model.addresses import is_link_local
from ..model.attachment import Target
from ..model.ovs import NETDEV, OvsBridge, OvsPort
from ..model.vlan_port import VlanPorts
from ..plan import management, vlan_record
from ..state.attachments import ContainerSide, HostSide
from ..state.network import HOST, Link, NetworkState, names_by_index
from ..state.vlan_ports import VlanPortState


def observe(
    machine: Machine,
    want: VlanPorts,
    netns_of: Mapping[Target, tuple[str | None, str]],
    check: bool,
    is_absent: bool = False,
) -> VlanPortState:
    """Read Open vSwitch's database once, and the host's links in one dump."""
    bridges, ports = machine.ovsdb.read()
    netlink = machine.netlink(HOST)
    links = netlink.links()
    sides: dict[Target, ContainerSide | None] = {}
    for target, (netns, identity) in netns_of.items():
        # An attachment's label says what it is called in the container; so no namespace is entered for it.
        sides[target] = (
            None
            if netns is None
            else ContainerSide(netns, identity, NetworkState({}), netlink.netns_id(machine.descriptor(netns)))
        )
    device = links.get(want.bridge)
    bridge = bridges.get(want.bridge)
    userspace = bridge is not None and bridge.datapath_type == NETDEV and device is not None
    to_be_userspace = (want.settings.datapath_type or (bridge.datapath_type if bridge is not None else "")) == NETDEV
    has_tunnels = not is_absent and any(one.tunnel is not None for one in want.ports or ())
    return VlanPortState(
        host_side=HostSide(NetworkState(links), {}, ports),
        bridges=bridges,
        sides=sides,
        **_management(machine, want, links, ports, is_absent),
        tx_checksum=machine.tx_checksum_offload(HOST, [device])[want.bridge]
        if userspace and device is not None
        else False,
        switch_runs=bridge is None or machine.ovsdb.switch_runs(),
        **(_ways_out(machine, bridges, links) if to_be_userspace and has_tunnels else {}),
        held=_held(machine, device, links) if device is not None and is_absent and want.create_bridge else (),
        assume=check,
    )


def _ways_out(machine: Machine, bridges: Mapping[str, OvsBridge], links: Mapping[str, Link]) -> dict[str, Any]:
    """Read what tunnels of a datapath in userspace may leave by, and which routes lead there."""
    devices = [
        links[bridge.name] for bridge in bridges.values() if bridge.datapath_type == NETDEV and bridge.name in links
    ]
    netlink = machine.netlink(HOST)
    held = netlink.addresses(devices, leased=True)
    # No tunnel comes from a link-local address without saying of which link.
    underlays = {
        link: [one.partition("/")[0] for one in shown if not is_link_local(one)] for link, shown in held.items()
    }
    return {
        "underlays": underlays,
        "routes": netlink.routes(names_by_index(links), connected=True),
    }


def _held(machine: Machine, device: Link, links: Mapping[str, Link]) -> tuple[str, ...]:
    netlink = machine.netlink(HOST)
    addresses = netlink.addresses([device], leased=True)[device.name]
    routes = netlink.routes(names_by_index(links))
    # A link-local address the kernel gives to any interface that is up.
    return (
        *(one for one in addresses if not is_link_local(one)),
        *(str(route) for route in routes if route.link == device.name),
    )


def _management(
    machine: Machine, want: VlanPorts, links: Mapping[str, Link], ports: Mapping[str, OvsPort], is_absent: bool
) -> dict[str, Any]:
    """Read by which interfaces the host is reached, where ports are wanted or may go by which it may be."""
    names = [one.port for one in want.ports or ()]
    if want.purge or (is_absent and want.ports is None):
        names += [
            port.name for port in ports.values() if port.bridge == want.bridge and vlan_record.read(port) is not None
        ]
    if not any(name in links and not links[name].ours for name in names):
        return {}
    netlink = machine.netlink(HOST)
    host = NetworkState(links, {}, netlink.routes(names_by_index(links)))
    held = netlink.addresses(links.values(), leased=True)
    return {"unfit": management.interfaces(host, held, ports), "uplinks": management.vlans(host, held, ports)}
