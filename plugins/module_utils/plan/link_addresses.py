# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted and shown addresses of one link to operations. Pure. Private to the collection."""

from __future__ import annotations

from ..model import addresses
from ..model.route import KERNEL_PROTOCOL, Route
from .operations import AddAddress, Operation, RemoveAddress, on_link_first


def is_link_local(address: str) -> bool:
    """Tell an address of fe80::/10: the kernel makes them, so one that nobody asked for is not drift."""
    return address.lower()[:3] in ("fe8", "fe9", "fea", "feb")


def plan(place: str, link: str, wanted: tuple[str, ...], shown: tuple[str, ...], routes: tuple[Route, ...], removable: bool = True) -> list[Operation]:
    """Return what brings a link from ``shown`` to ``wanted`` addresses.

    What is missing is added first: a link that has no address for a moment
    loses its routes. An address of which only the prefix length differs is
    first removed where the kernel wouldn't hold both (IPv6).
    ``routes`` are the link's own, to be put back where the kernel drops them.
    """
    missing = [address for address in wanted if address not in shown]
    surplus = [address for address in shown if address not in wanted and not is_link_local(address)] if removable else []
    bare_missing = {addresses.bare(address) for address in missing}
    clashing = [address for address in surplus if addresses.family(address) == addresses.IPV6 and addresses.bare(address) in bare_missing]
    kept_routes = on_link_first(route for route in routes if route.protocol != KERNEL_PROTOCOL)
    operations: list[Operation] = [RemoveAddress(place, link, address, (), kept_routes if _last(address, shown) else ()) for address in clashing]
    operations += [AddAddress(place, link, address) for address in missing]
    for address in surplus:
        if address not in clashing:
            beside = tuple(other for other in wanted if _same_subnet(other, address))
            operations.append(RemoveAddress(place, link, address, beside, kept_routes if beside else ()))
    return operations


def _last(address: str, shown: tuple[str, ...]) -> bool:
    return shown == (address,)


def _same_subnet(one: str, other: str) -> bool:
    return addresses.family(one) == addresses.IPV4 == addresses.family(other) and addresses.network(one) == addresses.network(other)
