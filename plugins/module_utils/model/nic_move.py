# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a manager of the host's network is to keep of a NIC that became a port. Private to the collection."""

from __future__ import annotations

from typing import NamedTuple

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


class NicMove(NamedTuple):
    """A NIC whose addresses and routes are to be a bridge's (or, taken back, its own again) from the next boot on.

    ``mac`` and ``mtu`` are the NIC's, which the bridge keeps. ``openvswitch`` is a bridge that Open vSwitch's database
    keeps: nobody else makes it, and its ports are no business of the manager.
    """

    nic: str
    bridge: str
    mac: str
    mtu: int
    openvswitch: bool = False
