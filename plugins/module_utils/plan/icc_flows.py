# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the links that a policy names to the traffic that is let through. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model import addresses
from ..model.attachment import Target
from ..model.icc_policy import IccLink, IccPolicy, IccPort
from ..model.icc_rules import IccFlow
from ..state.icc import IccState
from . import forwarding
from .forwarding import FORCE_FORWARDING


@dataclass(frozen=True)
class _Reached:
    """A container's addresses that this host can pass connections on to, and the bridge they are on."""

    target: Target
    bridge: str
    addresses: tuple[str, ...]


def wanted_flows(want: IccPolicy, have: IccState) -> frozenset[IccFlow]:
    flows: set[IccFlow] = set()
    for index, link in enumerate(want.links):
        option = f"links[{index}]"
        source = _reached(link.source, want.bridge, have, f"{option}.from")
        for target in _destinations(link, want, have, f"{option}.to"):
            destination = _reached(target, want.bridge, have, f"{option}.to")
            if set(destination.addresses) & set(source.addresses):
                raise Refused(
                    f"{option}.to: {target} and {link.source} are the same network namespace; name two containers"
                )
            between = _pairs(want.bridge, source, destination, _ports(link, target, have, option), option)
            _check_between(source, destination, want.bridge, between, have, option)
            flows |= between
    _refuse_others(flows, want.bridge, have)
    return frozenset(flows)


def _destinations(link: IccLink, want: IccPolicy, have: IccState, option: str) -> list[Target]:
    if link.destination is not None:
        return [link.destination]
    # Of a group, those count that are on a bridge; a container has no link to itself.
    own = {address for held in have.holds.get(link.source, {}).values() for address in held}
    bearing = [target for target in have.labelled.get(link.label or "", ()) if have.holds.get(target)]
    found = [
        target for target in bearing if not own & {address for held in have.holds[target].values() for address in held}
    ]
    if not found:
        where = f"on {want.bridge}, or on another bridge of this collection,"
        raise Refused(
            f"{option}: no running container {where} has the label {link.label!r}; start one, or correct the label"
        )
    return found


def _reached(target: Target, bridge: str, have: IccState, option: str) -> _Reached:
    held = have.holds.get(target, {})
    if not held:
        raise Refused(
            f"{option}: {target} has no address on {bridge}, nor on another bridge of this collection; "
            "attach it first (veth_attach)"
        )
    where = bridge if bridge in held else min(held)
    subnets = [address for address in have.network.addresses.get(where, ()) if not addresses.is_link_local(address)]
    reachable = tuple(
        address for address in held[where] if any(addresses.contains(subnet, address) for subnet in subnets)
    )
    if not reachable:
        raise Refused(
            f"{option}: {target} has {', '.join(held[where])} on {where}, and the bridge has no address in the same "
            "subnet, so this host can't pass connections on; give the bridge one (addresses of container_bridge)"
        )
    return _Reached(target, where, reachable)


def _check_between(
    source: _Reached, destination: _Reached, bridge: str, flows: Iterable[IccFlow], have: IccState, option: str
) -> None:
    """Refuse a link between two bridges between which this host does not forward.

    Forwarding is not for icc_policy to switch on.
    """
    if source.bridge == destination.bridge == bridge:
        return
    if bridge not in (source.bridge, destination.bridge):
        raise Refused(
            f"{option}: neither {source.target} nor {destination.target} is on {bridge}; "
            "name the link in the policy of a bridge of theirs"
        )
    other = destination.bridge if source.bridge == bridge else source.bridge
    for family in sorted({flow.family for flow in flows}):
        version = addresses.IPV6 if family == "ip6" else addresses.IPV4
        accepted = {entry.bridge for entry in have.firewall.accepted if entry.family == family and entry.uplinks}
        closed = [name for name in (bridge, other) if family in have.firewall.families and name not in accepted]
        if not _forwards(other, version, have):
            closed.append(other)
        if closed:
            raise Refused(
                f"{option}: {source.target} is on {source.bridge} and {destination.target} on {destination.bridge}, "
                f"and {closed[0]} does not forward IPv{version}; set ip_forward on both bridges (container_bridge)"
            )


def _forwards(bridge: str, version: int, have: IccState) -> bool:
    if version == addresses.IPV4:
        return have.sysctls.get(forwarding.of_link(bridge, version)) == "1"
    forced = have.sysctls.get(FORCE_FORWARDING.format(bridge))
    # Without force_forwarding in the kernel, the plan switches the host's own on.
    return forced in (None, "1") or have.sysctls.get(forwarding.IPV6_SWITCH) == "1"


def _refuse_others(flows: Iterable[IccFlow], bridge: str, have: IccState) -> None:
    """Refuse a link between two bridges that the policy of the other one has already."""
    others = {flow.packets: flow for flow in have.rules.flows if flow.bridge != bridge}
    for flow in sorted(flows):
        if flow.packets in others:
            raise Refused(
                f"links: {flow} is in the policy of bridge {others[flow.packets].bridge} already; "
                "name the link in the policy of one bridge"
            )


def _ports(link: IccLink, destination: Target, have: IccState, option: str) -> tuple[IccPort, ...]:
    if link.ports is not None:
        return link.ports
    exposed = have.exposes.get(destination)
    if exposed is None:
        raise Refused(
            f"{option}: ports are left out, and nothing says which ones {destination} exposes; "
            "name them, such as 5432/tcp"
        )
    if not exposed:
        raise Refused(
            f"{option}: ports are left out, and the image of {destination} exposes none; name them, such as 5432/tcp"
        )
    return exposed


def _pairs(
    bridge: str, source: _Reached, destination: _Reached, ports: tuple[IccPort, ...], option: str
) -> set[IccFlow]:
    names = (f"{source.target.kind} {source.target.value}", f"{destination.target.kind} {destination.target.value}")
    pairs = [
        (one, other) for one in source.addresses for other in destination.addresses if (":" in one) == (":" in other)
    ]
    if not pairs:
        where = " and ".join(dict.fromkeys((source.bridge, destination.bridge)))
        raise Refused(
            f"{option}: {source.target} and {destination.target} have no address of the same family on {where}; "
            "give both an IPv4 or an IPv6 address"
        )
    ingress = "" if source.bridge == bridge else source.bridge
    return {
        IccFlow(bridge, one, other, port.protocol, port.number, ingress, *names)
        for one, other in pairs
        for port in ports
    }


def flows_within(flows: frozenset[IccFlow], bridge: str, have: IccState) -> frozenset[IccFlow]:
    """Return the flows whose source and destination are on the bridge: the host routes between those."""
    held = {address for by_bridge in have.holds.values() for address in by_bridge.get(bridge, ())}
    return frozenset(flow for flow in flows if {flow.source, flow.destination} <= held)


def check_ports(within: frozenset[IccFlow], bridge: str, have: IccState) -> None:
    """Refuse IPv4 links within a bridge that has other ports than containers'.

    With proxy_arp_pvlan the host answers for each address of the subnet,
    whatever port asks: no more for containers than for a LAN's hosts.
    """
    outside = [port.name for port in have.network.ports(bridge) if port.leads_elsewhere]
    if outside and any(flow.family == "ip" for flow in within):
        raise Refused(
            f"links: {outside[0]} is a port of {bridge} and no container's, and for IPv4 links within a bridge "
            "this host answers the ARP requests of all"
            f" its ports; take {outside[0]} out of {bridge}, or put the containers on two bridges "
            "and use links between two bridges"
        )
