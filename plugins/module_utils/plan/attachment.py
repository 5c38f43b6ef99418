# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted attachments and what host and containers show to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..errors import Refused
from ..model import addresses, limits, names
from ..model.attachment import ANY_BRIDGE, Attachment
from ..state.attachments import EXTERNAL_ID, LINUX, End, Wiring, read_label
from ..state.network import HOST, Link
from . import attachment_refusals, link_addresses
from .attachment_match import Found, find_all, find_bridge, made_by_us, refuse_mistaken, renamed
from .attachment_routes import plan_routes, taken_by_others
from .operations import (
    AddAddress,
    AddVeth,
    Announce,
    ClaimVeth,
    DeleteLink,
    Operation,
    Remember,
    RenameLink,
    SetLink,
    SetRoute,
    SetSysctl,
    SetTxChecksumOffload,
    on_link_first,
)
from .ovs_ports import OvsChanges, connect, ports_of


def present(
    wants: Sequence[tuple[Attachment, End]], wiring: Wiring, announce: bool = True, purge: str | None = None
) -> list[Operation]:
    """Return what makes all attachments as wanted.

    ``purge`` names a bridge: attachments of ours on it that are not wanted go.

    :raises Refused: an interface name that is taken, a bridge that is not there.
    """
    if purge is not None:
        find_bridge(purge, wiring)
    found = find_all(wants, wiring)
    attachment_refusals.check(found, wiring)
    middle: list[Operation] = []
    last: list[Operation] = []
    ovs = OvsChanges(wiring)
    for one, taken in zip(found, taken_by_others(found)):
        made = (
            _correction(one, one.inner, one.outer, wiring, ovs, taken)
            if one.inner and one.outer
            else _creation(one, wiring, ovs)
        )
        middle += made
        connect(one, ovs)
        if announce and _to_announce(one, made, ovs):
            last.append(Announce(one.end.place, one.want.interface, _announced(one)))
    if purge is not None:
        kept = {one.outer.name for one in found if one.outer} | {
            name for one in found for name in (one.host_interface, one.birth_name)
        }
        # Last of all: what is purged can't be made again.
        last += _purge(purge, kept, wiring, ovs)
    return ovs.leave() + middle + ovs.join() + last


def absent(wants: Sequence[tuple[Attachment, End | None]], wiring: Wiring) -> list[Operation]:
    """Return what takes attachments away; an ``End`` of ``None`` is a container that is gone or has stopped.

    One that is on another bridge than the one named has moved there, and stays.

    :raises Refused: the interface is there and not ours.
    """
    ovs = OvsChanges(wiring)
    deletions: dict[str, Operation] = {}
    for want, end in wants:
        for outer in _outers_of(want, end, wiring):
            if not _within(wiring.bridge_of(outer), want):
                continue
            live = end is not None and outer.peer_namespace == end.namespace_id
            deletions.setdefault(outer.name, _deletion(outer, end if live else None, wiring))
            (ovs.drop if live else ovs.clear)(outer.name)
        for port in ports_of(want.target, want.interface, wiring):
            if port.name not in wiring.host.links and _within(port.bridge, want):
                ovs.clear(port.name)
    return ovs.leave() + list(deletions.values())


# ---- making


def _creation(one: Found, wiring: Wiring, ovs: OvsChanges) -> list[Operation]:
    want, place = one.want, one.end.place
    operations: list[Operation] = []
    for stale in dict.fromkeys((one.host_interface, one.birth_name)):
        link = wiring.host.links.get(stale)
        if link is not None:
            operations.append(_stale_deletion(stale, place))
        port = wiring.ovs_ports.get(stale)
        if port is not None and (stale != one.host_interface or port.bridge != want.bridge):
            ovs.clear(stale)
    alternative = names.alternative_name(
        want.target.value.rpartition("/")[2] if want.target.kind != "pid" else f"pid{want.target.value}", want.interface
    )
    operations.append(
        AddVeth(
            HOST,
            one.host_interface,
            one.birth_name,
            want.interface,
            place,
            want.mac,
            one.mtu,
            one.label.alias(),
            alternative,
        )
    )
    operations += _ipv6_operations(one, one.end.disable_ipv6.get("default"))
    operations += [AddAddress(place, want.interface, address) for address in want.addresses or ()]
    if one.bridge.userspace:
        operations.append(SetTxChecksumOffload(place, want.interface, False))
    operations.append(SetLink(place, want.interface, {"up": True}, {"up": False}))
    operations += plan_routes(one, ())[0]
    operations.append(_joined(one, {"up": True}))
    return operations


def _stale_deletion(name: str, place: str) -> DeleteLink:
    return DeleteLink(HOST, name, f"veth {name} that led into a namespace {place} has left", ())


def _joined(one: Found, new: dict[str, Any]) -> SetLink:
    if one.bridge.kind == LINUX:
        vlans = {"vlans": one.port_vlans} if one.port_vlans != one.bridge.default_vlans else {}
        new = {"master": one.want.bridge, **({"isolated": True} if one.bridge.isolated else {}), **vlans, **new}
    undone = {"master": "", "vlans": None}
    return SetLink(HOST, one.host_interface, new, {key: undone.get(key, False) for key in new})


def _ipv6_operations(one: Found, shown: str | None) -> list[Operation]:
    wanted = any(addresses.family(address) == addresses.IPV6 for address in one.want.addresses or ())
    if not wanted or shown != "1":
        return []
    return [SetSysctl(one.end.place, f"net/ipv6/conf/{one.want.interface}/disable_ipv6", "0", "1")]


# ---- correcting


def _correction(
    one: Found, inner: Link, outer: Link, wiring: Wiring, ovs: OvsChanges, taken: Collection[tuple[str, int]]
) -> list[Operation]:
    want, end, place = one.want, one.end, one.end.place
    shown = end.namespace.addresses.get(inner.name, ())
    # Put back on the way is what is not another attachment's by then.
    own_routes = tuple(
        replace(entry, link=want.interface)
        for entry in end.namespace.routes
        if entry.link == inner.name and entry.key not in taken
    )
    operations = _outer_identity(one, outer, wiring, ovs)
    if inner.name != want.interface:
        ipv6 = tuple(address for address in shown if addresses.family(address) == addresses.IPV6)
        operations.append(RenameLink(place, inner.name, want.interface, ipv6, on_link_first(own_routes)))
    if want.mac is not None and inner.mac != want.mac:
        operations.append(SetLink(place, want.interface, {"mac": want.mac}, {"mac": inner.mac}))
    # An MTU too small for IPv6 comes after the IPv6 addresses went, so that it is larger again before they come back.
    takes_ipv6_off = one.mtu < limits.IPV6_MTU
    if not takes_ipv6_off:
        operations += _mtu_operations(one, inner, outer)
    operations += _ipv6_operations(one, end.disable_ipv6.get(inner.name))
    if want.addresses is not None:
        operations += link_addresses.additions(place, want.interface, want.addresses, shown, own_routes)
    if one.bridge.userspace and end.tx_checksum_offload.get(inner.name, False):
        operations.append(SetTxChecksumOffload(place, want.interface, False))
    if not inner.up:
        operations.append(SetLink(place, want.interface, {"up": True}, {"up": False}))
    routing, staying = plan_routes(one, taken)
    operations += routing
    if want.addresses is not None:
        # Last, so that the old addresses carry the old routes until the new ones are in, and again when this is undone.
        if end.promote_secondaries.get(inner.name) == "0" and link_addresses.needs_promotion(want.addresses, shown):
            operations.append(SetSysctl(place, f"net/ipv4/conf/{want.interface}/promote_secondaries", "1", "0"))
        operations += link_addresses.removals(place, want.interface, want.addresses, shown, staying)
    if takes_ipv6_off:
        operations += _mtu_operations(one, inner, outer)
    operations += _outer_port(one, outer, wiring, ovs)
    if not operations:
        return []
    return [
        Remember(place, inner.name, shown, tuple(entry for entry in end.namespace.routes if entry.link == inner.name)),
        *operations,
    ]


def _mtu_operations(one: Found, inner: Link, outer: Link) -> list[Operation]:
    ends = ((one.end.place, one.want.interface, inner), (HOST, one.host_interface, outer))
    return [
        SetLink(place, name, {"mtu": one.mtu}, {"mtu": link.mtu}) for place, name, link in ends if link.mtu != one.mtu
    ]


def _outer_identity(one: Found, outer: Link, wiring: Wiring, ovs: OvsChanges) -> list[Operation]:
    alias = one.label.alias()
    operations: list[Operation] = [] if outer.ours else [ClaimVeth(HOST, outer.name, alias)]
    if outer.name != one.host_interface:
        ovs.drop(outer.name)
        if one.bridge.kind == LINUX:
            ovs.clear(one.host_interface)  # it would take in whatever comes to bear the name
        if one.host_interface in wiring.host.links:
            operations.append(_stale_deletion(one.host_interface, one.end.place))
        operations.append(RenameLink(HOST, outer.name, one.host_interface, (), ()))
    said = read_label(outer.alias) if outer.ours else one.label
    # The same namespace may be named in several ways; the first one stays, so that two ways don't take turns.
    if (
        said is None
        or said.interface != one.want.interface
        or (said.kind == one.want.target.kind and outer.alias != alias and not said.names(one.want.target))
    ):
        operations.append(SetLink(HOST, one.host_interface, {"alias": alias}, {"alias": outer.alias}))
    return operations


def _outer_port(one: Found, outer: Link, wiring: Wiring, ovs: OvsChanges) -> list[Operation]:
    master = wiring.by_index.get(outer.master)
    new: dict[str, Any] = {}
    if one.bridge.kind == LINUX:
        ovs.drop(outer.name)
        joins = master is None or master.name != one.want.bridge
        if joins:
            new["master"] = one.want.bridge
        if one.bridge.isolated and (joins or not outer.isolated):
            new["isolated"] = True
        if one.bridge.vlan_filtering and one.port_vlans != (one.bridge.default_vlans if joins else outer.vlans):
            new["vlans"] = one.port_vlans
    elif master is not None and master.kind == "bridge":
        new["master"] = ""
    former = master.name if master is not None and master.kind == "bridge" else ""
    had_vlans = master is not None and bool(master.bridge.get("vlan_filtering"))
    if "master" in new:
        # What it had is to come back with the former bridge.
        if had_vlans:
            new.setdefault("vlans", None)
        if former and outer.isolated:
            new.setdefault("isolated", None)
    # A port that is to be isolated or in VLANs joins down.
    if not outer.up or ("master" in new and not new.keys().isdisjoint(("isolated", "vlans"))):
        new["up"] = True
    old = {
        "master": former,
        "up": outer.up,
        "isolated": outer.isolated if former else None,
        "vlans": outer.vlans if had_vlans else None,
    }
    return [SetLink(HOST, one.host_interface, new, {key: old[key] for key in new})] if new else []


def _to_announce(one: Found, operations: list[Operation], ovs: OvsChanges) -> bool:
    if not _announced(one):
        return False
    if one.outer is None or one.outer.name in ovs.left or one.host_interface in ovs.joined:
        return True
    for operation in operations:
        if isinstance(operation, AddAddress):
            return True
        if isinstance(operation, SetLink) and {"mac", "master", "up", "vlans"} & operation.new.keys():
            return True
    return False


def _announced(one: Found) -> tuple[str, ...]:
    held = one.want.addresses
    if held is None:
        held = one.end.namespace.addresses.get(one.inner.name, ()) if one.inner is not None else ()
    return tuple(addresses.bare(address) for address in held if not addresses.is_link_local(address))


# ---- taking away


def _within(bridge: str | None, want: Attachment) -> bool:
    """Tell whether what is on ``bridge`` (``None``: on none, as after the bridge was deleted) is of the bridge that was named, if any was."""
    return bridge is None or want.bridge in (ANY_BRIDGE, bridge)


def _outers_of(want: Attachment, end: End | None, wiring: Wiring) -> list[Link]:
    if end is None:
        labels = [(link, read_label(link.alias)) for link in wiring.host.links.values() if link.ours]
        return [link for link, said in labels if said and said.interface == want.interface and said.names(want.target)]
    left_behind = _left_behind(want, end, wiring)
    inner = end.namespace.links.get(want.interface)
    if inner is None:
        other = renamed(want, end, wiring)
        return [other[1], *left_behind] if other else left_behind
    outer = wiring.host_end(end, inner)
    if outer is None or not made_by_us(outer, want, end):
        raise Refused(
            f"interface: {want.interface!r} of {end.place} was not made by this collection and stays; remove it with what made it"
        )
    refuse_mistaken(want, end, outer, wiring)
    return [outer, *left_behind]


def _left_behind(want: Attachment, end: End, wiring: Wiring) -> list[Link]:
    """Return veths of this attachment into a namespace that its container has left.

    The label must say the same container, not only one of the same name; a
    process id may be another process's by now.
    """
    found = []
    for outer in wiring.host.links.values():
        said = (
            read_label(outer.alias)
            if outer.ours and outer.kind == "veth" and outer.peer_namespace != end.namespace_id
            else None
        )
        if said is not None and said.interface == want.interface and said.names(want.target) and said.kind != "pid":
            if said.kind != "container" or said.identity == end.identity:
                found.append(outer)
    return found


def _deletion(outer: Link, end: End | None, wiring: Wiring) -> DeleteLink:
    restore: list[Operation] = []
    said = read_label(outer.alias)
    what = f"veth {outer.name} of {said.interface} of {said.kind} {said.value}" if said else f"veth {outer.name}"
    inner = (
        next((link for link in end.namespace.links.values() if link.index == outer.peer), None)
        if end is not None
        else None
    )
    if end is not None and inner is not None:
        alternative = "".join(outer.alternative_names[:1])
        restore.append(
            AddVeth(
                HOST,
                outer.name,
                end.birth_name(inner.name),
                inner.name,
                end.place,
                inner.mac,
                inner.mtu,
                outer.alias,
                alternative,
            )
        )
        held = end.namespace.addresses.get(inner.name, ())
        if outer.mtu != inner.mtu:
            restore.append(SetLink(HOST, outer.name, {"mtu": outer.mtu}, {}))
        if any(addresses.family(address) == addresses.IPV6 for address in held):
            restore.append(SetSysctl(end.place, f"net/ipv6/conf/{inner.name}/disable_ipv6", "0", "0"))
        restore += [AddAddress(end.place, inner.name, address) for address in held]
        if outer.name in wiring.ovs_ports:
            restore.append(SetTxChecksumOffload(end.place, inner.name, False))
        restore.append(SetLink(end.place, inner.name, {"up": inner.up}, {}))
        restore += [
            SetRoute(end.place, entry, None)
            for entry in on_link_first(entry for entry in end.namespace.routes if entry.link == inner.name)
        ]
        master = wiring.by_index.get(outer.master)
        new: dict[str, Any] = {"up": outer.up}
        if master is not None and master.kind == "bridge":
            new["master"] = master.name
            if outer.isolated:
                new["isolated"] = True
            if master.bridge.get("vlan_filtering") and outer.vlans != master.default_vlans:
                new["vlans"] = outer.vlans
        restore.append(SetLink(HOST, outer.name, new, {}))
    return DeleteLink(HOST, outer.name, what, tuple(restore))


def _purge(bridge: str, kept: set[str], wiring: Wiring, ovs: OvsChanges) -> list[Operation]:
    operations: list[Operation] = []
    for outer in sorted(wiring.host.links.values(), key=lambda link: link.name):
        if outer.ours and outer.kind == "veth" and outer.name not in kept and wiring.bridge_of(outer) == bridge:
            ovs.drop(outer.name)
            operations.append(replace(_deletion(outer, None, wiring), restore=None))
    for port in wiring.ovs_ports.values():
        if port.bridge == bridge and port.name not in kept and EXTERNAL_ID in dict(port.external_ids):
            (ovs.drop if port.name in wiring.host.links else ovs.clear)(port.name)
    return operations
