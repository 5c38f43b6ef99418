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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

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

_DEFAULT_INTERFACE = "eth1"
_TUNNEL = "vx"  # what the names of our tunnels begin with
_NAMED = "/run/netns/"
_CONTAINER_ID = re.compile(r"[0-9a-f]{12,64}")

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Vlan:
    """``id`` is 1 to 4094. ``first`` and ``last`` bound what is given to containers that name no address, as numbers."""

    name: str
    id: int
    subnet: Network | None = None
    gateway: Address | None = None
    first: int = 0
    last: int = -1
    vni: int | None = None


@dataclass(frozen=True)
class Member:
    """One interface of one container in one VLAN. ``target`` is the selector and its value; ``where`` says which variable asks for it."""

    host: str
    target: tuple[str, str]
    interface: str
    vlan: str
    where: str
    address: Address | None = None
    prefix: int = 0
    passed_on: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.host, "=".join(self.target), self.interface)

    @property
    def label(self) -> str:
        name = self.target[1].rpartition("/")[2] if self.target[0] == "netns" else self.target[1]
        return name if self.interface == _DEFAULT_INTERFACE else f"{name}:{self.interface}"

    def __str__(self) -> str:
        return f"{self.label} of {self.host}"


@dataclass(frozen=True)
class Fleet:
    """``members`` have their addresses where ``problems`` is empty; each problem is one sentence for the user.

    ``underlay_mtu`` is the least of the links that tunnels leave by.
    """

    vlans: Mapping[str, Vlan]
    members: tuple[Member, ...]
    problems: tuple[str, ...]
    underlay_mtu: int = _ETHERNET_MTU

    def of(self, host: str) -> list[Member]:
        return [member for member in self.members if member.host == host]


def read(variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]) -> Fleet:
    """Return what the hosts' variables ask for, and all that is wrong with it.

    ``variables`` holds by host the role's variables without their prefix
    (``vlans``, ``containers``, ``bridge``, ``uplink``); ``shown`` what
    container_network_info returned for the hosts that could be asked.
    Addresses that are left out are chosen: the one that the interface has, or
    one that follows from the names of host, container and interface.
    """
    problems: list[str] = []
    vlans = _vlans(variables, problems)
    members = [member for host in sorted(variables) for member in _members(host, variables[host].get("containers"), vlans, problems)]
    _refuse_duplicates(members, vlans, problems)
    for host in sorted(variables):
        _check_transport(host, variables, problems)
        _check_underlay(host, variables, problems)
        _check_uplink(host, variables[host], shown.get(host), len(variables), vlans, problems)
    if not problems:
        members = _with_addresses(members, vlans, _held(variables, shown, vlans), problems)
    fleet = Fleet(vlans, tuple(members), (), _underlay_mtu(variables, shown))
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
    if member.address is not None:
        entry["addresses"] = [f"{member.address}/{member.prefix}"]
    if vlan.gateway is not None:
        entry.setdefault("gateway6" if vlan.gateway.version == 6 else "gateway", str(vlan.gateway))
    if mtu:
        entry.setdefault("mtu", int(mtu))
    return entry


def probes(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """Return the entries for container_neighbours_info on a host: interfaces that have an address."""
    return [
        {selector: int(value) if selector == "pid" else value, "interface": member.interface, **_runtime(member)}
        for member in fleet.of(host)
        if member.address is not None
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
    words = [f"id {vlan.id}", f"subnet {vlan.subnet}" if vlan.subnet else "without a subnet"]
    if vlan.gateway:
        words.append(f"gateway {vlan.gateway}")
    if vlan.subnet and (vlan.first, vlan.last) != _hosts_of(vlan.subnet):
        words.append(f"pool {_from_number(vlan.subnet, vlan.first)}-{_from_number(vlan.subnet, vlan.last)}")
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
    vlan = Vlan(name, number, vni=vni)
    if given.get("subnet") is None:
        for option in ("gateway", "pool"):
            if given.get(option) is not None:
                problems.append(f"{where}.{option}: {given[option]!r} is given and no subnet that it could lie in; give subnet too")
                return None
        return vlan
    try:
        subnet = ipaddress.ip_network(str(given["subnet"]), strict=False)
    except ValueError:
        problems.append(f"{where}.subnet: {given['subnet']!r} is not a subnet; write it like 192.168.0.0/24 or fd00:5::/64")
        return None
    if "/" not in str(given["subnet"]) or subnet.num_addresses < 2:
        problems.append(f"{where}.subnet: {given['subnet']!r} has no room for two hosts; give its prefix length, like 192.168.0.0/24")
        return None
    if str(subnet.network_address) != str(_address(str(given["subnet"]).partition("/")[0])):
        problems.append(f"{where}.subnet: {given['subnet']!r} has bits set below its prefix length; write {subnet}")
        return None
    return _with_subnet(where, vlan, subnet, given, problems)


def _with_subnet(where: str, vlan: Vlan, subnet: Network, given: Mapping[str, Any], problems: list[str]) -> Vlan | None:
    gateway = None
    if given.get("gateway") is not None:
        gateway = _address(given["gateway"])
        wrong = "is not an address" if gateway is None else _not_usable(gateway, subnet)
        if wrong:
            problems.append(f"{where}.gateway: {given['gateway']!r} {wrong}; give an address of a host in {subnet}")
            return None
    first, last = _hosts_of(subnet)
    if given.get("pool") is not None:
        begin, dash, end = str(given["pool"]).partition("-")
        bounds = _address(begin.strip()), _address(end.strip() if dash else begin.strip())
        if any(bound is None or _not_usable(bound, subnet) for bound in bounds) or int(bounds[0]) > int(bounds[1]):  # type: ignore[arg-type]
            problems.append(f"{where}.pool: {given['pool']!r} is not a range of host addresses in {subnet}; write its first and last address, with a dash")
            return None
        first, last = int(bounds[0]), int(bounds[1])  # type: ignore[arg-type]
    return replace(vlan, subnet=subnet, gateway=gateway, first=first, last=last)


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
    if selected[0] == "netns" and "/" not in value:
        value = _NAMED + value  # as container_network_info shows it
    passed_on = {name: given[name] for name in _PASSED_ON if name in given}
    member = Member(host, (selected[0], value), str(given.get("interface", _DEFAULT_INTERFACE)), vlan.name, where, passed_on=passed_on)
    if "address" in given:
        return _placed(member, str(given["address"]), vlan, problems)
    if vlan.subnet is not None and selected[0] == "container" and _CONTAINER_ID.fullmatch(value):
        problems.append(f"{where}.container: {value!r} is an id, and an address that is left out is kept by name; give the container's name, or address")
        return None
    return member


def _placed(member: Member, text: str, vlan: Vlan, problems: list[str]) -> Member | None:
    bare, slash, prefix = text.partition("/")
    address = _address(bare)
    where = f"{member.where}.address"
    if address is None or (slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= address.max_prefixlen)):
        problems.append(f"{where}: {text!r} is not an address; write it like 192.168.0.1/24")
        return None
    if vlan.subnet is None:
        if not slash:
            problems.append(f"{where}: {text!r} has no prefix length, and VLAN {vlan.name} no subnet to take it from; write it like {bare}/24")
            return None
        return replace(member, address=address, prefix=int(prefix))
    wrong = _not_usable(address, vlan.subnet)
    if wrong:
        problems.append(f"{where}: {text!r} {wrong}, the subnet of VLAN {vlan.name}; give an address of a host in it, or leave it out to have one chosen")
        return None
    if slash and int(prefix) != vlan.subnet.prefixlen:
        length = vlan.subnet.prefixlen
        problems.append(f"{where}: {text!r} has prefix length {prefix} where VLAN {vlan.name} has subnet {vlan.subnet}; write {bare}/{length}")
        return None
    if address == vlan.gateway:
        problems.append(f"{where}: {text!r} is the gateway of VLAN {vlan.name}; choose another")
        return None
    return replace(member, address=address, prefix=vlan.subnet.prefixlen)


def _refuse_duplicates(members: Iterable[Member], vlans: Mapping[str, Vlan], problems: list[str]) -> None:
    interfaces: dict[Key, Member] = {}
    addresses: dict[tuple[str, Address], Member] = {}
    for member in members:
        other = interfaces.setdefault(member.key, member)
        if other is not member:
            problems.append(f"{member.where}: {member.interface} of {member.label} is in the list twice; name it once, or give another interface")
        elif member.address is not None:
            other = addresses.setdefault((member.vlan, member.address), member)
            if other is not member:
                vlan = f"VLAN {member.vlan} ({vlans[member.vlan].id})"
                problems.append(f"{member.where}.address: {member.address} is the address of {other} in {vlan} already; give one of them another")


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


def _held(variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]], vlans: Mapping[str, Vlan]) -> dict[Key, dict[str, list[Address]]]:
    """Return the addresses that interfaces in our VLANs have, by interface and VLAN."""
    by_id = {vlan.id: name for name, vlan in vlans.items()}
    held: dict[Key, dict[str, list[Address]]] = {}
    for host in sorted(shown):
        bridge = variables.get(host, {}).get("bridge")
        for entry in shown[host].get("attachments") or ():
            vlan = by_id.get(entry.get("vlan"))
            selector = next((name for name in SELECTORS if entry.get(name) is not None), None)
            if vlan is None or selector is None or (bridge and entry.get("bridge") != bridge):
                continue
            key = (host, f"{selector}={entry[selector]}", entry["interface"])
            found = [_address(text.partition("/")[0]) for text in entry.get("addresses") or ()]
            held.setdefault(key, {}).setdefault(vlan, []).extend(address for address in found if address is not None)
    return held


def _with_addresses(
    members: Sequence[Member], vlans: Mapping[str, Vlan], held: Mapping[Key, Mapping[str, list[Address]]], problems: list[str]
) -> list[Member]:
    """Give each member that has none an address of its VLAN's subnet.

    Those asked for come first, then those that are in use, then new ones. Each
    of these starts to look at a place that only its own names decide, so that
    members that come or go move no other; in sorted order, so that every
    batch of a play chooses the same.
    """
    taken: dict[str, dict[int, Key]] = {name: {} for name in vlans}
    for member in members:
        if member.address is not None:
            taken[member.vlan][int(member.address)] = member.key
    placed = {member.key: member for member in members}
    waiting = [
        (member, vlan, vlan.subnet)
        for member in sorted(members, key=lambda member: member.key)
        for vlan in (vlans[member.vlan],)
        if member.address is None and vlan.subnet is not None
    ]
    for member, vlan, subnet in waiting:
        for address in held.get(member.key, {}).get(vlan.name, []):
            if _may_keep(address, vlan, subnet) and int(address) not in taken[vlan.name]:
                taken[vlan.name][int(address)] = member.key
                placed[member.key] = replace(member, address=address, prefix=subnet.prefixlen)
                break
    for key, by_vlan in held.items():
        asked = placed.get(key)
        for name, addresses in by_vlan.items():
            if asked is None or asked.vlan != name:  # of nobody in the variables, and in use all the same
                for address in addresses:
                    taken[name].setdefault(int(address), key)
    for member, vlan, subnet in waiting:
        if placed[member.key].address is not None:
            continue
        number = _free(member, vlan, taken[vlan.name])
        if number is None:
            which = "subnet" if (vlan.first, vlan.last) == _hosts_of(subnet) else "pool"
            problems.append(
                f"{member.where}: no address of VLAN {vlan.name} is left for {member}, all {vlan.last - vlan.first + 1} of its "
                f"{which} are taken; make it larger"
            )
            continue
        taken[vlan.name][number] = member.key
        placed[member.key] = replace(member, address=_from_number(subnet, number), prefix=subnet.prefixlen)
    return [placed[member.key] for member in members]


def _may_keep(address: Address, vlan: Vlan, subnet: Network) -> bool:
    return not _not_usable(address, subnet) and address != vlan.gateway and vlan.first <= int(address) <= vlan.last


def _free(member: Member, vlan: Vlan, taken: Mapping[int, Key]) -> int | None:
    size = vlan.last - vlan.first + 1
    digest = hashlib.sha256("\0".join((*member.key, vlan.name)).encode()).digest()
    start = int.from_bytes(digest[:16], "big") % size
    gateway = int(vlan.gateway) if vlan.gateway is not None else None
    # One more than is taken, with the gateway, is enough: one of so many in a row is free.
    for step in range(min(size, len(taken) + 2)):
        number = vlan.first + (start + step) % size
        if number not in taken and number != gateway:
            return number
    return None


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
