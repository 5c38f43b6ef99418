# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments as options that give them back, before and after a plan. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..model import addresses, bridge_vlans
from ..model.addresses import is_link_local
from ..model.attachment import VLAN_OPTIONS, Attachment
from ..model.limits import IPV6_MTU
from ..model.ownership import VLAN_RECORD, OwnershipLabel, read_label
from ..model.route import DEFAULT_METRIC, PROTOCOL, Route, default
from ..model.route import as_options as route_options
from ..model.vlans import TRUNK, Vlans, as_options
from ..state.attachments import LINUX, ContainerSide, HostSide
from ..state.network import Link
from .attachment_match import AttachmentMatch, find_all, renamed
from .attachment_names import notes
from .attachment_routes import gateways, leads_to, plan_routes, taken_by_others, wanted_routes, within_reach
from .link_operations import deletions_in
from .operations import Operation
from .route_operations import SetRoute, TakeBackDefault

NEIGHBOUR_LIMIT = "net/ipv4/neigh/default/gc_thresh3"
"""The sysctl with the most neighbours that are kept; only the machine's first network namespace has it."""

Sides = Sequence[tuple[Attachment, "ContainerSide | None"]]


def describe(sides: Sides, host_side: HostSide) -> list[dict[str, Any] | None]:
    """Return what there is of each attachment, ``None`` where there is nothing."""
    described: list[dict[str, Any] | None] = []
    for want, side in sides:
        entry = None
        peer = _peer_of(want, side, host_side) if side is not None else None
        if side is not None and peer is not None:
            host_veth = host_side.host_veth(side, peer)
            if host_veth is not None:
                entry = describe_one(want.target.kind, want.target.value, side, peer, host_veth, host_side)
        described.append(entry)
    return described


def describe_one(
    kind: str, value: str, side: ContainerSide, peer: Link, host_veth: Link, host_side: HostSide
) -> dict[str, Any]:
    """Return one attachment as an entry of ``attachments`` that gives it back."""
    held = side.network.addresses.get(peer.name, ())
    described: dict[str, Any] = {
        kind: int(value) if kind == "pid" else value,
        "bridge": host_side.bridge_of(host_veth),
        "interface": peer.name,
        "host_interface": host_veth.name,
        "addresses": sorted(address for address in held if not is_link_local(address)),
        "mac": peer.mac,
        "mtu": peer.mtu,
    }
    vlans = _vlans_of(host_veth, host_side)
    if vlans is not None:
        described.update(as_options(vlans))
    label = read_label(host_veth.alias) if host_veth.ours else None
    if label is not None and label.notes.security.options:
        described["security"] = label.notes.security.options
    holds_to_nowhere = label is not None and label.notes.to_nowhere
    described.update(
        _routes_described(
            [
                entry
                for entry in side.network.routes
                if (holds_to_nowhere if entry.leads_nowhere else entry.holder == peer.name)
            ],
            peer.name,
        )
    )
    return described


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
    predicted: list[dict[str, Any] | None] = []
    for (want, _side), shown in zip(sides, describe(sides, host_side)):
        known = by_want.get(id(want))
        predicted.append(_predict(*known, shown, host_side) if known is not None else shown)
    return predicted


def _predict(
    one: AttachmentMatch, taken: Collection[tuple[str, int]], shown: dict[str, Any] | None, host_side: HostSide
) -> dict[str, Any]:
    want = one.want
    entry = dict(
        shown or {want.target.kind: int(want.target.value) if want.target.kind == "pid" else want.target.value}
    )
    entry.update(bridge=want.bridge, interface=want.interface, host_interface=one.host_interface, mtu=one.mtu)
    if want.addresses is not None or shown is None:
        entry["addresses"] = sorted(address for address in want.addresses or () if not is_link_local(address))
    elif want.ipv6 is False:
        entry["addresses"] = [text for text in entry["addresses"] if addresses.family(text) == addresses.IPV4]
    if want.vlans is not None or not _set_by_vlan_port(one, host_side):
        for option in VLAN_OPTIONS:
            entry.pop(option, None)
    as_unasked = one.port_vlans == one.bridge.default_vlans if one.bridge.kind == LINUX else want.vlans == Vlans(TRUNK)
    if want.vlans is not None and not as_unasked:
        entry.update(as_options(want.vlans))
    for option in ("security", "gateway", "gateway6", "routes"):
        entry.pop(option, None)
    if notes(one).security.options:
        entry["security"] = notes(one).security.options
    entry.update(_routes_described(_certain_routes(one, taken), want.interface))
    for option in ("mac", "gateway", "gateway6"):
        if getattr(want, option) is not None:
            entry[option] = getattr(want, option)
    return entry


def _set_by_vlan_port(one: AttachmentMatch, host_side: HostSide) -> bool:
    """Tell whether the port has VLANs that ovs_vlan_port gave it, and keeps them where the attachment names none."""
    port = host_side.ovs_ports.get(one.host_interface)
    return port is not None and port.bridge == one.want.bridge and VLAN_RECORD in dict(port.external_ids)


def _certain_routes(one: AttachmentMatch, taken: Collection[tuple[str, int]]) -> list[Route]:
    """Return an attachment's routes after the plan, but those of which the kernel's ways decide.

    It drops what it dropped with a link that went down or lost its last IPv4
    address, takes back what has its gateway within reach, and has no IPv6 with a smaller MTU than that needs.
    """
    wanted, (_operations, there) = wanted_routes(one), plan_routes(one, taken)
    before = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    after = one.want.addresses if one.want.addresses is not None else before
    subnets = (*after, *(entry.destination for entry in there if entry.is_on_link))
    kept = _families_kept(one, before, after)
    return [
        entry
        for entry in there
        if entry in wanted
        or (
            notes(one).to_nowhere
            if entry.leads_nowhere
            else entry.family in kept
            or (within_reach(entry, subnets) and (entry.family == addresses.IPV4 or _keeps_ipv6(one)))
        )
    ]


def _families_kept(one: AttachmentMatch, before: Iterable[str], after: Collection[str]) -> set[int]:
    """Return the families whose routes all stay: the interface always has its name and one of its addresses."""
    if one.peer is None or one.peer.name != one.want.interface:
        return set()
    of_ipv4 = [address for address in before if addresses.family(address) == addresses.IPV4]
    kept = {addresses.IPV6} if _keeps_ipv6(one) else set()
    return kept | ({addresses.IPV4} if not of_ipv4 or any(address in after for address in of_ipv4) else set())


def _keeps_ipv6(one: AttachmentMatch) -> bool:
    return one.mtu >= IPV6_MTU and one.want.ipv6 is not False


def _routes_described(entries: Sequence[Route], link: str) -> dict[str, Any]:
    """Return routes of one link as the options gateway, gateway6 and routes.

    Of those of ours, a host route to the gateway of another is left out: it comes with that one.
    """
    described: dict[str, Any] = {}
    # Of several default routes the one that a gateway replaces, else the one that wins; with one metric, the first.
    for entry in sorted(entries, key=lambda entry: (entry.metric != DEFAULT_METRIC[entry.family], entry.metric)):
        if entry.is_default and entry.gateway and not entry.selector:
            described.setdefault("gateway" if entry.family == addresses.IPV4 else "gateway6", entry.gateway)
    needed = gateways(entries, link)
    routes = {
        entry.key: route_options(entry)
        for entry in entries
        if entry.protocol == PROTOCOL and not entry.is_default and not leads_to(entry, needed)
    }
    if routes:
        described["routes"] = [routes[key] for key in sorted(routes)]
    return described


def removed(operations: Iterable[Operation], host_side: HostSide, described: Collection[str]) -> list[dict[str, Any]]:
    """Return what a plan takes away besides what is ``described`` (names of host interfaces).

    It is purged, or was left by a container that is gone.
    """
    entries: list[dict[str, Any]] = []
    for deletion in deletions_in(operations):
        link = host_side.network.links.get(deletion.name)
        label = read_label(link.alias) if link is not None and link.name not in described else None
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


def taken_default_routes(operations: Iterable[Operation]) -> list[str]:
    """Return a warning for each default route that another attachment of ours had.

    That one's next run would take it back.
    """
    return [
        f"the default route of {operation.netns} was that of {operation.old.link}, "
        "an attachment of this collection too; a container has one for each family, so leave the gateway out "
        f"for {operation.old.link} or for {operation.route.link}"
        for operation in operations
        if isinstance(operation, SetRoute) and operation.old and operation.route.is_default
        and operation.old.protocol == PROTOCOL and operation.old.link != operation.route.link
    ]  # fmt: skip


def lost_default_routes(sides: Sides, operations: Iterable[Operation]) -> list[str]:
    """Return a warning for each default route that goes with an attachment and leaves its container with none.

    The one whose place it took comes back, unless it was not put aside, or is gone. There was none where the container
    has no other interface.
    """
    operations = tuple(operations)
    gone = dict.fromkeys(
        (operation.netns, operation.route)
        for deletion in deletions_in(operations)
        for operation in deletion.restore or ()
        if isinstance(operation, SetRoute) and operation.route.is_default
    )
    going = {(netns, entry.link) for netns, entry in gone}
    left = {
        (side.netns, entry.family)
        for _want, side in sides
        if side is not None
        for entry in side.network.routes
        if entry.is_default and (side.netns, entry.link) not in going
    }
    left.update((each.netns, each.route.family) for each in operations if isinstance(each, TakeBackDefault))
    elsewhere = {
        side.netns
        for _want, side in sides
        if side is not None
        for name, link in side.network.links.items()
        if name != "lo" and link.up and (side.netns, name) not in going
    }
    return [
        f"{netns} has no IPv{entry.family} default route without {entry.link}, whose "
        f"{str(entry).partition(' dev ')[0]} goes with it; if that had taken the place of another one, "
        "it is not known which, and it is not put back: the run that attached it named it (in place of), so set it "
        "again, or restart the container"
        for netns, entry in gone
        if netns in elsewhere and (netns, entry.family) not in left
    ]


def outranked_gateways(sides: Sides) -> list[str]:
    """Return a warning for each gateway that a default route with a lower metric keeps from being used."""
    warnings = []
    for want, side in [(want, side) for want, side in sides if side is not None]:
        for gateway in want.gateways:
            wanted = default(gateway, want.interface)
            better = [
                entry
                for entry in side.network.routes
                if entry.is_default
                and not entry.selector
                and entry.family == wanted.family
                and entry.metric < wanted.metric
            ]
            if better:
                option = "gateway" if wanted.family == addresses.IPV4 else "gateway6"
                warnings.append(
                    f"{option}: {gateway} is not the one that {side.netns} uses: "
                    f"{min(better, key=lambda entry: entry.metric)} has a lower metric than {wanted.metric} and wins; "
                    "remove that route to use the gateway"
                )
    return warnings


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
