# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments that must not be made on this host as it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Refused
from ..model import addresses, limits, route
from ..model.ownership import EXTERNAL_ID, read_label
from ..state.attachments import LINUX, OVS, AttachedBridgeState, HostSide
from ..state.network import Link, with_leases
from .attachment_match import AttachmentMatch
from .attachment_routes import leads_to, wanted_routes
from .attachment_segments import brings_something


def check(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
    """Refuse what would take something of others, or what the kernel would refuse half-way.

    :raises Refused: naming the first such attachment.
    """
    for one in found:
        check_owner(one.want.owner, one.want.bridge, one.bridge)
    _check_nested(found, host_side)
    _check_links(found)
    _check_host_interfaces(found, host_side)
    _check_alternative_names(found, host_side)
    _check_mtus(found)
    _check_bridge_mtus(found, host_side)
    _check_routes(found)
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


def _check_links(found: Sequence[AttachmentMatch]) -> None:
    seen: dict[int, AttachmentMatch] = {}
    for one in found:
        if one.host_veth is None or one.peer is None:
            continue
        other = seen.setdefault(one.host_veth.index, one)
        if other is not one:
            raise Refused(
                f"interface: {one.want.interface!r} and {other.want.interface!r} are the same link "
                f"{one.peer.name} in {one.side.netns}; it was renamed, so rename it back first"
            )


def _check_nested(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
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


def _check_host_interfaces(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
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


def _refuse_gone_meanwhile(holder: Link, one: AttachmentMatch) -> None:
    """Refuse to conclude anything from a host veth whose other end the container, looked at later, doesn't show."""
    inside = holder.kind == "veth" and holder.peer_netns is not None and holder.peer_netns == one.side.netns_id
    if one.host_veth is None and inside and one.side.network.by_index(holder.peer) is None:
        raise Refused(
            f"host_interface: {one.host_interface!r} was there when this host was looked at, and its other end in "
            f"{one.side.netns} was gone right after; stop what else deletes or renames it, and run the task again"
        )


def _check_alternative_names(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
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
        bearer = one.side.network.by_alternative_name.get(one.want.interface)
        if bearer is not None and not _is_own(bearer, one.peer):
            raise Refused(
                f"interface: {one.want.interface!r} is taken in {one.side.netns} as an alternative name of "
                f"{bearer.name}; choose another, or take it off there "
                f"(ip link property del dev {bearer.name} altname {one.want.interface})"
            )


def _is_own(link: Link, own: Link | None) -> bool:
    return own is not None and link.index == own.index


def _goes(bearer: Link, one: AttachmentMatch) -> bool:
    return one.host_veth is None and bearer.name == one.birth_name and _is_stale(bearer, one)


def _check_mtus(found: Sequence[AttachmentMatch]) -> None:
    for one in found:
        shown = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
        held = (
            one.want.addresses
            if one.want.addresses is not None
            else [address for address in shown if not addresses.is_link_local(address)]
        )
        needing = [*held, *(entry.destination for entry in wanted_routes(one))]
        if one.mtu < limits.IPV6_MTU and any(addresses.family(address) == addresses.IPV6 for address in needing):
            whose = "asked for" if one.want.mtu else f"that of bridge {one.want.bridge}"
            raise Refused(
                f"mtu: {one.mtu} is {whose} for {one.want}, and is below {limits.IPV6_MTU} bytes, "
                "the minimum MTU of IPv6; give a larger mtu or leave IPv6 addresses and routes out"
            )


def _check_bridge_mtus(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
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


def _check_addresses(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
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


def _check_conflicts(found: Sequence[AttachmentMatch], host_side: HostSide) -> None:
    wants = [(one.want, one.side) for one in found]
    if any(brings_something(want, side, host_side) for want, side in wants):
        from .attachment_conflicts import check

        check(wants, host_side)


def _check_routes(found: Sequence[AttachmentMatch]) -> None:
    """Refuse a route that two attachments of a container ask for, or that another interface of it holds.

    A default route is the exception: that a gateway replaces it is what is asked for.
    """
    seen: dict[tuple[str, tuple[str, int]], AttachmentMatch] = {}
    for one in found:
        netns, own = one.side.netns, (one.want.interface, one.peer.name if one.peer is not None else "")
        others = {
            entry.key: entry
            for entry in one.side.network.routes
            if entry.protocol != route.PROTOCOL and entry.link not in own
        }
        others.update((entry.key, entry) for entry in one.side.connected if entry.link not in own)
        for entry in wanted_routes(one):
            _refuse_behind_another(entry, one)
            for link in entry.through:
                if link not in one.side.network.links and not _is_made(link, netns, found):
                    raise Refused(
                        f"routes: {entry.destination} has a next hop by {link}, which {netns} has not; "
                        "name an interface that it has, or attach that too"
                    )
            if entry.details.source:
                _refuse_foreign_source(entry, one)
            if entry.leads_nowhere:
                _refuse_second_to_nowhere(entry, one, found)
            other = seen.setdefault((netns, entry.key), one)
            if other is not one:
                what = "default route" if entry.is_default else f"route to {entry.destination}"
                raise Refused(
                    f"gateway: {one.want} and {other.want} both ask for the {what} of {netns}; "
                    "leave it to one of the two"
                )
            if entry.key in others and not entry.is_default:
                if leads_to(entry, one.want.gateways):
                    raise Refused(
                        f"gateway: {addresses.bare(entry.destination)} is outside of the interface's subnets, and the "
                        f"route to it is another's in {netns} already ({others[entry.key]}); give one that "
                        "no other interface leads to, or an address in its subnet"
                    )
                raise Refused(
                    f"routes: {entry.destination} is in {netns} already ({others[entry.key]}), and not ours; "
                    "give it another metric"
                )


def _refuse_foreign_source(wanted: route.Route, one: AttachmentMatch) -> None:
    """Refuse a source address that the kernel refuses: in IPv4 it is to be the container's, in IPv6 the interface's."""
    peer, source = one.peer.name if one.peer is not None else "", wanted.details.source
    of_ipv6 = wanted.family == addresses.IPV6
    shown = with_leases(one.side.network.addresses, one.side.network.leases)
    others = [] if of_ipv6 else [address for name, there in shown.items() if name != peer for address in there]
    own = one.want.addresses if one.want.addresses is not None else shown.get(peer, ())
    if source not in map(addresses.bare, (*own, *others)) and not addresses.is_link_local(source):
        whose = one.want.interface if of_ipv6 else one.side.netns
        raise Refused(
            f"routes: {wanted.destination} is to have the source address {source} (src), which {whose} has not; "
            "give one that it has"
        )


def _is_made(link: str, netns: str, found: Sequence[AttachmentMatch]) -> bool:
    return any((other.side.netns, other.want.interface) == (netns, link) for other in found)


def _refuse_second_to_nowhere(wanted: route.Route, one: AttachmentMatch, found: Sequence[AttachmentMatch]) -> None:
    """Refuse a route that leads nowhere where another attachment has such: nothing says which of them is whose."""
    here = [other for other in found if other.side.netns == one.side.netns]
    asking = [other.want.interface for other in here if any(entry.leads_nowhere for entry in other.want.routes or ())]
    given_up = {other.peer.name for other in here if other.peer is not None and other.want.routes is not None}
    others = sorted({*asking, *(one.side.to_nowhere - given_up)} - {one.want.interface})
    if others:
        raise Refused(
            f"routes: {wanted.destination} of {one.want.interface} is to lead nowhere, and {others[0]} of "
            f"{one.side.netns} has such routes, which are all of one attachment in a container; put them in the routes "
            "of one of the two"
        )


def _refuse_behind_another(wanted: route.Route, one: AttachmentMatch) -> None:
    """Refuse a default route that is there, but after one of the same metric (IPv4): the kernel uses the first."""
    same = [entry for entry in one.side.network.routes if entry.key == wanted.key]
    ways = [(entry.gateway, entry.link) for entry in same]
    if wanted.is_default and (wanted.gateway, wanted.link) in ways[1:] and ways[0] != (wanted.gateway, wanted.link):
        raise Refused(
            f"gateway: {wanted.gateway} stands behind another default route of {one.side.netns} with the same metric, "
            f"which is used: {same[0]}; remove that"
        )


def _is_stale(holder: Link, one: AttachmentMatch) -> bool:
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
