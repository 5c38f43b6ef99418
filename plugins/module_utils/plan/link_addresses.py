# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted and shown addresses of one link to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..model import addresses
from ..model.addresses import is_link_local
from ..model.route import KERNEL_PROTOCOL, Route
from .address_operations import AddAddress, RemoveAddress
from .operations import Operation
from .route_operations import on_link_first

_NONE: Mapping[str, bytes] = MappingProxyType({})
_NO_FAULTS: Mapping[str, str] = MappingProxyType({})


def plan(
    netns: str,
    link: str,
    wanted: tuple[str, ...],
    shown: tuple[str, ...],
    routes: tuple[Route, ...],
    removable: bool = True,
    leases: Mapping[str, bytes] = _NONE,
    messages: Mapping[str, bytes] = _NONE,
    faults: Mapping[str, str] = _NO_FAULTS,
) -> list[Operation]:
    """Return what brings a link from ``shown`` to ``wanted`` addresses.

    What is missing is added first: a link that has no address for a moment
    loses its routes. An address of which only the prefix length differs is
    first removed where the kernel wouldn't hold both (IPv6).
    ``routes`` are the link's own, to be put back where the kernel drops them.
    ``leases`` are its addresses with a lifetime: one that is wanted is to be for good. ``messages`` are how the kernel
    showed all of its addresses, ``faults`` what of them is not as it would be made.
    """
    return additions(netns, link, wanted, shown, routes, removable, leases, messages, faults) + removals(
        netns, link, wanted, shown, routes, removable, messages
    )


def additions(
    netns: str,
    link: str,
    wanted: tuple[str, ...],
    shown: tuple[str, ...],
    routes: tuple[Route, ...],
    removable: bool = True,
    leases: Mapping[str, bytes] = _NONE,
    messages: Mapping[str, bytes] = _NONE,
    faults: Mapping[str, str] = _NO_FAULTS,
) -> list[Operation]:
    """Return what adds the missing addresses, the first half of ``plan``.

    :raises Refused: one that is there can't be used.
    """
    missing = [address for address in wanted if address not in shown]
    kept_routes = on_link_first(route for route in routes if route.protocol != KERNEL_PROTOCOL)
    operations: list[Operation] = []
    for address in _clashing(wanted, (*shown, *leases)) if removable else []:
        kept = kept_routes if _last(address, shown) else ()
        operations.append(RemoveAddress(netns, link, address, {}, kept, messages.get(address, b"")))
    operations += [AddAddress(netns, link, address, leases.get(address, b"")) for address in missing]
    if not faults.keys().isdisjoint(wanted):
        from .address_faults import put_right  # hardly ever

        operations += put_right(netns, link, wanted, shown, kept_routes, removable, messages, faults)
    return operations


def removals(
    netns: str,
    link: str,
    wanted: tuple[str, ...],
    shown: tuple[str, ...],
    routes: tuple[Route, ...],
    removable: bool = True,
    messages: Mapping[str, bytes] = _NONE,
) -> list[Operation]:
    """Return what removes the surplus addresses, the second half of ``plan``."""
    clashing = _clashing(wanted, shown)
    kept_routes = on_link_first(route for route in routes if route.protocol != KERNEL_PROTOCOL)
    operations: list[Operation] = []
    # A subnet's first address goes last, so that it comes back first where this is undone: the others are secondary.
    for address in reversed(_surplus(wanted, shown)) if removable else []:
        if address not in clashing:
            beside = _beside(address, wanted)
            # With the last IPv4 address the kernel drops all IPv4 routes of the link (fib_disable_ip()).
            last = addresses.family(address) == addresses.IPV4 and not any(
                addresses.family(other) == addresses.IPV4 for other in wanted
            )
            kept = {other: messages.get(other, b"") for other in beside}
            routes_kept = kept_routes if beside or last else ()
            operations.append(RemoveAddress(netns, link, address, kept, routes_kept, messages.get(address, b"")))
    return operations


def needs_promotion(wanted: tuple[str, ...], shown: tuple[str, ...]) -> bool:
    """Tell whether an address goes that others of its subnet may be secondary to.

    With it the kernel drops them and, for a moment, the routes through them, unless promote_secondaries is set.
    """
    return any(_beside(address, wanted) for address in _surplus(wanted, shown))


def _surplus(wanted: tuple[str, ...], shown: tuple[str, ...]) -> list[str]:
    return [address for address in shown if address not in wanted and not is_link_local(address)]


def _clashing(wanted: tuple[str, ...], shown: tuple[str, ...]) -> list[str]:
    bare_missing = {addresses.bare(address) for address in wanted if address not in shown}
    return [
        address
        for address in _surplus(wanted, shown)
        if addresses.family(address) == addresses.IPV6 and addresses.bare(address) in bare_missing
    ]


def _beside(address: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other for other in wanted if _same_subnet(other, address))


def _last(address: str, shown: tuple[str, ...]) -> bool:
    return shown == (address,)


def _same_subnet(one: str, other: str) -> bool:
    return addresses.family(one) == addresses.IPV4 == addresses.family(other) and addresses.network(
        one
    ) == addresses.network(other)
