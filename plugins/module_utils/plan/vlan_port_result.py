# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Bridges of Open vSwitch and their ports as options that give them back. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from ..model.ovs import OvsBridge, OvsPort
from ..model.vlan_port import RESERVED_IDS, VlanPorts
from ..model.vlans import ranges
from ..state.vlan_ports import VlanPortState
from .operations import Operation
from .ovs_operations import ChangeOvsPorts
from .vlan_port import port_names


def after(have: VlanPortState, operations: Iterable[Operation]) -> VlanPortState:
    """Return what Open vSwitch will show once the operations are done."""
    ports, bridges = dict(have.host_side.ovs_ports), dict(have.bridges)
    for operation in operations:
        if isinstance(operation, ChangeOvsPorts):
            for port in operation.remove:
                del ports[port.name]
            ports.update((bridge.name, OvsPort(bridge.name, bridge.name)) for bridge in operation.bridges.add)
            ports.update((port.name, port) for port in (*operation.add, *operation.change))
            bridges.update((bridge.name, bridge) for bridge in (*operation.bridges.add, *operation.bridges.change))
            for bridge in operation.bridges.remove:
                del bridges[bridge.name], ports[bridge.name]
    return replace(have, host_side=replace(have.host_side, ovs_ports=ports), bridges=bridges)


def touched(operations: Iterable[Operation]) -> set[str]:
    """Return the names of the ports that operations change."""
    changes = [operation for operation in operations if isinstance(operation, ChangeOvsPorts)]
    return {port.name for change in changes for port in (*change.add, *change.change, *change.remove)}


def describe(want: VlanPorts, have: VlanPortState, names: Collection[str]) -> dict[str, Any]:
    """Return the bridge and its ports among ``names``, the two sides of a diff."""
    shown = have.host_side.ovs_ports
    described = [
        _described(shown[name]) for name in sorted(names) if name in shown and shown[name].bridge == want.bridge
    ]
    return {"bridge": describe_bridge(have.bridges.get(want.bridge)), "ports": described}


def _described(port: OvsPort) -> dict[str, Any]:
    """Return a port as an option, and with what no option can ask for but a difference may be in."""
    entry = describe_port(port)
    if port.tunnel is not None:
        entry["vxlan"].update(port.tunnel.altered)
    return entry


def values(want: VlanPorts, have: VlanPortState) -> list[dict[str, Any]]:
    """Return the wanted ports in their order, each named as it was in the request."""
    entries = []
    for one, name in zip(want.ports or (), port_names(want, have)):
        port = have.host_side.ovs_ports.get(name)
        if port is not None:
            entry = describe_port(port)
            if one.target is not None:
                del entry["port"]
                entry.update(
                    {
                        one.target.kind: int(one.target.value) if one.target.kind == "pid" else one.target.value,
                        "interface": one.interface,
                    }
                )
            entries.append(entry)
    return entries


def describe_bridge(bridge: OvsBridge | None) -> dict[str, Any] | None:
    if bridge is None:
        return None
    return {
        "name": bridge.name,
        "datapath_type": bridge.datapath_type,
        "fail_mode": bridge.fail_mode or "standalone",
        "stp": bridge.stp,
        "rstp": bridge.rstp,
        "mcast_snooping": bridge.mcast_snooping,
        "other_config": dict(bridge.other_config),
        "external_ids": of_others(bridge.external_ids),
    }


def describe_port(port: OvsPort) -> dict[str, Any]:
    entry: dict[str, Any] = {"port": port.name, "mode": port.mode}
    if port.tag is not None:
        entry["tag"] = port.tag
    if port.trunks:
        entry["trunks"] = ranges(port.trunks)
    if port.tunnel is not None:
        entry["vxlan"] = {
            "remote": port.tunnel.remote,
            "vni": port.tunnel.vni,
            "local": port.tunnel.local or None,
            "protected": port.tunnel.protected,
        }
    entry["external_ids"] = of_others(port.external_ids)
    return entry


def of_others(external_ids: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return external ids without those by which this collection tells what is its own."""
    return {key: value for key, value in external_ids if key not in RESERVED_IDS}
