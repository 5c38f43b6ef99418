# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of container_network_info to what is on this host, ours and not. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..host.machine import Machine
from ..host.nftables import tables as nftables
from ..host.nftables.tables import Listing
from ..model import names
from ..model.addresses import is_link_local
from ..model.ovs import VXLAN, OvsBridge
from ..model.ownership import EXTERNAL_ID, OwnershipLabel, read_label
from ..observe.container_side import rule_marks
from ..observe.network import namespaces, observe_bridges
from ..plan import bridge_result, management, vlan_record
from ..plan import icc_policy as plan_icc_policy
from ..plan import publication as plan_publication
from ..plan.attachment_result import describe_mark, describe_one
from ..plan.vlan_port_result import of_others
from ..state.attachments import ContainerSide, HostSide
from ..state.network import HOST, Link, NetworkState, names_by_index
from .recording import FOLDER, PROGRAM
from .result import Result


def gather(options: Mapping[str, Any], _check: bool) -> Result:
    """Return bridges, ports, attachments, publications and policies of this host, and what is recorded there.

    ``bridge`` in the options leaves out all others.
    """
    only = options.get("bridge")
    if only is not None:
        names.interface_name("bridge", only)
    with Machine() as machine:
        # One listing for all that is in the tables: with thousands of publications each takes half a second.
        tables = nftables.tables("showing what is in the firewall", needed=False)
        have = observe_bridges(machine, tables)
        ovs_bridges, ovs_ports = machine.ovsdb.read() if machine.ovsdb.available() else ({}, {})
        host_side = HostSide(have.network, {}, ovs_ports)
        every, targets = _attachments(machine, host_side)
        unread = [entry for entry in _unread(every, host_side) if only in (None, host_side.bridge_of(entry[0]))]
        every += [(True, describe_mark(label, link, host_side)) for link, label in unread]
        targets.update((link.name, _targets(label)) for link, label in unread)
        attachments = [entry for entry in every if only in (None, entry[1]["bridge"])]
        bridges = [link for link in have.network.links.values() if link.kind == "bridge" and only in (None, link.name)]
        values = {
            "bridges": [bridge_result.describe(link.name, have) for link in bridges if link.ours],
            "foreign_bridges": [bridge_result.describe(link.name, have) for link in bridges if not link.ours],
            "ovs_bridges": [_ovs_bridge(bridge) for bridge in ovs_bridges.values() if only in (None, bridge.name)],
            "attachments": [entry for ours, entry in attachments if ours and entry["bridge"] is not None],
            "unplugged_attachments": [entry for ours, entry in attachments if ours and entry["bridge"] is None],
            "foreign_attachments": [entry for ours, entry in attachments if not ours],
            "targets": {entry["host_interface"]: targets[entry["host_interface"]] for _ours, entry in attachments},
            "ports": [port for port in _ports(host_side) if only in (None, port["bridge"])],
            "publications": [entry for entry in _publications(machine, tables) if only in (None, entry["bridge"])],
            "policies": [entry for entry in _policies(machine, tables) if only in (None, entry["bridge"])],
            "interfaces": _interfaces(machine, host_side),
        }
    recorded, warnings = _recorded(only)
    return Result([], {}, {}, {**values, **recorded}, [*_warnings(unread), *warnings])


def _recorded(only: str | None) -> tuple[dict[str, Any], list[str]]:
    """Return the record and the program; where there is neither, nothing that could read them is loaded."""
    values: dict[str, Any] = {"recorded": [], "program": None}
    warnings: list[str] = []
    if os.path.isdir(FOLDER):
        from . import recorded_info

        values["recorded"], warnings = recorded_info.recorded(only)
    if os.path.lexists(PROGRAM):
        from . import recorded_info

        values["program"], told = recorded_info.program()
        warnings = [*warnings, *told]
    return values, warnings


def _unread(every: list[tuple[bool, dict[str, Any]]], host_side: HostSide) -> list[tuple[Link, OwnershipLabel]]:
    """Return the host veths of ours into namespaces that nobody led to: no engine answers, say."""
    read = {entry["host_interface"] for _ours, entry in every}
    return [
        (link, label)
        for name, link in sorted(host_side.network.links.items())
        if link.ours and link.kind == "veth" and name not in read and (label := read_label(link.alias)) is not None
    ]


def _warnings(unread: list[tuple[Link, OwnershipLabel]]) -> list[str]:
    if not unread:
        return []
    those = ", ".join(f"{link.name} ({label.interface} of {label.kind} {label.value})" for link, label in unread)
    return [
        "attachments of containers that no engine which answers knows are shown by their marks alone, "
        f"without addresses and routes: {those}; see whether the engine runs"
    ]


def _attachments(
    machine: Machine, host_side: HostSide
) -> tuple[list[tuple[bool, dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Return every veth from this host into a namespace that has a name, and the names of that by host interface.

    Each veth comes with whether it is ours.
    """
    found: list[tuple[bool, dict[str, Any]]] = []
    names_of: dict[int, list[dict[str, Any]]] = {}
    targets: dict[str, list[dict[str, Any]]] = {}
    for label, pinned in namespaces(host_side):
        seen = pinned.inode in names_of
        known = names_of.setdefault(pinned.inode, [])
        known += _targets(label)
        if seen:
            pinned.close()
            continue
        machine.pin(pinned.origin, pinned)
        here = _attachments_of(machine, pinned.origin, label, host_side)
        targets.update((entry["host_interface"], known) for _ours, entry in here)
        found += here
    return sorted(found, key=lambda entry: (str(entry[1]["bridge"]), entry[1]["host_interface"])), targets


def _targets(label: OwnershipLabel) -> list[dict[str, Any]]:
    """Return how a container can be named in ``attachments``: one by its name and its id."""
    named = [{label.kind: int(label.value) if label.kind == "pid" else label.value}]
    return [*named, {"container": label.identity.partition(":")[2]}] if label.identity else named


def _attachments_of(
    machine: Machine, netns: str, label: OwnershipLabel, host_side: HostSide
) -> list[tuple[bool, dict[str, Any]]]:
    netlink = machine.netlink(netns)
    links = netlink.links()
    links_only = ContainerSide(
        netns, label.identity, NetworkState(links), machine.netlink(HOST).netns_id(machine.descriptor(netns))
    )
    pairs = [
        (link, host_veth) for link in links.values() if (host_veth := host_side.host_veth(links_only, link)) is not None
    ]
    if not pairs:
        return []
    held = netlink.addresses([link for link, _host_veth in pairs])
    routes = netlink.routes(names_by_index(links), everything=True)
    numbers = rule_marks({link.name: host_veth.alias for link, host_veth in pairs if host_veth.ours})
    side = replace(
        links_only,
        network=NetworkState(links, held, routes),
        rules=netlink.own_rules() if numbers else (),
        rule_marks=numbers,
    )
    return [
        (host_veth.ours, describe_one(label.kind, label.value, side, link, host_veth, host_side))
        for link, host_veth in pairs
    ]


def _ovs_bridge(bridge: OvsBridge) -> dict[str, Any]:
    return {
        "name": bridge.name,
        "datapath_type": bridge.datapath_type,
        "ports": sorted(bridge.ports),
        "external_ids": of_others(bridge.external_ids),
    }


def _ports(host_side: HostSide) -> list[dict[str, Any]]:
    ports = [
        _port(link, bridge)
        for link in host_side.network.links.values()
        if (bridge := host_side.bridge_of(link)) is not None and bridge != link.name
    ]
    for port in host_side.ovs_ports.values():
        if port.name not in host_side.network.links:
            # A port whose interface went with its container stays in Open vSwitch's database.
            record = vlan_record.read(port)
            ours = EXTERNAL_ID in dict(port.external_ids) or (
                port.tunnel is not None and record is not None and record.added
            )
            kind = VXLAN if port.tunnel is not None else None
            ports.append(
                {
                    "name": port.name,
                    "bridge": port.bridge,
                    "managed": ours,
                    "kind": kind,
                    "up": False,
                    "mac": None,
                    "mtu": None,
                }
            )
    return sorted(ports, key=lambda port: (port["bridge"], port["name"]))


def _publications(machine: Machine, tables: Mapping[str, Listing]) -> list[dict[str, Any]]:
    rules, _whole = machine.publications.read(listings=tables)
    return plan_publication.describe_bridges(rules)


def _policies(machine: Machine, tables: Mapping[str, Listing]) -> list[dict[str, Any]]:
    """Return the policy of each bridge that has one; all others are as with ``icc: true`` and nothing else."""
    rules = machine.icc.read(listings=tables)
    return [
        plan_icc_policy.describe(bridge, rules)
        for bridge in sorted(rules.off | rules.egress_denied | rules.host_denied)
    ]


def _interfaces(machine: Machine, host_side: HostSide) -> list[dict[str, Any]]:
    """Return the host's own interfaces: neither the loopback nor host veths of our attachments."""
    host, ports = host_side.network, host_side.ovs_ports
    held = machine.netlink(HOST).addresses(host.links.values(), leased=True)
    held = {name: shown for name, shown in held.items() if name != "lo"}
    reached_by = management.interfaces(host, held, ports)
    uplinks = management.vlans(host, held, ports)
    entries = []
    for name, link in sorted(host.links.items()):
        if link.ours or name == "lo":
            continue
        bridge = host_side.bridge_of(link)
        port = ports.get(name)
        own = any(not is_link_local(address) for address in held[name])
        tags = None if port is None or own else sorted(management.carried(port, uplinks.get(name, {})))
        entries.append(
            {
                "name": name,
                "kind": link.kind or None,
                "up": link.up,
                "mtu": link.mtu,
                "addresses": list(held[name]),
                "bridge": bridge if bridge != name else None,
                "management": reached_by.get(name),
                "management_vlans": tags or None,
            }
        )
    return entries


def _port(link: Link, bridge: str) -> dict[str, Any]:
    return {
        "name": link.name,
        "bridge": bridge,
        "managed": link.ours,
        "kind": link.kind or None,
        "up": link.up,
        "mac": link.mac,
        "mtu": link.mtu,
    }
