# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What NICs of the host are made of, as sysfs tells it (Documentation/ABI/testing/sysfs-class-net). Private."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

_FOLDER = "/sys/class/net"
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def bus_addresses(names: Iterable[str]) -> dict[str, str]:
    """Return the PCI address (``0000:03:00.0``) of each NIC that has one, by name."""
    found: dict[str, str] = {}
    for name in names:
        # That of a virtual machine is on a bus of its own (virtio) behind the PCI device.
        parts = os.path.realpath(f"{_FOLDER}/{name}/device").split("/")
        found.update((name, part) for part in parts if _PCI.fullmatch(part))
    return found


def wireless(names: Iterable[str]) -> frozenset[str]:
    """Return which are wireless."""
    return frozenset(name for name in names if os.path.exists(f"{_FOLDER}/{name}/phy80211"))
