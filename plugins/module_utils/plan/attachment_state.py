# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments as options that give them back, before and after a plan. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import addresses
from ..model.attachment import Attachment
from ..model.host import Link
from ..model.route import DEFAULT_METRIC, PROTOCOL, Route
from .attachment_found import Found, find_all, renamed
from .attachment_routes import wanted_routes, within_reach
from .link_addresses import is_link_local
from .wiring import OVS, End, Wiring

Ends = Sequence[tuple[Attachment, "End | None"]]


def describe(ends: Ends, wiring: Wiring) -> list[dict[str, Any] | None]:
    """Return what there is of each attachment, ``None`` where there is nothing."""
    described: list[dict[str, Any] | None] = []
    for want, end in ends:
        entry = None
        inner = _inner(want, end, wiring) if end is not None else None
        if end is not None and inner is not None:
            outer = wiring.host_end(end, inner)
            if outer is not None:
                entry = describe_one(want.target.kind, want.target.value, end, inner, outer, wiring)
        described.append(entry)
    return described


def describe_one(kind: str, value: str, end: End, inner: Link, outer: Link, wiring: Wiring) -> dict[str, Any]:
    """Return one attachment as an entry of ``attachments`` that gives it back."""
    held = end.namespace.addresses.get(inner.name, ())
    described: dict[str, Any] = {
        kind: int(value) if kind == "pid" else value,
        "bridge": wiring.bridge_of(outer),
        "interface": inner.name,
        "host_interface": outer.name,
        "addresses": sorted(address for address in held if not is_link_local(address)),
        "mac": inner.mac,
        "mtu": inner.mtu,
    }
    port = wiring.ovs_ports.get(outer.name)
    if port is not None and port.tag is not None:
        described["vlan"] = port.tag
    described.update(_routes_described([entry for entry in end.namespace.routes if entry.link == inner.name]))
    return described


def predict(ends: Ends, wiring: Wiring) -> list[dict[str, Any] | None]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    found = find_all([(want, end) for want, end in ends if end is not None], wiring)
    by_want = {id(one.want): one for one in found}
    predicted: list[dict[str, Any] | None] = []
    for (want, _end), shown in zip(ends, describe(ends, wiring)):
        one = by_want.get(id(want))
        predicted.append(_predict(one, shown, found) if one is not None else shown)
    return predicted


def _predict(one: Found, shown: dict[str, Any] | None, found: Sequence[Found]) -> dict[str, Any]:
    want = one.want
    entry = dict(shown or {want.target.kind: int(want.target.value) if want.target.kind == "pid" else want.target.value})
    entry.update(bridge=want.bridge, interface=want.interface, host_interface=one.host_interface, mtu=one.mtu)
    if want.addresses is not None or shown is None:
        entry["addresses"] = sorted(address for address in want.addresses or () if not is_link_local(address))
    entry.pop("vlan", None)
    if one.bridge.kind == OVS and want.vlan is not None:
        entry["vlan"] = want.vlan
    for option in ("gateway", "gateway6", "routes"):
        entry.pop(option, None)
    entry.update(_routes_described(_certain_routes(one, found)))
    for option in ("mac", "gateway", "gateway6"):
        if getattr(want, option) is not None:
            entry[option] = getattr(want, option)
    return entry


def _certain_routes(one: Found, found: Sequence[Found]) -> list[Route]:
    """Return an attachment's routes after the plan, but those of which the kernel's ways decide.

    It drops what it dropped with a link that went down or lost its last IPv4
    address, and takes back what has its gateway within reach.
    """
    want, shown = one.want, one.end.namespace
    if want.routes is not None:
        described = [entry for entry in want.routes if entry.gateway]
    else:
        described = [entry for entry in shown.routes if one.inner is not None and entry.link == one.inner.name and entry.protocol == PROTOCOL]
    defaults = [entry for entry in shown.routes if one.inner is not None and one.inner.up and entry.link == one.inner.name and entry.is_default]
    if want.routes is None and (one.inner is None or not one.inner.up):
        described = []
    taken = {entry.key for other in found if other is not one and other.end.place == one.end.place for entry in wanted_routes(other)}
    held = want.addresses if want.addresses is not None else shown.addresses.get(one.inner.name, ()) if one.inner is not None else ()
    on_link = [entry.destination for entry in wanted_routes(one) if not entry.gateway]
    if want.routes is None:
        on_link += [entry.destination for entry in shown.routes if one.inner is not None and entry.link == one.inner.name and not entry.gateway]
    candidates = [entry for entry in (*described, *defaults) if entry.key not in taken]
    return [entry for entry in candidates if entry in (want.routes or ()) or within_reach(entry, (*held, *on_link))]


def _routes_described(entries: Sequence[Route]) -> dict[str, Any]:
    """Return routes of one link as the options gateway, gateway6 and routes."""
    described: dict[str, Any] = {}
    # Of several default routes the one that a gateway would replace, else the one that wins.
    for entry in sorted(entries, key=lambda entry: (entry.metric == DEFAULT_METRIC[entry.family], -entry.metric)):
        if entry.is_default and entry.gateway:
            described["gateway" if entry.family == addresses.IPV4 else "gateway6"] = entry.gateway
    routes = {
        (entry.destination, entry.metric): {"destination": entry.destination, "gateway": entry.gateway, "metric": entry.metric}
        for entry in entries
        if entry.protocol == PROTOCOL and entry.gateway and not entry.is_default
    }
    if routes:
        described["routes"] = [routes[key] for key in sorted(routes)]
    return described


def unsettled(ends: Ends, wiring: Wiring) -> str:
    """Return what carries no traffic yet, '' once all do."""
    for want, end in ends:
        if end is None:
            continue
        inner = end.namespace.links.get(want.interface)
        outer = wiring.host_end(end, inner) if inner is not None else None
        for link, place in ((inner, end.place), (outer, "this host")):
            if link is not None and not link.carrier:
                return f"{link.name} in {place} has no carrier"
    return ""


def _inner(want: Attachment, end: End, wiring: Wiring) -> Link | None:
    inner = end.namespace.links.get(want.interface)
    if inner is not None:
        return inner
    other = renamed(want, end, wiring)
    return other[0] if other is not None else None
