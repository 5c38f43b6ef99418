# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""VLANs and the containers in them, as the variables of all hosts of the role multi_host_vlan name them. Private to the collection.

Addresses go through ``ipaddress`` here, as a controller need not have netaddr.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

from ..model.addresses import seeded_mac
from ..model.attachment import netns_path
from ..model.limits import VLAN, VNI

PREFIX = "multi_host_vlan_"
"""What the names of the role's variables begin with."""

TRUNK, VXLAN, ALONE = "trunk", "vxlan", "none"
"""How the VLANs of one host get to the next: tagged through the uplink, in tunnels, or not at all."""

SELECTORS = ("container", "netns", "pid")

# Of an entry of the containers, what goes to veth_attach as it is.
_PASSED_ON = ("runtime", "host_interface", "mac", "mac_seed", "mtu", "gateway", "gateway6", "routes")
_ENTRY = (*SELECTORS, "interface", "vlan", "address", *_PASSED_ON)
_VLAN = ("id", "subnet", "gateway", "pool", "vni")

# "This host on this network" (RFC 1122, section 3.2.1.3); in IPv6 there is one such address.
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")

_DEFAULT_INTERFACE = "eth1"

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
        return (
            address.version == self.network.version
            and self.first <= int(address) <= self.last
            and address != self.gateway
        )


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
        return interface_label(*self.target, self.interface)

    def __str__(self) -> str:
        return f"{self.label} of {self.host}"


def interface_label(selector: str, value: str, interface: str) -> str:
    name = value.rpartition("/")[2] if selector == "netns" else value
    return name if interface == _DEFAULT_INTERFACE else f"{name}:{interface}"


def parse_vlans(variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> tuple[dict[str, Vlan], set[str]]:
    """Return the VLANs of all hosts by name, and the names of those that can't be; most often all hosts have the same ones."""
    found: dict[str, tuple[str, Vlan]] = {}
    by_id: dict[int, tuple[str, str]] = {}
    by_vni: dict[int, tuple[str, str]] = {}
    refused: list[tuple[str, Any]] = []
    for host in sorted(variables):
        given = variables[host].get("vlans") or {}
        if not isinstance(given, Mapping):
            problems.append(
                f"{host}: {PREFIX}vlans: {given!r} is not a mapping; write it like {{web: {{id: 100, subnet: 192.168.0.0/24}}}}"
            )
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
                problems.append(
                    f"{host}: {PREFIX}vlans.{name}.vni: {vni} is the VXLAN identifier of VLAN {other}{where} already; give each its own"
                )
                refused.append((name, given[name]))
                continue
            same_host, same = by_id.setdefault(vlan.id, (host, vlan.name))
            if same != vlan.name:
                where = "" if same_host == host else f" on {same_host}"
                problems.append(
                    f"{host}: {PREFIX}vlans.{name}.id: {vlan.id} is the id of VLAN {same}{where} already; give each VLAN an id of its own"
                )
                refused.append((name, given[name]))
    return {name: vlan for name, (_host, vlan) in found.items()}, {str(name) for name, _given in refused}


def _described(vlan: Vlan) -> str:
    words = [f"id {vlan.id}", *(["without a subnet"] if not vlan.subnets else [])]
    for subnet in vlan.subnets:
        words.append(f"subnet {subnet.network}")
        if subnet.gateway:
            words.append(f"gateway {subnet.gateway}")
        if (subnet.first, subnet.last) != hosts_of(subnet.network):
            words.append(f"pool {from_number(subnet.network, subnet.first)}-{from_number(subnet.network, subnet.last)}")
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
        problems.append(
            f"{where}.id: {quoted(given.get('id'))} is not a VLAN id; give a number from {VLAN[0]} to {VLAN[1]}"
        )
        return None
    vni = _whole_number(given.get("vni"))
    if given.get("vni") is not None and (vni is None or not VNI[0] <= vni <= VNI[1]):
        problems.append(
            f"{where}.vni: {quoted(given['vni'])} is not a VXLAN network identifier; give a number from 1 to 16777215"
        )
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
            problems.append(
                f"{where}.subnet: {text!r} is the second of IPv{network.version}; a VLAN has one IPv4 and one IPv6 subnet at most"
            )
            return None
        subnets[network.version] = Subnet(network, None, *hosts_of(network))
    for option, with_option in (("gateway", _with_gateway), ("pool", _with_pool)):
        seen = set()
        for text in _as_list(given.get(option)):
            if not subnets:
                problems.append(
                    f"{where}.{option}: {text!r} is given and no subnet that it could lie in; give subnet too"
                )
                return None
            bound = parsed_address(str(text).partition("-")[0].strip())
            version = bound.version if bound is not None and bound.version in subnets else min(subnets)
            if version in seen:
                problems.append(
                    f"{where}.{option}: {text!r} is the second in {subnets[version].network}; give one for each subnet"
                )
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
        problems.append(
            f"{where}.subnet: {text!r} is not a subnet; write it like 192.168.0.0/24 or fd00:5::/64, or both in a list"
        )
        return None
    if "/" not in str(text) or network.num_addresses < 2:
        problems.append(
            f"{where}.subnet: {text!r} has no room for two hosts; give its prefix length, like 192.168.0.0/24"
        )
        return None
    if str(network.network_address) != str(parsed_address(str(text).partition("/")[0])):
        problems.append(f"{where}.subnet: {text!r} has bits set below its prefix length; write {network}")
        return None
    kind = _no_host(network[1]) or _no_host(network[0])
    if kind:
        problems.append(
            f"{where}.subnet: {text!r} holds {kind} addresses, which no container can be given; choose another"
        )
        return None
    return network


def _with_gateway(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    gateway = parsed_address(text)
    wrong = "is not an address" if gateway is None else _not_usable(gateway, subnet.network)
    if wrong:
        problems.append(f"{where}.gateway: {text!r} {wrong}; give an address of a host in {subnet.network}")
        return None
    return replace(subnet, gateway=gateway)


def _with_pool(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    begin, dash, end = str(text).partition("-")
    first, last = parsed_address(begin.strip()), parsed_address(end.strip() if dash else begin.strip())
    if (
        first is None
        or last is None
        or _not_usable(first, subnet.network)
        or _not_usable(last, subnet.network)
        or int(first) > int(last)
    ):
        problems.append(
            f"{where}.pool: {text!r} is not a range of host addresses in {subnet.network}; write its first and last address, with a dash"
        )
        return None
    return replace(subnet, first=int(first), last=int(last))


def parse_members(
    host: str, entries: Any, vlans: Mapping[str, Vlan], refused: Container[str], problems: list[str]
) -> Iterator[Member]:
    """Yield what the entries of a host ask for; of the VLANs ``refused``, all has been said."""
    if entries is None:
        return
    if isinstance(entries, (str, Mapping)) or not isinstance(entries, Sequence):
        problems.append(
            f"{host}: {PREFIX}containers: {entries!r} is not a list; write it like [{{container: web1, vlan: web}}]"
        )
        return
    for index, entry in enumerate(entries):
        member = _member(host, f"{host}: {PREFIX}containers[{index}]", entry, vlans, refused, problems)
        if member is not None:
            yield member


def _member(
    host: str, where: str, entry: Any, vlans: Mapping[str, Vlan], refused: Container[str], problems: list[str]
) -> Member | None:
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
        problems.append(
            f"{where}: names {' and '.join(selected) or 'no container'}; give exactly one of {', '.join(SELECTORS)}"
        )
        return None
    vlan = vlans.get(str(given.get("vlan")))
    if vlan is None and str(given.get("vlan")) in refused:
        return None
    if vlan is None:
        known = ", ".join(sorted(vlans)) or "none"
        problems.append(f"{where}.vlan: {quoted(given.get('vlan'))} is not a VLAN of {PREFIX}vlans; known are {known}")
        return None
    value = str(given[selected[0]])
    if selected[0] == "netns":
        value = netns_path(value)
    passed_on = {name: given[name] for name in _PASSED_ON if name in given}
    member = Member(
        host,
        (selected[0], value),
        str(given.get("interface", _DEFAULT_INTERFACE)),
        vlan.name,
        where,
        passed_on=passed_on,
    )
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
    address = parsed_address(bare)
    where = f"{member.where}.address"
    if address is None or (
        slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= address.max_prefixlen)
    ):
        problems.append(f"{where}: {text!r} is not an address; write it like 192.168.0.1/24")
        return None
    if member.address(address.version) is not None:
        problems.append(
            f"{where}: {text!r} is the second of IPv{address.version}; give one IPv4 and one IPv6 address at most"
        )
        return None
    if not vlan.subnets:
        if _no_host(address):
            problems.append(
                f"{where}: {text!r} is a {_no_host(address)} address, which no container can be given; choose another"
            )
            return None
        if not slash:
            problems.append(
                f"{where}: {text!r} has no prefix length, and VLAN {vlan.name} no subnet to take it from; write it like {bare}/24"
            )
            return None
        return member.with_address(address, int(prefix))
    subnet = next((subnet for subnet in vlan.subnets if subnet.network.version == address.version), vlan.subnets[0])
    network = subnet.network
    wrong = _not_usable(address, network)
    if wrong:
        problems.append(
            f"{where}: {text!r} {wrong}, the subnet of VLAN {vlan.name}; give an address of a host in it, or leave it out to have one chosen"
        )
        return None
    if slash and int(prefix) != network.prefixlen:
        problems.append(
            f"{where}: {text!r} has prefix length {prefix} where VLAN {vlan.name} has subnet {network}; write {bare}/{network.prefixlen}"
        )
        return None
    if address == subnet.gateway:
        problems.append(f"{where}: {text!r} is the gateway of VLAN {vlan.name}; choose another")
        return None
    return member.with_address(address, network.prefixlen)


def refuse_duplicates(members: Iterable[Member], vlans: Mapping[str, Vlan], problems: list[str]) -> None:
    interfaces: dict[Key, Member] = {}
    addresses: dict[tuple[str, Address], Member] = {}
    macs: dict[tuple[str, str], Member] = {}
    for member in members:
        other = interfaces.setdefault(member.key, member)
        if other is not member:
            problems.append(
                f"{member.where}: {member.interface} of {member.label} is in the list twice; name it once, or give another interface"
            )
            continue
        vlan = f"VLAN {member.vlan} ({vlans[member.vlan].id})"
        for option in ("mac", "mac_seed"):
            given = str(member.passed_on.get(option, ""))
            mac = seeded_mac(given) if option == "mac_seed" else given.strip().lower().replace("-", ":")
            if given and (other := macs.setdefault((member.vlan, mac), member)) is not member:
                problems.append(
                    f"{member.where}.{option}: {given!r} gives the MAC {mac}, which is that of {other} in {vlan} already; give one of them another"
                )
        for address in member.addresses:
            other = addresses.setdefault((member.vlan, address.ip), member)
            if other is not member:
                problems.append(
                    f"{member.where}.address: {address.ip} is the address of {other} in {vlan} already; give one of them another"
                )


def parsed_address(text: Any) -> Address | None:
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def underlay(given: Mapping[str, Any]) -> Address | None:
    """Return the address to which tunnels to a host lead; ``None`` where neither variable says one."""
    return parsed_address(given.get("underlay_address") or given.get("ansible_host"))


def from_number(subnet: Network, number: int) -> Address:
    return ipaddress.IPv6Address(number) if subnet.version == 6 else ipaddress.IPv4Address(number)


def hosts_of(subnet: Network) -> tuple[int, int]:
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
    first, last = hosts_of(subnet)
    if int(address) < first:
        return f"is the network address of {subnet}"
    return f"is the broadcast address of {subnet}" if int(address) > last else ""


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def quoted(value: Any) -> str:
    return "nothing" if value is None else repr(value)
