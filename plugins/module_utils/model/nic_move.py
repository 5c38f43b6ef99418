# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a manager of the host's network is to keep of a NIC that became a port. Private to the collection."""

from __future__ import annotations

from typing import NamedTuple

from .bridge_vlans import PortVlans, default

NETWORKD, NETWORKMANAGER, NETPLAN, IFUPDOWN = "networkd", "networkmanager", "netplan", "ifupdown"
"""Who may own a NIC."""

LINUX, OPENVSWITCH = "linux", "openvswitch"
"""The kinds of bridge that a NIC may become a port of."""


class ManagedFile(NamedTuple):
    """A file of a manager as it is to be, or as it was; ``content`` is ``None`` where there is none.

    Owned by root. Its folder may not be there yet.
    """

    path: str
    content: bytes | None
    mode: int = 0o644


class MoveVlans(NamedTuple):
    """VLANs of a bridge that filters: its default one, 0 for none, those of the NIC as its port, and its own."""

    pvid: int
    nic: PortVlans
    bridge: PortVlans

    def of(self, own: bool) -> PortVlans:
        """Return all that the NIC, or with ``own`` the bridge itself, has; nothing where that is the default alone."""
        held = self.bridge if own else self.nic
        return () if held == default(self.pvid) else held


class NicMove(NamedTuple):
    """A NIC whose addresses and routes are to be a bridge's (or, taken back, its own again) from the next boot on.

    ``mac`` and ``mtu`` are the NIC's, which the bridge keeps. ``openvswitch`` is a bridge that Open vSwitch's database
    keeps: nobody else makes it, and its ports are no business of the manager. ``vlans`` are there where it filters.
    """

    nic: str
    bridge: str
    mac: str
    mtu: int
    openvswitch: bool = False
    vlans: MoveVlans | None = None
