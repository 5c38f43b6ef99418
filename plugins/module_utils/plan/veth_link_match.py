# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What there is of a wanted link, whatever its ends are called now. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model import addresses, names, route
from ..model.ownership import OwnershipLabel, read_link_label
from ..model.ownership import label as label_of
from ..model.veth_link import LinkEnd, VethLink, is_end
from ..state.attachments import ContainerSide
from ..state.network import Link
from ..state.veth_links import LinkState, far_end
from .attachment_match import AttachmentMatch
from .attachment_routes import reaches

Ids = Mapping[tuple[str, str], "int | None"]
Ends = tuple["Link | None", ...]


@dataclass(frozen=True)
class EndMatch(AttachmentMatch):
    """One end of a link; its ``peer`` is what there is of it."""

    want: LinkEnd

    @property
    def mtu(self) -> int:
        if self.want.mtu is None:
            raise AssertionError(self.want)
        return self.want.mtu

    @property
    def lower(self) -> str:
        return "the link"

    @property
    def marked(self) -> Link | None:
        """Return what there is of it with its mark in the words of an attachment's."""
        label = read_link_label(self.peer.alias) if self.peer is not None else None
        return replace(self.peer, alias=label.alias()) if self.peer is not None and label is not None else None

    @property
    def birth_name(self) -> str:
        return birth_name(self.want.interface, self.side)

    @property
    def label(self) -> OwnershipLabel:
        return label_of(self.want.target, self.want.interface, self.side.identity)


class LinkMatch(NamedTuple):
    """A link by its two ends. ``replaced`` are interfaces of ours that are in its place: it is made anew then."""

    ends: tuple[EndMatch, EndMatch]
    replaced: tuple[tuple[Link, ContainerSide], ...] = ()

    @property
    def is_there(self) -> bool:
        return self.ends[0].peer is not None


def birth_name(interface: str, side: ContainerSide) -> str:
    """Return the name under which an end is made, which no attachment is made under."""
    return names.derived_name("pl", side.identity, interface)


def find_all(state: LinkState) -> list[LinkMatch]:
    """Return what there is of each link whose ends are both in namespaces that are there.

    :raises Refused: the name of an interface is taken by another.
    """
    sides = state.by_netns()
    found: list[LinkMatch] = []
    for link, (one, other) in [(link, held) for link, held in state.links if len(held) == 2]:
        if one is not None and other is not None:
            found.append(_find(link, (one, other), state.ids))
    going: dict[str, set[str]] = {}
    for match in found:
        for interface, side in match.replaced:
            going.setdefault(side.netns, set()).add(interface.name)
            far = far_end(interface, side, sides, state.ids)
            if far is not None:
                going.setdefault(far[1].netns, set()).add(far[0].name)
    # They go first: to the others, too, their routes are there no more.
    return [_with_routes(_without(going, match)) for match in found]


def _find(link: VethLink, sides: tuple[ContainerSide, ContainerSide], ids: Ids) -> LinkMatch:
    wants = link.ends
    ends = interfaces_of(link, sides, ids)
    if is_pair(ends, sides, ids):
        return LinkMatch((EndMatch(wants[0], sides[0], ends[0]), EndMatch(wants[1], sides[1], ends[1])))
    replaced: list[tuple[Link, ContainerSide]] = []
    for want, side, end in zip(wants, sides, ends):
        born = side.network.links.get(birth_name(want.interface, side))
        replaced += [(one, side) for one in {one.index: one for one in (end, born) if one is not None}.values()]
    kept = [_kept(want, side, end) for want, side, end in zip(wants, sides, ends)]
    return LinkMatch((EndMatch(kept[0], sides[0], None), EndMatch(kept[1], sides[1], None)), tuple(replaced))


def is_pair(ends: Ends, sides: Sequence[ContainerSide], ids: Ids) -> bool:
    """Tell whether two interfaces are the ends of one veth."""
    one, other = ends
    if one is None or other is None:
        return False
    far = far_end(one, sides[0], {sides[1].netns: sides[1]}, ids)
    return far is not None and far[0].index == other.index


def interfaces_of(link: VethLink, sides: Sequence[ContainerSide], ids: Ids) -> Ends:
    """Return the interfaces of a link, whatever they are called now, ``None`` where there is none.

    One that lost its name and its mark is found by its other end.

    :raises Refused: the name of one is taken by an interface that isn't ours.
    """
    marked = [_marked(want, side) for want, side in zip(link.ends, sides)]
    through: list[Link | None] = [None] * len(marked)
    for number, end in enumerate(marked if len(marked) == 2 else ()):
        far = far_end(end, sides[number], {sides[1 - number].netns: sides[1 - number]}, ids) if end else None
        if far is not None and not _is_another(far[0], link.ends[1 - number]):
            through[1 - number] = far[0]
    return tuple(_interface_of(want, side, *found) for want, side, *found in zip(link.ends, sides, marked, through))


def _is_another(link: Link, want: LinkEnd) -> bool:
    """Tell whether an interface is marked as another end than the one that is wanted."""
    label = read_link_label(link.alias)
    return label is not None and label.interface != want.interface


def _marked(want: LinkEnd, side: ContainerSide) -> Link | None:
    network = side.network
    return network.link_ends.get(want.interface) or network.links.get(birth_name(want.interface, side))


def _interface_of(want: LinkEnd, side: ContainerSide, marked: Link | None, through: Link | None) -> Link | None:
    bearer = side.network.links.get(want.interface)
    if bearer is None:
        return marked or through
    if bearer.kind != "veth" or not (is_end(bearer.alias) or (through and through.index == bearer.index)):
        what = f"a {bearer.kind} interface" if bearer.kind else "an interface"
        raise Refused(
            f"interface: {want.interface!r} is taken in {side.where} by {what} that this module did not make; "
            "choose another interface"
        )
    if marked is not None and marked.index != bearer.index and _is_another(bearer, want):
        label = read_link_label(bearer.alias)
        raise Refused(
            f"interface: {want.interface!r} in {side.where} is the end {label.interface if label else ''} of another "
            f"link under another name, and {want.interface} is {marked.name} there; rename them back first"
        )
    return bearer


def _kept(want: LinkEnd, side: ContainerSide, end: Link | None) -> LinkEnd:
    """Return what is wanted of an end that is made anew, with what it has that nobody asked to be otherwise."""
    if end is None:
        return want
    held = side.network.addresses.get(end.name, ()) if want.addresses is None else want.addresses
    defaults = {
        entry.family: entry.gateway
        for entry in side.network.routes
        if entry.is_default and entry.link == end.name and entry.protocol == route.PROTOCOL and want.addresses is None
    }
    return replace(
        want,
        mac=want.mac or end.mac,
        addresses=held,
        gateway=want.gateway or defaults.get(addresses.IPV4),
        gateway6=want.gateway6 or defaults.get(addresses.IPV6),
    )


def _without(going: Mapping[str, Collection[str]], match: LinkMatch) -> LinkMatch:
    one, other = (
        replace(end, side=_side_without(going[end.side.netns], end.side)) if end.side.netns in going else end
        for end in match.ends
    )
    return match._replace(ends=(one, other))


def _side_without(going: Collection[str], side: ContainerSide) -> ContainerSide:
    network = side.network
    links = {name: link for name, link in network.links.items() if name not in going}
    routes = tuple(entry for entry in network.routes if entry.link not in going)
    connected = tuple(entry for entry in side.connected if entry.link not in going)
    return replace(side, network=replace(network, links=links, routes=routes), connected=connected)


def _with_routes(match: LinkMatch) -> LinkMatch:
    """Return a link with the routes that each end needs to those addresses of the other one that no subnet has."""
    held = [_held(end) for end in match.ends]
    one, other = (
        replace(end, want=replace(end.want, routes=(*_to_others(end.want, held[number], held[1 - number]), *given)))
        for number, end in enumerate(match.ends)
        for given in (end.want.routes or (),)
    )
    return match._replace(ends=(one, other))


def _held(end: EndMatch) -> tuple[str, ...]:
    if end.want.addresses is not None:
        return end.want.addresses
    return end.side.network.addresses.get(end.peer.name, ()) if end.peer is not None else ()


def _to_others(want: LinkEnd, own: Sequence[str], others: Sequence[str]) -> list[route.Route]:
    given = want.routes or ()
    subnets = [*own, *(entry.destination for entry in given if entry.is_on_link and entry.table == route.MAIN)]
    families = {addresses.family(address) for address in own}
    found = [
        route.host(addresses.bare(address), want.interface)
        for address in others
        if addresses.family(address) in families and not reaches(subnets, addresses.bare(address))
    ]
    keys = {entry.key for entry in given}
    return [entry for entry in dict.fromkeys(found) if entry.key not in keys]
