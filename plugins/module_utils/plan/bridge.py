# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a wanted bridge and what the host shows to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import MissingFeature, Refused
from ..model import addresses
from ..model.bridge import Bridge
from ..model.docker_user import AcceptedBridge
from ..model.host import HOST, Link, Namespace
from ..model.masquerade import Masquerade
from . import link_addresses
from .operations import (
    AddAddress,
    AddBridge,
    ChangeBridge,
    ChangeDockerUser,
    ChangeMasquerades,
    DeleteLink,
    Operation,
    SetLink,
    SetSysctl,
)

_ATTRIBUTES = ("stp", "forward_delay", "ageing_time", "multicast_snooping", "vlan_filtering")

_IP_FORWARD = "net/ipv4/ip_forward"
_IP6_FORWARD = "net/ipv6/conf/all/forwarding"
_RTPROT_RA = 9


@dataclass(frozen=True)
class BridgeHave:
    """What the host shows of a bridge.

    ``namespace`` has every link, the bridge's addresses and every route of
    the main table. ``sysctls`` are the host's, named with slashes; those of a
    bridge that is still to be made are what it will inherit.
    ``management`` maps the links by which this host is reached to why we
    think so. ``docker_families`` are those in which a DOCKER-USER chain
    exists, ``docker_accepted`` what it lets pass for us.
    """

    namespace: Namespace
    masquerades: frozenset[Masquerade] = frozenset()
    docker_families: frozenset[str] = frozenset()
    docker_accepted: frozenset[AcceptedBridge] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    management: Mapping[str, str] = field(default_factory=dict)
    vlan_filtering: bool = True
    birth_link: str | None = None

    def link(self, name: str) -> Link | None:
        return self.namespace.links.get(name)

    def addresses(self, name: str) -> tuple[str, ...]:
        return self.namespace.addresses.get(name, ())


def present(want: Bridge, have: BridgeHave) -> list[Operation]:
    """Return what makes the host's bridge as wanted.

    :raises Refused: it would take what is another's, or overlap a route.
    :raises MissingFeature: the kernel has no VLAN filtering.
    """
    existing = _bridge_link(want.name, have)
    if want.vlan_filtering and not have.vlan_filtering:
        raise MissingFeature(
            f"bridge {want.name}: vlan_filtering was asked for, and this kernel has no bridge VLAN filtering "
            "(CONFIG_BRIDGE_VLAN_FILTERING); leave it out or run a kernel that has it"
        )
    wanted_addresses = addresses_of(want, have)
    _check_members(want, have, existing)
    _check_overlaps(want, have, wanted_addresses)
    operations = _link_operations(want, have, existing)
    operations += _address_operations(want, have, existing, wanted_addresses)
    operations += _member_operations(want, have, existing)
    if want.up and (existing is None or not existing.up):
        operations.append(SetLink(HOST, want.name, {"up": True}, {"up": False}))
    operations += _forwarding_operations(want, have, wanted_addresses)
    operations += _masquerade_operations(want, have, wanted_addresses)
    if existing is None or existing.ours:
        missing = tuple(sorted({AcceptedBridge(family, want.name) for family in have.docker_families} - have.docker_accepted))
        if missing:
            operations.append(ChangeDockerUser(HOST, missing, ()))
    return operations


def absent(name: str, have: BridgeHave, force: bool) -> list[Operation]:
    """Return what takes our bridge away, and all that came with it.

    :raises Refused: the bridge is not ours and ``force`` is not set.
    """
    existing = _bridge_link(name, have)
    if existing is not None and not existing.ours and not force:
        raise Refused(f"bridge {name} was not made by this collection and stays; set force to delete it all the same")
    operations: list[Operation] = []
    masquerades = tuple(sorted(nat for nat in have.masquerades if nat.bridge == name))
    if masquerades:
        operations.append(ChangeMasquerades(HOST, (), masquerades))
    accepted = tuple(sorted(entry for entry in have.docker_accepted if entry.bridge == name))
    if accepted:
        operations.append(ChangeDockerUser(HOST, (), accepted))
    if existing is not None:
        operations.append(DeleteLink(HOST, name, f"bridge {name}", _restore(existing, have)))
    if have.birth_link:
        operations.append(DeleteLink(HOST, have.birth_link, f"bridge {have.birth_link} that an interrupted run left", ()))
    return operations


def addresses_of(want: Bridge, have: BridgeHave) -> tuple[str, ...] | None:
    """Return the addresses the bridge is to have, ``auto`` resolved; ``None`` leaves them as they are."""
    if want.addresses is None or not want.auto_address:
        return want.addresses
    shown = have.addresses(want.name)
    for address in shown:
        if address not in want.addresses and addresses.family(address) == addresses.IPV4 and addresses.is_private_ipv4(address):
            return (address, *want.addresses)  # kept on later runs
    others = [route for route in have.namespace.routes if route.link != want.name and not route.is_default]
    taken = [addresses.bounds(route.destination) for route in others] + [addresses.bounds(address) for address in want.addresses]
    for subnet in addresses.AUTO_SUBNETS:
        version, first, last = addresses.bounds(subnet)
        if not any(version == v and first <= end and start <= last for v, start, end in taken):
            return (addresses.first_host(subnet), *want.addresses)
    raise Refused(
        f"bridge {want.name}: addresses has auto, and each subnet that auto picks from (172.17.0.0/16 to 172.31.0.0/16, "
        "192.168.0.0/20 to 192.168.240.0/20) overlaps a route of this host; name the address instead"
    )


def warnings(operations: list[Operation]) -> list[str]:
    """Return what a person should know about a plan before it is carried out."""
    return [
        f"{operation.name.replace('/', '.')} is switched on for the whole host: it now forwards between all its interfaces, not only this bridge"
        for operation in operations
        if isinstance(operation, SetSysctl) and operation.name in (_IP_FORWARD, _IP6_FORWARD) and operation.new == "1"
    ]


def describe(name: str, have: BridgeHave) -> dict[str, Any] | None:
    """Return the bridge as options that give it back, ``None`` if there is none."""
    link = have.link(name)
    if link is None or link.kind != "bridge":
        return None
    members = sorted(port.name for port in have.namespace.links.values() if port.master == link.index and not port.ours)
    described: dict[str, Any] = {
        "name": name,
        "addresses": sorted(address for address in have.addresses(name) if not link_addresses.is_link_local(address)),
        "mtu": link.mtu,
        "mac": link.mac,
        "stp": bool(link.bridge.get("stp")),
        "forward_delay": link.bridge.get("forward_delay", 0) / 100,
        "ageing_time": link.bridge.get("ageing_time", 0) / 100,
        "multicast_snooping": bool(link.bridge.get("multicast_snooping")),
        "members": members,
        "ip_forward": have.sysctls.get(_forwarding(name)) == "1",
        "masquerade": any(nat.bridge == name for nat in have.masquerades),
        "up": link.up,
    }
    if "vlan_filtering" in link.bridge:
        described["vlan_filtering"] = bool(link.bridge["vlan_filtering"])
    return described


def predict(want: Bridge, have: BridgeHave) -> dict[str, Any]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    described = describe(want.name, have) or {"name": want.name}
    wanted_addresses = addresses_of(want, have)
    if wanted_addresses is not None:
        existing = have.link(want.name)
        kept = () if existing is None or existing.ours else have.addresses(want.name)
        described["addresses"] = sorted({*wanted_addresses, *(a for a in kept if not link_addresses.is_link_local(a))})
    for option in ("mtu", "mac", "stp", "multicast_snooping", "vlan_filtering", "ip_forward", "masquerade", "up"):
        value = getattr(want, option)
        if value is not None:
            described[option] = value
    for option in ("forward_delay", "ageing_time"):
        value = getattr(want, option)
        if value is not None:
            described[option] = value / 100
    if want.members is not None:
        described["members"] = sorted({*described.get("members", ()), *want.members})
    return described


# ---- refusals


def _bridge_link(name: str, have: BridgeHave) -> Link | None:
    link = have.link(name)
    if link is not None and link.kind != "bridge":
        kind = f"a {link.kind} interface" if link.kind else "a physical interface"
        raise Refused(f"name: {name!r} is {kind} of this host and not a Linux bridge; choose another name")
    return link


def _check_members(want: Bridge, have: BridgeHave, existing: Link | None) -> None:
    for place, name in enumerate(want.members or ()):
        option = f"members[{place}]: {name!r}"
        link = have.link(name)
        if link is None:
            raise Refused(f"{option} is not an interface of this host; create it first or take it off the list")
        if existing is not None and link.master == existing.index:
            continue
        if name in have.management:
            raise Refused(f"{option} {have.management[name]}; as a port it would lose its addresses and lock you out, so give another interface")
        if link.kind == "bridge":
            raise Refused(f"{option} is a bridge itself; join two bridges by a veth pair")
        if link.master:
            master = have.namespace.by_index(link.master)
            whose = master.name if master else f"interface {link.master}"
            raise Refused(f"{option} is a port of {whose} already; take it out there first")


def _check_overlaps(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> None:
    if want.allow_overlap:
        return
    present_already = have.addresses(want.name)
    for address in wanted or ():
        if address in present_already:
            continue
        subnet = addresses.network(address)
        for route in have.namespace.routes:
            if route.link != want.name and not route.is_default and addresses.overlap(subnet, route.destination):
                raise Refused(
                    f"bridge {want.name}: address {address} overlaps route {route.destination} via {route.link}; "
                    "choose another subnet or set allow_overlap"
                )


# ---- operations, in the order they are carried out


def _link_operations(want: Bridge, have: BridgeHave, existing: Link | None) -> list[Operation]:
    wanted = {name: int(value) for name in _ATTRIBUTES if (value := getattr(want, name)) is not None}
    if not have.vlan_filtering:
        wanted.pop("vlan_filtering", None)  # asked to be off on a kernel that hasn't it
    operations: list[Operation] = []
    if existing is None:
        operations.append(AddBridge(HOST, want.name, wanted, want.mac))
        if want.mtu is not None:
            # Even if it is the kernel's own: only an MTU that was set is kept when a smaller port joins.
            operations.append(SetLink(HOST, want.name, {"mtu": want.mtu}, {"mtu": 1500}))
        return operations
    changed = {name: value for name, value in wanted.items() if existing.bridge.get(name) != value}
    if changed:
        operations.append(ChangeBridge(HOST, want.name, changed, {name: existing.bridge.get(name, 0) for name in changed}))
    new: dict[str, Any] = {}
    if want.mac is not None and existing.mac != want.mac:
        new["mac"] = want.mac
    if want.mtu is not None and existing.mtu != want.mtu:
        new["mtu"] = want.mtu
    if want.up is False and existing.up:
        new["up"] = False
    if new:
        operations.append(SetLink(HOST, want.name, new, {name: getattr(existing, name) for name in new}))
    return operations


def _address_operations(want: Bridge, have: BridgeHave, existing: Link | None, wanted: tuple[str, ...] | None) -> list[Operation]:
    shown = have.addresses(want.name) if existing is not None else ()
    operations: list[Operation] = []
    if wanted is None:
        return operations
    ipv6 = f"net/ipv6/conf/{want.name}/disable_ipv6"
    if any(addresses.family(address) == addresses.IPV6 for address in wanted) and have.sysctls.get(ipv6) == "1":
        operations.append(SetSysctl(HOST, ipv6, "0", "1"))
    if existing is not None and existing.up and want.up is False:
        shown = tuple(address for address in shown if addresses.family(address) == addresses.IPV4)  # the kernel drops the others
    # Another tool's bridge keeps what it has: only addresses that are missing are added.
    removable = existing is None or existing.ours
    routes = tuple(route for route in have.namespace.routes if route.link == want.name)
    return operations + link_addresses.plan(HOST, want.name, wanted, shown, routes, removable)


def _member_operations(want: Bridge, have: BridgeHave, existing: Link | None) -> list[Operation]:
    operations: list[Operation] = []
    for name in want.members or ():
        link = have.namespace.links[name]
        new: dict[str, Any] = {}
        if existing is None or link.master != existing.index:
            new["master"] = want.name
        if not link.up:
            new["up"] = True
        if new:
            old = {"master": "", "up": False}
            operations.append(SetLink(HOST, name, new, {key: old[key] for key in new}))
    return operations


def _forwarding(bridge: str, version: int = addresses.IPV4) -> str:
    return f"net/ipv{version}/conf/{bridge}/forwarding"


def _forwarding_operations(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.ip_forward is None:
        return []
    held = wanted if wanted is not None else have.addresses(want.name)
    ipv6 = any(addresses.family(address) == addresses.IPV6 and not link_addresses.is_link_local(address) for address in held)
    operations: list[Operation] = []
    if not want.ip_forward:
        # The host's own switch serves others too; the bridge's own is ours to turn off.
        for version in (addresses.IPV4, addresses.IPV6):
            operations += _sysctl(have, _forwarding(want.name, version), "0")
        return operations
    if have.sysctls.get(_IP_FORWARD) == "0":
        operations += _sysctl(have, _IP_FORWARD, "1")  # which sets every interface's
    else:
        operations += _sysctl(have, _forwarding(want.name), "1")
    if not ipv6:
        return operations
    if have.sysctls.get(_IP6_FORWARD) == "0":
        # A forwarding host stops listening to router advertisements unless accept_ra is 2: its default route would expire.
        for link in sorted({route.link for route in have.namespace.routes if route.protocol == _RTPROT_RA}):
            name = f"net/ipv6/conf/{link}/accept_ra"
            if have.sysctls.get(name) == "1":
                operations += _sysctl(have, name, "2")
        operations += _sysctl(have, _IP6_FORWARD, "1")
    else:
        operations += _sysctl(have, _forwarding(want.name, addresses.IPV6), "1")
    return operations


def _sysctl(have: BridgeHave, name: str, value: str) -> list[Operation]:
    shown = have.sysctls.get(name)
    return [SetSysctl(HOST, name, value, shown)] if shown is not None and shown != value else []


def _masquerade_operations(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.masquerade is None:
        return []
    shown = {nat for nat in have.masquerades if nat.bridge == want.name}
    goal: set[Masquerade] = set()
    if want.masquerade:
        held = wanted if wanted is not None else have.addresses(want.name)
        goal = {Masquerade(want.name, addresses.network(address)) for address in held if not link_addresses.is_link_local(address)}
    if goal == shown:
        return []
    return [ChangeMasquerades(HOST, tuple(sorted(goal - shown)), tuple(sorted(shown - goal)))]


def _restore(link: Link, have: BridgeHave) -> tuple[Operation, ...]:
    operations: list[Operation] = [
        AddBridge(HOST, link.name, dict(link.bridge), link.mac),
        SetLink(HOST, link.name, {"mtu": link.mtu, "up": link.up}, {}),
    ]
    operations += [AddAddress(HOST, link.name, address) for address in have.addresses(link.name)]
    ports = sorted(port.name for port in have.namespace.links.values() if port.master == link.index)
    operations += [SetLink(HOST, port, {"master": link.name}, {}) for port in ports]
    return tuple(operations)
