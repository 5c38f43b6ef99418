# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who manages a NIC. Private to the collection.

In this order, since the later ones may be there and have nothing to do with the NIC:

- NetworkManager first, where it noted that it manages the NIC: it leaves those alone that others have, as far as it is
  told. Where netplan writes its profiles, it is still NetworkManager by whose profiles the bridge is kept: those of
  netplan have a lower priority.
- netplan, where networkd has the NIC's file from it. What is changed in that file is gone at the next boot.
- networkd, where it has another file for the NIC.
- ifupdown last: its file often names a NIC still that one of the others took over.
"""

from __future__ import annotations

from .protocol import NetworkManager


def _all() -> list[NetworkManager]:
    from .ifupdown import Ifupdown
    from .netplan import Netplan
    from .networkd import Networkd
    from .networkmanager import NetworkManagerDaemon

    return [NetworkManagerDaemon(), Netplan(), Networkd(), Ifupdown()]


def owner(nic: str) -> NetworkManager | None:
    """Return who manages a NIC, ``None`` where nobody does that we know."""
    return next((manager for manager in _all() if manager.owns(nic)), None)


def by_name(name: str) -> NetworkManager:
    """Return the one of that name (``model/nic_move.py``)."""
    return next(manager for manager in _all() if manager.name == name)
