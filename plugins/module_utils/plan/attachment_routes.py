# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted routes and gateways of an attachment to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ..model import addresses, route
from ..model.attachment import Attachment
from .attachment_match import AttachmentMatch
from .operations import Operation
from .route_operations import RemoveRoute, RestoreOnUndo, SetRoute


def plan_routes(
    one: AttachmentMatch, taken: Collection[tuple[str, int]]
) -> tuple[list[Operation], tuple[route.Route, ...]]:
    """Return what sets routes and gateways, and which routes of the interface there are then.

    ``taken`` are keys of routes that go over to another attachment. What a route
    needs comes first, the default last; the old one is kept until then.
    """
    want, netns = one.want, one.side.netns
    former = one.peer.name if one.peer is not None else want.interface
    shown = list(one.side.network.routes)
    if former != want.interface:
        shown = [_by_new_name(entry, former, want.interface) for entry in shown]
    if one.peer is None or not one.peer.up:
        shown = [entry for entry in shown if entry.link != want.interface]  # a link that is down holds none
    wanted = wanted_routes(one)
    by_key: dict[tuple[str, int], route.Route] = {}
    for entry in shown:
        if not _is_lost(entry, one):
            by_key.setdefault(entry.key, entry)  # of several (IPv4), the kernel uses and replaces the first
    operations: list[Operation] = []
    for entry in wanted:
        old = by_key.get(entry.key)
        if old is None or not old.leads_as(entry):
            operations.append(SetRoute(netns, entry, old))
    operations = _remember_displaced(netns, operations, want.interface) + operations
    surplus = (
        _surplus_routes(one, wanted, shown, taken)
        if want.routes is not None
        else _left_by_gateways(want, operations, wanted, shown, taken)
    )
    surplus += _stranded(one, wanted, surplus, shown, taken)
    operations += [RemoveRoute(netns, entry) for entry in surplus]
    keys = {*(entry.key for entry in (*wanted, *surplus)), *taken}
    return operations, (*wanted, *(entry for entry in shown if _holds(one, entry) and entry.key not in keys))


def _by_new_name(entry: route.Route, former: str, link: str) -> route.Route:
    """Return a route as it is once a link was renamed."""
    if entry.link == former:
        return replace(entry, link=link)
    if former not in entry.through:
        return entry
    hops = tuple((gateway, link if name == former else name, weight) for gateway, name, weight in entry.details.hops)
    through = tuple(link if name == former else name for name in entry.through)
    return replace(entry, through=through, details=replace(entry.details, hops=hops))


def _holds(one: AttachmentMatch, entry: route.Route) -> bool:
    """Tell whether a route, by the new name of its link, is the attachment's if it is ours."""
    if entry.leads_nowhere:
        return entry.protocol == route.PROTOCOL and one.holds_to_nowhere
    return entry.holder == one.want.interface


def _remember_displaced(netns: str, operations: Iterable[Operation], link: str) -> list[Operation]:
    """Return what puts back routes that are replaced, all of an interface at once.

    Undone one by one, a route of another interface would come before the one that its gateway needs.
    """
    displaced: dict[str, list[route.Route]] = {}
    for operation in operations:
        if isinstance(operation, SetRoute) and operation.old is not None and operation.old.link != link:
            displaced.setdefault(operation.old.link, []).append(operation.old)
    return [RestoreOnUndo(netns, name, {}, tuple(routes)) for name, routes in displaced.items() if len(routes) > 1]


def _is_lost(entry: route.Route, one: AttachmentMatch) -> bool:
    """Tell whether a route of the interface is not put back by renaming.

    Its gateway is out of reach then, as it may come to be once the route was set.
    """
    if one.peer is None or entry.link != one.want.interface or one.peer.name == one.want.interface:
        return False
    held = one.side.network.addresses.get(one.peer.name, ())
    on_link = [
        other.destination for other in one.side.network.routes if other.link == one.peer.name and other.is_on_link
    ]
    return not within_reach(entry, (*held, *on_link))


def within_reach(entry: route.Route, subnets: Iterable[str]) -> bool:
    """Tell whether a route's gateways are on its link, going by the link's addresses and on-link routes."""
    if entry.details.onlink:
        return True
    return all(reaches(subnets, gateway) for gateway in entry.gateways(entry.holder))


def reaches(subnets: Iterable[str], gateway: str) -> bool:
    """Tell whether a gateway is on a link that has addresses of these subnets, or routes to them."""
    return addresses.is_link_local(gateway) or any(addresses.contains(subnet, gateway) for subnet in subnets)


def _surplus_routes(
    one: AttachmentMatch,
    wanted: Sequence[route.Route],
    shown: Sequence[route.Route],
    taken: Collection[tuple[str, int]],
) -> list[route.Route]:
    """Return the routes of ours that nobody asked for, those that are on-link last.

    The host route to a gateway stays as long as a route that stays goes through it.
    """
    keys = {*(entry.key for entry in wanted), *taken}
    ours = [
        entry
        for entry in shown
        if _holds(one, entry) and entry.protocol == route.PROTOCOL and not entry.is_default and entry.key not in keys
    ]
    surplus = [entry for entry in ours if not entry.is_on_link]
    staying = [entry for entry in shown if entry.key not in keys and entry not in surplus]
    needed = gateways((*wanted, *staying), one.want.interface)
    return surplus + [entry for entry in ours if entry.is_on_link and not leads_to(entry, needed)]


def gateways(entries: Iterable[route.Route], link: str) -> set[str]:
    """Return the gateways that routes need to be within reach by a link."""
    return {gateway for entry in entries for gateway in entry.gateways(link)}


def _stranded(
    one: AttachmentMatch,
    wanted: Sequence[route.Route],
    surplus: Sequence[route.Route],
    shown: Sequence[route.Route],
    taken: Collection[tuple[str, int]],
) -> list[route.Route]:
    """Return the routes of ours whose gateway is on the link no longer, once its addresses are those asked for.

    The kernel keeps them, and they lead nowhere: an interface that moved to another subnet left its default route.
    """
    if one.want.addresses is None or one.want.dhcp:
        return []
    keys = {*(entry.key for entry in (*wanted, *surplus)), *taken}
    staying = [entry for entry in shown if entry.holder == one.want.interface and entry.key not in keys]
    reached = (*one.want.addresses, *(entry.destination for entry in (*wanted, *staying) if entry.is_on_link))
    return [entry for entry in staying if entry.protocol == route.PROTOCOL and not within_reach(entry, reached)]


def _left_by_gateways(
    want: Attachment,
    operations: Iterable[Operation],
    wanted: Sequence[route.Route],
    shown: Sequence[route.Route],
    taken: Collection[tuple[str, int]],
) -> list[route.Route]:
    """Return host routes of ours to gateways that were replaced, but those that another route needs."""
    keys = {*(entry.key for entry in wanted), *taken}
    own = [entry for entry in shown if want.interface in entry.links and entry.key not in keys]
    olds = [operation.old for operation in operations if isinstance(operation, SetRoute) and operation.old is not None]
    defaults = [old for old in olds if old.is_default]
    replaced = gateways(defaults, want.interface) - gateways((*wanted, *own), want.interface)
    return [entry for entry in own if entry.protocol == route.PROTOCOL and leads_to(entry, replaced)]


def leads_to(entry: route.Route, gateways: Collection[str]) -> bool:
    """Tell a host route to one of these gateways, as one outside of the link's subnets needs it."""
    address, _slash, prefix = entry.destination.partition("/")
    whole = prefix == ("32" if entry.family == addresses.IPV4 else "128")
    return whole and address in gateways and entry.is_on_link and entry.table == route.MAIN


def taken_by_others(found: Sequence[AttachmentMatch]) -> list[set[tuple[str, int]]]:
    """Return for each attachment the keys of routes that others of the list are to hold in its namespace.

    No two of them may ask for the same (``attachment_refusals``).
    """
    holders: dict[str, dict[tuple[str, int], AttachmentMatch]] = {}
    for one in found:
        holders.setdefault(one.side.netns, {}).update((entry.key, one) for entry in wanted_routes(one))
    return [{key for key, holder in holders[one.side.netns].items() if holder is not one} for one in found]


def wanted_routes(one: AttachmentMatch) -> list[route.Route]:
    """Return the routes that an attachment is to hold, those that others need first."""
    want = one.want
    held = want.addresses
    if held is None:
        held = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    routes = sorted(want.routes or (), key=lambda entry: not entry.is_on_link)
    wanted: list[route.Route] = []
    for entry in (*routes, *(route.default(gateway, want.interface) for gateway in want.gateways)):
        for gateway in () if entry.details.onlink else entry.gateways(want.interface):
            if not reaches((*held, *(other.destination for other in wanted if other.is_on_link)), gateway):
                wanted.append(route.host(gateway, want.interface))
        wanted.append(entry)
    return wanted


def across(operations: list[Operation]) -> list[Operation]:
    """Take out of an attachment's operations, and return, what sets routes that lead through others' links, too.

    Those are there and up when all attachments of the list are made.
    """
    found: list[Operation] = [
        each for each in operations
        if isinstance(each, SetRoute) and any(link != each.route.holder for link in each.route.through)
    ]  # fmt: skip
    operations[:] = [each for each in operations if each not in found] if found else operations
    return found
