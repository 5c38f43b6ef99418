# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports and tunnels that must not be as asked for. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import Refused
from ..model.ovs import OvsPort, Tunnel
from ..model.vlan_port import VlanPort
from ..model.vlans import TRUNK, ranges
from ..state.vlan_ports import VlanPortState
from .alternative_names import refuse_alternative
from .ovs_ports import OvsChanges


def refuse_lockout(
    shown: OvsPort, wanted: OvsPort | None, reached: Mapping[int, str], given_back: bool = False
) -> None:
    """Refuse a change of a port by which this host is reached, where it would no longer be.

    ``wanted`` of ``None`` is a port that is taken out of the bridge.
    """
    for vlan, why in reached.items():
        before = shown.vlans.on_the_wire(vlan)
        after = wanted.vlans.on_the_wire(vlan) if wanted is not None else None
        if before is not None and after != before:
            frames = f"frames with tag {before}" if before else "frames without a tag"
            change = f"as {_described(wanted)}" if wanted is not None else "taken out of the bridge"
            if given_back or wanted is None:
                advice = "keep it as it is, or give what the host has there to another interface first"
            else:
                advice = "give another port" + (
                    ", or leave VLAN 0 in trunks" if wanted.mode == TRUNK and not vlan else ""
                )
            raise Refused(
                f"port: {shown.name!r} carries {frames} on bridge {shown.bridge}, where {why}; "
                f"{change} it would not, and lock you out, so {advice}"
            )


def _described(port: OvsPort) -> str:
    own = f" of VLAN {port.tag}" if port.tag is not None else ""
    return f"{port.mode} port{own}" + (f" with trunks {ranges(port.trunks)}" if port.trunks else "")


def refuse_unfit(one: VlanPort, name: str, bridge: str, have: VlanPortState) -> None:
    link = have.host_side.network.links.get(name)
    if name == bridge:
        return
    if link is None:
        refuse_alternative("port", name, have.host_side.network)
        if have.assume:
            return
        raise Refused(
            f"port: {name!r} is neither a port of bridge {bridge} nor an interface of this host; "
            "create it first or take it off the list"
        )
    if name in have.unfit:
        raise Refused(f"port: {name!r} {have.unfit[name]}")
    master = have.host_side.by_index.get(link.master)
    if master is not None and master.kind == "bridge":
        raise Refused(
            f"port: {name!r}{'' if one.port else f' ({one})'} is a port of Linux bridge {master.name}; "
            "take it out there first"
        )
    if link.kind == "bridge":
        raise Refused(f"port: {name!r} is a bridge itself; join two bridges by a veth pair")


def refuse_same_tunnels(have: VlanPortState, ports: OvsChanges) -> None:
    """Refuse two tunnels with the same endpoints and VNI: the datapath tells them apart by nothing else."""
    staying = [
        port for port in have.host_side.ovs_ports.values() if port.tunnel is not None and port.name not in ports.left
    ]
    taken = {_endpoints(port.tunnel): port for port in staying if port.tunnel is not None}
    for port in ports.joined.values():
        if port.tunnel is None:
            continue
        other = taken.setdefault(_endpoints(port.tunnel), port)
        if other is not port:
            source = f" from {port.tunnel.local}" if port.tunnel.local else ""
            raise Refused(
                f"port: {port.name!r} can't be a tunnel to {port.tunnel.remote}{source} with VNI {port.tunnel.vni}:"
                f" port {other.name} of Open vSwitch bridge {other.bridge} is that already; choose another vni"
            )


def _endpoints(tunnel: Tunnel) -> Tunnel:
    return replace(tunnel, protected=True)
