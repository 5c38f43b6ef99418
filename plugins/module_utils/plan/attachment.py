# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted attachments and what host and containers show to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model import addresses, limits, names
from ..model.attachment import ANY_BRIDGE, Attachment
from ..model.ownership import EXTERNAL_ID, read_label
from ..state.attachments import LINUX, ContainerSide, HostSide
from ..state.network import HOST, Link
from . import attachment_refusals, link_addresses
from .address_operations import AddAddress, RestoreOnUndo, SetRoute, on_link_first
from .attachment_match import AttachmentMatch, find_all, find_bridge, made_by_us, refuse_mistaken, renamed
from .attachment_routes import plan_routes, taken_by_others
from .link_operations import (
    AddVeth,
    Announce,
    ClaimVeth,
    DeleteLink,
    RenameLink,
    SetLink,
    SetTxChecksumOffload,
    of_same_keys,
)
from .operations import Operation, SetSysctl
from .ovs_ports import OvsChanges, connect, ports_of

if TYPE_CHECKING:
    from .host import LinkSettings

# How a new veth is.
_ALONE_AND_DOWN: LinkSettings = {"master": "", "isolated": False, "vlans": None, "up": False}


def present(
    wants: Sequence[tuple[Attachment, ContainerSide]],
    host_side: HostSide,
    announce: bool = True,
    purge: str | None = None,
) -> list[Operation]:
    """Return what makes all attachments as wanted.

    ``purge`` names a bridge: attachments of ours on it that are not wanted go.

    :raises Refused: an interface name that is taken, a bridge that is not there.
    """
    if purge is not None:
        find_bridge(purge, host_side)
    found = find_all(wants, host_side)
    attachment_refusals.check(found, host_side)
    middle: list[Operation] = []
    last: list[Operation] = []
    ovs = OvsChanges(host_side)
    for one, taken in zip(found, taken_by_others(found)):
        made = (
            _correction(one, one.peer, one.host_veth, host_side, ovs, taken)
            if one.peer and one.host_veth
            else _creation(one, host_side, ovs)
        )
        middle += made
        connect(one, ovs)
        if announce and _to_announce(one, made, ovs):
            last.append(Announce(one.side.netns, one.want.interface, _announced(one)))
    if purge is not None:
        kept = {one.host_veth.name for one in found if one.host_veth} | {
            name for one in found for name in (one.host_interface, one.birth_name)
        }
        # Last of all: what is purged can't be made again.
        last += _purge(purge, kept, host_side, ovs)
    return ovs.leave() + middle + ovs.join() + last


def absent(wants: Sequence[tuple[Attachment, ContainerSide | None]], host_side: HostSide) -> list[Operation]:
    """Return what takes attachments away; an ``ContainerSide`` of ``None`` is a container that is gone or has stopped.

    One that is on another bridge than the one named has moved there, and stays.

    :raises Refused: the interface is there and not ours.
    """
    ovs = OvsChanges(host_side)
    deletions: dict[str, Operation] = {}
    for want, side in wants:
        for host_veth in _host_veths_of(want, side, host_side):
            if not _within(host_side.bridge_of(host_veth), want):
                continue
            live = side is not None and host_veth.peer_netns == side.netns_id
            deletions.setdefault(host_veth.name, _deletion(host_veth, side if live else None, host_side))
            (ovs.drop if live else ovs.clear)(host_veth.name)
        for port in ports_of(want.target, want.interface, host_side):
            if port.name not in host_side.network.links and _within(port.bridge, want):
                ovs.clear(port.name)
    return ovs.leave() + list(deletions.values())


# ---- making


def _creation(one: AttachmentMatch, host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    want, netns = one.want, one.side.netns
    operations: list[Operation] = []
    for stale in dict.fromkeys((one.host_interface, one.birth_name)):
        link = host_side.network.links.get(stale)
        if link is not None:
            operations.append(_stale_deletion(stale, netns))
        port = host_side.ovs_ports.get(stale)
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
            netns,
            want.mac,
            one.mtu,
            one.label.alias(),
            alternative,
        )
    )
    operations += _ipv6_operations(one, one.side.disable_ipv6.get("default"))
    operations += [AddAddress(netns, want.interface, address) for address in want.addresses or ()]
    if one.bridge.userspace:
        operations.append(SetTxChecksumOffload(netns, want.interface, False))
    operations.append(SetLink(netns, want.interface, {"up": True}, {"up": False}))
    operations += plan_routes(one, ())[0]
    operations.append(_joined(one))
    return operations


def _stale_deletion(name: str, netns: str) -> DeleteLink:
    return DeleteLink(HOST, name, f"veth {name} that led into a namespace {netns} has left", ())


def _joined(one: AttachmentMatch) -> SetLink:
    new: LinkSettings = {}
    if one.bridge.kind == LINUX:
        new["master"] = one.want.bridge
        if one.bridge.isolated:
            new["isolated"] = True
        if one.port_vlans != one.bridge.default_vlans:
            new["vlans"] = one.port_vlans
    new["up"] = True
    return SetLink(HOST, one.host_interface, new, of_same_keys(_ALONE_AND_DOWN, new))


def _ipv6_operations(one: AttachmentMatch, shown: str | None) -> list[Operation]:
    wanted = any(addresses.family(address) == addresses.IPV6 for address in one.want.addresses or ())
    if not wanted or shown != "1":
        return []
    return [SetSysctl(one.side.netns, f"net/ipv6/conf/{one.want.interface}/disable_ipv6", "0", "1")]


# ---- correcting


def _correction(
    one: AttachmentMatch,
    peer: Link,
    host_veth: Link,
    host_side: HostSide,
    ovs: OvsChanges,
    taken: Collection[tuple[str, int]],
) -> list[Operation]:
    want, side, netns = one.want, one.side, one.side.netns
    shown = side.network.addresses.get(peer.name, ())
    # Put back on the way is what is not another attachment's by then.
    own_routes = tuple(
        replace(entry, link=want.interface)
        for entry in side.network.routes
        if entry.link == peer.name and entry.key not in taken
    )
    operations = _host_veth_identity(one, host_veth, host_side, ovs)
    if peer.name != want.interface:
        ipv6 = tuple(address for address in shown if addresses.family(address) == addresses.IPV6)
        operations.append(RenameLink(netns, peer.name, want.interface, ipv6, on_link_first(own_routes)))
    if want.mac is not None and peer.mac != want.mac:
        operations.append(SetLink(netns, want.interface, {"mac": want.mac}, {"mac": peer.mac}))
    # An MTU too small for IPv6 comes after the IPv6 addresses went, so that it is larger again before they come back.
    takes_ipv6_off = one.mtu < limits.IPV6_MTU
    if not takes_ipv6_off:
        operations += _mtu_operations(one, peer, host_veth)
    operations += _ipv6_operations(one, side.disable_ipv6.get(peer.name))
    if want.addresses is not None:
        operations += link_addresses.additions(netns, want.interface, want.addresses, shown, own_routes)
    if one.bridge.userspace and side.tx_checksum_offload.get(peer.name, False):
        operations.append(SetTxChecksumOffload(netns, want.interface, False))
    if not peer.up:
        operations.append(SetLink(netns, want.interface, {"up": True}, {"up": False}))
    routing, staying = plan_routes(one, taken)
    operations += routing
    if want.addresses is not None:
        # Last, so that the old addresses carry the old routes until the new ones are in, and again when this is undone.
        if side.promote_secondaries.get(peer.name) == "0" and link_addresses.needs_promotion(want.addresses, shown):
            operations.append(SetSysctl(netns, f"net/ipv4/conf/{want.interface}/promote_secondaries", "1", "0"))
        operations += link_addresses.removals(netns, want.interface, want.addresses, shown, staying)
    if takes_ipv6_off:
        operations += _mtu_operations(one, peer, host_veth)
    operations += _host_veth_port(one, host_veth, host_side, ovs)
    if not operations:
        return []
    return [
        RestoreOnUndo(
            netns, peer.name, shown, tuple(entry for entry in side.network.routes if entry.link == peer.name)
        ),
        *operations,
    ]


def _mtu_operations(one: AttachmentMatch, peer: Link, host_veth: Link) -> list[Operation]:
    sides = ((one.side.netns, one.want.interface, peer), (HOST, one.host_interface, host_veth))
    return [
        SetLink(netns, name, {"mtu": one.mtu}, {"mtu": link.mtu}) for netns, name, link in sides if link.mtu != one.mtu
    ]


def _host_veth_identity(one: AttachmentMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    alias = one.label.alias()
    operations: list[Operation] = [] if host_veth.ours else [ClaimVeth(HOST, host_veth.name, alias)]
    if host_veth.name != one.host_interface:
        ovs.drop(host_veth.name)
        if one.bridge.kind == LINUX:
            ovs.clear(one.host_interface)  # it would take in whatever comes to bear the name
        if one.host_interface in host_side.network.links:
            operations.append(_stale_deletion(one.host_interface, one.side.netns))
        operations.append(RenameLink(HOST, host_veth.name, one.host_interface, (), ()))
    said = read_label(host_veth.alias) if host_veth.ours else one.label
    # The same namespace may be named in several ways; the first one stays, so that two ways don't take turns.
    if (
        said is None
        or said.interface != one.want.interface
        or (said.kind == one.want.target.kind and host_veth.alias != alias and not said.names(one.want.target))
    ):
        operations.append(SetLink(HOST, one.host_interface, {"alias": alias}, {"alias": host_veth.alias}))
    return operations


def _host_veth_port(one: AttachmentMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    master = host_side.by_index.get(host_veth.master)
    new: LinkSettings = {}
    if one.bridge.kind == LINUX:
        ovs.drop(host_veth.name)
        joins = master is None or master.name != one.want.bridge
        if joins:
            new["master"] = one.want.bridge
        if one.bridge.isolated and (joins or not host_veth.isolated):
            new["isolated"] = True
        if one.bridge.vlan_filtering and one.port_vlans != (one.bridge.default_vlans if joins else host_veth.vlans):
            new["vlans"] = one.port_vlans
    elif master is not None and master.kind == "bridge":
        new["master"] = ""
    former = master.name if master is not None and master.kind == "bridge" else ""
    had_vlans = master is not None and bool(master.bridge.get("vlan_filtering"))
    if "master" in new:
        # What it had is to come back with the former bridge.
        if had_vlans:
            new.setdefault("vlans", None)
        if former and host_veth.isolated:
            new.setdefault("isolated", None)
    # A port that is to be isolated or in VLANs joins down.
    if not host_veth.up or ("master" in new and not new.keys().isdisjoint(("isolated", "vlans"))):
        new["up"] = True
    old: LinkSettings = {
        "master": former,
        "up": host_veth.up,
        "isolated": host_veth.isolated if former else None,
        "vlans": host_veth.vlans if had_vlans else None,
    }
    return [SetLink(HOST, one.host_interface, new, of_same_keys(old, new))] if new else []


def _to_announce(one: AttachmentMatch, operations: list[Operation], ovs: OvsChanges) -> bool:
    if not _announced(one):
        return False
    if one.host_veth is None or one.host_veth.name in ovs.left or one.host_interface in ovs.joined:
        return True
    for operation in operations:
        if isinstance(operation, AddAddress):
            return True
        if isinstance(operation, SetLink) and {"mac", "master", "up", "vlans"} & operation.new.keys():
            return True
    return False


def _announced(one: AttachmentMatch) -> tuple[str, ...]:
    held = one.want.addresses
    if held is None:
        held = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    return tuple(addresses.bare(address) for address in held if not addresses.is_link_local(address))


# ---- taking away


def _within(bridge: str | None, want: Attachment) -> bool:
    """Tell whether what is on ``bridge`` (``None``: on none, as after the bridge was deleted) is of the bridge that was named, if any was."""
    return bridge is None or want.bridge in (ANY_BRIDGE, bridge)


def _host_veths_of(want: Attachment, side: ContainerSide | None, host_side: HostSide) -> list[Link]:
    if side is None:
        labels = [(link, read_label(link.alias)) for link in host_side.network.links.values() if link.ours]
        return [link for link, said in labels if said and said.interface == want.interface and said.names(want.target)]
    left_behind = _left_behind(want, side, host_side)
    peer = side.network.links.get(want.interface)
    if peer is None:
        other = renamed(want, side, host_side)
        return [other[1], *left_behind] if other else left_behind
    host_veth = host_side.host_veth(side, peer)
    if host_veth is None or not made_by_us(host_veth, want, side):
        raise Refused(
            f"interface: {want.interface!r} of {side.netns} was not made by this collection and stays; remove it with what made it"
        )
    refuse_mistaken(want, side, host_veth, host_side)
    return [host_veth, *left_behind]


def _left_behind(want: Attachment, side: ContainerSide, host_side: HostSide) -> list[Link]:
    """Return veths of this attachment into a namespace that its container has left.

    The label must say the same container, not only one of the same name; a
    process id may be another process's by now.
    """
    found = []
    for host_veth in host_side.network.links.values():
        said = (
            read_label(host_veth.alias)
            if host_veth.ours and host_veth.kind == "veth" and host_veth.peer_netns != side.netns_id
            else None
        )
        if said is not None and said.interface == want.interface and said.names(want.target) and said.kind != "pid":
            if said.kind != "container" or said.identity == side.identity:
                found.append(host_veth)
    return found


def _deletion(host_veth: Link, side: ContainerSide | None, host_side: HostSide) -> DeleteLink:
    restore: list[Operation] = []
    said = read_label(host_veth.alias)
    what = (
        f"veth {host_veth.name} of {said.interface} of {said.kind} {said.value}" if said else f"veth {host_veth.name}"
    )
    peer = (
        next((link for link in side.network.links.values() if link.index == host_veth.peer), None)
        if side is not None
        else None
    )
    if side is not None and peer is not None:
        alternative = "".join(host_veth.alternative_names[:1])
        restore.append(
            AddVeth(
                HOST,
                host_veth.name,
                side.birth_name(peer.name),
                peer.name,
                side.netns,
                peer.mac,
                peer.mtu,
                host_veth.alias,
                alternative,
            )
        )
        held = side.network.addresses.get(peer.name, ())
        if host_veth.mtu != peer.mtu:
            restore.append(SetLink(HOST, host_veth.name, {"mtu": host_veth.mtu}, {}))
        if any(addresses.family(address) == addresses.IPV6 for address in held):
            restore.append(SetSysctl(side.netns, f"net/ipv6/conf/{peer.name}/disable_ipv6", "0", "0"))
        restore += [AddAddress(side.netns, peer.name, address) for address in held]
        if host_veth.name in host_side.ovs_ports:
            restore.append(SetTxChecksumOffload(side.netns, peer.name, False))
        restore.append(SetLink(side.netns, peer.name, {"up": peer.up}, {}))
        restore += [
            SetRoute(side.netns, entry, None)
            for entry in on_link_first(entry for entry in side.network.routes if entry.link == peer.name)
        ]
        master = host_side.by_index.get(host_veth.master)
        new: LinkSettings = {"up": host_veth.up}
        if master is not None and master.kind == "bridge":
            new["master"] = master.name
            if host_veth.isolated:
                new["isolated"] = True
            if master.bridge.get("vlan_filtering") and host_veth.vlans != master.default_vlans:
                new["vlans"] = host_veth.vlans
        restore.append(SetLink(HOST, host_veth.name, new, {}))
    return DeleteLink(HOST, host_veth.name, what, tuple(restore))


def _purge(bridge: str, kept: set[str], host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    operations: list[Operation] = []
    for host_veth in sorted(host_side.network.links.values(), key=lambda link: link.name):
        if (
            host_veth.ours
            and host_veth.kind == "veth"
            and host_veth.name not in kept
            and host_side.bridge_of(host_veth) == bridge
        ):
            ovs.drop(host_veth.name)
            operations.append(replace(_deletion(host_veth, None, host_side), restore=None))
    for port in host_side.ovs_ports.values():
        if port.bridge == bridge and port.name not in kept and EXTERNAL_ID in dict(port.external_ids):
            (ovs.drop if port.name in host_side.network.links else ovs.clear)(port.name)
    return operations
