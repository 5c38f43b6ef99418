# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted attachments and what host and containers show to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Refused
from ..model import addresses, names, route
from ..model.attachment import Attachment, Target
from ..model.host import HOST, Link
from ..model.ovs import OvsPort
from . import link_addresses
from .operations import (
    AddAddress,
    AddVeth,
    Announce,
    ChangeOvsPorts,
    ClaimVeth,
    DeleteLink,
    Operation,
    Remember,
    RemoveRoute,
    RenameLink,
    SetLink,
    SetRoute,
    SetSysctl,
    SetTxChecksumOffload,
)
from .wiring import EXTERNAL_ID, LINUX, OVS, BridgeSeen, End, Label, Wiring, label, read_label


@dataclass(frozen=True)
class Found:
    """A wanted attachment and what there is of it: ``inner`` in the container, ``outer`` on the host."""

    want: Attachment
    end: End
    bridge: BridgeSeen
    inner: Link | None
    outer: Link | None

    @property
    def birth_name(self) -> str:
        return self.end.birth_name(self.want.interface)

    @property
    def host_interface(self) -> str:
        return self.want.host_interface or (self.outer.name if self.outer else self.birth_name)

    @property
    def mtu(self) -> int:
        return self.want.mtu or self.bridge.mtu

    @property
    def label(self) -> Label:
        return label(self.want.target, self.want.interface, self.end.identity)


def present(wants: Sequence[tuple[Attachment, End]], wiring: Wiring, announce: bool = True, purge: str | None = None) -> list[Operation]:
    """Return what makes all attachments as wanted.

    ``purge`` names a bridge: attachments of ours on it that are not wanted go.

    :raises Refused: an interface name that is taken, a bridge that is not there.
    """
    found = [find(want, end, wiring) for want, end in wants]
    _check_host_interfaces(found, wiring)
    middle: list[Operation] = []
    last: list[Operation] = []
    ovs = _OvsChanges(wiring)
    for one in found:
        made = _correction(one, one.inner, one.outer, wiring, ovs) if one.inner and one.outer else _creation(one, wiring)
        middle += made
        _connect_ovs(one, ovs)
        if announce and _to_announce(one, made, ovs):
            last.append(Announce(one.end.place, one.want.interface, _announced(one)))
    if purge is not None:
        kept = {one.outer.name for one in found if one.outer} | {one.host_interface for one in found}
        # Last of all: what is purged can't be made again.
        last += _purge(purge, kept, wiring, ovs)
    return ovs.leave() + middle + ovs.join() + last


def absent(wants: Sequence[tuple[Attachment, End | None]], wiring: Wiring) -> list[Operation]:
    """Return what takes attachments away; an ``End`` of ``None`` is a container that is gone or has stopped.

    :raises Refused: the interface is there and not ours.
    """
    ovs = _OvsChanges(wiring)
    operations: list[Operation] = []
    for want, end in wants:
        outers = _outers_of(want, end, wiring)
        for outer in outers:
            operations.append(_deletion(outer, end, wiring))
            ovs.drop(outer.name)
        for port in _ports_of(want.target, want.interface, wiring):
            if port.name not in wiring.host.links:
                ovs.drop(port.name)
    return ovs.leave() + operations


def find(want: Attachment, end: End, wiring: Wiring) -> Found:
    """Return what there is of an attachment, whatever its links are called now.

    :raises Refused: the bridge is not there, or the name is taken in the container.
    """
    bridge = wiring.bridges.get(want.bridge)
    if bridge is None:
        raise Refused(
            f"bridge: {want.bridge!r} is neither a Linux bridge nor an Open vSwitch bridge of this host; "
            "create it first (container_bridge makes a Linux bridge)"
        )
    if want.vlan is not None and bridge.kind == LINUX:
        raise Refused(f"vlan: {want.vlan} was asked for on {want.bridge}, which is a Linux bridge; a VLAN tag needs an Open vSwitch bridge")
    inner = end.namespace.links.get(want.interface)
    if inner is not None:
        outer = wiring.host_end(end, inner)
        if outer is None or not (outer.ours or outer.name == end.birth_name(want.interface)):
            what = f"a {inner.kind} interface" if inner.kind else "an interface"
            raise Refused(f"interface: {want.interface!r} is taken in {end.place} by {what} that this collection did not make; choose another interface")
        return Found(want, end, bridge, inner, outer)
    renamed = _renamed(want, end, wiring)
    return Found(want, end, bridge, *(renamed or (None, None)))


def _renamed(want: Attachment, end: End, wiring: Wiring) -> tuple[Link, Link] | None:
    """Return the attachment whose interface bears another name: by its label, or by the host interface asked for."""
    inner_by_index = {link.index: link for link in end.namespace.links.values()}
    for outer in wiring.ours_by_namespace.get(end.namespace_id, []) if end.namespace_id is not None else []:
        said = read_label(outer.alias)
        if (said and said.interface == want.interface) or (want.host_interface and outer.name == want.host_interface):
            inner = inner_by_index.get(outer.peer)
            if inner is not None:
                return inner, outer
    return None


def _check_host_interfaces(found: Iterable[Found], wiring: Wiring) -> None:
    for one in found:
        holder = wiring.host.links.get(one.host_interface)
        if holder is None or (one.outer is not None and holder.index == one.outer.index) or _is_stale(holder, one):
            continue
        raise Refused(f"host_interface: {one.host_interface!r} is taken on this host by {_owner(holder)}; choose another")


def _is_stale(holder: Link, one: Found) -> bool:
    """Tell a veth of this very attachment that leads into a namespace the container has left."""
    said = read_label(holder.alias) if holder.ours else None
    leads_elsewhere = holder.kind == "veth" and (one.end.namespace_id is None or holder.peer_namespace != one.end.namespace_id)
    ours = (said is not None and said.interface == one.want.interface and said.names(one.want.target)) or (not holder.alias and holder.name == one.birth_name)
    return leads_elsewhere and ours


def _owner(link: Link) -> str:
    said = read_label(link.alias) if link.ours else None
    if said:
        return f"the attachment {said.interface} of {said.kind} {said.value}"
    return f"a {link.kind} interface that is not ours" if link.kind else "a physical interface"


# ---- making


def _creation(one: Found, wiring: Wiring) -> list[Operation]:
    want, place = one.want, one.end.place
    operations: list[Operation] = []
    for stale in dict.fromkeys((one.host_interface, one.birth_name)):
        link = wiring.host.links.get(stale)
        if link is not None:
            operations.append(DeleteLink(HOST, stale, f"veth {stale} that led into a namespace {place} has left", ()))
    alternative = names.alternative_name(want.target.value.rpartition("/")[2] if want.target.kind != "pid" else f"pid{want.target.value}", want.interface)
    operations.append(
        AddVeth(HOST, one.host_interface, one.birth_name, want.interface, place, want.mac, one.mtu, one.label.alias(), alternative)
    )
    operations += _ipv6_operations(one, one.end.disable_ipv6.get("default"))
    operations += [AddAddress(place, want.interface, address) for address in want.addresses or ()]
    if one.bridge.userspace:
        operations.append(SetTxChecksumOffload(place, want.interface, False))
    operations.append(SetLink(place, want.interface, {"up": True}, {"up": False}))
    operations += _routing(one)[0]
    operations.append(_joined(one, {"up": True}))
    return operations


def _joined(one: Found, new: dict[str, Any]) -> SetLink:
    if one.bridge.kind == LINUX:
        new = {"master": one.want.bridge, **({"isolated": True} if one.bridge.isolated else {}), **new}
    return SetLink(HOST, one.host_interface, new, {key: "" if key == "master" else False for key in new})


def _ipv6_operations(one: Found, shown: str | None) -> list[Operation]:
    wanted = any(addresses.family(address) == addresses.IPV6 for address in one.want.addresses or ())
    if not wanted or shown != "1":
        return []
    return [SetSysctl(one.end.place, f"net/ipv6/conf/{one.want.interface}/disable_ipv6", "0", "1")]


# ---- correcting


def _correction(one: Found, inner: Link, outer: Link, wiring: Wiring, ovs: _OvsChanges) -> list[Operation]:
    want, end, place = one.want, one.end, one.end.place
    shown = end.namespace.addresses.get(inner.name, ())
    own_routes = tuple(replace(entry, link=want.interface) for entry in end.namespace.routes if entry.link == inner.name)
    operations = _outer_identity(one, outer, ovs)
    if inner.name != want.interface:
        ipv6 = tuple(address for address in shown if addresses.family(address) == addresses.IPV6)
        operations.append(RenameLink(place, inner.name, want.interface, ipv6, own_routes))
    new: dict[str, Any] = {}
    if want.mac is not None and inner.mac != want.mac:
        new["mac"] = want.mac
    if inner.mtu != one.mtu:
        new["mtu"] = one.mtu
    if new:
        operations.append(SetLink(place, want.interface, new, {key: getattr(inner, key) for key in new}))
    if outer.mtu != one.mtu:
        operations.append(SetLink(HOST, one.host_interface, {"mtu": one.mtu}, {"mtu": outer.mtu}))
    operations += _ipv6_operations(one, end.disable_ipv6.get(inner.name))
    if want.addresses is not None:
        operations += link_addresses.additions(place, want.interface, want.addresses, shown, own_routes)
    if one.bridge.userspace and end.tx_checksum_offload.get(inner.name, False):
        operations.append(SetTxChecksumOffload(place, want.interface, False))
    if not inner.up:
        operations.append(SetLink(place, want.interface, {"up": True}, {"up": False}))
    routing, staying = _routing(one)
    operations += routing
    if want.addresses is not None:
        # Last, so that the old addresses carry the old routes until the new ones are in, and again when this is undone.
        if end.promote_secondaries.get(inner.name) == "0" and link_addresses.needs_promotion(want.addresses, shown):
            operations.append(SetSysctl(place, f"net/ipv4/conf/{want.interface}/promote_secondaries", "1", "0"))
        operations += link_addresses.removals(place, want.interface, want.addresses, shown, staying)
    operations += _outer_port(one, outer, wiring, ovs)
    if not operations:
        return []
    return [Remember(place, inner.name, shown, tuple(entry for entry in end.namespace.routes if entry.link == inner.name)), *operations]


def _outer_identity(one: Found, outer: Link, ovs: _OvsChanges) -> list[Operation]:
    operations: list[Operation] = []
    alias = one.label.alias()
    if not outer.ours:
        return [ClaimVeth(HOST, one.host_interface, outer.name, alias, "")]
    if outer.name != one.host_interface:
        ovs.drop(outer.name)
        operations.append(RenameLink(HOST, outer.name, one.host_interface, (), ()))
    said = read_label(outer.alias)
    # The same namespace may be named in several ways; the first one stays, so that two ways don't take turns.
    if said is None or said.interface != one.want.interface or (said.kind == one.want.target.kind and outer.alias != alias and not said.names(one.want.target)):
        operations.append(SetLink(HOST, one.host_interface, {"alias": alias}, {"alias": outer.alias}))
    return operations


def _outer_port(one: Found, outer: Link, wiring: Wiring, ovs: _OvsChanges) -> list[Operation]:
    master = wiring.by_index.get(outer.master)
    new: dict[str, Any] = {}
    if one.bridge.kind == LINUX:
        ovs.drop(outer.name)
        joins = master is None or master.name != one.want.bridge
        if joins:
            new["master"] = one.want.bridge
        if one.bridge.isolated and (joins or not outer.isolated):
            new["isolated"] = True
    elif master is not None and master.kind == "bridge":
        new["master"] = ""
    # A port that is to be isolated joins down.
    if not outer.up or {"master", "isolated"} <= new.keys():
        new["up"] = True
    old = {"master": master.name if master is not None and master.kind == "bridge" else "", "up": outer.up, "isolated": outer.isolated}
    return [SetLink(HOST, one.host_interface, new, {key: old[key] for key in new})] if new else []


def _routing(one: Found) -> tuple[list[Operation], tuple[route.Route, ...]]:
    """Return what sets routes and gateways, and which routes of the interface there are then.

    What a route needs comes first, the default last; the old one is kept until then.
    """
    want, place = one.want, one.end.place
    renamed = one.inner.name if one.inner is not None else want.interface
    shown = [replace(entry, link=want.interface) if entry.link == renamed else entry for entry in one.end.namespace.routes]
    if one.inner is None or not one.inner.up:
        shown = [entry for entry in shown if entry.link != want.interface]  # a link that is down holds none
    wanted = _wanted_routes(want, one.end.namespace.addresses.get(renamed, ()))
    by_key = {entry.key: entry for entry in shown}
    operations: list[Operation] = []
    for entry in wanted:
        old = by_key.get(entry.key)
        if old is None or (old.gateway, old.link) != (entry.gateway, entry.link):
            operations.append(SetRoute(place, entry, old))
    surplus = _surplus_routes(want, wanted, shown) if want.routes is not None else []
    operations += [RemoveRoute(place, entry) for entry in surplus]
    keys = {entry.key for entry in (*wanted, *surplus)}
    return operations, (*wanted, *(entry for entry in shown if entry.link == want.interface and entry.key not in keys))


def _surplus_routes(want: Attachment, wanted: Sequence[route.Route], shown: Sequence[route.Route]) -> list[route.Route]:
    """Return the routes of ours that nobody asked for, those through a gateway first.

    The host route to a gateway stays as long as a route that stays goes through it.
    """
    keys = {entry.key for entry in wanted}
    ours = [
        entry for entry in shown if entry.link == want.interface and entry.protocol == route.PROTOCOL and not entry.is_default and entry.key not in keys
    ]
    surplus = [entry for entry in ours if entry.gateway]
    staying = {entry.gateway for entry in wanted} | {entry.gateway for entry in shown if entry.key not in keys and entry not in surplus}
    return surplus + [entry for entry in ours if not entry.gateway and addresses.bare(entry.destination) not in staying]


def _wanted_routes(want: Attachment, shown: tuple[str, ...]) -> list[route.Route]:
    held = want.addresses if want.addresses is not None else shown
    routes = list(want.routes or ()) + [route.default(gateway, want.interface) for gateway in want.gateways]
    wanted: list[route.Route] = []
    for entry in routes:
        reached = [other.destination for other in wanted if other.gateway is None]
        if entry.gateway and not link_addresses.is_link_local(entry.gateway):
            if not any(addresses.contains(subnet, entry.gateway) for subnet in (*held, *reached)):
                wanted.append(route.host(entry.gateway, want.interface))
        wanted.append(entry)
    return wanted


def _to_announce(one: Found, operations: list[Operation], ovs: _OvsChanges) -> bool:
    if not _announced(one):
        return False
    if one.outer is None or one.outer.name in ovs.left or one.host_interface in ovs.joined:
        return True
    for operation in operations:
        if isinstance(operation, AddAddress):
            return True
        if isinstance(operation, SetLink) and {"mac", "master", "up"} & operation.new.keys():
            return True
    return False


def _announced(one: Found) -> tuple[str, ...]:
    held = one.want.addresses
    if held is None:
        held = one.end.namespace.addresses.get(one.inner.name, ()) if one.inner is not None else ()
    return tuple(addresses.bare(address) for address in held if not link_addresses.is_link_local(address))


# ---- Open vSwitch


class _OvsChanges:
    """Collects what one transaction takes out of bridges and another puts in."""

    def __init__(self, wiring: Wiring) -> None:
        self._shown = wiring.ovs_ports
        self.left: dict[str, OvsPort] = {}
        self.joined: dict[str, OvsPort] = {}
        self._changed: dict[str, OvsPort] = {}

    def drop(self, name: str) -> None:
        if name in self._shown:
            self.left[name] = self._shown[name]

    def want(self, port: OvsPort) -> None:
        shown = self._shown.get(port.name)
        if shown is None or port.name in self.left:
            self.joined[port.name] = port
        elif shown.bridge != port.bridge:
            self.drop(port.name)
            self.joined[port.name] = port
        elif (shown.tag, shown.trunks, shown.vlan_mode) != (port.tag, port.trunks, port.vlan_mode) or not set(port.external_ids) <= set(shown.external_ids):
            merged = tuple(sorted({**dict(shown.external_ids), **dict(port.external_ids)}.items()))
            self._changed[port.name] = replace(port, external_ids=merged)

    def leave(self) -> list[Operation]:
        ports = tuple(self.left[name] for name in sorted(self.left))
        return [ChangeOvsPorts(HOST, (), (), ports, ports)] if ports else []

    def join(self) -> list[Operation]:
        if not self.joined and not self._changed:
            return []
        return [ChangeOvsPorts(HOST, tuple(self.joined.values()), tuple(self._changed.values()), (), tuple(self._shown[name] for name in self._changed))]


def _connect_ovs(one: Found, ovs: _OvsChanges) -> None:
    if one.bridge.kind == OVS:
        ids = ((EXTERNAL_ID, one.label.external_id()),)
        ovs.want(OvsPort(one.host_interface, one.want.bridge, one.want.vlan, (), None, ids))


def _ports_of(target: Target, interface: str, wiring: Wiring) -> list[OvsPort]:
    found = []
    for port in wiring.ovs_ports.values():
        said = read_label(dict(port.external_ids).get(EXTERNAL_ID, ""))
        if said and said.interface == interface and said.names(target):
            found.append(port)
    return found


# ---- taking away


def _outers_of(want: Attachment, end: End | None, wiring: Wiring) -> list[Link]:
    if end is None:
        labels = [(link, read_label(link.alias)) for link in wiring.host.links.values() if link.ours]
        return [link for link, said in labels if said and said.interface == want.interface and said.names(want.target)]
    inner = end.namespace.links.get(want.interface)
    if inner is None:
        renamed = _renamed(want, end, wiring)
        return [renamed[1]] if renamed else []
    outer = wiring.host_end(end, inner)
    if outer is None or not (outer.ours or outer.name == end.birth_name(want.interface)):
        raise Refused(f"interface: {want.interface!r} of {end.place} was not made by this collection and stays; remove it with what made it")
    return [outer]


def _deletion(outer: Link, end: End | None, wiring: Wiring) -> DeleteLink:
    restore: list[Operation] = []
    said = read_label(outer.alias)
    what = f"veth {outer.name} of {said.interface} of {said.kind} {said.value}" if said else f"veth {outer.name}"
    inner = next((link for link in end.namespace.links.values() if link.index == outer.peer), None) if end is not None else None
    if end is not None and inner is not None:
        alternative = "".join(outer.alternative_names[:1])
        restore.append(AddVeth(HOST, outer.name, end.birth_name(inner.name), inner.name, end.place, inner.mac, inner.mtu, outer.alias, alternative))
        restore += [AddAddress(end.place, inner.name, address) for address in end.namespace.addresses.get(inner.name, ())]
        if outer.name in wiring.ovs_ports:
            restore.append(SetTxChecksumOffload(end.place, inner.name, False))
        restore.append(SetLink(end.place, inner.name, {"up": inner.up}, {}))
        restore += [SetRoute(end.place, entry, None) for entry in end.namespace.routes if entry.link == inner.name]
        master = wiring.by_index.get(outer.master)
        new: dict[str, Any] = {"up": outer.up}
        if master is not None and master.kind == "bridge":
            new["master"] = master.name
            if outer.isolated:
                new["isolated"] = True
        restore.append(SetLink(HOST, outer.name, new, {}))
    return DeleteLink(HOST, outer.name, what, tuple(restore))


def _purge(bridge: str, kept: set[str], wiring: Wiring, ovs: _OvsChanges) -> list[Operation]:
    operations: list[Operation] = []
    for outer in sorted(wiring.host.links.values(), key=lambda link: link.name):
        if outer.ours and outer.kind == "veth" and outer.name not in kept and wiring.bridge_of(outer) == bridge:
            ovs.drop(outer.name)
            operations.append(_deletion(outer, None, wiring))
    for port in wiring.ovs_ports.values():
        if port.bridge == bridge and port.name not in kept and EXTERNAL_ID in dict(port.external_ids):
            ovs.drop(port.name)
    return operations
