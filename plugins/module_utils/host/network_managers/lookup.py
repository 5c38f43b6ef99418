# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who manages a NIC. Private to the collection.

In this order, since the later ones may be there and have nothing to do with the NIC:

- netplan writes files for networkd (or NetworkManager), which name that one as the owner of its NICs; what is changed
  there is gone at the next boot. So netplan comes before them.
- NetworkManager, where it says that it manages the NIC. It leaves those alone that stand in /etc/network/interfaces
  (its plugin ifupdown), and a NIC that is managed by two has the addresses of both.
- networkd, where it has a file for the NIC.
- ifupdown last: its file names the NIC also where networkd or NetworkManager took over from it.
"""

from __future__ import annotations

from .protocol import NetworkManager


def _all() -> list[NetworkManager]:
    from .ifupdown import Ifupdown
    from .networkd import Networkd
    from .networkmanager import NetworkManagerDaemon

    return [NetworkManagerDaemon(), Networkd(), Ifupdown()]


def owner(nic: str) -> NetworkManager | None:
    """Return who manages a NIC, ``None`` where nobody does that we know."""
    return next((manager for manager in _all() if manager.owns(nic)), None)


def by_name(name: str) -> NetworkManager:
    """Return the one of that name (``model/nic_move.py``)."""
    return next(manager for manager in _all() if manager.name == name)
