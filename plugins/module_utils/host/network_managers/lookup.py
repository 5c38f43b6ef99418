# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who manages a host's NIC. Private to the collection."""

from __future__ import annotations

from ...errors import MissingFeature
from .protocol import NetworkManager


def owner(nic: str) -> NetworkManager | None:
    """Return who manages a NIC, ``None`` where nobody does."""
    del nic
    return None


def by_name(name: str) -> NetworkManager:
    """Return a manager.

    :raises MissingFeature: this host has none of that name.
    """
    raise MissingFeature(f"persist: {name} is not on this host; set persist to auto or none")
