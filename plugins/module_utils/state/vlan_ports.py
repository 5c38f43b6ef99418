# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What Open vSwitch and the host show of a bridge's ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from ..light_dataclass import dataclass
from ..model.attachment import Target
from ..model.ovs import OvsBridge
from ..model.route import Route
from .attachments import ContainerSide, HostSide


@dataclass(frozen=True)
class VlanPortState:
    """What Open vSwitch and the host show.

    ``sides`` has the containers that ports are named by, ``None`` for one that
    is gone; ``unfit`` interfaces that must not become ports, each with the
    reason; ``uplinks`` ports by which this host is reached, each with the VLANs
    in which it is, and the reason; ``tx_checksum`` whether the bridge's own
    device leaves checksums to hardware; ``held`` what addresses and routes of
    the host that device has (read for state absent only); ``switch_runs``
    whether ovs-vswitchd does, asked where the bridge is there;
    ``underlays`` addresses of the own devices of bridges with a datapath in
    userspace, by device, read where tunnels are to be on one, ``None`` otherwise;
    ``routes`` all of the host's then, those that came with its addresses too.
    ``assume``: in check mode, what isn't there counts as made
    by an earlier task.
    """

    host_side: HostSide
    bridges: Mapping[str, OvsBridge]
    sides: Mapping[Target, ContainerSide | None] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    uplinks: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    tx_checksum: bool = False
    held: Sequence[str] = ()
    switch_runs: bool = True
    underlays: Mapping[str, Collection[str]] | None = None
    routes: Sequence[Route] = ()
    assume: bool = False
