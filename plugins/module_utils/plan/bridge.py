# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a wanted bridge and what the host shows to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..errors import MissingFeature, Refused
from ..model import addresses, limits
from ..model.bridge import FORWARD_DELAY, Bridge
from ..model.docker_user import AcceptedBridge
from ..model.host import HOST, Link, Namespace
from ..model.icc_rules import IccRules
from ..model.masquerade import Masquerade
from ..model.route import KERNEL_PROTOCOL, Route
from . import link_addresses
from .icc_operations import ChangeIccRules
from .operations import (
    AddAddress,
    AddBridge,
    ChangeBridge,
    ChangeDockerUser,
    ChangeMasquerades,
    DeleteLink,
    Operation,
    Remember,
    SetLink,
    SetRoute,
    SetSysctl,
    on_link_first,
)

_ATTRIBUTES = ("stp", "forward_delay", "ageing_time", "multicast_snooping", "vlan_filtering")

_LEAST_FORWARD_DELAY = round(FORWARD_DELAY[0] * 100)

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
    exists, ``docker_accepted`` what it lets pass for us. ``icc`` is what our
    tables say of isolated bridges.
    """

    namespace: Namespace
    masquerades: frozenset[Masquerade] = frozenset()
    docker_families: frozenset[str] = frozenset()
    docker_accepted: frozenset[AcceptedBridge] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    management: Mapping[str, str] = field(default_factory=dict)
    vlan_filtering: bool = True
    birth_link: str | None = None
    icc: IccRules = field(default_factory=IccRules)

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
    _check_mtu(want, have, existing, wanted_addresses)
    _check_prefixes(want, have, existing, wanted_addresses)
    _check_forward_delay(want, existing)
    operations = _link_operations(want, have, existing)
    operations += _address_operations(want, have, existing, wanted_addresses)
    if operations and existing is not None:
        operations.insert(0, Remember(HOST, want.name, have.addresses(want.name), _routes_of(want.name, have)))
    operations += _member_operations(want, have, existing)
    if existing is not None and existing.mtu == want.mtu and any(have.namespace.links[name].mtu != want.mtu for name in _joining(want, have)):
        # The kernel doesn't say whether it was set or is that of the smallest port so far.
        operations.append(SetLink(HOST, want.name, {"mtu": want.mtu}, {"mtu": want.mtu}))
    if want.up and (existing is None or not existing.up):
        operations.append(SetLink(HOST, want.name, {"up": True}, {"up": False}))
    operations += _forwarding_operations(want, have, wanted_addresses)
    operations += _masquerade_operations(want, have, wanted_addresses)
    if existing is None or existing.ours:
        missing = tuple(sorted({AcceptedBridge(family, want.name) for family in have.docker_families} - have.docker_accepted))
        if missing:
            operations.append(ChangeDockerUser(HOST, missing, ()))
        if have.icc.off - {want.name} and want.name not in have.icc.off | have.icc.neighbours and not is_way_out(want.name, have.namespace):
            operations.append(ChangeIccRules(HOST, replace(have.icc, neighbours=have.icc.neighbours | {want.name}), have.icc))
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
    if have.icc != have.icc.without(name):
        operations.append(ChangeIccRules(HOST, have.icc.without(name), have.icc))
    if have.birth_link:
        operations.append(DeleteLink(HOST, have.birth_link, f"bridge {have.birth_link} that an interrupted run left", ()))
    if existing is not None:
        operations.append(DeleteLink(HOST, name, f"bridge {name}", _restore(existing, have)))
    return operations


def is_way_out(bridge: str, namespace: Namespace) -> bool:
    """Tell a bridge through which a default route goes: isolated bridges are not kept apart from that."""
    return any(route.is_default and route.link == bridge for route in namespace.routes)


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
    existing = have.link(want.name)
    wanted_addresses = addresses_of(want, have)
    if existing is None or wanted_addresses is not None or want.up is False:
        described["addresses"] = sorted(_predicted_addresses(want, have, wanted_addresses))
    if _joining(want, have):
        # A bridge follows its ports in what was not set expressly.
        described.pop("mtu", None)
        described.pop("mac", None)
    for option in ("mtu", "mac", "multicast_snooping", "vlan_filtering", "ip_forward", "up"):
        value = getattr(want, option)
        if value is not None and not (option == "vlan_filtering" and not have.vlan_filtering):
            described[option] = value
    for option, number in _wanted_attributes(want, have, existing).items():
        if option in ("forward_delay", "ageing_time"):
            described[option] = number / 100
        elif option == "stp":
            described[option] = bool(number)
    if want.masquerade is not None:
        described["masquerade"] = bool(_masqueraded(want, have, wanted_addresses))
    if want.members is not None:
        # Ports of ours are attachments, and shown with those.
        others = [name for name in want.members if not have.namespace.links[name].ours]
        described["members"] = sorted({*described.get("members", ()), *others})
    return described


def _predicted_addresses(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> set[str]:
    existing = have.link(want.name)
    shown = _staying(want, have)
    kept = shown if wanted is None or (existing is not None and not existing.ours) else ()
    return {address for address in (*(wanted or ()), *kept) if not link_addresses.is_link_local(address)}


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
        # Each interface has fe80::/64 for itself.
        if address in present_already or link_addresses.is_link_local(address):
            continue
        subnet = addresses.network(address)
        for route in have.namespace.routes:
            if route.link != want.name and not route.is_default and addresses.overlap(subnet, route.destination):
                raise Refused(
                    f"bridge {want.name}: address {address} overlaps route {route.destination} via {route.link}; "
                    "choose another subnet or set allow_overlap"
                )


def _check_mtu(want: Bridge, have: BridgeHave, existing: Link | None, wanted: tuple[str, ...] | None) -> None:
    mtu = want.mtu if want.mtu is not None or existing is None else existing.mtu
    if mtu is None or mtu >= limits.IPV6_MTU:
        return
    shown = have.addresses(want.name) if existing is not None and (wanted is None or not existing.ours) else ()
    for address in (*(wanted or ()), *shown):
        if addresses.family(address) == addresses.IPV6 and not (address in shown and link_addresses.is_link_local(address)):
            raise Refused(
                f"bridge {want.name}: mtu {mtu} is below {limits.IPV6_MTU} bytes, with which the kernel takes IPv6 off it, "
                f"and it is to have {address}; set a larger mtu or leave the IPv6 addresses out"
            )


def _check_prefixes(want: Bridge, have: BridgeHave, existing: Link | None, wanted: tuple[str, ...] | None) -> None:
    """IPv6 has an address once on a link, whatever its prefix length; on another tool's bridge it is not ours to change."""
    if existing is None or existing.ours:
        return
    shown = _staying(want, have)
    held = {addresses.bare(address): address for address in shown if addresses.family(address) == addresses.IPV6}
    for address in wanted or ():
        other = held.get(addresses.bare(address), address)
        if other not in (address, *(wanted or ())):
            raise Refused(f"bridge {want.name}: address {address} is there as {other}, and the bridge was not made by this collection; name it as it is")


def _check_forward_delay(want: Bridge, existing: Link | None) -> None:
    stays_on = existing is not None and bool(existing.bridge.get("stp")) and want.stp is None
    if stays_on and want.forward_delay is not None and want.forward_delay < _LEAST_FORWARD_DELAY:
        raise Refused(
            f"bridge {want.name}: forward_delay {want.forward_delay / 100:g} is below 2 seconds, the least the kernel takes while stp "
            "is on, as it is; raise it or set stp to false"
        )


# ---- operations, in the order they are carried out


def _wanted_attributes(want: Bridge, have: BridgeHave, existing: Link | None) -> dict[str, int]:
    wanted = {name: int(value) for name in _ATTRIBUTES if (value := getattr(want, name)) is not None}
    if not have.vlan_filtering:
        wanted.pop("vlan_filtering", None)  # asked to be off on a kernel that hasn't it
    if want.stp and existing is not None and not existing.bridge.get("stp"):
        # br_stp_start() would raise it without a word.
        delay = wanted.get("forward_delay", existing.bridge.get("forward_delay", _LEAST_FORWARD_DELAY))
        if delay < _LEAST_FORWARD_DELAY:
            wanted["forward_delay"] = _LEAST_FORWARD_DELAY
    return wanted


def _bridge_changes(changed: dict[str, int], existing: Link) -> list[Operation]:
    """While STP is on, the kernel takes no forward delay below 2 seconds: STP is switched on last, and off first."""
    stp = {name: value for name, value in changed.items() if name == "stp"}
    rest = {name: value for name, value in changed.items() if name != "stp"}
    if "forward_delay" not in rest:
        stp, rest = changed, {}
    ordered = (rest, stp) if stp.get("stp") else (stp, rest)
    return [ChangeBridge(HOST, existing.name, one, {name: existing.bridge.get(name, 0) for name in one}) for one in ordered if one]


def _link_operations(want: Bridge, have: BridgeHave, existing: Link | None) -> list[Operation]:
    wanted = _wanted_attributes(want, have, existing)
    operations: list[Operation] = []
    if existing is None:
        operations.append(AddBridge(HOST, want.name, wanted, want.mac))
        if want.mtu is not None:
            # Even if it is the kernel's own: only an MTU that was set is kept when a smaller port joins.
            operations.append(SetLink(HOST, want.name, {"mtu": want.mtu}, {"mtu": 1500}))
        return operations
    changed = {name: value for name, value in wanted.items() if existing.bridge.get(name) != value}
    operations += _bridge_changes(changed, existing)
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
    if wanted is None:
        return []
    operations: list[Operation] = []
    ipv6 = f"net/ipv6/conf/{want.name}/disable_ipv6"
    if any(addresses.family(address) == addresses.IPV6 for address in wanted) and have.sysctls.get(ipv6) == "1":
        operations.append(SetSysctl(HOST, ipv6, "0", "1"))
    # Another tool's bridge keeps what it has: only addresses that are missing are added.
    removable = existing is None or existing.ours
    routes = () if want.up is False else _routes_of(want.name, have)
    return operations + link_addresses.plan(HOST, want.name, wanted, _staying(want, have), routes, removable)


def _staying(want: Bridge, have: BridgeHave) -> tuple[str, ...]:
    """Return the addresses of the bridge that are still there once it is up or down as wanted."""
    existing = have.link(want.name)
    shown = have.addresses(want.name)
    if existing is not None and existing.up and want.up is False:
        return tuple(address for address in shown if addresses.family(address) == addresses.IPV4)  # the kernel drops the others
    return shown


def _routes_of(bridge: str, have: BridgeHave) -> tuple[Route, ...]:
    """Return the routes through a bridge but those that come with its addresses."""
    return tuple(route for route in have.namespace.routes if route.link == bridge and route.protocol != KERNEL_PROTOCOL)


def _joining(want: Bridge, have: BridgeHave) -> list[str]:
    existing = have.link(want.name)
    return [name for name in want.members or () if existing is None or have.namespace.links[name].master != existing.index]


def _member_operations(want: Bridge, have: BridgeHave, existing: Link | None) -> list[Operation]:
    operations: list[Operation] = []
    for name in want.members or ():
        link = have.namespace.links[name]
        new: dict[str, Any] = {}
        joins = existing is None or link.master != existing.index
        isolated = want.name in have.icc.off
        if joins:
            new["master"] = want.name
        if isolated and (joins or not link.isolated):
            new["isolated"] = True
        # A port that is to be isolated joins down.
        if not link.up or (joins and isolated):
            new["up"] = True
        if new:
            old = {"master": "", "up": link.up, "isolated": False}
            operations.append(SetLink(HOST, name, new, {key: old[key] for key in new}))
    return operations


def _forwarding(bridge: str, version: int = addresses.IPV4) -> str:
    return f"net/ipv{version}/conf/{bridge}/forwarding"


def _forwarding_operations(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.ip_forward is None:
        return []
    held = wanted if wanted is not None else _staying(want, have)
    ipv6 = any(addresses.family(address) == addresses.IPV6 and not link_addresses.is_link_local(address) for address in held)
    operations: list[Operation] = []
    if not want.ip_forward:
        # The host's own switch serves others too; the bridge's own is ours to turn off.
        for version in (addresses.IPV4, addresses.IPV6):
            operations += _sysctl(have, _forwarding(want.name, version), "0")
        return operations
    if have.sysctls.get(_IP_FORWARD) == "0":
        operations.append(_switch(have, _IP_FORWARD, _forwarding(want.name)))
    else:
        operations += _sysctl(have, _forwarding(want.name), "1")
    if not ipv6:
        return operations
    if have.sysctls.get(_IP6_FORWARD) == "0":
        operations += switch_ipv6_forwarding(want.name, have)
    else:
        operations += _sysctl(have, _forwarding(want.name, addresses.IPV6), "1")
    return operations


class HostSeen(Protocol):
    """What every plan for a bridge knows of the host."""

    @property
    def namespace(self) -> Namespace: ...

    @property
    def sysctls(self) -> Mapping[str, str]: ...


def switch_ipv6_forwarding(bridge: str, have: HostSeen) -> list[Operation]:
    """Return what switches IPv6 forwarding on for the whole host, for the sake of a bridge."""
    operations: list[Operation] = []
    # A forwarding host stops listening to router advertisements unless accept_ra is 2: its default route would expire.
    for link in sorted({route.link for route in have.namespace.routes if route.protocol == _RTPROT_RA}):
        name = f"net/ipv6/conf/{link}/accept_ra"
        if have.sysctls.get(name) == "1":
            operations += _sysctl(have, name, "2")
    return [*operations, _switch(have, _IP6_FORWARD, _forwarding(bridge, addresses.IPV6))]


def _switch(have: HostSeen, name: str, own: str) -> SetSysctl:
    """Switch forwarding on for the host, which sets every interface's; the bridge's own may have been on before."""
    was_on = have.sysctls.get(own) == "1" and own.split("/")[3] in have.namespace.links
    return SetSysctl(HOST, name, "1", "0", ((own, "1"),) if was_on else ())


def _sysctl(have: HostSeen, name: str, value: str) -> list[Operation]:
    shown = have.sysctls.get(name)
    return [SetSysctl(HOST, name, value, shown)] if shown is not None and shown != value else []


def _masquerade_operations(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.masquerade is None:
        return []
    shown = {nat for nat in have.masquerades if nat.bridge == want.name}
    goal = _masqueraded(want, have, wanted)
    if goal == shown:
        return []
    return [ChangeMasquerades(HOST, tuple(sorted(goal - shown)), tuple(sorted(shown - goal)))]


def _masqueraded(want: Bridge, have: BridgeHave, wanted: tuple[str, ...] | None) -> set[Masquerade]:
    if not want.masquerade:
        return set()
    held = wanted if wanted is not None else _staying(want, have)
    return {Masquerade(want.name, addresses.network(address)) for address in held if not link_addresses.is_link_local(address)}


def _restore(link: Link, have: BridgeHave) -> tuple[Operation, ...]:
    mac = link.mac if link.mac.strip("0:") else None  # a bridge that lost its last port may have none
    operations: list[Operation] = [AddBridge(HOST, link.name, dict(link.bridge), mac)]
    if not link.ours:
        operations.append(SetLink(HOST, link.name, {"alias": link.alias}, {}))
    ports = sorted((port for port in have.namespace.links.values() if port.master == link.index), key=lambda port: port.name)
    operations += [SetLink(HOST, port.name, {"master": link.name, **({"isolated": True, "up": port.up} if port.isolated else {})}, {}) for port in ports]
    operations.append(SetLink(HOST, link.name, {"mtu": link.mtu, "up": link.up}, {}))
    operations += [SetSysctl(HOST, name, value, value) for name, value in sorted(have.sysctls.items()) if f"/{link.name}/" in name]
    operations += [AddAddress(HOST, link.name, address) for address in have.addresses(link.name)]
    operations += [SetRoute(HOST, route, None) for route in on_link_first(_routes_of(link.name, have))]
    return tuple(operations)
