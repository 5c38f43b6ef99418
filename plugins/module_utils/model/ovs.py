# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports and bridges of Open vSwitch. Private to the collection.

Pure values: what ``host/ovsdb.py`` reads and writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Container


@dataclass(frozen=True)
class OvsPort:
    """A port of a bridge, with what VLANs mean on it (ovs-vswitchd.conf.db(5), table Port).

    ``tag`` and ``trunks`` are 0 to 4095; an access port has a ``tag``, a trunk
    port with a native VLAN both. ``vlan_mode`` of ``None`` lets Open vSwitch
    conclude it from these two. ``trunks`` and ``external_ids`` are sorted, so
    that equal ports compare equal.
    """

    name: str
    bridge: str
    tag: int | None = None
    trunks: tuple[int, ...] = ()
    vlan_mode: str | None = None
    external_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class OvsBridge:
    """A bridge; ``ports`` has its local port too, which bears the bridge's own name.

    ``datapath_type`` is ``system`` or ``netdev``; the database keeps ``system``
    as an empty string.
    """

    name: str
    datapath_type: str
    ports: tuple[str, ...]
    external_ids: tuple[tuple[str, str], ...] = ()


def missing_device(bridge: OvsBridge, links: Container[str]) -> str | None:
    """Say why ``bridge`` is in the database and yet carries nothing, or ``None``.

    ``links`` are the names of the links of the namespace that ovs-vswitchd runs
    in. Creating a bridge succeeds in the database whether or not a datapath
    comes to be, so its local port is the witness.
    """
    if bridge.name in links:
        return None
    if bridge.datapath_type == "system":
        return (
            f"Open vSwitch bridge {bridge.name} is in the database but has no network device: its"
            " datapath_type is system, which needs the kernel module openvswitch; load that module,"
            " or give the bridge datapath_type=netdev"
        )
    return (
        f"Open vSwitch bridge {bridge.name} (datapath_type={bridge.datapath_type}) is in the database"
        " but has no network device; see the log of ovs-vswitchd for the reason"
    )
