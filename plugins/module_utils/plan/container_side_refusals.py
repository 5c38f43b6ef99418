# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What must not be made in containers as they are, whatever attachments lead to. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Refused
from ..model import addresses, limits, route
from ..state.network import with_leases
from .attachment_match import AttachmentMatch
from .attachment_routes import leads_to, wanted_routes


def check_interface_name(one: AttachmentMatch) -> None:
    """Refuse a name that another link in the container bears beside its own."""
    bearer = one.side.network.by_alternative_name.get(one.want.interface)
    if bearer is not None and (one.peer is None or bearer.index != one.peer.index):
        raise Refused(
            f"interface: {one.want.interface!r} is taken in {one.side.where} as an alternative name of "
            f"{bearer.name}; choose another, or take it off there "
            f"(ip link property del dev {bearer.name} altname {one.want.interface})"
        )


def check_mtus(found: Sequence[AttachmentMatch]) -> None:
    """Refuse an MTU that takes IPv6 off an interface which is to have it."""
    for one in found:
        shown = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
        held = (
            one.want.addresses
            if one.want.addresses is not None
            else [address for address in shown if not addresses.is_link_local(address)]
        )
        needing = [*held, *(entry.destination for entry in wanted_routes(one))]
        if one.mtu < limits.IPV6_MTU and any(addresses.family(address) == addresses.IPV6 for address in needing):
            whose = "asked for" if one.want.mtu else f"that of {one.lower}"
            raise Refused(
                f"mtu: {one.mtu} is {whose} for {one.want}, and is below {limits.IPV6_MTU} bytes, "
                "the minimum MTU of IPv6; give a larger mtu or leave IPv6 addresses and routes out"
            )


def check_more(found: Sequence[AttachmentMatch]) -> None:
    """Refuse rules and sysctls that can't be set; few attachments have any."""
    if any(one.want.rules for one in found):
        from . import container_rules

        container_rules.check(found)
    if any(one.want.sysctls for one in found):
        from . import container_sysctls

        container_sysctls.check(found)


def check_routes(found: Sequence[AttachmentMatch]) -> None:
    """Refuse a route that two attachments of a container ask for, or that another interface of it holds.

    A default route is the exception: that a gateway replaces it is what is asked for.
    """
    seen: dict[tuple[str, tuple[str, int]], AttachmentMatch] = {}
    for one in found:
        netns, where = one.side.netns, one.side.where
        own = (one.want.interface, one.peer.name if one.peer is not None else "")
        others = {
            entry.key: entry
            for entry in one.side.network.routes
            if entry.protocol != route.PROTOCOL and entry.link not in own
        }
        others.update((entry.key, entry) for entry in one.side.connected if entry.link not in own)
        for entry in wanted_routes(one):
            _refuse_behind_another(entry, one)
            for link in entry.through:
                if link not in one.side.network.links and not _is_made(link, netns, found):
                    raise Refused(
                        f"routes: {entry.destination} has a next hop by {link}, which {where} has not; "
                        "name an interface that it has, or attach that too"
                    )
            if entry.details.source:
                _refuse_foreign_source(entry, one)
            if entry.leads_nowhere:
                _refuse_second_to_nowhere(entry, one, found)
            other = seen.setdefault((netns, entry.key), one)
            if other is not one:
                what = "default route" if entry.is_default else f"route to {entry.destination}"
                raise Refused(
                    f"gateway: {one.want} and {other.want} both ask for the {what} of {where}; "
                    "leave it to one of the two"
                )
            if entry.key in others and not entry.is_default:
                if leads_to(entry, one.want.gateways):
                    raise Refused(
                        f"gateway: {addresses.bare(entry.destination)} is outside of the interface's subnets, and the "
                        f"route to it is another's in {where} already ({others[entry.key]}); give one that "
                        "no other interface leads to, or an address in its subnet"
                    )
                raise Refused(
                    f"routes: {entry.destination} is in {where} already ({others[entry.key]}), and not ours; "
                    "give it another metric"
                )


def _refuse_foreign_source(wanted: route.Route, one: AttachmentMatch) -> None:
    """Refuse a source address that the kernel refuses: in IPv4 it is to be the container's, in IPv6 the interface's."""
    peer, source = one.peer.name if one.peer is not None else "", wanted.details.source
    of_ipv6 = wanted.family == addresses.IPV6
    shown = with_leases(one.side.network.addresses, one.side.network.leases)
    others = [] if of_ipv6 else [address for name, there in shown.items() if name != peer for address in there]
    own = one.want.addresses if one.want.addresses is not None else shown.get(peer, ())
    if source not in map(addresses.bare, (*own, *others)) and not addresses.is_link_local(source):
        whose = one.want.interface if of_ipv6 else one.side.where
        raise Refused(
            f"routes: {wanted.destination} is to have the source address {source} (src), which {whose} has not; "
            "give one that it has"
        )


def _is_made(link: str, netns: str, found: Sequence[AttachmentMatch]) -> bool:
    return any((other.side.netns, other.want.interface) == (netns, link) for other in found)


def _refuse_second_to_nowhere(wanted: route.Route, one: AttachmentMatch, found: Sequence[AttachmentMatch]) -> None:
    """Refuse a route that leads nowhere where another attachment has such: nothing says which of them is whose."""
    here = [other for other in found if other.side.netns == one.side.netns]
    asking = [other.want.interface for other in here if any(entry.leads_nowhere for entry in other.want.routes or ())]
    given_up = {other.peer.name for other in here if other.peer is not None and other.want.routes is not None}
    others = sorted({*asking, *(one.side.to_nowhere - given_up)} - {one.want.interface})
    if others:
        raise Refused(
            f"routes: {wanted.destination} of {one.want.interface} is to lead nowhere, and {others[0]} of "
            f"{one.side.netns} has such routes, which are all of one attachment in a container; put them in the routes "
            "of one of the two"
        )


def _refuse_behind_another(wanted: route.Route, one: AttachmentMatch) -> None:
    """Refuse a default route that is there, but after one of the same metric (IPv4): the kernel uses the first."""
    same = [entry for entry in one.side.network.routes if entry.key == wanted.key]
    ways = [(entry.gateway, entry.link) for entry in same]
    if wanted.is_default and (wanted.gateway, wanted.link) in ways[1:] and ways[0] != (wanted.gateway, wanted.link):
        raise Refused(
            f"gateway: {wanted.gateway} stands behind another default route of {one.side.where} with the same metric, "
            f"which is used: {same[0]}; remove that"
        )
