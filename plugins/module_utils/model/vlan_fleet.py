# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of a whole fleet in VLANs: what the role multi_host_vlan asks for. Private to the collection.

Pure, and for the controller: it sees the variables of all hosts at once, so
that what contradicts itself between two hosts is found before either changes.
Addresses go through ``ipaddress`` here, as a controller need not have netaddr.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Union

from .addresses import seeded_mac
from .attachment import netns_path
from .limits import VLAN, VNI
from .names import derived_name

PREFIX = "multi_host_vlan_"
"""What the names of the role's variables begin with."""

TRUNK, VXLAN, ALONE = "trunk", "vxlan", "none"
"""How the VLANs of one host get to the next: tagged through the uplink, in tunnels, or not at all."""

SELECTORS = ("container", "netns", "pid")

# Of an entry of the containers, what goes to veth_attach as it is.
_PASSED_ON = ("runtime", "host_interface", "mac", "mac_seed", "mtu", "gateway", "gateway6", "routes")
_ENTRY = (*SELECTORS, "interface", "vlan", "address", *_PASSED_ON)
_VLAN = ("id", "subnet", "gateway", "pool", "vni")

# What VXLAN puts before a frame, by the family of the underlay (RFC 7348, section 5), and what a NIC usually takes.
_OVERHEAD = {4: 50, 6: 70}
_ETHERNET_MTU = 1500

# How many places a container of a host that is down may have moved on by, as another had the first ones when it came, are kept free.
_DISPLACED = 4

# "This host on this network" (RFC 1122, section 3.2.1.3); in IPv6 there is one such address.
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")

_DEFAULT_INTERFACE = "eth1"
_WHOLE_ID = 64
_CONTAINER_ID = re.compile(r"[0-9a-f]+")
_TUNNEL = "vx"  # what the names of our tunnels begin with

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Subnet:
    """``first`` and ``last`` bound what is given to containers that name no address, as numbers."""

    network: Network
    gateway: Address | None
    first: int
    last: int

    def chooses(self, address: Address) -> bool:
        """Tell whether ``address`` is one that a container could be given."""
        return address.version == self.network.version and self.first <= int(address) <= self.last and address != self.gateway


@dataclass(frozen=True)
class Vlan:
    """``id`` is 1 to 4094. ``subnets`` are one of IPv4, one of IPv6, both in this order, or none."""

    name: str
    id: int
    subnets: tuple[Subnet, ...] = ()
    vni: int | None = None


@dataclass(frozen=True)
class Member:
    """One interface of one container in one VLAN, with one address of each IP version at most.

    ``target`` is the selector and its value; ``where`` says which variable asks for it.
    """

    host: str
    target: tuple[str, str]
    interface: str
    vlan: str
    where: str
    addresses: tuple[Interface, ...] = ()
    passed_on: Mapping[str, Any] = field(default_factory=dict)

    def address(self, version: int) -> Interface | None:
        """Return its address of that IP version, ``None`` if it has none (yet)."""
        return next((address for address in self.addresses if address.version == version), None)

    def with_address(self, address: Address, prefix: int) -> Member:
        added = ipaddress.ip_interface(f"{address}/{prefix}")
        return replace(self, addresses=tuple(sorted((*self.addresses, added), key=lambda one: one.version)))

    @property
    def key(self) -> Key:
        return (self.host, "=".join(self.target), self.interface)

    @property
    def label(self) -> str:
        return _label(*self.target, self.interface)

    def __str__(self) -> str:
        return f"{self.label} of {self.host}"


def _label(selector: str, value: str, interface: str) -> str:
    name = value.rpartition("/")[2] if selector == "netns" else value
    return name if interface == _DEFAULT_INTERFACE else f"{name}:{interface}"


@dataclass(frozen=True)
class Holder:
    """An interface in our bridge that a host shows. ``targets`` are its container's names, as in ``Member.key``; the ``owner`` asks for it."""

    host: str
    targets: tuple[str, ...]
    interface: str
    vlan_id: int | None
    addresses: tuple[Address, ...]
    vlan: str = ""
    owner: Member | None = None

    @property
    def key(self) -> Key:
        return self.owner.key if self.owner is not None else (self.host, self.targets[0], self.interface)

    def __str__(self) -> str:
        selector, _is, value = self.targets[0].partition("=")
        return f"{_label(selector, value, self.interface)} of {self.host}"


@dataclass(frozen=True)
class Fleet:
    """``members`` have their addresses where ``problems`` is empty; each problem is one sentence for the user, and each warning.

    ``underlay_mtu`` is the least of the links that tunnels leave by.
    """

    vlans: Mapping[str, Vlan]
    members: tuple[Member, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    underlay_mtu: int = _ETHERNET_MTU

    def of(self, host: str) -> list[Member]:
        return [member for member in self.members if member.host == host]


def read(
    variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]], running: Collection[str] | None = None
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
    warnings: list[str] = []
    vlans = _vlans(variables, problems)
    members = [member for host in sorted(variables) for member in _members(host, variables[host].get("containers"), vlans, problems)]
    _refuse_duplicates(members, vlans, problems)
    for host in sorted(variables):
        _check_transport(host, variables, problems)
        _check_underlay(host, variables, problems)
        _check_uplink(host, variables[host], shown.get(host), len(variables), vlans, problems)
    if not problems:
        running = variables if running is None else running
        holders = _with_owners(members, variables, shown, vlans)
        _refuse_held(members, holders, variables, running, problems)
        if not problems:
            unread = [host for host in variables if host not in shown]
            warnings = _unread_warnings(members, vlans, unread)
            members = _with_addresses(members, vlans, holders, running, unread, problems)
    fleet = Fleet(vlans, tuple(members), (), tuple(warnings), _underlay_mtu(variables, shown))
    for host in sorted(variables):
        _check_limit(fleet, host, variables, shown.get(host), problems)
    return replace(fleet, problems=tuple(problems))


def ports(fleet: Fleet, host: str, variables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries for ovs_vlan_port on a host: what leads to the other hosts."""
    given = variables[host]
    if given.get("transport") == VXLAN:
        others = [variables[other] for other in sorted(variables) if other != host and variables[other].get("state") != "absent"]
        vlans = sorted(fleet.vlans.values(), key=lambda vlan: vlan.id)
        return [_tunnel(vlan, given, str(underlay(other))) for other in others for vlan in vlans]
    numbers = sorted(vlan.id for vlan in fleet.vlans.values())
    uplink = given.get("uplink")
    # Without VLANs, a trunk would carry all there are.
    return [{"port": uplink, "mode": "trunk", "trunks": numbers}] if uplink and numbers else []


def _tunnel(vlan: Vlan, given: Mapping[str, Any], remote: str) -> dict[str, Any]:
    vni = vlan.vni or vlan.id
    # A name says where a tunnel leads: one that is to lead elsewhere is another port.
    name = derived_name(_TUNNEL, str(given.get("bridge")), remote, str(vni))
    tunnel: dict[str, Any] = {"port": name, "tag": vlan.id, "vxlan": {"remote": remote, "vni": vni}}
    if given.get("underlay_address"):
        tunnel["vxlan"]["local"] = str(underlay(given))
    return tunnel


def underlay(given: Mapping[str, Any]) -> Address | None:
    """Return the address to which tunnels to a host lead; ``None`` where neither variable says one."""
    return _address(given.get("underlay_address") or given.get("ansible_host"))


def _underlay_mtu(variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]) -> int:
    """Return what fits through the links of all hosts that were asked: in one network, all must take the frames of all."""
    found = []
    for host, seen in shown.items():
        here = underlay(variables[host]) if host in variables and variables[host].get("state") != "absent" else None
        for interface in seen.get("interfaces") or ():
            held = [_address(text.partition("/")[0]) for text in interface.get("addresses") or ()]
            if here is not None and here in held and interface.get("mtu"):
                found.append(int(interface["mtu"]))
    return min(found, default=_ETHERNET_MTU)


def attachments(fleet: Fleet, host: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries for veth_attach on a host with the variables ``given``."""
    mtu = given.get("mtu")
    if not mtu and given.get("transport") == VXLAN:
        here = underlay(given)
        mtu = fleet.underlay_mtu - _OVERHEAD[6 if here is not None and here.version == 6 else 4]
    return [_attachment(member, fleet.vlans[member.vlan], mtu) for member in fleet.of(host)]


def _attachment(member: Member, vlan: Vlan, mtu: int | None) -> dict[str, Any]:
    selector, value = member.target
    entry: dict[str, Any] = {selector: int(value) if selector == "pid" else value, "interface": member.interface, "vlan": vlan.id, **member.passed_on}
    if member.addresses:
        entry["addresses"] = [str(address) for address in member.addresses]
    for subnet in vlan.subnets:
        if subnet.gateway is not None:
            entry.setdefault("gateway6" if subnet.gateway.version == 6 else "gateway", str(subnet.gateway))
    if mtu:
        entry.setdefault("mtu", int(mtu))
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


# -- VLANs


def _vlans(variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> dict[str, Vlan]:
    """Return the VLANs of all hosts by name; most often all hosts have the same ones."""
    found: dict[str, tuple[str, Vlan]] = {}
    by_id: dict[int, tuple[str, str]] = {}
    by_vni: dict[int, tuple[str, str]] = {}
    refused: list[tuple[str, Any]] = []
    for host in sorted(variables):
        given = variables[host].get("vlans") or {}
        if not isinstance(given, Mapping):
            problems.append(f"{host}: {PREFIX}vlans: {given!r} is not a mapping; write it like {{web: {{id: 100, subnet: 192.168.0.0/24}}}}")
            continue
        for name in sorted(given, key=str):
            if (name, given[name]) in refused:
                continue  # said of another host already
            vlan = _vlan(host, str(name), given[name], problems)
            if vlan is None:
                refused.append((name, given[name]))
                continue
            first_host, first = found.setdefault(vlan.name, (host, vlan))
            if first != vlan:
                problems.append(
                    f"{host}: {PREFIX}vlans.{name}: is {_described(vlan)} here and {_described(first)} on {first_host}; "
                    "a VLAN means the same on all hosts, so make them equal"
                )
                refused.append((name, given[name]))
                continue
            vni = vlan.vni or vlan.id
            vni_host, other = by_vni.setdefault(vni, (host, vlan.name))
            if other != vlan.name and found[other][1].id != vlan.id:
                where = "" if vni_host == host else f" on {vni_host}"
                problems.append(f"{host}: {PREFIX}vlans.{name}.vni: {vni} is the VXLAN identifier of VLAN {other}{where} already; give each its own")
                refused.append((name, given[name]))
                continue
            same_host, same = by_id.setdefault(vlan.id, (host, vlan.name))
            if same != vlan.name:
                where = "" if same_host == host else f" on {same_host}"
                problems.append(f"{host}: {PREFIX}vlans.{name}.id: {vlan.id} is the id of VLAN {same}{where} already; give each VLAN an id of its own")
                refused.append((name, given[name]))
    return {name: vlan for name, (_host, vlan) in found.items()}


def _described(vlan: Vlan) -> str:
    words = [f"id {vlan.id}", *(["without a subnet"] if not vlan.subnets else [])]
    for subnet in vlan.subnets:
        words.append(f"subnet {subnet.network}")
        if subnet.gateway:
            words.append(f"gateway {subnet.gateway}")
        if (subnet.first, subnet.last) != _hosts_of(subnet.network):
            words.append(f"pool {_from_number(subnet.network, subnet.first)}-{_from_number(subnet.network, subnet.last)}")
    if vlan.vni is not None:
        words.append(f"vni {vlan.vni}")
    return ", ".join(words)


def _vlan(host: str, name: str, given: Any, problems: list[str]) -> Vlan | None:
    where = f"{host}: {PREFIX}vlans.{name}"
    if not isinstance(given, Mapping):
        problems.append(f"{where}: {given!r} is not a mapping; write it like {{id: 100, subnet: 192.168.0.0/24}}")
        return None
    unknown = sorted(str(key) for key in given if key not in _VLAN)
    if unknown:
        problems.append(f"{where}: has {', '.join(unknown)}, which no VLAN has; the keys are {', '.join(_VLAN)}")
        return None
    number = _whole_number(given.get("id"))
    if number is None or not VLAN[0] <= number <= VLAN[1]:
        problems.append(f"{where}.id: {_shown(given.get('id'))} is not a VLAN id; give a number from {VLAN[0]} to {VLAN[1]}")
        return None
    vni = _whole_number(given.get("vni"))
    if given.get("vni") is not None and (vni is None or not VNI[0] <= vni <= VNI[1]):
        problems.append(f"{where}.vni: {_shown(given['vni'])} is not a VXLAN network identifier; give a number from 1 to 16777215")
        return None
    subnets = _subnets(where, given, problems)
    return None if subnets is None else Vlan(name, number, subnets, vni)


def _subnets(where: str, given: Mapping[str, Any], problems: list[str]) -> tuple[Subnet, ...] | None:
    """Return the subnets of a VLAN, IPv4 first, with what is said of gateway and pool of each; ``None`` after a problem."""
    subnets: dict[int, Subnet] = {}
    for text in _as_list(given.get("subnet")):
        network = _network(where, text, problems)
        if network is None:
            return None
        if network.version in subnets:
            problems.append(f"{where}.subnet: {text!r} is the second of IPv{network.version}; a VLAN has one IPv4 and one IPv6 subnet at most")
            return None
        subnets[network.version] = Subnet(network, None, *_hosts_of(network))
    for option, with_option in (("gateway", _with_gateway), ("pool", _with_pool)):
        seen = set()
        for text in _as_list(given.get(option)):
            if not subnets:
                problems.append(f"{where}.{option}: {text!r} is given and no subnet that it could lie in; give subnet too")
                return None
            bound = _address(str(text).partition("-")[0].strip())
            version = bound.version if bound is not None and bound.version in subnets else min(subnets)
            if version in seen:
                problems.append(f"{where}.{option}: {text!r} is the second in {subnets[version].network}; give one for each subnet")
                return None
            seen.add(version)
            subnet = with_option(where, subnets[version], text, problems)
            if subnet is None:
                return None
            subnets[version] = subnet
    return tuple(subnets[version] for version in sorted(subnets))


def _as_list(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def _network(where: str, text: Any, problems: list[str]) -> Network | None:
    try:
        network = ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        problems.append(f"{where}.subnet: {text!r} is not a subnet; write it like 192.168.0.0/24 or fd00:5::/64, or both in a list")
        return None
    if "/" not in str(text) or network.num_addresses < 2:
        problems.append(f"{where}.subnet: {text!r} has no room for two hosts; give its prefix length, like 192.168.0.0/24")
        return None
    if str(network.network_address) != str(_address(str(text).partition("/")[0])):
        problems.append(f"{where}.subnet: {text!r} has bits set below its prefix length; write {network}")
        return None
    kind = _no_host(network[1]) or _no_host(network[0])
    if kind:
        problems.append(f"{where}.subnet: {text!r} holds {kind} addresses, which no container can be given; choose another")
        return None
    return network


def _with_gateway(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    gateway = _address(text)
    wrong = "is not an address" if gateway is None else _not_usable(gateway, subnet.network)
    if wrong:
        problems.append(f"{where}.gateway: {text!r} {wrong}; give an address of a host in {subnet.network}")
        return None
    return replace(subnet, gateway=gateway)


def _with_pool(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    begin, dash, end = str(text).partition("-")
    first, last = _address(begin.strip()), _address(end.strip() if dash else begin.strip())
    if first is None or last is None or _not_usable(first, subnet.network) or _not_usable(last, subnet.network) or int(first) > int(last):
        problems.append(f"{where}.pool: {text!r} is not a range of host addresses in {subnet.network}; write its first and last address, with a dash")
        return None
    return replace(subnet, first=int(first), last=int(last))


# -- Containers


def _members(host: str, entries: Any, vlans: Mapping[str, Vlan], problems: list[str]) -> Iterator[Member]:
    if entries is None:
        return
    if isinstance(entries, (str, Mapping)) or not isinstance(entries, Sequence):
        problems.append(f"{host}: {PREFIX}containers: {entries!r} is not a list; write it like [{{container: web1, vlan: web}}]")
        return
    for place, entry in enumerate(entries):
        member = _member(host, f"{host}: {PREFIX}containers[{place}]", entry, vlans, problems)
        if member is not None:
            yield member


def _member(host: str, where: str, entry: Any, vlans: Mapping[str, Vlan], problems: list[str]) -> Member | None:
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: {entry!r} is not a mapping; write it like {{container: web1, vlan: web}}")
        return None
    given = {str(key): value for key, value in entry.items() if value is not None}
    unknown = sorted(key for key in given if key not in _ENTRY)
    if unknown:
        problems.append(f"{where}: has {', '.join(unknown)}, which no entry has; the keys are {', '.join(_ENTRY)}")
        return None
    selected = [selector for selector in SELECTORS if selector in given]
    if len(selected) != 1:
        problems.append(f"{where}: names {' and '.join(selected) or 'no container'}; give exactly one of {', '.join(SELECTORS)}")
        return None
    vlan = vlans.get(str(given.get("vlan")))
    if vlan is None:
        known = ", ".join(sorted(vlans)) or "none"
        problems.append(f"{where}.vlan: {_shown(given.get('vlan'))} is not a VLAN of {PREFIX}vlans; known are {known}")
        return None
    value = str(given[selected[0]])
    if selected[0] == "netns":
        value = netns_path(value)
    passed_on = {name: given[name] for name in _PASSED_ON if name in given}
    member = Member(host, (selected[0], value), str(given.get("interface", _DEFAULT_INTERFACE)), vlan.name, where, passed_on=passed_on)
    for text in _as_list(given.get("address")):
        placed = _placed(member, str(text), vlan, problems)
        if placed is None:
            return None
        member = placed
    if selected[0] == "pid" and any(member.address(subnet.network.version) is None for subnet in vlan.subnets):
        problems.append(
            f"{where}.pid: an address is left out, which could not be kept, as {value} is another process some day; give address, or container or netns"
        )
        return None
    return member


def _placed(member: Member, text: str, vlan: Vlan, problems: list[str]) -> Member | None:
    bare, slash, prefix = text.partition("/")
    address = _address(bare)
    where = f"{member.where}.address"
    if address is None or (slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= address.max_prefixlen)):
        problems.append(f"{where}: {text!r} is not an address; write it like 192.168.0.1/24")
        return None
    if member.address(address.version) is not None:
        problems.append(f"{where}: {text!r} is the second of IPv{address.version}; give one IPv4 and one IPv6 address at most")
        return None
    if not vlan.subnets:
        if _no_host(address):
            problems.append(f"{where}: {text!r} is a {_no_host(address)} address, which no container can be given; choose another")
            return None
        if not slash:
            problems.append(f"{where}: {text!r} has no prefix length, and VLAN {vlan.name} no subnet to take it from; write it like {bare}/24")
            return None
        return member.with_address(address, int(prefix))
    subnet = next((subnet for subnet in vlan.subnets if subnet.network.version == address.version), vlan.subnets[0])
    network = subnet.network
    wrong = _not_usable(address, network)
    if wrong:
        problems.append(f"{where}: {text!r} {wrong}, the subnet of VLAN {vlan.name}; give an address of a host in it, or leave it out to have one chosen")
        return None
    if slash and int(prefix) != network.prefixlen:
        problems.append(f"{where}: {text!r} has prefix length {prefix} where VLAN {vlan.name} has subnet {network}; write {bare}/{network.prefixlen}")
        return None
    if address == subnet.gateway:
        problems.append(f"{where}: {text!r} is the gateway of VLAN {vlan.name}; choose another")
        return None
    return member.with_address(address, network.prefixlen)


def _refuse_duplicates(members: Iterable[Member], vlans: Mapping[str, Vlan], problems: list[str]) -> None:
    interfaces: dict[Key, Member] = {}
    addresses: dict[tuple[str, Address], Member] = {}
    macs: dict[tuple[str, str], Member] = {}
    for member in members:
        other = interfaces.setdefault(member.key, member)
        if other is not member:
            problems.append(f"{member.where}: {member.interface} of {member.label} is in the list twice; name it once, or give another interface")
            continue
        vlan = f"VLAN {member.vlan} ({vlans[member.vlan].id})"
        for option in ("mac", "mac_seed"):
            given = str(member.passed_on.get(option, ""))
            mac = seeded_mac(given) if option == "mac_seed" else given.strip().lower().replace("-", ":")
            if given and (other := macs.setdefault((member.vlan, mac), member)) is not member:
                problems.append(f"{member.where}.{option}: {given!r} gives the MAC {mac}, which is that of {other} in {vlan} already; give one of them another")
        for address in member.addresses:
            other = addresses.setdefault((member.vlan, address.ip), member)
            if other is not member:
                problems.append(f"{member.where}.address: {address.ip} is the address of {other} in {vlan} already; give one of them another")


def _check_transport(host: str, variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> None:
    transport, first = variables[host].get("transport", TRUNK), _first(variables)
    if first is None or variables[host].get("state") == "absent":
        return
    other = variables[first].get("transport", TRUNK)
    if transport != other:
        problems.append(
            f"{host}: {PREFIX}transport: {transport!r} is given here and {other!r} on {first}; hosts that share VLANs are joined in one way, "
            f"so make them equal, or say in {PREFIX}hosts who shares them"
        )


def _first(variables: Mapping[str, Mapping[str, Any]]) -> str | None:
    return next((host for host in sorted(variables) if variables[host].get("state") != "absent"), None)


def _check_underlay(host: str, variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> None:
    given = variables[host]
    if given.get("transport") != VXLAN or given.get("state") == "absent":
        return
    here = underlay(given)
    if here is None:
        found = given.get("underlay_address") or given.get("ansible_host")
        problems.append(
            f"{host}: {PREFIX}underlay_address: {_shown(found)} is not an address that tunnels of other hosts could lead to; "
            "give the host's address in the network that joins them"
        )
        return
    where = f"{host}: {PREFIX}underlay_address: {str(here)!r}"
    wrong = _not_reachable(here)
    if wrong:
        problems.append(f"{where} is {wrong}, to which no tunnel of another host leads; give the host's address in the network that joins them")
        return
    first = _first(variables)
    theirs = underlay(variables[first]) if first is not None else None
    if theirs is not None and theirs.version != here.version:
        problems.append(f"{where} is an IPv{here.version} address, and {theirs} of {first} an IPv{theirs.version} one; tunnels need one family at both ends")
        return
    same = next((other for other in sorted(variables) if other < host and underlay(variables[other]) == here), None)
    if same is not None:
        problems.append(f"{host}: {PREFIX}underlay_address: {here} is the address of {same} too; tunnels need one of each host")


def _check_limit(
    fleet: Fleet, host: str, variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Any] | None, problems: list[str]
) -> None:
    """Keep a run that sees only some of the hosts from taking away the tunnels to the others."""
    given = variables[host]
    if problems or shown is None or not given.get("limited") or given.get("transport") != VXLAN or given.get("state") == "absent":
        return
    wanted = {port["port"] for port in ports(fleet, host, variables)}
    there = [port["name"] for port in shown.get("ports") or () if port.get("bridge") == given.get("bridge") and port.get("kind") == VXLAN]
    lost = [name for name in there if name.startswith(_TUNNEL) and name not in wanted]
    if lost:
        problems.append(
            f"{host}: --limit leaves hosts out, and {len(lost)} of this host's tunnels lead to none of the others ({', '.join(lost)}); "
            f"set {PREFIX}hosts to all hosts that share the VLANs, such as groups['fleet'], or run without --limit"
        )


def _check_uplink(
    host: str, given: Mapping[str, Any], shown: Mapping[str, Any] | None, hosts: int, vlans: Mapping[str, Vlan], problems: list[str]
) -> None:
    uplink = given.get("uplink")
    where = f"{host}: {PREFIX}uplink: {uplink!r}"
    if given.get("state") == "absent":
        return
    if given.get("transport", TRUNK) != TRUNK:
        if uplink:
            problems.append(f"{where} stands beside {PREFIX}transport: {given['transport']}, which has none; leave one of the two out")
        return
    if not uplink:
        if hosts > 1:
            problems.append(
                f"{host}: {PREFIX}uplink: nothing is given, and {hosts} hosts are to be joined by a trunk; "
                f"name the NIC that leads to it, or set {PREFIX}transport to {VXLAN}, or to {ALONE} if nothing joins the hosts"
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
    tags = found.get("management_vlans") if bridge == given.get("bridge") else None
    # On its bridge already, and the trunk leaves what the host itself is reached by as it is.
    stays = tags and {vlan.id for vlan in vlans.values()}.issuperset(tags)
    if found["management"] and not stays:
        problems.append(f"{where} {found['management']}")
    elif bridge not in (None, given.get("bridge")):
        problems.append(f"{where} is a port of bridge {bridge} already; take it out there first, or give another interface")


# -- Addresses that are left out


def _holders(variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]) -> Iterator[Holder]:
    for host in sorted(shown):
        bridge = variables.get(host, {}).get("bridge")
        all_names = shown[host].get("targets") or {}
        # What a tool of others attached is in the VLAN as well.
        for entry in (*(shown[host].get("attachments") or ()), *(shown[host].get("foreign_attachments") or ())):
            if bridge and entry.get("bridge") != bridge:
                continue
            named = [*all_names.get(entry.get("host_interface"), ()), entry]
            targets = [f"{selector}={one[selector]}" for one in named for selector in SELECTORS if one.get(selector) is not None]
            found = [_address(text.partition("/")[0]) for text in entry.get("addresses") or ()]
            addresses = tuple(address for address in found if address is not None)
            yield Holder(host, tuple(dict.fromkeys(targets)), entry["interface"], entry.get("vlan"), addresses)


def _owner(holder: Holder, by_key: Mapping[Key, Member]) -> Member | None:
    """Return whose interface it is: named as the host shows it, in another way, or by the start of its id."""
    for target in holder.targets:
        member = by_key.get((holder.host, target, holder.interface))
        if member is not None:
            return member
    for target in holder.targets:
        selector, _is, value = target.partition("=")
        if selector == "container" and len(value) == _WHOLE_ID and _CONTAINER_ID.fullmatch(value):
            keys = ((holder.host, target[:length], holder.interface) for length in range(len("container=") + 1, len(target)))
            return next((by_key[key] for key in keys if key in by_key), None)
    return None


def _with_owners(
    members: Iterable[Member], variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]], vlans: Mapping[str, Vlan]
) -> list[Holder]:
    """Return all interfaces that hosts show in our VLANs, each with the member that asks for it."""
    by_id = {vlan.id: name for name, vlan in vlans.items()}
    by_key = {member.key: member for member in members}
    found = []
    for holder in _holders(variables, shown):
        if not holder.targets or holder.vlan_id is None:
            continue
        owner, vlan = _owner(holder, by_key), by_id.get(holder.vlan_id)
        if vlan is None and owner is not None:
            vlan = owner.vlan  # which had another id when this was attached
        if vlan is not None:
            found.append(replace(holder, vlan=vlan, owner=owner))
    return found


def _gives_up(holder: Holder, address: Address, variables: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether the variables take its address from an interface: they name another for it, or detach it."""
    if holder.owner is not None:
        return holder.owner.vlan != holder.vlan or holder.owner.address(address.version) is not None
    given = variables[holder.host]
    return given.get("state") == "absent" or _is_true(given.get("purge"))


def _refuse_held(
    members: Iterable[Member], holders: Iterable[Holder], variables: Mapping[str, Mapping[str, Any]], running: Collection[str], problems: list[str]
) -> None:
    """Refuse addresses that are asked for while another has them and this run does not take them from it."""
    having: dict[tuple[str, Address], list[Holder]] = {}
    known = set()
    for holder in holders:
        for address in holder.addresses:
            having.setdefault((holder.vlan, address), []).append(holder)
        if holder.owner is not None:
            known.add(holder.owner.key)
    for member, asked in ((one, address.ip) for one in members for address in one.addresses):
        found = having.get((member.vlan, asked), [])
        others = [holder for holder in found if holder.owner is not member]
        for holder in others:
            gives_up = _gives_up(holder, asked, variables)
            if gives_up and holder.host in running:
                continue
            if len(others) < len(found) and holder.owner is not None:
                continue  # both have it: of the two, the one that leaves it out moves
            if member.target[0] == "pid" and member.key not in known and (holder.host, holder.interface) == (member.host, member.interface):
                continue  # most likely its own, attached by another name: what a process id means only the host knows
            if gives_up:
                why = f"and this run leaves {holder.host} as it is; run it for {holder.host}, too, or give another"
            elif holder.owner is not None:
                why = "whose entry leaves its address out and so keeps it; give one of them another"
            else:
                why = f"which is in no variable; detach it there ({PREFIX}purge does), or give another"
            problems.append(f"{member.where}.address: {asked} is what {holder} has in VLAN {member.vlan} ({holder.vlan_id}), {why}")


def _is_true(value: Any) -> bool:
    """Tell whether a variable of a host means true, as Ansible's filter bool does."""
    return value is True or str(value).lower() in ("true", "yes", "on", "1")


def _unread_warnings(members: Sequence[Member], vlans: Mapping[str, Vlan], unread: Sequence[str]) -> list[str]:
    waiting = {member.host for member in members for subnet in vlans[member.vlan].subnets if member.address(subnet.network.version) is None}
    return [
        f"{host}: could not be asked which addresses its containers have; those that its entries leave out are reckoned from the names, "
        "and if one was given to another meanwhile, it changes when the host is back"
        for host in sorted(unread)
        if host in waiting
    ]


def _with_addresses(
    members: Sequence[Member],
    vlans: Mapping[str, Vlan],
    holders: Iterable[Holder],
    running: Collection[str],
    unread: Collection[str],
    problems: list[str],
) -> list[Member]:
    """Give each member an address of each subnet of its VLAN that it has none of.

    Those asked for come first, then those that are in use, then what members
    of hosts that could not be read most likely have, then new ones. Each of
    these starts to look at a place that only its own names decide, so that
    members that come or go move no other; in sorted order, so that every
    batch of a play chooses the same.
    """
    taken: dict[str, dict[Address, Key]] = {name: {} for name in vlans}
    held: dict[Key, list[Holder]] = {}
    for holder in holders:
        held.setdefault(holder.key, []).append(holder)
    for member in members:
        for address in member.addresses:
            taken[member.vlan][address.ip] = member.key
    placed = {member.key: member for member in members}
    waiting = [
        (member, vlans[member.vlan], subnet)
        for member in sorted(members, key=lambda member: member.key)
        for subnet in vlans[member.vlan].subnets
        if member.address(subnet.network.version) is None
    ]

    def give(member: Member, subnet: Subnet, address: Address) -> None:
        taken[member.vlan][address] = member.key
        placed[member.key] = placed[member.key].with_address(address, subnet.network.prefixlen)

    def keep(member: Member, subnet: Subnet, holders: Iterable[Holder]) -> bool:
        for address in (address for holder in holders for address in holder.addresses):
            if subnet.chooses(address) and address not in taken[member.vlan]:
                give(member, subnet, address)
                return True
        return False

    # VLANs may have got other ids. Who was in the VLAN before goes first.
    for same_id in (True, False):
        waiting = [
            (member, vlan, subnet)
            for member, vlan, subnet in waiting
            if not keep(member, subnet, [holder for holder in held.get(member.key, []) if not same_id or holder.vlan_id == vlan.id])
        ]
    for holder in (holder for each in held.values() for holder in each):
        # In use, and to stay so for all that the variables say, or as they say nothing to this run.
        if holder.owner is None or holder.owner.vlan != holder.vlan or holder.host not in running:
            for held_address in holder.addresses:
                taken[holder.vlan].setdefault(held_address, holder.key)
    doubtful: dict[str, set[Address]] = {name: set() for name in vlans}
    for member, vlan, subnet in waiting:
        if member.host in unread:
            doubtful[vlan.name].update(islice(_places(member, subnet), _DISPLACED))
    # Those that nobody could see go first, as if no new one were there: so it was when they got what they have.
    for member, vlan, subnet in sorted(waiting, key=lambda one: one[0].host not in unread):
        avoided = () if member.host in unread else doubtful[vlan.name]
        chosen = _free(member, subnet, taken[vlan.name], avoided) or _free(member, subnet, taken[vlan.name])
        if chosen is None:
            which = "subnet" if (subnet.first, subnet.last) == _hosts_of(subnet.network) else "pool"
            problems.append(
                f"{member.where}: no address of VLAN {vlan.name} is left for {member}, all {subnet.last - subnet.first + 1} of its "
                f"{which} are taken; make it larger"
            )
            continue
        give(member, subnet, chosen)
    return [placed[member.key] for member in members]


def _places(member: Member, subnet: Subnet) -> Iterator[Address]:
    """Yield a subnet's addresses in the order in which a member tries them."""
    size = subnet.last - subnet.first + 1
    digest = hashlib.sha256("\0".join((*member.key, member.vlan)).encode()).digest()
    start = int.from_bytes(digest[:16], "big") % size
    # Not range(): it may be longer than what len() can tell (IPv6).
    step = 0
    while step < size:
        address = _from_number(subnet.network, subnet.first + (start + step) % size)
        if address != subnet.gateway:
            yield address
        step += 1


def _free(member: Member, subnet: Subnet, taken: Container[Address], avoided: Container[Address] = ()) -> Address | None:
    return next((address for address in _places(member, subnet) if address not in taken and address not in avoided), None)


# -- Addresses and numbers


def _address(text: Any) -> Address | None:
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def _from_number(subnet: Network, number: int) -> Address:
    return ipaddress.IPv6Address(number) if subnet.version == 6 else ipaddress.IPv4Address(number)


def _hosts_of(subnet: Network) -> tuple[int, int]:
    """Return the first and last address for a host. With one host bit both are (RFC 3021, RFC 6164); IPv6 has no broadcast."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if subnet.num_addresses == 2:
        return first, last
    return first + 1, last if subnet.version == 6 else last - 1


def _no_host(address: Address) -> str:
    """Say what kind of address it is if no interface can be given it, '' otherwise. IPv6 link-local ones each interface makes for itself."""
    kinds = {
        "multicast": address.is_multicast,
        "loopback": address.is_loopback,
        "unspecified": address in _THIS_NETWORK,
        "link-local": address.version == 6 and address.is_link_local,
    }
    return next((kind for kind, true in kinds.items() if true), "")


def _not_usable(address: Address, subnet: Network) -> str:
    """Say why no host of ``subnet`` can have ``address``, '' if one can."""
    if address.version != subnet.version or address not in subnet:
        return f"is not in {subnet}"
    first, last = _hosts_of(subnet)
    if int(address) < first:
        return f"is the network address of {subnet}"
    return f"is the broadcast address of {subnet}" if int(address) > last else ""


def _not_reachable(address: Address) -> str:
    """Say what an address is that other hosts can't send to, '' if they can."""
    kinds = (
        (address.is_unspecified, "the unspecified address"),
        (address.is_loopback, "a loopback address"),
        (address.is_multicast, "a multicast address"),
        # It means another link on each host, and a tunnel names none. IPv4 has a route that says which.
        (address.version == 6 and address.is_link_local, "a link-local address"),
        (address.version == 4 and address.is_reserved, "a reserved address"),
    )
    return next((kind for found, kind in kinds if found), "")


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)
