# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel can do with links. Private to the collection."""

from __future__ import annotations

from ...model.addresses import random_mac
from ..namespace import scratch
from .handle import NetlinkHandle


def supports_vlan_filtering() -> bool:
    """Tell whether bridges of this kernel can filter VLANs.

    A kernel without it silently accepts the attribute, so a bridge is created
    and read, in a temporary namespace.
    """
    with scratch():
        namespace = NetlinkHandle()
    try:
        namespace.add_bridge("probe", {}, random_mac())
        return "vlan_filtering" in namespace.links()["probe"].bridge
    finally:
        namespace.close()
