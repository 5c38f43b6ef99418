# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attachments as options that give them back, before and after a plan. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import addresses
from ..model.attachment import Attachment
from ..model.host import Link
from ..model.route import PROTOCOL
from .attachment import find
from .link_addresses import is_link_local
from .wiring import OVS, End, Wiring, read_label

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
    routes = []
    for entry in end.namespace.routes:
        if entry.link != inner.name:
            continue
        if entry.is_default and entry.gateway:
            described["gateway" if entry.family == addresses.IPV4 else "gateway6"] = entry.gateway
        elif entry.protocol == PROTOCOL and entry.gateway:
            routes.append({"destination": entry.destination, "gateway": entry.gateway, "metric": entry.metric})
    if routes:
        described["routes"] = sorted(routes, key=lambda entry: (entry["destination"], entry["metric"]))
    return described


def predict(ends: Ends, wiring: Wiring) -> list[dict[str, Any] | None]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    predicted: list[dict[str, Any] | None] = []
    for (want, end), shown in zip(ends, describe(ends, wiring)):
        if end is None:
            predicted.append(shown)
            continue
        found = find(want, end, wiring)
        entry = dict(shown or {want.target.kind: int(want.target.value) if want.target.kind == "pid" else want.target.value})
        entry.update(bridge=want.bridge, interface=want.interface, host_interface=found.host_interface, mtu=found.mtu)
        if want.addresses is not None or shown is None:
            entry["addresses"] = sorted(want.addresses or ())
        for option in ("mac", "gateway", "gateway6"):
            if getattr(want, option) is not None:
                entry[option] = getattr(want, option)
        entry.pop("vlan", None)
        if found.bridge.kind == OVS and want.vlan is not None:
            entry["vlan"] = want.vlan
        if want.routes is not None:
            entry["routes"] = sorted(
                ({"destination": r.destination, "gateway": r.gateway, "metric": r.metric} for r in want.routes if r.gateway),
                key=lambda r: (r["destination"], r["metric"]),
            )
            if not entry["routes"]:
                del entry["routes"]
        predicted.append(entry)
    return predicted


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
    for outer in wiring.ours_by_namespace.get(end.namespace_id, []) if end.namespace_id is not None else []:
        said = read_label(outer.alias)
        if said is not None and said.interface == want.interface:
            return next((link for link in end.namespace.links.values() if link.index == outer.peer), None)
    return None
