# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The container's side of an attachment to operations, whatever leads out of it. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model import addresses, limits
from ..state.attachments import ContainerSide
from ..state.network import Link
from . import link_addresses
from .address_operations import AddAddress, RestoreAddress, set_ipv6
from .attachment_match import AttachmentMatch
from .attachment_routes import plan_routes
from .link_operations import RenameLink, SetLink, SetTxChecksumOffload
from .operations import Operation, SetSysctl
from .route_operations import RestoreOnUndo, SetRoute, TakeBackDefault, on_link_first

if TYPE_CHECKING:
    from ..model.route import Route


def made(one: AttachmentMatch, taken: Collection[tuple[str, int]], beside: Sequence[Operation] = ()) -> list[Operation]:
    """Return what gives a new interface, which is down, all that it is to have; ``beside`` comes before it is up.

    ``taken`` are keys of routes that go over to another attachment.
    """
    want, netns = one.want, one.side.netns
    operations: list[Operation] = []
    ipv6, default = want.wants_ipv6, one.side.ipv6_default
    if ipv6 is not None and default is not None and ipv6 != default:
        operations.append(set_ipv6(netns, want.interface, ipv6))
    operations += [AddAddress(netns, want.interface, address) for address in want.addresses or ()]
    operations += [*beside, *_sysctls(one)]
    operations.append(SetLink(netns, want.interface, {"up": True}, {"up": False}))
    return operations + plan_routes(one, taken)[0] + _rules(one)


def corrected(
    one: AttachmentMatch,
    peer: Link,
    taken: Collection[tuple[str, int]],
    mtus: Sequence[Operation],
    beside: Sequence[Operation] = (),
) -> list[Operation]:
    """Return what brings an interface that is there to what is wanted.

    ``taken`` are keys of routes that go over to another attachment, ``mtus`` is what sets its MTU, and ``beside`` comes
    before it is up.
    """
    want, side, netns = one.want, one.side, one.side.netns
    shown = side.network.addresses.get(peer.name, ())
    leases = side.network.leases.get(peer.name, {})
    messages = side.network.messages_of(peer.name)
    # Put back on the way is what is not another attachment's by then.
    own_routes = tuple(
        replace(entry, link=want.interface)
        for entry in side.network.routes
        if entry.link == peer.name and entry.key not in taken
    )
    operations: list[Operation] = []
    if peer.name != want.interface:
        ipv6 = {address: b"" for address in shown if addresses.family(address) == addresses.IPV6}
        operations.append(RenameLink(netns, peer.name, want.interface, ipv6, on_link_first(own_routes)))
    if want.mac is not None and peer.mac != want.mac:
        operations.append(SetLink(netns, want.interface, {"mac": want.mac}, {"mac": peer.mac}))
    # An MTU too small for IPv6 comes after the IPv6 addresses went, so that it is larger again before they come back.
    takes_ipv6_off = one.mtu < limits.IPV6_MTU
    if not takes_ipv6_off:
        operations += mtus
    # One for which nobody asks IPv6 any more keeps it: what else has come to use it isn't known.
    if want.wants_ipv6 and peer.ipv6 is False:
        operations.append(set_ipv6(netns, want.interface, True))
    elif want.ipv6 is False and peer.ipv6:
        operations.append(set_ipv6(netns, want.interface, False))
    if want.addresses is not None:
        faults = side.network.faults.get(peer.name, {})
        operations += link_addresses.additions(
            netns, want.interface, want.addresses, shown, own_routes, leases=leases, messages=messages, faults=faults
        )
    operations += [*beside, *_sysctls(one)]
    if not peer.up:
        operations.append(SetLink(netns, want.interface, {"up": True}, {"up": False}))
    routing, staying = plan_routes(one, taken)
    operations += routing + _rules(one)
    if want.addresses is not None:
        if want.removable is not None:
            shown = tuple(each for each in shown if each in want.addresses or addresses.bare(each) in want.removable)
        if want.ipv6 is False:
            # Those of IPv6 went with it, and come back with it: ``undone_whole`` has them.
            shown = tuple(each for each in shown if addresses.family(each) == addresses.IPV4)
        # Last, so that the old addresses carry the old routes until the new ones are in, and again when this is undone.
        if side.promote_secondaries.get(peer.name) == "0" and link_addresses.needs_promotion(want.addresses, shown):
            operations.append(SetSysctl(netns, f"net/ipv4/conf/{want.interface}/promote_secondaries", "1", "0"))
        operations += link_addresses.removals(netns, want.interface, want.addresses, shown, staying, messages=messages)
    if takes_ipv6_off:
        operations += mtus
    return operations


def _sysctls(one: AttachmentMatch) -> list[Operation]:
    if not one.want.sysctls:
        return []
    from . import container_sysctls

    return container_sysctls.planned(one)


def _rules(one: AttachmentMatch) -> list[Operation]:
    if one.want.rules is None:
        return []
    from . import container_rules

    return container_rules.planned(one)


def rules_left_behind(
    sides: Sequence[ContainerSide], going: Collection[tuple[str, str]], nobodys: bool = True
) -> list[Operation]:
    """Return what removes the rules of attachments that are ``going`` (netns and interface), and those of nobody."""
    if not any(side.rules for side in sides):
        return []
    from . import container_rules

    return container_rules.left_behind(sides, going, nobodys)


def undone_whole(one: AttachmentMatch, peer: Link, operations: list[Operation]) -> list[Operation]:
    """Return operations on an interface so that undoing them brings back what the kernel drops on their way."""
    if not operations:
        return []
    network = one.side.network
    shown, messages = network.addresses.get(peer.name, ()), network.messages_of(peer.name)
    return [
        RestoreOnUndo(
            one.side.netns,
            peer.name,
            {address: messages.get(address, b"") for address in shown},
            tuple(entry for entry in network.routes if peer.name in entry.links),
            tuple(network.leases.get(peer.name, {}).values()),
        ),
        *operations,
    ]


def restored(side: ContainerSide, peer: Link) -> list[Operation]:
    """Return what gives an interface that was made again, and is down, all that it had."""
    operations: list[Operation] = []
    if peer.ipv6 is not None:
        operations.append(set_ipv6(side.netns, peer.name, peer.ipv6))
    held = side.network.messages_of(peer.name)
    operations += [RestoreAddress(side.netns, peer.name, address, message) for address, message in held.items()]
    if side.tx_checksum_offload.get(peer.name) is False:
        operations.append(SetTxChecksumOffload(side.netns, peer.name, False))
    operations += [
        SetSysctl(side.netns, name, shown, shown)
        for name, shown in sorted(side.sysctls.items())
        if shown is not None and f"/{peer.name}/" in name
    ]
    operations.append(SetLink(side.netns, peer.name, {"up": peer.up}, {}))
    operations += [
        SetRoute(side.netns, entry, None)
        for entry in on_link_first(entry for entry in side.network.routes if peer.name in entry.links)
    ]
    return operations


def take_back_defaults(
    restoring: Iterable[Operation], links: Collection[tuple[str, str]], sides: Sequence[ContainerSide]
) -> list[Operation]:
    """Return what sets default routes again whose place those took that go with their ``links`` (netns and name).

    ``restoring`` would make the links again.
    """
    defaults = {
        (each.netns, each.route.family) for each in restoring if isinstance(each, SetRoute) and each.route.is_default
    }
    operations: dict[tuple[str, Route], Operation] = {}
    for side in sides:
        stays = {entry.key for entry in side.network.routes if (side.netns, entry.link) not in links}
        for entry in side.aside:
            if (side.netns, entry.family) in defaults and entry.key not in stays:
                operations[side.netns, entry] = TakeBackDefault(side.netns, entry)
    return list(operations.values())


def announced(one: AttachmentMatch) -> tuple[str, ...]:
    """Return the addresses of an attachment that its neighbours are to know."""
    held = one.want.addresses
    if held is None:
        held = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    return tuple(addresses.bare(address) for address in held if not addresses.is_link_local(address))


def is_news(operations: Iterable[Operation]) -> bool:
    """Tell whether neighbours hold something stale after these operations on an interface, or hear of it first."""
    for operation in operations:
        if isinstance(operation, AddAddress):
            return True
        if isinstance(operation, SetLink) and {"mac", "master", "up", "vlans"} & operation.new.keys():
            return True
    return False
