# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The container's side of attachments as options that give it back, before and after a plan. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..model import addresses
from ..model.addresses import is_link_local
from ..model.attachment import Attachment
from ..model.limits import IPV6_MTU
from ..model.route import DEFAULT_METRIC, PROTOCOL, Route, as_options, default
from ..state.attachments import ContainerSide
from ..state.network import Link
from .attachment_match import AttachmentMatch
from .attachment_routes import gateways, leads_to, plan_routes, wanted_routes, within_reach
from .link_operations import deletions_in
from .operations import Operation
from .route_operations import SetRoute, TakeBackDefault

if TYPE_CHECKING:
    from ..model.rule import Rule

Sides = Sequence[tuple[Attachment, "ContainerSide | None"]]


def described(kind: str, value: str, side: ContainerSide, peer: Link, to_nowhere: bool = False) -> dict[str, Any]:
    """Return what an entry of ``attachments`` says of the interface in the container, named by ``kind``.

    ``to_nowhere`` tells whether the container's routes that lead nowhere are for it.
    """
    held = side.network.addresses.get(peer.name, ())
    routes = [
        entry for entry in side.network.routes if (to_nowhere if entry.leads_nowhere else entry.holder == peer.name)
    ]
    return {
        kind: int(value) if kind == "pid" else value,
        "interface": peer.name,
        "addresses": sorted(address for address in held if not is_link_local(address)),
        "mac": peer.mac,
        "mtu": peer.mtu,
        **_routes_described(routes, peer.name),
        **_rules_described(side, peer.name),
    }


def predicted(
    one: AttachmentMatch,
    taken: Collection[tuple[str, int]],
    shown: dict[str, Any] | None,
    to_nowhere: bool = False,
) -> dict[str, Any]:
    """Return what ``described`` will say once the plan was carried out, as far as it can be known."""
    want = one.want
    entry = dict(
        shown or {want.target.kind: int(want.target.value) if want.target.kind == "pid" else want.target.value}
    )
    entry.update(interface=want.interface, mtu=one.mtu)
    if want.addresses is not None or shown is None:
        entry["addresses"] = sorted(address for address in want.addresses or () if not is_link_local(address))
    elif want.ipv6 is False:
        entry["addresses"] = [text for text in entry["addresses"] if addresses.family(text) == addresses.IPV4]
    for option in ("gateway", "gateway6", "routes", "rules"):
        entry.pop(option, None)
    if want.rules is not None or one.side.rules:
        from .container_rules import wanted_rules

        entry.update(_as_rules(wanted_rules(one)))
    if want.sysctls:
        from ..model.sysctls import canonical, dotted

        entry["sysctls"] = {dotted(name): canonical(value) for name, value in want.sysctls}
    entry.update(_routes_described(_certain_routes(one, taken, to_nowhere), want.interface))
    for option in ("mac", "gateway", "gateway6"):
        if getattr(want, option) is not None:
            entry[option] = getattr(want, option)
    return entry


def _certain_routes(one: AttachmentMatch, taken: Collection[tuple[str, int]], to_nowhere: bool) -> list[Route]:
    """Return an attachment's routes after the plan, but those of which the kernel's ways decide.

    It drops what it dropped with a link that went down or lost its last IPv4
    address, takes back what has its gateway within reach, and has no IPv6 with a smaller MTU than that needs.
    """
    wanted, (_operations, there) = wanted_routes(one), plan_routes(one, taken)
    before = one.side.network.addresses.get(one.peer.name, ()) if one.peer is not None else ()
    after = one.want.addresses if one.want.addresses is not None else before
    subnets = (*after, *(entry.destination for entry in there if entry.is_on_link))
    kept = _families_kept(one, before, after)
    return [
        entry
        for entry in there
        if entry in wanted
        or (
            to_nowhere
            if entry.leads_nowhere
            else entry.family in kept
            or (within_reach(entry, subnets) and (entry.family == addresses.IPV4 or _keeps_ipv6(one)))
        )
    ]


def _families_kept(one: AttachmentMatch, before: Iterable[str], after: Collection[str]) -> set[int]:
    """Return the families whose routes all stay: the interface always has its name and one of its addresses."""
    if one.peer is None or one.peer.name != one.want.interface:
        return set()
    of_ipv4 = [address for address in before if addresses.family(address) == addresses.IPV4]
    kept = {addresses.IPV6} if _keeps_ipv6(one) else set()
    return kept | ({addresses.IPV4} if not of_ipv4 or any(address in after for address in of_ipv4) else set())


def _keeps_ipv6(one: AttachmentMatch) -> bool:
    return one.mtu >= IPV6_MTU and one.want.ipv6 is not False


def _routes_described(entries: Sequence[Route], link: str) -> dict[str, Any]:
    """Return routes of one link as the options gateway, gateway6 and routes.

    Of those of ours, a host route to the gateway of another is left out: it comes with that one.
    """
    described: dict[str, Any] = {}
    # Of several default routes the one that a gateway replaces, else the one that wins; with one metric, the first.
    for entry in sorted(entries, key=lambda entry: (entry.metric != DEFAULT_METRIC[entry.family], entry.metric)):
        if entry.is_default and entry.gateway and not entry.selector:
            described.setdefault("gateway" if entry.family == addresses.IPV4 else "gateway6", entry.gateway)
    needed = gateways(entries, link)
    routes = {
        entry.key: as_options(entry)
        for entry in entries
        if entry.protocol == PROTOCOL and not entry.is_default and not leads_to(entry, needed)
    }
    if routes:
        described["routes"] = [routes[key] for key in sorted(routes)]
    return described


def _rules_described(side: ContainerSide, interface: str) -> dict[str, Any]:
    if not side.rules:
        return {}
    from .container_rules import rules_of

    return _as_rules(rules_of(side, interface))


def _as_rules(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return rules as the option ``rules``, none where there are none."""
    from ..model import rule

    ordered = sorted(rules, key=lambda entry: (entry.priority, entry.family))
    return {"rules": [rule.as_options(entry) for entry in ordered]} if rules else {}


def sysctls_described(want: Attachment, side: ContainerSide, interface: str) -> dict[str, Any]:
    """Return the sysctls that an attachment asks for as they are, where it asks for any."""
    if not want.sysctls:
        return {}
    from . import container_sysctls

    return container_sysctls.described(want, side, interface)


def taken_default_routes(operations: Iterable[Operation]) -> list[str]:
    """Return a warning for each default route that another attachment of ours had.

    That one's next run would take it back.
    """
    return [
        f"the default route of {operation.netns} was that of {operation.old.link}, "
        "an attachment of this collection too; a container has one for each family, so leave the gateway out "
        f"for {operation.old.link} or for {operation.route.link}"
        for operation in operations
        if isinstance(operation, SetRoute) and operation.old and operation.route.is_default
        and operation.old.protocol == PROTOCOL and operation.old.link != operation.route.link
    ]  # fmt: skip


def lost_default_routes(sides: Sides, operations: Iterable[Operation]) -> list[str]:
    """Return a warning for each default route that goes with an attachment and leaves its container with none.

    The one whose place it took comes back, unless it was not put aside, or is gone. There was none where the container
    has no other interface.
    """
    operations = tuple(operations)
    gone = dict.fromkeys(
        (operation.netns, operation.route)
        for deletion in deletions_in(operations)
        for operation in deletion.restore or ()
        if isinstance(operation, SetRoute) and operation.route.is_default
    )
    going = {(netns, entry.link) for netns, entry in gone}
    left = {
        (side.netns, entry.family)
        for _want, side in sides
        if side is not None
        for entry in side.network.routes
        if entry.is_default and (side.netns, entry.link) not in going
    }
    left.update((each.netns, each.route.family) for each in operations if isinstance(each, TakeBackDefault))
    elsewhere = {
        side.netns
        for _want, side in sides
        if side is not None
        for name, link in side.network.links.items()
        if name != "lo" and link.up and (side.netns, name) not in going
    }
    return [
        f"{netns} has no IPv{entry.family} default route without {entry.link}, whose "
        f"{str(entry).partition(' dev ')[0]} goes with it; if that had taken the place of another one, "
        "it is not known which, and it is not put back: the run that attached it named it (in place of), so set it "
        "again, or restart the container"
        for netns, entry in gone
        if netns in elsewhere and (netns, entry.family) not in left
    ]


def outranked_gateways(sides: Sides) -> list[str]:
    """Return a warning for each gateway that a default route with a lower metric keeps from being used."""
    warnings = []
    for want, side in [(want, side) for want, side in sides if side is not None]:
        for gateway in want.gateways:
            wanted = default(gateway, want.interface)
            better = [
                entry
                for entry in side.network.routes
                if entry.is_default
                and not entry.selector
                and entry.family == wanted.family
                and entry.metric < wanted.metric
            ]
            if better:
                option = "gateway" if wanted.family == addresses.IPV4 else "gateway6"
                warnings.append(
                    f"{option}: {gateway} is not the one that {side.netns} uses: "
                    f"{min(better, key=lambda entry: entry.metric)} has a lower metric than {wanted.metric} and wins; "
                    "remove that route to use the gateway"
                )
    return warnings
