# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the marks of attachments to the further names of their host veths. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..model import names
from ..model.ownership import OwnershipLabel, read_label
from ..model.port_guard import MarkNotes
from ..state.attachments import LINUX, HostSide
from ..state.network import HOST
from .attachment_match import AttachmentMatch, VethMatch
from .link_operations import SetAlternativeName, deletions_in
from .operations import Operation


def lasting_label(one: AttachmentMatch) -> OwnershipLabel:
    """Return what the mark of an attachment is to say; it may name its namespace in another way than the task.

    It may also name another container that shares the namespace: the first one stays, so that two tasks don't take
    turns. A container that was renamed is still the same one, and so is a namespace that is at another path.
    """
    former = _former_label(one)
    if former is None or former.interface != one.want.interface:
        return one.label
    renamed = former.identity == one.label.identity and not former.names(one.want.target)
    renamed = renamed and former.value not in one.side.paths
    return one.label if former.kind == one.want.target.kind and renamed else former


def alias(one: VethMatch) -> str:
    """Return the mark that an attachment is to have."""
    return replace(lasting_label(one), notes=notes(one)).alias()


def notes(one: VethMatch) -> MarkNotes:
    """Return what the mark is to keep of how it was asked for; what this time says nothing of stays.

    On a bridge of Open vSwitch it is no matter whether addresses were given.
    """
    former = _former_label(one)
    before = former.notes if former is not None else MarkNotes(declared=one.bridge.kind != LINUX)
    security = one.want.security if one.want.security is not None else before.security
    routes = one.want.routes
    to_nowhere = before.to_nowhere if routes is None else any(entry.leads_nowhere for entry in routes)
    # Which address a server gives nobody knows beforehand.
    declared = not one.want.dhcp and (before.declared or one.want.addresses is not None)
    rules = one.side.rule_marks.get(one.seen_as)
    return MarkNotes(security, declared, to_nowhere, rules)


def dropped(found: Sequence[VethMatch], host_side: HostSide) -> list[Operation]:
    """Return what takes names off that speak of what the container was called; others may be to have them."""
    return [
        SetAlternativeName(HOST, one.host_veth.name, old, False)
        for one in found
        if one.host_veth is not None and host_side.alternative_names and (old := _old(one))
    ]


def given(found: Sequence[VethMatch], host_side: HostSide, operations: Iterable[Operation]) -> list[Operation]:
    """Return what gives each its name, once ``operations`` and what ``dropped`` says are done.

    What is made comes with its name, unless another link has that now. One that
    another link has then, too, is not given: it is a convenience.
    """
    if not host_side.alternative_names:
        return []
    going = {deletion.name for deletion in deletions_in(operations)}
    moved = {one.host_veth.name for one in found if one.host_veth is not None} - {one.host_interface for one in found}
    own = {link for link in host_side.network.links if link not in going | moved} | {
        one.host_interface for one in found
    }
    olds = {_old(one) for one in found}
    result: list[Operation] = []
    for one in found:
        name = _name(lasting_label(one))
        bearer = host_side.network.by_alternative_name.get(name)
        if one.host_veth is None and bearer is None:
            continue
        stays = bearer is not None and bearer.name not in going and name not in olds
        if not stays and name not in own:
            result.append(SetAlternativeName(HOST, one.host_interface, name, True))
            own.add(name)
    return result


def _former_label(one: AttachmentMatch) -> OwnershipLabel | None:
    return read_label(one.marked.alias) if one.marked is not None and one.marked.ours else None


def _old(one: VethMatch) -> str:
    """Return the further name by which an attachment was known formerly, '' where it has none or is to keep it."""
    former = _former_label(one)
    if former is None or one.host_veth is None:
        return ""
    old = _name(former)
    return old if old in one.host_veth.alternative_names and old != _name(lasting_label(one)) else ""


def _name(label: OwnershipLabel) -> str:
    return names.alternative_name_of(label.kind, label.value, label.interface)
