# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What joins the hosts of a fleet: a trunk through their uplinks, or tunnels. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .subnets import Address, parsed_address
from .variables import PREFIX, required
from .vlans import Vlan

TRUNK, VXLAN, ALONE = "trunk", "vxlan", "none"
"""How the VLANs of one host get to the next: tagged through the uplink, in tunnels, or not at all."""


def underlay(given: Mapping[str, Any]) -> Address | None:
    """Return the address to which tunnels to a host lead; ``None`` where neither variable says one."""
    return parsed_address(given.get("underlay_address") or given.get("ansible_host"))


def check_same(host: str, variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> None:
    """Refuse a transport that another host of the fleet does not have."""
    transport, first = variables[host].get("transport", TRUNK), _first(variables)
    if first is None or variables[host].get("state") == "absent":
        return
    other = variables[first].get("transport", TRUNK)
    if transport != other:
        problems.append(
            f"{host}: {PREFIX}transport: {transport!r} is given here and {other!r} on {first}; "
            "hosts that share VLANs need the same transport, so make them equal, "
            f"or set {PREFIX}hosts to the hosts that share them"
        )


def _first(variables: Mapping[str, Mapping[str, Any]]) -> str | None:
    return next((host for host in sorted(variables) if variables[host].get("state") != "absent"), None)


def check_underlay(host: str, variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> None:
    """Refuse an underlay address that tunnels of the other hosts can't reach."""
    given = variables[host]
    if given.get("transport") != VXLAN or given.get("state") == "absent":
        return
    here = underlay(given)
    if here is None:
        found = given.get("underlay_address") or given.get("ansible_host")
        problems.append(
            f"{host}: {PREFIX}underlay_address: {required(found, 'is not an IP address')}; "
            "give the host's address in the network that joins the hosts"
        )
        return
    where = f"{host}: {PREFIX}underlay_address: {str(here)!r}"
    wrong = _not_reachable(here)
    if wrong:
        problems.append(
            f"{where} is {wrong}, which tunnels of other hosts can't reach; "
            "give the host's address in the network that joins the hosts"
        )
        return
    first = _first(variables)
    theirs = underlay(variables[first]) if first is not None else None
    if theirs is not None and theirs.version != here.version:
        problems.append(
            f"{where} is an IPv{here.version} address, and {theirs} of {first} an IPv{theirs.version} one; "
            "tunnels need the same address family at both ends"
        )
        return
    same = next((other for other in sorted(variables) if other < host and underlay(variables[other]) == here), None)
    if same is not None:
        problems.append(
            f"{host}: {PREFIX}underlay_address: {here} is the address of {same} too; "
            "each host needs an underlay address of its own"
        )


def check_uplink(
    host: str,
    given: Mapping[str, Any],
    shown: Mapping[str, Any] | None,
    hosts: int,
    vlans: Mapping[str, Vlan],
    problems: list[str],
) -> None:
    """Refuse an uplink that is missing, or that can't become a port of the bridge."""
    uplink = given.get("uplink")
    where = f"{host}: {PREFIX}uplink: {uplink!r}"
    if given.get("state") == "absent":
        return
    if given.get("transport", TRUNK) != TRUNK:
        if uplink:
            problems.append(
                f"{where} is mutually exclusive with {PREFIX}transport: {given['transport']}, which has no uplink; "
                "leave one of the two out"
            )
        return
    if not uplink:
        if hosts > 1:
            problems.append(
                f"{host}: {PREFIX}uplink: is required, as {hosts} hosts are to be joined by a trunk; "
                f"name the NIC that leads to it, or set {PREFIX}transport to {VXLAN}, or to {ALONE} if nothing joins "
                "the hosts"
            )
        return
    if shown is None or "interfaces" not in shown:
        return
    interfaces = {interface["name"]: interface for interface in shown["interfaces"]}
    if uplink not in interfaces:
        problems.append(f"{where} is not an interface of this host; it has {', '.join(sorted(interfaces)) or 'none'}")
        return
    found = interfaces[uplink]
    bridge = found.get("bridge")
    tags = reached_through(given, shown)
    # On its bridge already, and the trunk leaves what the host itself is reached by as it is.
    stays = tags and {0, *(vlan.id for vlan in vlans.values())}.issuperset(tags)
    if found["management"] and not stays:
        problems.append(f"{where} {found['management']}")
    elif bridge not in (None, given.get("bridge")):
        problems.append(
            f"{where} is a port of bridge {bridge} already; remove it from there first, or give another interface"
        )


def reached_through(given: Mapping[str, Any], shown: Mapping[str, Any] | None) -> frozenset[int]:
    """Return the VLANs in which a host is reached through its uplink, where that is on its bridge already.

    0 are frames without a tag, as where host_nic_bridge moved the host's own NIC there.
    """
    uplinks = [one for one in (shown or {}).get("interfaces", ()) if one["name"] == given.get("uplink")]
    tags = [one.get("management_vlans") or () for one in uplinks if one.get("bridge") == given.get("bridge")]
    return frozenset(tag for each in tags for tag in each)


def _not_reachable(address: Address) -> str:
    """Return what an address is that other hosts can't send to, '' if they can."""
    kinds = (
        (address.is_unspecified, "the unspecified address"),
        (address.is_loopback, "a loopback address"),
        (address.is_multicast, "a multicast address"),
        # It means another link on each host, and a tunnel names none. IPv4 has a route that says which.
        (address.version == 6 and address.is_link_local, "a link-local address"),
        (address.version == 4 and address.is_reserved, "a reserved address"),
    )
    return next((kind for found, kind in kinds if found), "")
