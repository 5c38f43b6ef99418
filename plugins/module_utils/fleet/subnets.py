# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Subnets of VLANs, and which addresses a container in them can have. Private to the collection.

Addresses go through ``ipaddress`` here, as a controller need not have netaddr.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Union

from ..light_dataclass import dataclass
from .variables import as_list

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]

# "This host on this network" (RFC 1122, section 3.2.1.3); in IPv6 there is one such address.
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


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


def parse_subnets(where: str, given: Mapping[str, Any], problems: list[str]) -> tuple[Subnet, ...] | None:
    """Return the subnets of a VLAN, IPv4 first, each with its gateway and pool; ``None`` after a problem."""
    subnets: dict[int, Subnet] = {}
    for text in as_list(given.get("subnet")):
        network = _network(where, text, problems)
        if network is None:
            return None
        if network.version in subnets:
            problems.append(
                f"{where}.subnet: {text!r} is a second IPv{network.version} subnet; "
                "a VLAN has one IPv4 and one IPv6 subnet at most"
            )
            return None
        subnets[network.version] = Subnet(network, None, *hosts_of(network))
    for option, with_option in (("gateway", _with_gateway), ("pool", _with_pool)):
        if not _set_on_each(subnets, f"{where}.{option}", as_list(given.get(option)), with_option, problems):
            return None
    return tuple(subnets[version] for version in sorted(subnets))


def _set_on_each(
    subnets: dict[int, Subnet],
    where: str,
    texts: Sequence[Any],
    with_option: Callable[[str, Subnet, Any, list[str]], Subnet | None],
    problems: list[str],
) -> bool:
    """Set gateways, or pools, on the subnets that they lie in; tell whether all could be."""
    seen = set()
    for text in texts:
        if not subnets:
            problems.append(f"{where}: {text!r} requires subnet; give the subnet that it lies in")
            return False
        bound = parsed_address(str(text).partition("-")[0].strip())
        version = bound.version if bound is not None and bound.version in subnets else min(subnets)
        if version in seen:
            problems.append(f"{where}: {text!r} is the second in {subnets[version].network}; give one for each subnet")
            return False
        seen.add(version)
        subnet = with_option(where, subnets[version], text, problems)
        if subnet is None:
            return False
        subnets[version] = subnet
    return True


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
        problems.append(f"{where}.subnet: {text!r} has host bits set; write {network}")
        return None
    kind = no_host(network[1]) or no_host(network[0])
    if kind:
        problems.append(
            f"{where}.subnet: {text!r} contains {kind} addresses, which no container can have; choose another"
        )
        return None
    return network


def _with_gateway(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    gateway = parsed_address(text)
    wrong = "is not an address" if gateway is None else not_usable(gateway, subnet.network)
    if wrong:
        problems.append(f"{where}: {text!r} {wrong}; give an address of a host in {subnet.network}")
        return None
    return replace(subnet, gateway=gateway)


def _with_pool(where: str, subnet: Subnet, text: Any, problems: list[str]) -> Subnet | None:
    begin, dash, end = str(text).partition("-")
    first, last = parsed_address(begin.strip()), parsed_address(end.strip() if dash else begin.strip())
    if (
        first is None
        or last is None
        or not_usable(first, subnet.network)
        or not_usable(last, subnet.network)
        or int(first) > int(last)
    ):
        problems.append(
            f"{where}: {text!r} is not a range of host addresses in {subnet.network}; "
            "write its first and last address, with a dash"
        )
        return None
    return replace(subnet, first=int(first), last=int(last))


def parsed_address(text: Any) -> Address | None:
    """Return an IP address, ``None`` where the text is none."""
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def from_number(subnet: Network, number: int) -> Address:
    """Return a number as an address of the subnet's family."""
    return ipaddress.IPv6Address(number) if subnet.version == 6 else ipaddress.IPv4Address(number)


def hosts_of(subnet: Network) -> tuple[int, int]:
    """Return the first and last address for a host.

    With one host bit both are (RFC 3021, RFC 6164); IPv6 has no broadcast.
    """
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if subnet.num_addresses == 2:
        return first, last
    return first + 1, last if subnet.version == 6 else last - 1


def no_host(address: Address) -> str:
    """Return what kind of address it is if no interface can be given it, '' otherwise.

    IPv6 link-local ones each interface makes for itself.
    """
    kinds = {
        "multicast": address.is_multicast,
        "loopback": address.is_loopback,
        "unspecified": address in _THIS_NETWORK,
        "link-local": address.version == 6 and address.is_link_local,
    }
    return next((kind for kind, true in kinds.items() if true), "")


def not_usable(address: Address, subnet: Network) -> str:
    """Return why no host of ``subnet`` can have ``address``, '' if one can."""
    if address.version != subnet.version or address not in subnet:
        return f"is not in {subnet}"
    first, last = hosts_of(subnet)
    if int(address) < first:
        return f"is the network address of {subnet}"
    return f"is the broadcast address of {subnet}" if int(address) > last else ""
