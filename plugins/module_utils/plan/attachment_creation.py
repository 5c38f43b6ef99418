# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From attachments that are not there to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model import names
from ..state.attachments import LINUX, HostSide
from ..state.network import HOST
from . import container_side
from .attachment_deletion import stale_deletion
from .attachment_match import VethMatch
from .attachment_names import notes
from .link_operations import AddVeth, SetLink, SetTxChecksumOffload, of_same_keys
from .operations import Operation
from .ovs_ports import OvsChanges

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


# How a new veth is.
_ALONE_AND_DOWN: LinkSettings = {"master": "", "isolated": False, "floods": True, "vlans": None, "up": False}


def creation(
    one: VethMatch,
    host_side: HostSide,
    ovs: OvsChanges,
    taken: Collection[tuple[str, int]],
    quiet: bool = False,
) -> list[Operation]:
    """Return what makes an attachment; its port joins closed to floods where it is to be ``quiet``."""
    want, netns = one.want, one.side.netns
    operations: list[Operation] = []
    for stale in dict.fromkeys((one.host_interface, one.birth_name)):
        link = host_side.network.links.get(stale)
        if link is not None:
            operations.append(stale_deletion(stale, netns))
        port = host_side.ovs_ports.get(stale)
        if port is not None and (stale != one.host_interface or port.bridge != want.bridge):
            ovs.clear(stale)
    alternative = names.alternative_name_of(want.target.kind, want.target.value, want.interface)
    operations.append(
        AddVeth(
            HOST,
            one.host_interface,
            one.birth_name,
            want.interface,
            netns,
            want.mac,
            one.mtu,
            replace(one.label, notes=notes(one)).alias(),
            alternative,
        )
    )
    beside = [SetTxChecksumOffload(netns, want.interface, False)] if one.bridge.userspace else []
    operations += container_side.made(one, taken, beside)
    operations.append(_joined(one, quiet))
    return operations


def _joined(one: VethMatch, quiet: bool) -> SetLink:
    new: LinkSettings = {}
    if one.bridge.kind == LINUX:
        new["master"] = one.want.bridge
        if one.bridge.isolated:
            new["isolated"] = True
        if quiet:
            new["floods"] = False
        if one.port_vlans != one.bridge.default_vlans:
            new["vlans"] = one.port_vlans
    new["up"] = True
    return SetLink(HOST, one.host_interface, new, of_same_keys(_ALONE_AND_DOWN, new))
