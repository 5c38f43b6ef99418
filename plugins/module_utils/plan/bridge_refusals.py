# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What must not be done to a bridge, or with it. Pure. Private to the collection."""

from __future__ import annotations

from ..errors import Refused
from ..model import addresses, limits
from ..model.bridge import Bridge
from ..state.bridge import BridgeState
from ..state.network import Link
from .alternative_names import refuse_alternative
from .bridge_facts import LEAST_FORWARD_DELAY, joining, linked_within, links_of, staying


def bridge_link(name: str, have: BridgeState, prefix: str = "") -> Link | None:
    link = have.link(name)
    if link is not None and link.kind != "bridge":
        kind = f"a {link.kind} interface" if link.kind else "a physical interface"
        # What the own interface of an Open vSwitch bridge is, by its datapath.
        of_ovs = ", or ovs_vlan_port if it is a bridge of Open vSwitch" if link.kind in ("openvswitch", "tun") else ""
        raise Refused(
            f"{prefix}name: {name!r} is {kind} of this host and not a Linux bridge; choose another name{of_ovs}"
        )
    return link


def check_name(name: str, have: BridgeState, absent: bool = False, prefix: str = "") -> None:
    """Refuse what another link bears beside its own name: as a new bridge's, and as that of a bridge that is to go."""
    bearer = have.network.by_alternative_name.get(name)
    if bearer is None or (absent and bearer.kind != "bridge"):
        return
    give = f"give {bearer.name}, or choose another name" if bearer.kind == "bridge" else "choose another name"
    raise Refused(
        f"{prefix}name: {name!r} is an alternative name of {bearer.name} on this host; {give}, "
        f"or take it off (ip link property del dev {bearer.name} altname {name})"
    )


def check_members(want: Bridge, have: BridgeState, existing: Link | None) -> None:
    for index, name in enumerate(want.members or ()):
        option = f"{want.prefix}members[{index}]: {name!r}"
        link = have.link(name)
        if link is None:
            refuse_alternative(f"{want.prefix}members[{index}]", name, have.network)
            raise Refused(f"{option} is not an interface of this host; create it first or take it off the list")
        if existing is not None and link.master == existing.index:
            continue
        if link.kind == "bridge":
            raise Refused(f"{option} is a bridge itself; join two bridges by a veth pair")
        if link.master:
            master = have.network.by_index(link.master)
            whose = master.name if master else f"interface {link.master}"
            raise Refused(f"{option} is a port of {whose} already; take it out there first")
        if name in have.unfit:
            raise Refused(f"{option} {have.unfit[name]}")
        if not link.ethernet:
            raise Refused(
                f"{option} is a {link.kind + ' ' if link.kind else ''}interface without Ethernet frames, which a Linux "
                "bridge can't have as a port; give an Ethernet interface (tap in place of tun), or route to it"
            )
        if link.leads_elsewhere and linked_within(want.name, have):
            raise Refused(
                f"{option} is no container's interface, and for the IPv4 links between containers "
                f"of {want.name} this host answers the ARP requests of all"
                f" its ports; take the links out of its policy first (icc_policy), or leave {name} out"
            )


def check_forwarding(want: Bridge, have: BridgeState) -> None:
    if want.ip_forward is False and links_of(want.name, have):
        raise Refused(
            f"{want.prefix}ip_forward: false would cut the containers' links, and {want.name} has links; "
            "take those out of the policy first (icc_policy), or leave ip_forward out"
        )


def check_overlaps(want: Bridge, have: BridgeState, wanted: tuple[str, ...] | None) -> None:
    if want.allow_overlap:
        return
    present_already = have.addresses(want.name)
    for address in wanted or ():
        # Each interface has fe80::/64 for itself.
        if address in present_already or addresses.is_link_local(address):
            continue
        subnet = addresses.network(address)
        for route in have.network.routes:
            if route.link != want.name and not route.is_default and addresses.overlap(subnet, route.destination):
                raise Refused(
                    f"bridge {want.name}: address {address} overlaps route {route.destination} via {route.link}; "
                    "choose another subnet or set allow_overlap"
                )


def check_mtu(want: Bridge, have: BridgeState, existing: Link | None, wanted: tuple[str, ...] | None) -> None:
    mtu, member = _mtu_due(want, have, existing)
    if mtu is None or mtu >= limits.IPV6_MTU:
        return
    shown = have.addresses(want.name) if existing is not None and (wanted is None or not existing.ours) else ()
    for address in (*(wanted or ()), *shown, *have.network.leases.get(want.name, ())):
        if addresses.family(address) == addresses.IPV6 and (
            address in (wanted or ()) or not addresses.is_link_local(address)
        ):
            raise Refused(
                f"bridge {want.name}: mtu {mtu}{f' of its member {member}' if member else ''} is below "
                f"{limits.IPV6_MTU} bytes, "
                "with which the kernel takes IPv6 off it, "
                f"and it is to have {address}; set a larger mtu or leave the IPv6 addresses out"
            )


def _mtu_due(want: Bridge, have: BridgeState, existing: Link | None) -> tuple[int | None, str]:
    """Return the MTU that a bridge comes to have, and the member it comes from: the smallest, where none was set."""
    if want.mtu is not None:
        return want.mtu, ""
    joined = sorted((have.network.links[name].mtu, name) for name in joining(want, have))
    if existing is not None and (have.network.mtu_was_set(want.name) or not joined or existing.mtu <= joined[0][0]):
        return existing.mtu, ""
    return joined[0] if joined else (None, "")


def check_prefixes(want: Bridge, have: BridgeState, existing: Link | None, wanted: tuple[str, ...] | None) -> None:
    """Refuse another prefix length for an IPv6 address on another tool's bridge, where it is not ours to change.

    IPv6 has an address once on a link, whatever its prefix length.
    """
    if existing is None or existing.ours:
        return
    shown = (*staying(want, have), *have.network.leases.get(want.name, ()))
    held = {addresses.bare(address): address for address in shown if addresses.family(address) == addresses.IPV6}
    for address in wanted or ():
        other = held.get(addresses.bare(address), address)
        if other not in (address, *(wanted or ())):
            raise Refused(
                f"bridge {want.name}: address {address} is there as {other}, and the bridge was not made by this "
                "collection; name it as it is"
            )


def check_forward_delay(want: Bridge, existing: Link | None) -> None:
    stays_on = existing is not None and bool(existing.bridge.get("stp")) and want.stp is None
    if stays_on and want.forward_delay is not None and want.forward_delay < LEAST_FORWARD_DELAY:
        raise Refused(
            f"bridge {want.name}: forward_delay {want.forward_delay / 100:g} is below 2 seconds, "
            "the minimum that the kernel accepts with stp on, as it is; raise it or set stp to false"
        )


def check_way_out(name: str, have: BridgeState) -> None:
    """Refuse to take away the bridge that a NIC of the host has given what it had to.

    :raises Refused: the default route leads through it.
    """
    uplinks = [port.name for port in have.network.ports(name) if not port.ours]
    if uplinks and any(route.is_default and name in route.links for route in have.network.routes):
        raise Refused(
            f"bridge {name} carries this host's default route, which would go with it; move that back to {uplinks[0]} "
            "by host_nic_bridge with state absent, or set force to delete the bridge all the same"
        )
