# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Options of a route that few have: its table, its type, several next hops and more. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption
from . import addresses, limits, names, route, route_tables
from .route import Details, Route

_KINDS = {"unicast": route.UNICAST, **{name: number for number, name in route.KINDS.items()}}
_GLOBAL, _LINK, _HOST = 0, 253, 254  # RT_SCOPE_* of linux/rtnetlink.h
_SCOPES = {"global": _GLOBAL, "link": _LINK, "host": _HOST}
# The kernel lowers what is above to it (ip_metrics_convert() in net/ipv4/metrics.c).
_LARGEST_MTU = 65535 - 15
# Of a next hop, which keeps it less 1 in one byte (rtnh_hops).
_LARGEST_WEIGHT = 256


def extended(entry: Route, given: Mapping[str, Any], option: str, asked: str) -> Route:
    """Return a route with what is ``given`` of OPTIONS; ``asked`` is its destination as it was written.

    :raises InvalidOption: naming the first that can't be right.
    """
    kind = _one_of(f"{option}.type", given.get("type", "unicast"), _KINDS)
    entry = replace(
        entry,
        kind=kind,
        table=route_tables.number_of(f"{option}.table", given["table"]) if "table" in given else route.MAIN,
    )
    if entry.is_default:
        advice = "is the default route of the main table; use gateway or gateway6, or give it a table of its own"
        raise InvalidOption(f"{option}.destination", asked, advice)
    if entry.leads_nowhere:
        for name in ("src", "scope", "onlink", "mtu", "nexthops"):
            if name in given:
                _refuse_nowhere(f"{option}.{name}", given[name], kind)
        if entry.gateway:
            _refuse_nowhere(f"{option}.gateway", entry.gateway, kind)
        return replace(entry, link="")
    hops = _hops(given["nexthops"], entry, f"{option}.nexthops") if "nexthops" in given else ()
    if len(hops) == 1:
        entry = replace(entry, gateway=hops[0][0])  # the kernel keeps it as one of one way
    elif hops:
        entry = replace(entry, link=route.SEVERAL_LINKS, through=tuple(link for _gateway, link, _weight in hops))
    several = hops if len(hops) > 1 else ()
    if given.get("onlink") and not hops and not entry.gateway:
        advice = "is for a gateway that is on the link whatever the addresses say; give a gateway, or leave it out"
        raise InvalidOption(f"{option}.onlink", True, advice)
    source = given.get("src")
    details = Details(
        _source(f"{option}.src", source, entry.family) if source is not None else "",
        _scope(f"{option}.scope", given["scope"], entry, bool(hops)) if "scope" in given else None,
        bool(given.get("onlink")),
        _mtu(f"{option}.mtu", given["mtu"], entry.family) if "mtu" in given else 0,
        several,
    )
    return replace(entry, details=details)


def _source(option: str, text: str, version: int) -> str:
    address = addresses.unicast(option, text)
    if addresses.family(address) != version:
        advice = f"is of another family than the destination, which is of IPv{version}; give an address of that"
        raise InvalidOption(option, text, advice)
    return address


def _refuse_nowhere(option: str, found: object, kind: int) -> None:
    advice = (
        f"is for a route that leads somewhere, and one of type {route.KINDS[kind]} does not; leave one of the two out"
    )
    raise InvalidOption(option, found, advice)


def _one_of(option: str, found: Any, choices: Mapping[str, int]) -> int:
    if found not in choices:
        raise InvalidOption(option, found, f"is none of {', '.join(choices)}; give one of them")
    return choices[found]


def _scope(option: str, found: Any, entry: Route, by_hops: bool) -> int | None:
    if entry.family == addresses.IPV6:
        raise InvalidOption(option, found, "is for IPv4, as routes of IPv6 have no scope; leave it out")
    number = _one_of(option, found, _SCOPES)
    by_gateway = bool(entry.gateway) or by_hops
    if by_gateway and number != _GLOBAL:
        raise InvalidOption(option, found, "is for what is on the link itself; leave it or the gateway out")
    return None if number == (_GLOBAL if by_gateway else _LINK) else number


def _mtu(option: str, found: Any, version: int) -> int:
    least = limits.IPV6_MTU if version == addresses.IPV6 else limits.MTU[0]
    return int(limits.between(option, found, (least, _LARGEST_MTU), "bytes") or 0)


def _hops(items: Sequence[Mapping[str, Any]], entry: Route, option: str) -> tuple[tuple[str, str, int], ...]:
    if entry.gateway:
        raise InvalidOption(
            option, f"{len(items)} next hops", "is mutually exclusive with gateway; give one of the two"
        )
    if not items:
        raise InvalidOption(option, None, "is empty; name at least one next hop, or leave it out")
    hops: list[tuple[str, str, int]] = []
    for position, item in enumerate(items):
        here = f"{option}[{position}]"
        weight = limits.between(f"{here}.weight", item.get("weight"), (1, _LARGEST_WEIGHT), "of what goes this way")
        link = item.get("interface")
        link = names.interface_name(f"{here}.interface", link) if link else entry.link
        if not hops and link != entry.link:
            advice = f"is another interface than the attachment's own {entry.link}; begin with a next hop by that one"
            raise InvalidOption(f"{here}.interface", link, advice)
        hop = (addresses.gateway(f"{here}.gateway", item["gateway"], entry.family), link)
        if hop in [other[:2] for other in hops]:
            raise InvalidOption(f"{here}.gateway", item["gateway"], "is in the list twice; give it a higher weight")
        hops.append((*hop, weight or 1))
    return tuple(hops)


def more_options(entry: Route) -> dict[str, Any]:
    """Return what a route has of OPTIONS, as they ask for it."""
    details = entry.details
    described: dict[str, Any] = {}
    if entry.table != route.MAIN:
        described["table"] = route_tables.name_of(entry.table)
    if entry.leads_nowhere:
        described["type"] = route.KINDS[entry.kind]
    if details.source:
        described["src"] = details.source
    if details.scope is not None:
        described["scope"] = scope_name(details.scope)
    if details.onlink:
        described["onlink"] = True
    if details.mtu:
        described["mtu"] = details.mtu
    if details.hops:
        described["nexthops"] = [
            {"gateway": gateway, "interface": link, "weight": weight} for gateway, link, weight in details.hops
        ]
    return described


def scope_name(scope: int) -> str:
    """Return the word for a scope, its number where there is none."""
    return next((name for name, number in _SCOPES.items() if number == scope), str(scope))


def words(details: Details) -> str:
    """Return what a route has beside the way that it leads, as ip-route(8) says it, with a space before each."""
    text = f" src {details.source}" if details.source else ""
    if details.scope is not None:
        text += f" scope {scope_name(details.scope)}"
    text += f" mtu {details.mtu}" if details.mtu else ""
    for gateway, link, weight in details.hops:
        text += f" nexthop{f' via {gateway}' if gateway else ''} dev {link} weight {weight}"
    return text + (" onlink" if details.onlink else "")
