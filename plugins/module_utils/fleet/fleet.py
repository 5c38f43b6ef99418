# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of a whole fleet in VLANs: what the role multi_host_vlan asks for. Private to the collection.

Pure, and for the controller: it sees the variables of all hosts at once, so
that what contradicts itself between two hosts is found before either changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any

from ..light_dataclass import dataclass
from ..model.names import derived_name
from . import kept_addresses, macs, mtu, transport
from .addresses import refuse_held, shown_interfaces, unread_warnings, with_addresses
from .members import Key, Member, parse_members, refuse_duplicates
from .subnets import Address
from .transport import VXLAN, underlay
from .variables import PREFIX
from .vlans import Vlan, parse_vlans

_TUNNEL = "vx"  # what the names of our tunnels begin with


@dataclass(frozen=True)
class Fleet:
    """``members`` have their addresses where ``problems`` is empty; a problem or warning is a sentence for the user.

    ``mtus`` are in bytes, of members whose entries name none. ``chosen`` are
    the addresses of members whose entries leave them out.
    """

    vlans: Mapping[str, Vlan]
    members: tuple[Member, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    mtus: Mapping[Key, int] = field(default_factory=dict)
    chosen: Mapping[Key, Sequence[Address]] = field(default_factory=dict)

    def of(self, host: str) -> list[Member]:
        """Return the members of a host."""
        return [member for member in self.members if member.host == host]


def read(
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    running: Collection[str] | None = None,
) -> Fleet:
    """Return what the hosts' variables ask for, and all that is wrong with it.

    ``variables`` holds by host the role's variables without their prefix
    (``vlans``, ``containers``, ``bridge``, ``uplink``); ``shown`` what
    container_network_info returned for the hosts that could be asked, and
    ``running`` the hosts that this run changes, all if it is ``None``.
    Addresses that are left out are chosen: the one that the interface has, or
    one that follows from the names of host, container and interface.
    """
    problems: list[str] = []
    vlans, refused = parse_vlans(variables, problems)
    members = [
        member
        for host in sorted(variables)
        for member in parse_members(host, variables[host].get("containers"), vlans, refused, problems)
    ]
    refuse_duplicates(members, vlans, problems)
    _check_hosts(variables, shown, vlans, problems)
    fleet = Fleet(vlans, tuple(members), ())
    if not problems:
        fleet = _settled(fleet, variables, shown, variables if running is None else running, problems)
    for host in sorted(variables):
        _check_limit(fleet, host, variables, shown.get(host), problems)
    return replace(fleet, problems=tuple(problems))


def _check_hosts(
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    vlans: Mapping[str, Vlan],
    problems: list[str],
) -> None:
    for host in sorted(variables):
        transport.check_same(host, variables, problems)
        transport.check_underlay(host, variables, problems)
        mtu.check(host, variables[host], problems)
        transport.check_uplink(host, variables[host], shown.get(host), len(variables), vlans, problems)


def _settled(
    fleet: Fleet,
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    running: Collection[str],
    problems: list[str],
) -> Fleet:
    """Return the fleet with addresses and MTUs; as it is where an address or MAC is another's."""
    vlans, members = fleet.vlans, fleet.members
    interfaces = shown_interfaces(members, variables, shown, vlans)
    refuse_held(members, interfaces, variables, running, problems)
    macs.refuse_equal(members, variables, shown, vlans, running, problems)
    if problems:
        return fleet
    unread, left_out = [host for host in variables if host not in shown], _left_out(variables)
    unknown = sorted({host for host in unread if variables[host].get("state") != "absent"} | left_out)
    warnings = [
        *unread_warnings(members, vlans, unread),
        *_limit_warnings(left_out),
        *mtu.warnings(members, variables, shown, unknown),
        *mtu.too_large(members, variables, shown),
    ]
    kept = {
        key: found
        for host, seen in shown.items()
        for key, found in kept_addresses.of_bridge(host, _bridge(variables, host), seen).items()
    }
    asked = {member.key: member.addresses for member in members}
    placed = with_addresses(members, vlans, interfaces, running, unread, kept, problems)
    chosen = {
        member.key: [address.ip for address in member.addresses if address not in asked[member.key]]
        for member in placed
    }
    mtus = mtu.of_members(members, variables, shown, interfaces, unknown)
    return Fleet(vlans, tuple(placed), (), tuple(warnings), mtus, chosen)


def ports(
    fleet: Fleet,
    host: str,
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return the entries for ovs_vlan_port on a host: what leads to the other hosts.

    A trunk by which the host itself is reached without a tag goes on carrying frames without one.
    """
    given = variables[host]
    if given.get("transport") == VXLAN:
        others = [
            variables[other]
            for other in sorted(variables)
            if other != host and variables[other].get("state") != "absent"
        ]
        vlans = sorted(fleet.vlans.values(), key=lambda vlan: vlan.id)
        return [_tunnel(vlan, given, str(underlay(other))) for other in others for vlan in vlans]
    numbers = sorted(vlan.id for vlan in fleet.vlans.values())
    uplink = given.get("uplink")
    # Without VLANs, a trunk would carry all there are.
    own = {0} & transport.reached_through(given, shown.get(host))
    return [{"port": uplink, "mode": "trunk", "trunks": [*own, *numbers]}] if uplink and numbers else []


def external_ids(
    fleet: Fleet, host: str, variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the external_ids by which a host's bridge keeps the addresses that were chosen for its containers.

    Empty where none was chosen, in this run or before.
    """
    chosen = {key: addresses for key, addresses in fleet.chosen.items() if key[0] == host and addresses}
    kept = kept_addresses.of_bridge(host, _bridge(variables, host), shown.get(host, {}))
    return {kept_addresses.EXTERNAL_ID: kept_addresses.text(chosen)} if chosen or kept else {}


def _bridge(variables: Mapping[str, Mapping[str, Any]], host: str) -> str:
    return str(variables.get(host, {}).get("bridge"))


def _tunnel(vlan: Vlan, given: Mapping[str, Any], remote: str) -> dict[str, Any]:
    vni = vlan.vni or vlan.id
    # A name says where a tunnel leads: one that is to lead elsewhere is another port.
    name = derived_name(_TUNNEL, str(given.get("bridge")), remote, str(vni))
    tunnel: dict[str, Any] = {"port": name, "tag": vlan.id, "vxlan": {"remote": remote, "vni": vni}}
    if given.get("underlay_address"):
        tunnel["vxlan"]["local"] = str(underlay(given))
    return tunnel


def attachments(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """Return the entries for veth_attach on a host."""
    return [_attachment(member, fleet.vlans[member.vlan], fleet.mtus.get(member.key)) for member in fleet.of(host)]


def _attachment(member: Member, vlan: Vlan, mtu: int | None) -> dict[str, Any]:
    selector, value = member.target
    entry: dict[str, Any] = {
        selector: int(value) if selector == "pid" else value,
        "interface": member.interface,
        "vlan": vlan.id,
        **member.passed_on,
    }
    if member.addresses:
        entry["addresses"] = [str(address) for address in member.addresses]
    for subnet in vlan.subnets:
        if subnet.gateway is not None:
            entry.setdefault("gateway6" if subnet.gateway.version == 6 else "gateway", str(subnet.gateway))
    if mtu:
        entry.setdefault("mtu", mtu)
    return entry


def probes(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """Return the entries for container_neighbours_info on a host: interfaces that have an address."""
    return [
        {selector: int(value) if selector == "pid" else value, "interface": member.interface, **_runtime(member)}
        for member in fleet.of(host)
        if member.addresses
        for selector, value in (member.target,)
    ]


def _runtime(member: Member) -> dict[str, Any]:
    return {"runtime": member.passed_on["runtime"]} if "runtime" in member.passed_on else {}


def _check_limit(
    fleet: Fleet,
    host: str,
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Any] | None,
    problems: list[str],
) -> None:
    """Keep a run that sees only some of the hosts from taking away the tunnels to the others."""
    given = variables[host]
    if (
        problems
        or shown is None
        or not given.get("limited")
        or given.get("transport") != VXLAN
        or given.get("state") == "absent"
    ):
        return
    wanted = {port["port"] for port in ports(fleet, host, variables)}
    there = [
        port["name"]
        for port in shown.get("ports") or ()
        if port.get("bridge") == given.get("bridge") and port.get("kind") == VXLAN
    ]
    lost = [name for name in there if name.startswith(_TUNNEL) and name not in wanted]
    if lost:
        problems.append(
            f"{host}: --limit leaves hosts out, and {len(lost)} of this host's tunnels lead to none of the others "
            f"({', '.join(lost)}); "
            f"set {PREFIX}hosts to all hosts that share the VLANs, such as groups['fleet'], or run without --limit"
        )


def _left_out(variables: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {host for given in variables.values() if given.get("limited") for host in given.get("left_out") or ()}


def _limit_warnings(left_out: Collection[str]) -> list[str]:
    if not left_out:
        return []
    return [
        f"--limit leaves out {', '.join(sorted(left_out))}: their VLANs stay as they are, and addresses of containers "
        "there are not checked; "
        f"set {PREFIX}hosts to all hosts that share the VLANs, such as groups['fleet']"
    ]
