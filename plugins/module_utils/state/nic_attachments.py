# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of containers' interfaces that are made from its NICs. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from ..light_dataclass import dataclass
from ..model.nic_attachment import NicAttachment
from .attachments import ContainerSide
from .network import Link, NetworkState

if TYPE_CHECKING:
    from .kept_nic import KeptNic


class OnNic(NamedTuple):
    """What is made on a link of the host in another network namespace, which ``netns`` names."""

    netns: str
    link: Link


@dataclass(frozen=True)
class NicHostSide:
    """The host's side of all attachments.

    ``bus_addresses`` are those of NICs on a bus (PCI) by the NICs' names, read where a NIC is named so; ``wireless``
    are NICs without a wire. ``host_ids`` are the ids by which containers' namespaces know the host's, by ``netns``.
    ``reached_by`` says of interfaces by what they are this host's way to others, read where one may be taken away.
    ``lacking`` are kinds that the kernel can't make, asked where one is to be made.
    ``kept`` are NICs that moved into containers, by their names on the host; ``snapshots`` are what NICs are like that
    are to do so. ``elsewhere`` is what others, in containers that nobody named, have on links that it matters of.
    """

    network: NetworkState
    bus_addresses: Mapping[str, str] = field(default_factory=dict)
    wireless: Collection[str] = ()
    host_ids: Mapping[str, int | None] = field(default_factory=dict)
    reached_by: Mapping[str, str] = field(default_factory=dict)
    lacking: Collection[str] = ()
    kept: Mapping[str, KeptNic] = field(default_factory=dict)
    snapshots: Mapping[str, KeptNic] = field(default_factory=dict)
    elsewhere: Sequence[OnNic] = ()

    @property
    def has_vlans(self) -> bool:
        """Tell whether any interface of the host is for a VLAN."""
        return any(link.kind == "vlan" for link in self.network.links.values())


class NicAttachmentState(NamedTuple):
    """What there is of wanted attachments: each with its container's side, and the host's side of all.

    A side of ``None`` is a container that is gone or has stopped.
    """

    sides: Sequence[tuple[NicAttachment, ContainerSide | None]]
    host_side: NicHostSide
