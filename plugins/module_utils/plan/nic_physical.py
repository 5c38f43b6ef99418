# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From NICs that are to be containers' interfaces themselves to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model import ownership
from ..model.nic_attachment import PHYSICAL
from ..model.ownership import read_label
from ..state.attachments import ContainerSide
from ..state.kept_nic import KeptNic
from ..state.network import HOST, Link
from ..state.nic_attachments import NicHostSide
from . import container_side
from .attachment_names import lasting_label
from .link_operations import SetLink
from .nic_attachment_match import NicMatch
from .nic_physical_match import PhysicalMatch, come_back, kept_of, renamed_back
from .nic_physical_operations import MoveNic, RestoreNic, ReturnNic, StepAside, marked
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


def made(one: NicMatch, taken: Collection[tuple[str, int]]) -> list[Operation]:
    """Return what moves a NIC into its container, and gives it all that it is to have there."""
    if not isinstance(one, PhysicalMatch) or one.kept is None:
        raise AssertionError(one)
    netns, name, link = one.side.netns, one.want.interface, one.link
    kept = marked(one.kept, ownership.of_nic(lasting_label(one), one.kept.name))
    operations: list[Operation] = [MoveNic(netns, name, link.name, kept)]
    mac = one.want.mac or kept.before.mac
    if mac != link.mac:
        operations.append(SetLink(netns, name, {"mac": mac}, {"mac": link.mac}))
    if one.mtu != link.mtu:
        operations.append(SetLink(netns, name, {"mtu": one.mtu}, {"mtu": link.mtu}))
    return operations + container_side.made(one, taken)


def returned(link: Link, side: ContainerSide, host_side: NicHostSide) -> ReturnNic:
    """Return what gives a container's NIC back to the host.

    :raises Refused: another has its name there by now.
    """
    kept = kept_of(link, host_side)
    bearer = host_side.network.links.get(kept.name) or host_side.network.by_alternative_name.get(kept.name)
    if bearer is not None and bearer.index not in {stray.index for _kept, stray in come_back(host_side)}:
        raise Refused(
            f"interface: {link.name} in {side.netns} is the NIC that was {kept.name} on this host, and is to be so "
            f"again, and {bearer.name} there has that name by now; rename that one first"
        )
    label = read_label(link.alias)
    of = f" of {label.kind} {label.value}" if label is not None else ""
    again: tuple[Operation, ...] = (MoveNic(side.netns, link.name, kept.name, kept),)
    mac, mtu = _differing(link, kept)
    has: LinkSettings = {"mac": link.mac} if mac is not None else {}
    if mtu is not None:
        has["mtu"] = link.mtu
    if has:
        again += (SetLink(side.netns, link.name, has, {}),)
    return ReturnNic(
        side.netns,
        link.name,
        f"{link.name}{of}",
        (*again, *container_side.restored(side, link)),
        kept,
        mac,
        mtu,
    )


def strays(found: Iterable[NicMatch], host_side: NicHostSide) -> list[Operation]:
    """Return what puts NICs back as they were that came back from containers, and that none of ``found`` is to be."""
    moving = {one.link.index for one in found if one.peer is None and one.want.kind == PHYSICAL}
    return [
        RestoreNic(HOST, now, not link.up, kept, *_differing(link, kept))
        if new == kept.name
        else StepAside(HOST, now, new, {}, ())
        for kept, link, now, new in renamed_back(host_side, moving)
    ]


def _differing(link: Link, kept: KeptNic) -> tuple[str | None, int | None]:
    before = kept.before
    return before.mac if before.mac != link.mac else None, before.mtu if before.mtu != link.mtu else None
