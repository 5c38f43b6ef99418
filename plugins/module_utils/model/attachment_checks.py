# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which options of an attachment's interface in the container can't be right together. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InvalidOption
from . import addresses, limits, route

if TYPE_CHECKING:
    from .attachment import Attachment


def check(attachment: Attachment, prefix: str) -> None:
    """Refuse options of the container's side that can't be right together.

    :raises InvalidOption: naming the first of them.
    """
    _check_ipv6(attachment, prefix)
    _check_connected(attachment, prefix)
    _check_gateways(attachment, prefix)
    if attachment.mtu is not None and attachment.mtu < limits.IPV6_MTU and _has_family(attachment, addresses.IPV6):
        advice = f"is below {limits.IPV6_MTU} bytes, the minimum MTU of IPv6; raise it or leave out the IPv6 addresses"
        raise InvalidOption(f"{prefix}mtu", attachment.mtu, advice)


def _has_family(attachment: Attachment, version: int) -> bool:
    return any(addresses.family(address) == version for address in attachment.addresses or ())


def _check_ipv6(attachment: Attachment, prefix: str) -> None:
    if attachment.ipv6 is not False or not replace(attachment, ipv6=None).wants_ipv6:
        return
    option = "addresses" if _has_family(attachment, addresses.IPV6) else "gateway6" if attachment.gateway6 else "routes"
    advice = f"is mutually exclusive with what is of IPv6 in {option}; leave one of the two out"
    raise InvalidOption(f"{prefix}ipv6", False, advice)


def _check_gateways(attachment: Attachment, prefix: str) -> None:
    for option, gateway in (("gateway", attachment.gateway), ("gateway6", attachment.gateway6)):
        if gateway is None or attachment.addresses is None:
            continue
        version = addresses.family(gateway)
        if attachment.dhcp and version == addresses.IPV4:
            continue
        if not _has_family(attachment, version):
            raise InvalidOption(
                f"{prefix}{option}",
                gateway,
                f"requires an IPv{version} address in addresses; add one or leave the gateway out",
            )
        if any(addresses.bare(address) == gateway for address in attachment.addresses):
            raise InvalidOption(f"{prefix}{option}", gateway, "is the interface's own address; give the router's")
    hops = [
        ("gateway", attachment.gateway),
        *(
            (f"routes[{position}].gateway", gateway)
            for position, entry in enumerate(attachment.routes or ())
            for gateway in entry.gateways(attachment.interface)
        ),
    ]
    for option, gateway in hops:
        if gateway is not None and addresses.family(gateway) == addresses.IPV4:
            _refuse_no_host(f"{prefix}{option}", gateway, attachment.addresses or ())


def _check_connected(attachment: Attachment, prefix: str) -> None:
    """Refuse routes that would take the place of those that come with the addresses."""
    held = {(addresses.network(address), addresses.family(address)): address for address in attachment.addresses or ()}
    for position, entry in enumerate(attachment.routes or ()):
        address = held.get((entry.destination, entry.family))
        length = int(entry.destination.partition("/")[2])
        # The kernel makes none for a single IPv4 address.
        if (
            address is not None
            and entry.metric == route.CONNECTED_METRIC[entry.family]
            and entry.table == route.MAIN
            and (entry.family == addresses.IPV6 or length < 32)
        ):
            raise InvalidOption(
                f"{prefix}routes[{position}].destination",
                entry.destination,
                f"is the subnet of {address}, with which its route comes; leave it out, or give another metric",
            )


def _refuse_no_host(option: str, gateway: str, held: Iterable[str]) -> None:
    """Refuse what the kernel takes for no host's address, having those of the interface."""
    for address in held:
        # RFC 3021: with one host bit, both addresses are hosts.
        if addresses.family(address) == addresses.IPV4 and int(address.partition("/")[2]) < 31:
            subnet = addresses.network(address)
            for what, found in (("network", addresses.bare(subnet)), ("broadcast", addresses.broadcast(address))):
                if gateway == found:
                    raise InvalidOption(
                        option,
                        gateway,
                        f"is the {what} address of the interface's subnet {subnet}; give the router's own",
                    )
