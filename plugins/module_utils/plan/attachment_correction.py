# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From attachments that are there, and not as wanted, to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..state.attachments import LINUX, HostSide
from ..state.network import HOST, Link
from . import container_side
from .attachment_match import VethMatch
from .attachment_names import alias as alias_of
from .link_operations import ClaimVeth, DropLinkLocal, RenameLink, SetLink, SetTxChecksumOffload, of_same_keys
from .operations import Operation
from .ovs_ports import OvsChanges

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


def correction(
    one: VethMatch,
    peer: Link,
    host_veth: Link,
    host_side: HostSide,
    ovs: OvsChanges,
    taken: Collection[tuple[str, int]],
    quiet: bool = False,
) -> list[Operation]:
    operations = _host_veth_identity(one, host_veth, host_side, ovs)
    offloads = one.bridge.userspace and one.side.tx_checksum_offload.get(peer.name, False)
    beside = [SetTxChecksumOffload(one.side.netns, one.want.interface, False)] if offloads else []
    operations += container_side.corrected(one, peer, taken, _mtu_operations(one, peer, host_veth), beside)
    operations += _host_veth_port(one, host_veth, host_side, ovs, quiet)
    return container_side.undone_whole(one, peer, operations)


def _mtu_operations(one: VethMatch, peer: Link, host_veth: Link) -> list[Operation]:
    sides = ((one.side.netns, one.want.interface, peer), (HOST, one.host_interface, host_veth))
    return [
        SetLink(netns, name, {"mtu": one.mtu}, {"mtu": link.mtu}) for netns, name, link in sides if link.mtu != one.mtu
    ]


def _host_veth_identity(one: VethMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
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
    one: VethMatch, host_veth: Link, host_side: HostSide, ovs: OvsChanges, quiet: bool
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
