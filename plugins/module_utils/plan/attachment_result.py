# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments as options that give them back, before and after a plan. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ..model import bridge_vlans
from ..model.attachment import VLAN_OPTIONS, Attachment
from ..model.ownership import VLAN_RECORD, OwnershipLabel, read_label
from ..model.vlans import TRUNK, Vlans, as_options
from ..state.attachments import LINUX, ContainerSide, HostSide
from ..state.network import Link
from .attachment_match import VethMatch, find_all, renamed
from .attachment_names import notes
from .attachment_routes import taken_by_others
from .container_side_result import Sides, described, predicted, sysctls_described
from .link_operations import deletions_in
from .operations import Operation

NEIGHBOUR_LIMIT = "net/ipv4/neigh/default/gc_thresh3"
"""The sysctl with the most neighbours that are kept; only the machine's first network namespace has it."""


def describe(sides: Sides, host_side: HostSide) -> list[dict[str, Any] | None]:
    """Return what there is of each attachment, ``None`` where there is nothing."""
    found: list[dict[str, Any] | None] = []
    for want, side in sides:
        entry = None
        peer = _peer_of(want, side, host_side) if side is not None else None
        if side is not None and peer is not None:
            host_veth = host_side.host_veth(side, peer)
            if host_veth is not None:
                entry = describe_one(want.target.kind, want.target.value, side, peer, host_veth, host_side)
                entry.update(sysctls_described(want, side, peer.name))
        found.append(entry)
    return found


def describe_one(
    kind: str, value: str, side: ContainerSide, peer: Link, host_veth: Link, host_side: HostSide
) -> dict[str, Any]:
    """Return one attachment as an entry of ``attachments`` that gives it back."""
    label = read_label(host_veth.alias) if host_veth.ours else None
    entry = described(kind, value, side, peer, label is not None and label.notes.to_nowhere)
    entry.update(bridge=host_side.bridge_of(host_veth), host_interface=host_veth.name)
    vlans = _vlans_of(host_veth, host_side)
    if vlans is not None:
        entry.update(as_options(vlans))
    if label is not None and label.notes.security.options:
        entry["security"] = label.notes.security.options
    return entry


def _vlans_of(host_veth: Link, host_side: HostSide) -> Vlans | None:
    """Return the VLANs of a port, ``None`` for those that a port has without being asked."""
    port = host_side.ovs_ports.get(host_veth.name)
    if port is not None:
        return port.vlans if port.vlans != Vlans(TRUNK) else None
    master = host_side.by_index.get(host_veth.master)
    if master is None or not master.bridge.get("vlan_filtering") or host_veth.vlans == master.default_vlans:
        return None
    return bridge_vlans.as_wanted(host_veth.vlans)


def predict(sides: Sides, host_side: HostSide) -> list[dict[str, Any] | None]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    found = find_all([(want, side) for want, side in sides if side is not None], host_side)
    by_want = {id(one.want): (one, taken) for one, taken in zip(found, taken_by_others(found))}
    entries: list[dict[str, Any] | None] = []
    for (want, _side), shown in zip(sides, describe(sides, host_side)):
        known = by_want.get(id(want))
        entries.append(_predict(*known, shown, host_side) if known is not None else shown)
    return entries


def _predict(
    one: VethMatch, taken: Collection[tuple[str, int]], shown: dict[str, Any] | None, host_side: HostSide
) -> dict[str, Any]:
    want, entry = one.want, predicted(one, taken, shown, notes(one).to_nowhere)
    entry.update(bridge=want.bridge, host_interface=one.host_interface)
    if want.vlans is not None or not _set_by_vlan_port(one, host_side):
        for option in VLAN_OPTIONS:
            entry.pop(option, None)
    as_unasked = one.port_vlans == one.bridge.default_vlans if one.bridge.kind == LINUX else want.vlans == Vlans(TRUNK)
    if want.vlans is not None and not as_unasked:
        entry.update(as_options(want.vlans))
    entry.pop("security", None)
    if notes(one).security.options:
        entry["security"] = notes(one).security.options
    return entry


def _set_by_vlan_port(one: VethMatch, host_side: HostSide) -> bool:
    """Tell whether the port has VLANs that ovs_vlan_port gave it, and keeps them where the attachment names none."""
    port = host_side.ovs_ports.get(one.host_interface)
    return port is not None and port.bridge == one.want.bridge and VLAN_RECORD in dict(port.external_ids)


def removed(operations: Iterable[Operation], host_side: HostSide, known: Collection[str]) -> list[dict[str, Any]]:
    """Return what a plan takes away besides what is ``known`` (names of host interfaces).

    It is purged, or was left by a container that is gone.
    """
    entries: list[dict[str, Any]] = []
    for deletion in deletions_in(operations):
        link = host_side.network.links.get(deletion.name)
        label = read_label(link.alias) if link is not None and link.name not in known else None
        if link is not None and label is not None:
            entries.append(describe_mark(label, link, host_side))
    return entries


def describe_mark(label: OwnershipLabel, host_veth: Link, host_side: HostSide) -> dict[str, Any]:
    """Return what is known of an attachment whose container's side was not read: its mark, and the host's side."""
    return {
        label.kind: int(label.value) if label.kind == "pid" and label.value.isdigit() else label.value,
        "bridge": host_side.bridge_of(host_veth),
        "interface": label.interface,
        "host_interface": host_veth.name,
        "mtu": host_veth.mtu,
    }


def neighbours_needed(host_side: HostSide, limit: int) -> list[str]:
    """Return a warning where containers on bridges can fill the table that holds at most ``limit`` IPv4 neighbours.

    The kernel has one for all network namespaces: a container that talks to
    the host takes an entry on both sides.
    """
    count = sum(link.kind == "veth" and link.peer_netns is not None for link in host_side.network.links.values())
    if 2 * count <= limit:
        return []
    return [
        f"this host keeps at most {limit} IPv4 neighbours for all its network namespaces together (sysctl "
        f"{NEIGHBOUR_LIMIT.replace('/', '.')}), and {count} containers on bridges can need {2 * count}: beyond that "
        f"they reach nobody new; set it to {4 * count}, and net.ipv4.neigh.default.gc_thresh2 to half of that"
    ]


def unsettled(sides: Sides, host_side: HostSide) -> str:
    """Return what carries no traffic yet, '' once all do."""
    for want, side in sides:
        if side is None:
            continue
        peer = side.network.links.get(want.interface)
        host_veth = host_side.host_veth(side, peer) if peer is not None else None
        for link, netns in ((peer, side.netns), (host_veth, "this host")):
            if link is not None and not link.carrier:
                return f"{link.name} in {netns} has no carrier"
    return ""


def _peer_of(want: Attachment, side: ContainerSide, host_side: HostSide) -> Link | None:
    peer = side.network.links.get(want.interface)
    if peer is not None:
        return peer
    other = renamed(want, side, host_side)
    return other[0] if other is not None else None
