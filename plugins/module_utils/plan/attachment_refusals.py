# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments that must not be made on this host as it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Refused
from ..model import addresses, limits
from ..model.ownership import EXTERNAL_ID, read_label
from ..state.attachments import LINUX, OVS, AttachedBridgeState, HostSide
from ..state.network import Link
from .attachment_match import VethMatch
from .attachment_segments import brings_something
from .container_side_refusals import check_interface_name, check_more, check_mtus, check_routes


def check(found: Sequence[VethMatch], host_side: HostSide) -> None:
    """Refuse what would take something of others, or what the kernel would refuse half-way.

    :raises Refused: naming the first such attachment.
    """
    for one in found:
        check_owner(one.want.owner, one.want.bridge, one.bridge)
    _check_nested(found, host_side)
    _check_links(found)
    _check_host_interfaces(found, host_side)
    _check_alternative_names(found, host_side)
    check_mtus(found)
    _check_bridge_mtus(found, host_side)
    check_routes(found)
    check_more(found)
    _check_addresses(found, host_side)
    _check_conflicts(found, host_side)


def check_owner(owner: str, name: str, bridge: AttachedBridgeState) -> None:
    """Refuse an owner where nothing could note it.

    :raises Refused: the bridge is a Linux bridge.
    """
    if owner and bridge.kind == LINUX and not bridge.assumed:
        raise Refused(
            f"owner: {owner!r} is noted on ports of Open vSwitch alone, and {name} is a Linux bridge; leave it out"
        )


def _check_links(found: Sequence[VethMatch]) -> None:
    seen: dict[int, VethMatch] = {}
    for one in found:
        if one.host_veth is None or one.peer is None:
            continue
        other = seen.setdefault(one.host_veth.index, one)
        if other is not one:
            raise Refused(
                f"interface: {one.want.interface!r} and {other.want.interface!r} are the same link "
                f"{one.peer.name} in {one.side.netns}; it was renamed, so rename it back first"
            )


def _check_nested(found: Sequence[VethMatch], host_side: HostSide) -> None:
    """Refuse to take an interface away from what a container runs in a network namespace within."""
    for link in sorted(host_side.nested):
        label = read_label(host_side.network.links[link].alias)
        for one in found:
            if label is not None and (label.identity, label.interface) == (one.label.identity, one.want.interface):
                raise Refused(
                    f"interface: {one.want.interface!r} of {one.side.netns} was moved into another network namespace "
                    f"within it (its end here is {link}); move it back, or take the attachment away (state absent) "
                    "and make it again"
                )


def _check_host_interfaces(found: Sequence[VethMatch], host_side: HostSide) -> None:
    for one in found:
        holder = host_side.network.links.get(one.host_interface)
        if holder is not None:
            _refuse_gone_meanwhile(holder, one)
        if holder is None or _is_own(holder, one.host_veth) or _is_stale(holder, one):
            continue
        raise Refused(
            f"host_interface: {one.host_interface!r} is taken on this host by {_owner(holder)}; choose another"
        )
    for one in found:
        if one.host_veth is not None and one.host_veth.name == one.host_interface:
            continue
        born = host_side.network.links.get(one.birth_name) if one.host_veth is None else None
        if born is not None and not _is_stale(born, one):
            raise Refused(
                f"interface: {one.want.interface} of {one.want.target} is made as {one.birth_name}, "
                f"which is taken on this host by {_owner(born)}; rename that link"
            )
        port = host_side.ovs_ports.get(one.host_interface)
        if port is not None and EXTERNAL_ID not in dict(port.external_ids):
            raise Refused(
                f"host_interface: {one.host_interface!r} is the name of a port of Open vSwitch bridge {port.bridge} "
                "that is not ours; choose another"
            )


def _refuse_gone_meanwhile(holder: Link, one: VethMatch) -> None:
    """Refuse to conclude anything from a host veth whose other end the container, looked at later, doesn't show."""
    inside = holder.kind == "veth" and holder.peer_netns is not None and holder.peer_netns == one.side.netns_id
    if one.host_veth is None and inside and one.side.network.by_index(holder.peer) is None:
        raise Refused(
            f"host_interface: {one.host_interface!r} was there when this host was looked at, and its other end in "
            f"{one.side.netns} was gone right after; stop what else deletes or renames it, and run the task again"
        )


def _check_alternative_names(found: Sequence[VethMatch], host_side: HostSide) -> None:
    """Refuse names that other links bear beside their own: the kernel gives nobody else such a name.

    A link's own alternative name becomes its name (``rename_link``), and a stale link goes before the new one is made.
    """
    for one in found:
        bearer = host_side.network.by_alternative_name.get(one.host_interface)
        if bearer is not None and not _is_own(bearer, one.host_veth) and not _goes(bearer, one):
            raise Refused(
                f"host_interface: {one.host_interface!r} is taken on this host as an alternative name of "
                f"{bearer.name}; choose another, or take it off "
                f"(ip link property del dev {bearer.name} altname {one.host_interface})"
            )
        check_interface_name(one)


def _is_own(link: Link, own: Link | None) -> bool:
    return own is not None and link.index == own.index


def _goes(bearer: Link, one: VethMatch) -> bool:
    return one.host_veth is None and bearer.name == one.birth_name and _is_stale(bearer, one)


def _check_bridge_mtus(found: Sequence[VethMatch], host_side: HostSide) -> None:
    """Refuse an MTU that the bridge would follow and that takes its IPv6 addresses off it, for good."""
    for one in found:
        name, mtu = one.want.bridge, one.want.mtu
        if mtu is None or mtu >= limits.IPV6_MTU or one.bridge.kind != LINUX or one.bridge.assumed:
            continue
        held = host_side.network.addresses.get(name, ())
        lost = [address for address in held if addresses.family(address) == addresses.IPV6]
        lost = [address for address in lost if not addresses.is_link_local(address)]
        if lost and not host_side.network.mtu_was_set(name):
            raise Refused(
                f"mtu: {mtu} is asked for for {one.want}, and bridge {name} follows its smallest port; below "
                f"{limits.IPV6_MTU} bytes the kernel takes IPv6 off it, and it has {lost[0]}; "
                "give a larger mtu or take the IPv6 addresses off the bridge"
            )


def _check_addresses(found: Sequence[VethMatch], host_side: HostSide) -> None:
    """Refuse the bridge's own address: its neighbours would take the container for their gateway."""
    for one in found:
        tagged = one.want.vlans is not None and one.want.vlans.tag is not None
        if tagged and (one.bridge.kind == OVS or one.bridge.vlan_filtering):
            continue  # the host may be in another VLAN
        own = {addresses.bare(address) for address in host_side.network.addresses.get(one.want.bridge, ())}
        for address in one.want.addresses or ():
            if addresses.bare(address) in own and not addresses.is_link_local(address):
                raise Refused(
                    f"addresses: {address} is asked for for {one.want}, and is an address of {one.want.bridge} itself, "
                    "which its neighbours would no longer reach; give another"
                )


def _check_conflicts(found: Sequence[VethMatch], host_side: HostSide) -> None:
    wants = [(one.want, one.side) for one in found]
    if any(brings_something(want, side, host_side) for want, side in wants):
        from .attachment_conflicts import check

        check(wants, host_side)


def _is_stale(holder: Link, one: VethMatch) -> bool:
    """Tell a veth of this very attachment that leads into a namespace the container has left."""
    label = read_label(holder.alias) if holder.ours else None
    leads_elsewhere = holder.kind == "veth" and (one.side.netns_id is None or holder.peer_netns != one.side.netns_id)
    ours = (label is not None and label.interface == one.want.interface and label.names(one.want.target)) or (
        not holder.alias and holder.name == one.birth_name
    )
    return leads_elsewhere and ours


def _owner(link: Link) -> str:
    label = read_label(link.alias) if link.ours else None
    if label:
        return f"the attachment {label.interface} of {label.kind} {label.value}"
    return f"a {link.kind} interface that is not ours" if link.kind else "a physical interface"
