# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What VLANs a bridge and its ports must not be given on this host. Pure. Private to the collection."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

from ..errors import MissingFeature, Refused
from ..model import addresses
from ..model.bridge_vlans import DEFAULT_PVID, NO_VLAN_FILTERING, PortVlans, default, on_the_wire
from ..model.wanted_vlans import WantedVlans
from ..state.network import Link, NetworkState
from . import uplinks
from .alternative_names import refuse_alternative
from .uplinks import is_way_out


def default_vlans(want: WantedVlans, existing: Link | None) -> tuple[PortVlans, PortVlans]:
    """Return what a port has that joins, as long as the bridge is as it is and once it is as wanted."""
    before = existing.default_vlans if existing is not None else default(DEFAULT_PVID)
    return before, before if want.default_pvid is None else default(want.default_pvid)


def filters(want: WantedVlans, existing: Link | None) -> bool:
    """Tell whether the bridge filters once it is as wanted."""
    if want.filtering is not None:
        return want.filtering
    return existing is not None and bool(existing.bridge.get("vlan_filtering"))


def check(want: WantedVlans, network: NetworkState, able: bool, existing: Link | None) -> None:
    """Refuse VLANs of what is no port, and of a bridge that does not filter; ``able`` tells what the kernel is.

    :raises Refused: with what to do.
    :raises MissingFeature: the kernel has no VLAN filtering.
    """
    if want.asked and not able:
        raise MissingFeature(
            f"bridge {want.bridge}: {want.asked[0]} was asked for, and {NO_VLAN_FILTERING}; "
            "leave it out or run a kernel that has it"
        )
    if want.port_vlans and not filters(want, existing):
        raise Refused(
            f"{want.prefix}port_vlans: {want.bridge} does not filter VLANs, so that they would mean nothing; "
            "set vlan_filtering too"
        )
    for index, (name, _vlans) in enumerate(want.port_vlans or ()):
        option = f"{want.prefix}port_vlans[{index}].port: {name!r}"
        link = network.links.get(name)
        if link is not None and link.ours and name != want.bridge:
            raise Refused(
                f"{option} is an attachment of this collection; give its VLANs to veth_attach (vlan, vlan_mode, trunks)"
            )
        is_port = existing is not None and link is not None and link.master == existing.index
        refuse_alternative(f"{want.prefix}port_vlans[{index}].port", name, network)
        if not (is_port or name == want.bridge or name in want.members):
            raise Refused(f"{option} is no port of {want.bridge}; {want.how_to_join}, or take it off the list")


def check_uplinks(
    want: WantedVlans,
    network: NetworkState,
    held: Mapping[str, tuple[str, ...]],
    existing: Link | None,
    gateways: Collection[str],
) -> None:
    """Refuse to cut off the host from what it is reached by.

    That is a bridge, or an interface on it, with the default route or with addresses (``held``, those of all).
    ``gateways`` are what the options name as addresses of a bridge: where that is ours, they are its containers'.
    """
    if existing is None:
        return
    own = gateways if existing.ours else ()
    upper = uplinks.upper_interfaces(existing, network)
    routed = any(is_way_out(link.name, network) for link, _tag in upper)
    ways = [
        (link, tag)
        for link, tag in upper
        if is_way_out(link.name, network) or _is_reached(held.get(link.name, ()), own if link is existing else ())
    ]
    if not ways:
        return
    before, after = default_vlans(want, existing)
    filtering, will_filter = bool(existing.bridge.get("vlan_filtering")), filters(want, existing)
    goals = want.goals

    def later(link: Link) -> PortVlans:
        return goals.get(link.name, after if link.vlans == before else link.vlans)

    for port, (link, tag) in itertools.product(uplinks.uplink_ports(network.ports(want.bridge), routed), ways):
        as_it_is = f"in VLAN {tag}" if tag else "untagged"
        now = on_the_wire(port.vlans, existing.vlans, tag) if filtering else as_it_is
        then = on_the_wire(later(port), later(existing), tag) if will_filter else as_it_is
        if now not in ("", then):
            gateway = existing.ours and link is existing and not is_way_out(link.name, network)
            raise Refused(
                f"{want.prefix}port_vlans: this host is reached by {link.name}, which {port.name} connects {now}, "
                f"and it would {f'do so {then}' if then else 'no longer'}; "
                f"give VLANs with which it goes on, to {port.name} and to {want.bridge} itself, or use another bridge"
                f"{'; where only its containers need what it holds, name that in addresses' if gateway else ''}"
            )


def _is_reached(held: Collection[str], own: Collection[str]) -> bool:
    return not all(address in own or addresses.is_link_local(address) for address in held)
