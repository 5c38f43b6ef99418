# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of a bridge, and what of it stays. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Refused
from ..model import addresses, bridge_vlans
from ..model.bridge import FORWARD_DELAY, Bridge
from ..model.icc_rules import IccFlow
from ..model.masquerade import Masquerade
from ..model.route import KERNEL_PROTOCOL, Route
from ..state.bridge import BridgeState
from ..state.network import Link
from .bridge_vlans import default_vlans

LEAST_FORWARD_DELAY = round(FORWARD_DELAY[0] * 100)
"""Hundredths of a second; the kernel takes no less while STP is on."""

TIMES = ("forward_delay", "ageing_time")

_ATTRIBUTES = ("stp", *TIMES, "multicast_snooping", "vlan_default_pvid", "vlan_filtering")


def addresses_of(want: Bridge, have: BridgeState, taken_by_others: Iterable[str] = ()) -> tuple[str, ...] | None:
    """Return the addresses the bridge is to have, ``auto`` resolved; ``None`` leaves them as they are.

    ``auto`` stays clear of ``taken_by_others`` too, addresses that the same run gives other bridges.
    """
    if want.addresses is None or not want.auto_address:
        return want.addresses
    shown = have.addresses(want.name)
    for address in shown:
        if (
            address not in want.addresses
            and addresses.family(address) == addresses.IPV4
            and addresses.is_private_ipv4(address)
        ):
            return (address, *want.addresses)  # kept on later runs
    others = [route for route in have.network.routes if route.link != want.name and not route.is_default]
    taken = [addresses.bounds(route.destination) for route in others] + [
        addresses.bounds(address) for address in (*want.addresses, *taken_by_others)
    ]
    for subnet in addresses.AUTO_SUBNETS:
        family, first, last = addresses.bounds(subnet)
        if not any(
            family == other and first <= last_taken and first_taken <= last for other, first_taken, last_taken in taken
        ):
            return (addresses.first_host(subnet), *want.addresses)
    raise Refused(
        f"bridge {want.name}: addresses has auto, and each subnet that auto picks from (172.17.0.0/16 to "
        "172.31.0.0/16, 192.168.0.0/20 to 192.168.240.0/20) overlaps a route of this host; name the address instead"
    )


def linked_within(bridge: str, have: BridgeState) -> bool:
    """Tell whether IPv4 links lead between containers of one bridge: then the host answers ARP requests there."""
    flows = (flow for flow in have.icc.flows_of(bridge) if flow.family == "ip" and not flow.ingress)
    return any(_in_subnets(bridge, flow.destination, have) for flow in flows)


def links_of(bridge: str, have: BridgeState) -> frozenset[IccFlow]:
    """Return the links in a bridge's policy, and those of other bridges that come from it or lead to it."""
    return frozenset(
        flow for flow in have.icc.flows if bridge in (flow.bridge, flow.ingress) or _leads_to(bridge, flow, have)
    )


def _leads_to(bridge: str, flow: IccFlow, have: BridgeState) -> bool:
    if flow.ingress or _in_subnets(flow.bridge, flow.destination, have):
        return False  # it leads to the bridge in whose policy it is
    return _in_subnets(bridge, flow.destination, have)


def _in_subnets(bridge: str, address: str, have: BridgeState) -> bool:
    return any(
        addresses.contains(subnet, address) for subnet in have.addresses(bridge) if not addresses.is_link_local(subnet)
    )


def staying(want: Bridge, have: BridgeState) -> tuple[str, ...]:
    """Return the addresses of the bridge that are still there once it is up or down as wanted."""
    existing = have.link(want.name)
    shown = have.addresses(want.name)
    if existing is not None and existing.up and want.up is False:
        return tuple(
            address for address in shown if addresses.family(address) == addresses.IPV4
        )  # the kernel drops the others
    return shown


def routes_of(bridge: str, have: BridgeState) -> tuple[Route, ...]:
    """Return the routes through a bridge but those that come with its addresses."""
    return tuple(route for route in have.network.routes if bridge in route.links and route.protocol != KERNEL_PROTOCOL)


def joining(want: Bridge, have: BridgeState) -> list[str]:
    existing = have.link(want.name)
    return [
        name for name in want.members or () if existing is None or have.network.links[name].master != existing.index
    ]


def wanted_attributes(want: Bridge, have: BridgeState, existing: Link | None) -> dict[str, int]:
    wanted = {name: int(value) for name in _ATTRIBUTES if (value := getattr(want, name)) is not None}
    if not have.vlan_filtering:
        for name in ("vlan_filtering", "vlan_default_pvid"):
            wanted.pop(name, None)  # asked to be off on a kernel that hasn't it
    if want.stp and existing is not None and not existing.bridge.get("stp"):
        # br_stp_start() would raise it without a word.
        delay = wanted.get("forward_delay", existing.bridge.get("forward_delay", LEAST_FORWARD_DELAY))
        if delay < LEAST_FORWARD_DELAY:
            wanted["forward_delay"] = LEAST_FORWARD_DELAY
    return wanted


def moves_along(link: Link, want: Bridge, existing: Link | None) -> bool:
    """Tell whether a change of the default PVID is to take along a port, or the bridge itself.

    It takes along what is in it, and is not asked to have another PVID.
    """
    before, after = default_vlans(want.vlans, existing)
    wanted = dict(want.port_vlans or ()).get(link.name)
    return link.vlans == before and (wanted is None or bool(after) and set(after) <= set(bridge_vlans.of_port(wanted)))


def masqueraded(want: Bridge, have: BridgeState, wanted: tuple[str, ...] | None) -> set[Masquerade]:
    if not want.masquerade:
        return set()
    held = wanted if wanted is not None else staying(want, have)
    return {
        Masquerade(want.name, addresses.network(address)) for address in held if not addresses.is_link_local(address)
    }
