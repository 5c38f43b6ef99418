# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From attachments that are to go to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model.attachment import Attachment, Purge
from ..model.ownership import EXTERNAL_ID, OwnershipLabel, maker_in_container, read_label
from ..model.route import PROTOCOL
from ..state.attachments import ContainerSide, HostSide
from ..state.network import HOST, Link
from . import container_side
from .attachment_match import made_by_us, refuse_mistaken, renamed
from .link_operations import AddVeth, DeleteLink, SetLink, together
from .operations import Operation
from .ovs_ports import OvsChanges
from .route_operations import RemoveRoute

if TYPE_CHECKING:
    from ..model.route import Route
    from .host_protocol import LinkSettings


def stale_deletion(name: str, netns: str) -> DeleteLink:
    return DeleteLink(HOST, name, f"veth {name} that led into a namespace {netns} has left", ())


def former_deletion(name: str, label: OwnershipLabel) -> DeleteLink:
    what = f"veth {name} of {label.interface} in {label.holder}, which was called {label.value} before"
    return DeleteLink(HOST, name, what, None)


def deletion(host_veth: Link, side: ContainerSide | None, host_side: HostSide) -> DeleteLink:
    restore: list[Operation] = []
    label = read_label(host_veth.alias)
    what = (
        f"veth {host_veth.name} of {label.interface} of {label.kind} {label.value}"
        if label
        else f"veth {host_veth.name}"
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
        if host_veth.mtu != peer.mtu:
            restore.append(SetLink(HOST, host_veth.name, {"mtu": host_veth.mtu}, {}))
        restore += container_side.restored(side, peer)
        master = host_side.by_index.get(host_veth.master)
        new: LinkSettings = {"up": host_veth.up}
        if master is not None and master.kind == "bridge":
            new["master"] = master.name
            if host_veth.isolated:
                new["isolated"] = True
            if not host_veth.floods:
                new["floods"] = False
            if master.bridge.get("vlan_filtering") and host_veth.vlans != master.default_vlans:
                new["vlans"] = host_veth.vlans
        restore.append(SetLink(HOST, host_veth.name, new, {}))
    return DeleteLink(HOST, host_veth.name, what, tuple(restore))


def outliving(sides: Sequence[ContainerSide], going: Collection[str], host_side: HostSide) -> list[Operation]:
    """Return what removes routes of attachments whose host veths are ``going`` that would not go with their links.

    Those that lead nowhere have none, and in IPv6 one of several next hops stays with the others.
    """
    operations: dict[tuple[str, Route], Operation] = {}
    for side in sides:
        for entry in side.network.routes:
            holders = side.to_nowhere if entry.leads_nowhere else entry.through[:1]
            veths = [
                host_side.host_veth(side, side.network.links[name]) for name in holders if name in side.network.links
            ]
            if (
                entry.protocol == PROTOCOL
                and (entry.leads_nowhere or entry.through)
                and all(veth is not None and veth.name in going for veth in veths)
            ):
                operations[side.netns, entry] = RemoveRoute(side.netns, entry)
    return [*operations.values(), *rules_outliving(sides, going, host_side, nobodys=True)]


def rules_outliving(
    sides: Sequence[ContainerSide], going: Collection[str], host_side: HostSide, nobodys: bool = False
) -> list[Operation]:
    """Return what removes the rules of attachments whose host veths are ``going``, and those of nobody."""
    interfaces = {
        (side.netns, link.name)
        for side in sides
        for link in side.network.links.values()
        if (host_veth := host_side.host_veth(side, link)) is not None and host_veth.name in going
    }
    return container_side.rules_left_behind(sides, interfaces, nobodys)


def take_back_defaults(deletions: Sequence[DeleteLink], sides: Sequence[ContainerSide]) -> list[Operation]:
    """Return what sets default routes again whose place those took that go with their links."""
    restoring = [operation for one in deletions for operation in one.restore or ()]
    links = {(each.peer_netns, each.peer) for each in restoring if isinstance(each, AddVeth)}
    return container_side.take_back_defaults(restoring, links, sides)


def purge_operations(purge: Purge, kept: set[str], host_side: HostSide, ovs: OvsChanges) -> list[Operation]:
    deletions: list[DeleteLink] = []
    for host_veth in sorted(host_side.network.links.values(), key=lambda link: link.name):
        if (
            host_veth.ours
            and host_veth.kind == "veth"
            and host_veth.name not in kept
            and purge.takes(host_side.bridge_of(host_veth) or "", host_side.owner_of(host_veth.name))
        ):
            ovs.drop(host_veth.name)
            deletions.append(replace(deletion(host_veth, None, host_side), restore=None))
    for port in host_side.ovs_ports.values():
        is_ours = EXTERNAL_ID in dict(port.external_ids) and port.name not in kept
        if is_ours and purge.takes(port.bridge, host_side.owner_of(port.name)):
            (ovs.drop if port.name in host_side.network.links else ovs.clear)(port.name)
    return together(deletions)


def host_veths_of(want: Attachment, side: ContainerSide | None, host_side: HostSide) -> list[Link]:
    if side is None:
        labels = [(link, read_label(link.alias)) for link in host_side.network.links.values() if link.ours]
        return [
            link for link, label in labels if label and label.interface == want.interface and label.names(want.target)
        ]
    left_behind = _left_behind(want, side, host_side)
    peer = side.network.links.get(want.interface)
    if peer is None:
        other = renamed(want, side, host_side)
        return [other[1], *left_behind] if other else left_behind
    host_veth = host_side.host_veth(side, peer)
    if host_veth is None or not made_by_us(host_veth, want, side):
        module = maker_in_container(peer.alias)
        made = f"made by {module}" if module else "not made by this collection"
        raise Refused(
            f"interface: {want.interface!r} of {side.netns} was {made} and stays; remove it with what made it"
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
        label = (
            read_label(host_veth.alias)
            if host_veth.ours and host_veth.kind == "veth" and host_veth.peer_netns != side.netns_id
            else None
        )
        if label is not None and label.interface == want.interface and label.names(want.target) and label.kind != "pid":
            if label.kind != "container" or label.identity == side.identity:
                found.append(host_veth)
    return found
