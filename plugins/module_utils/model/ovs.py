# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports and bridges of Open vSwitch. Private to the collection.

Pure values: what ``host/ovs/ovsdb.py`` reads and writes.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import Container

from ..light_dataclass import dataclass
from .ownership import JOINING
from .vlans import ACCESS, TRUNK, Vlans

SYSTEM, NETDEV = "system", "netdev"
"""Values of Bridge.datapath_type: the kernel module, and ovs-vswitchd itself."""

MADE_FOR_NIC = ("host_nic_bridge", "made")
"""The external_id of a bridge that host_nic_bridge made.

Not the mark of attachments: whoever purges those would take the NIC out of its bridge.
"""

VXLAN = "vxlan"
"""Value of Interface.type of a tunnel."""


@dataclass(frozen=True)
class Tunnel:
    """A VXLAN tunnel (RFC 7348) that is a port: to the address ``remote``, with network identifier ``vni``.

    ``vni`` is 1 to 16777215.
    ``local`` is the address that it comes from, '' for the one that the route takes.
    A ``protected`` port passes nothing on to other protected ports. ``altered``
    are further options by which it would not understand the other end.
    """

    remote: str
    vni: int
    local: str = ""
    protected: bool = True
    altered: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class OvsPort:
    """A port of a bridge, with what VLANs mean on it (ovs-vswitchd.conf.db(5), table Port).

    ``tag`` and ``trunks`` are 0 to 4095; an access port has a ``tag``, a trunk
    port with a native VLAN both. ``vlan_mode`` of ``None`` lets Open vSwitch
    conclude it from these two. ``trunks`` and ``external_ids`` are sorted, so
    that equal ports compare equal. ``tunnel`` is what a port is that has no
    device of the host. A ``protected`` one passes nothing on to others that are: one that joins along with many
    (``JOINING`` in ``external_ids``) is, until all have, and else it is for others to say.
    """

    name: str
    bridge: str
    tag: int | None = None
    trunks: tuple[int, ...] = ()
    vlan_mode: str | None = None
    external_ids: tuple[tuple[str, str], ...] = ()
    tunnel: Tunnel | None = None
    protected: bool = field(default=False, compare=False)

    @property
    def mode(self) -> str:
        """The VLAN mode in effect, whether or not ``vlan_mode`` says it."""
        return self.vlan_mode or (TRUNK if self.tag is None else ACCESS)

    @property
    def vlans(self) -> Vlans:
        """What two ports must share to carry the same VLANs."""
        return Vlans(self.mode, self.tag, self.trunks)


def closed(port: OvsPort) -> OvsPort:
    """Return a port as it is while many join: nothing of the others comes to it."""
    return replace(port, external_ids=tuple(sorted((*port.external_ids, (JOINING, "1")))))


def opened(port: OvsPort) -> OvsPort:
    """Return a port as it is once all have joined."""
    return replace(port, external_ids=tuple(pair for pair in port.external_ids if pair[0] != JOINING))


def with_vlans(port: OvsPort, vlans: Vlans) -> OvsPort:
    """Return ``port`` in these VLANs, written as everything that writes ports here does.

    A mode that Open vSwitch concludes from tag and trunks anyhow is not
    spelled out, so that all ways to ask for it end in the same row.
    """
    concluded = TRUNK if vlans.tag is None else ACCESS
    return replace(port, tag=vlans.tag, trunks=vlans.trunks, vlan_mode=None if vlans.mode == concluded else vlans.mode)


@dataclass(frozen=True)
class OvsBridge:
    """A bridge; ``ports`` has its local port too, which bears the bridge's own name.

    ``datapath_type`` is ``system`` or ``netdev``; the database keeps ``system``
    as an empty string. ``fail_mode`` is ``standalone``, ``secure`` or ``None``
    (as standalone). ``other_config`` and ``external_ids`` are sorted.
    ``devices`` are interfaces of its ports that Open vSwitch takes as they are,
    ``driven_mtus`` the MTUs of those that it drives itself (DPDK, AF_XDP), as no
    link of the host shows them, ``mtu_request`` the MTU that was set for its own
    one (68 to 65535).
    """

    name: str
    datapath_type: str
    ports: tuple[str, ...]
    external_ids: tuple[tuple[str, str], ...] = ()
    fail_mode: str | None = None
    stp: bool = False
    rstp: bool = False
    mcast_snooping: bool = False
    other_config: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ()
    mtu_request: int | None = None
    driven_mtus: tuple[int, ...] = ()


@dataclass(frozen=True)
class OvsBridgeChange:
    """Bridges of one transaction: made, set to other values, and taken away with their local port.

    ``former`` are those of ``change`` as they were when that was decided.
    """

    add: tuple[OvsBridge, ...] = ()
    change: tuple[OvsBridge, ...] = ()
    remove: tuple[OvsBridge, ...] = ()
    former: tuple[OvsBridge, ...] = ()


NO_BRIDGES = OvsBridgeChange()


@dataclass(frozen=True)
class OvsChange:
    """Ports and bridges of one transaction.

    A port of ``change`` is changed in its tag, trunks, VLAN mode and external
    ids, as far as it differs from its namesake in ``former``; all else of it
    stays as it is by now. A port may be in ``remove`` and, for another bridge,
    in ``add``. The local port of a bridge that is added may be in ``add``, to
    have VLANs. With ``restore``, ports of ``add`` that this run has removed
    come back with all that others had configured of them. ``timeout`` is for
    how many seconds ovs-vswitchd is waited for, ``None`` for as long as the
    database is.
    """

    add: tuple[OvsPort, ...] = ()
    change: tuple[OvsPort, ...] = ()
    remove: tuple[OvsPort, ...] = ()
    bridges: OvsBridgeChange = NO_BRIDGES
    former: tuple[OvsPort, ...] = ()
    restore: bool = False
    timeout: float | None = None

    @property
    def empty(self) -> bool:
        return not (self.add or self.change or self.remove or self.bridges != NO_BRIDGES)


def missing_device(bridge: OvsBridge, links: Container[str], switch_runs: bool = True) -> str | None:
    """Return why ``bridge`` is in the database and yet carries nothing, or ``None``.

    ``links`` are the names of the links of the namespace that ovs-vswitchd runs
    in. Creating a bridge succeeds in the database whether or not a datapath
    comes to be, so its local port is the witness. That may outlive an
    ovs-vswitchd which does not run any more, in the kernel's datapath.
    """
    if not switch_runs:
        return (
            f"Open vSwitch bridge {bridge.name} carries nothing, as ovs-vswitchd does not run;"
            " start it with `systemctl start openvswitch-switch` (`openvswitch` on RHEL)"
        )
    if bridge.name in links:
        return None
    if bridge.datapath_type == SYSTEM:
        return (
            f"Open vSwitch bridge {bridge.name} is in the database but has no network device: its"
            " datapath_type is system, which needs the kernel module openvswitch; load that module,"
            " or give the bridge datapath_type=netdev"
        )
    return (
        f"Open vSwitch bridge {bridge.name} (datapath_type={bridge.datapath_type}) is in the database"
        " but has no network device; see the log of ovs-vswitchd for the reason"
    )
