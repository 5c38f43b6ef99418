# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From attachments that are there, and not as wanted, to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model import addresses, limits
from ..state.attachments import LINUX, HostSide
from ..state.network import HOST, Link
from . import link_addresses
from .address_operations import set_ipv6
from .attachment_match import AttachmentMatch
from .attachment_names import alias as alias_of
from .attachment_routes import plan_routes
from .link_operations import ClaimVeth, DropLinkLocal, RenameLink, SetLink, SetTxChecksumOffload, of_same_keys
from .operations import Operation, SetSysctl
from .ovs_ports import OvsChanges
from .route_operations import RestoreOnUndo, on_link_first

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


def correction(
    one: AttachmentMatch,
    peer: Link,
    host_veth: Link,
    host_side: HostSide,
    ovs: OvsChanges,
    taken: Collection[tuple[str, int]],
    quiet: bool = False,
) -> list[Operation]:
    want, side, netns = one.want, one.side, one.side.netns
    shown = side.network.addresses.get(peer.name, ())
    leases = side.network.leases.get(peer.name, {})
    messages = side.network.messages_of(peer.name)
    # Put back on the way is what is not another attachment's by then.
    own_routes = tuple(
        replace(entry, link=want.interface)
        for entry in side.network.routes
        if entry.link == peer.name and entry.key not in taken
    )
    operations = _host_veth_identity(one, host_veth, host_side, ovs)
    if peer.name != want.interface:
        ipv6 = {address: b"" for address in shown if addresses.family(address) == addresses.IPV6}
        operations.append(RenameLink(netns, peer.name, want.interface, ipv6, on_link_first(own_routes)))
    if want.mac is not None and peer.mac != want.mac:
        operations.append(SetLink(netns, want.interface, {"mac": want.mac}, {"mac": peer.mac}))
    # An MTU too small for IPv6 comes after the IPv6 addresses went, so that it is larger again before they come back.
    takes_ipv6_off = one.mtu < limits.IPV6_MTU
    if not takes_ipv6_off:
        operations += _mtu_operations(one, peer, host_veth)
    # One for which nobody asks IPv6 any more keeps it: what else has come to use it isn't known.
    if want.wants_ipv6 and peer.ipv6 is False:
        operations.append(set_ipv6(netns, want.interface, True))
    elif want.ipv6 is False and peer.ipv6:
        operations.append(set_ipv6(netns, want.interface, False))
    if want.addresses is not None:
        faults = side.network.faults.get(peer.name, {})
        operations += link_addresses.additions(
            netns, want.interface, want.addresses, shown, own_routes, leases=leases, messages=messages, faults=faults
        )
    if one.bridge.userspace and side.tx_checksum_offload.get(peer.name, False):
        operations.append(SetTxChecksumOffload(netns, want.interface, False))
    if not peer.up:
        operations.append(SetLink(netns, want.interface, {"up": True}, {"up": False}))
    routing, staying = plan_routes(one, taken)
    operations += routing
    if want.addresses is not None and not want.adds_only:
        # Last, so that the old addresses carry the old routes until the new ones are in, and again when this is undone.
        if side.promote_secondaries.get(peer.name) == "0" and link_addresses.needs_promotion(want.addresses, shown):
            operations.append(SetSysctl(netns, f"net/ipv4/conf/{want.interface}/promote_secondaries", "1", "0"))
        operations += link_addresses.removals(netns, want.interface, want.addresses, shown, staying, messages=messages)
    if takes_ipv6_off:
        operations += _mtu_operations(one, peer, host_veth)
    operations += _host_veth_port(one, host_veth, host_side, ovs, quiet)
    if not operations:
        return []
    return [
        RestoreOnUndo(
            netns,
            peer.name,
            {address: messages.get(address, b"") for address in shown},
            tuple(entry for entry in side.network.routes if peer.name in entry.links),
            tuple(leases.values()),
        ),
        *operations,
    ]


def _mtu_operations(one: AttachmentMatch, peer: Link, host_veth: Link) -> list[Operation]:
    sides = ((one.side.netns, one.want.interface, peer), (HOST, one.host_interface, host_veth))
    return [
        SetLink(netns, name, {"mtu": one.mtu}, {"mtu": link.mtu}) for netns, name, link in sides if link.mtu != one.mtu
    ]


def _host_veth_identity(one: AttachmentMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    alias = alias_of(one)
    operations: list[Operation] = [] if host_veth.ours else [ClaimVeth(HOST, host_veth.name, alias)]
    if host_veth.name != one.host_interface:
        ovs.drop(host_veth.name)
        port = host_side.ovs_ports.get(one.host_interface)
        if one.bridge.kind == LINUX or (port is not None and port.bridge != one.want.bridge):
            ovs.clear(one.host_interface)  # it would take in whatever comes to bear the name
        if one.host_interface in host_side.network.links:
            from .attachment_deletion import stale_deletion

            operations.append(stale_deletion(one.host_interface, one.side.netns))
        operations.append(RenameLink(HOST, host_veth.name, one.host_interface, {}, ()))
    if host_veth.ours and host_veth.alias != alias:
        operations.append(SetLink(HOST, one.host_interface, {"alias": alias}, {"alias": host_veth.alias}))
    if host_veth.makes_link_local:
        operations.append(DropLinkLocal(HOST, one.host_interface))
    return operations


def _host_veth_port(
    one: AttachmentMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges, quiet: bool
) -> list[Operation]:
    master = host_side.by_index.get(host_veth.master)
    new: LinkSettings = {}
    if one.bridge.kind == LINUX:
        ovs.drop(host_veth.name)
        joins = master is None or master.name != one.want.bridge
        if joins:
            new["master"] = one.want.bridge
        if one.bridge.isolated and (joins or not host_veth.isolated):
            new["isolated"] = True
        if quiet:
            new["floods"] = False
        elif not joins and not host_veth.floods:
            new["floods"] = True  # a killed run left it closed
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
        if former and not host_veth.floods:
            new.setdefault("floods", None)
    # A port that is to be isolated or in VLANs joins down.
    if not host_veth.up or ("master" in new and not new.keys().isdisjoint(("isolated", "floods", "vlans"))):
        new["up"] = True
    old: LinkSettings = {
        "master": former,
        "up": host_veth.up,
        "isolated": host_veth.isolated if former else None,
        "floods": host_veth.floods if former else None,
        "vlans": host_veth.vlans if had_vlans else None,
    }
    return [SetLink(HOST, one.host_interface, new, of_same_keys(old, new))] if new else []
