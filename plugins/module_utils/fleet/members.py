# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The containers of a fleet in its VLANs: the entries of multi_host_vlan_containers. Private to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from ..light_dataclass import dataclass
from ..model.addresses import seeded_mac
from ..model.attachment import DEFAULT_INTERFACE, SELECTORS, exactly_one, netns_path
from .subnets import Address, Interface, no_host, not_usable, parsed_address
from .variables import PREFIX, as_list, required
from .vlans import Vlan

# Of an entry of the containers, what goes to veth_attach as it is.
_PASSED_ON = (
    "runtime",
    "host_interface",
    "mac",
    "mac_seed",
    "mtu",
    "ipv6",
    "gateway",
    "gateway6",
    "routes",
    "rules",
    "sysctls",
)
_KEYS = (*SELECTORS, "interface", "vlan", "address", *_PASSED_ON)

Key = tuple[str, str, str]
"""What tells a member from all others: host, ``container=web1`` and interface."""


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
        """Return the member with one address more, IPv4 first."""
        added = ipaddress.ip_interface(f"{address}/{prefix}")
        return replace(self, addresses=tuple(sorted((*self.addresses, added), key=lambda one: one.version)))

    @property
    def key(self) -> Key:
        """Return what tells it from all other members."""
        return (self.host, "=".join(self.target), self.interface)

    def given_macs(self) -> list[tuple[str, str]]:
        """Return the option that gives it its MAC, with that MAC; nothing where none was asked for."""
        given = {option: str(self.passed_on.get(option, "")) for option in ("mac", "mac_seed")}
        return [
            (option, seeded_mac(text) if option == "mac_seed" else text.strip().lower().replace("-", ":"))
            for option, text in given.items()
            if text
        ]

    @property
    def label(self) -> str:
        """Return how messages name it on its host."""
        return interface_label(*self.target, self.interface)

    def __str__(self) -> str:
        return f"{self.label} of {self.host}"


def interface_label(selector: str, value: str, interface: str) -> str:
    """Return how messages name an interface: ``web1``, or ``web1:eth2`` where it is not the usual one."""
    name = value.rpartition("/")[2] if selector == "netns" else value
    return name if interface == DEFAULT_INTERFACE else f"{name}:{interface}"


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
    wrong = _wrong(given, vlans)
    if wrong:
        if str(given.get("vlan")) not in refused or not wrong.startswith(".vlan"):
            problems.append(f"{where}{wrong}")
        return None
    (selector,) = (name for name in SELECTORS if name in given)
    value = str(given[selector])
    vlan = vlans[str(given.get("vlan"))]
    member = Member(
        host,
        (selector, netns_path(value) if selector == "netns" else value),
        str(given.get("interface", DEFAULT_INTERFACE)),
        vlan.name,
        where,
        passed_on={name: given[name] for name in _PASSED_ON if name in given},
    )
    return _with_given_addresses(member, given, vlan, problems)


def _wrong(given: Mapping[str, Any], vlans: Mapping[str, Vlan]) -> str:
    """Return what is wrong with the keys of an entry, its container or its VLAN, '' if nothing is."""
    unknown = sorted(key for key in given if key not in _KEYS)
    if unknown:
        return f": has unknown keys ({', '.join(unknown)}); give {', '.join(_KEYS)}"
    selected = [selector for selector in SELECTORS if selector in given]
    if len(selected) != 1:
        return f": {' and '.join(selected) or SELECTORS[0]} {exactly_one(selected, SELECTORS)}"
    if str(given.get("vlan")) not in vlans:
        known = ", ".join(sorted(vlans)) or "none"
        return f".vlan: {required(given.get('vlan'), f'is not a VLAN of {PREFIX}vlans')}; known are {known}"
    return ""


def _with_given_addresses(member: Member, given: Mapping[str, Any], vlan: Vlan, problems: list[str]) -> Member | None:
    for text in as_list(given.get("address")):
        placed = _with_address(member, str(text), vlan, problems)
        if placed is None:
            return None
        member = placed
    selector, value = member.target
    if selector == "pid" and any(member.address(subnet.network.version) is None for subnet in vlan.subnets):
        problems.append(
            f"{member.where}.pid: requires an address of each subnet, as one that is chosen could not be kept: "
            f"{value} is another process some day; give address, or container or netns in place of pid"
        )
        return None
    return member


def _with_address(member: Member, text: str, vlan: Vlan, problems: list[str]) -> Member | None:
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
            f"{where}: {text!r} is a second IPv{address.version} address; give one IPv4 and one IPv6 address at most"
        )
        return None
    if not vlan.subnets:
        if no_host(address):
            problems.append(
                f"{where}: {text!r} is a {no_host(address)} address, which no container can have; choose another"
            )
            return None
        if not slash:
            problems.append(
                f"{where}: {text!r} has no prefix length, and VLAN {vlan.name} no subnet to take it from; "
                f"write it like {bare}/24"
            )
            return None
        return member.with_address(address, int(prefix))
    subnet = next((subnet for subnet in vlan.subnets if subnet.network.version == address.version), vlan.subnets[0])
    network = subnet.network
    wrong = not_usable(address, network)
    if wrong:
        problems.append(
            f"{where}: {text!r} {wrong}, the subnet of VLAN {vlan.name}; "
            "give an address of a host in it, or leave it out to have one chosen"
        )
        return None
    if slash and int(prefix) != network.prefixlen:
        problems.append(
            f"{where}: {text!r} has prefix length {prefix} where VLAN {vlan.name} has subnet {network}; "
            f"write {bare}/{network.prefixlen}"
        )
        return None
    if address == subnet.gateway:
        problems.append(f"{where}: {text!r} is the gateway of VLAN {vlan.name}; choose another")
        return None
    return member.with_address(address, network.prefixlen)


def refuse_duplicates(members: Iterable[Member], vlans: Mapping[str, Vlan], problems: list[str]) -> None:
    """Refuse an interface that is named twice, and an address or MAC address that is twice in a VLAN."""
    interfaces: dict[Key, Member] = {}
    addresses: dict[tuple[str, Address], Member] = {}
    macs: dict[tuple[str, str], Member] = {}
    for member in members:
        other = interfaces.setdefault(member.key, member)
        if other is not member:
            problems.append(
                f"{member.where}: {member.interface} of {member.label} is in the list twice; "
                "name it once, or give another interface"
            )
            continue
        vlan = f"VLAN {member.vlan} ({vlans[member.vlan].id})"
        for option, mac in member.given_macs():
            if (other := macs.setdefault((member.vlan, mac), member)) is not member:
                given = str(member.passed_on[option])
                problems.append(
                    f"{member.where}.{option}: {given!r} gives the MAC {mac}, which is that of {other} in {vlan} "
                    "already; give one of them another"
                )
        for address in member.addresses:
            other = addresses.setdefault((member.vlan, address.ip), member)
            if other is not member:
                problems.append(
                    f"{member.where}.address: {address.ip} is the address of {other} in {vlan} already; "
                    "give one of them another"
                )
