# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From ports that attachments need to changes of Open vSwitch. Pure. Private to the collection.

Every plan for attachments comes by here, also on a host with Linux bridges alone: what only Open
vSwitch needs is imported where there is something of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..model.ownership import EXTERNAL_ID, JOINING, OWNER, VLAN_RECORD, read_label
from ..state.attachments import OVS, HostSide
from ..state.network import HOST

if TYPE_CHECKING:
    from ..model.attachment import Target
    from ..model.ovs import OvsBridgeChange, OvsPort
    from ..model.vlans import Vlans
    from .attachment_match import VethMatch
    from .operations import Operation


class OvsChanges:
    """Collects what one transaction takes out of bridges and another puts in."""

    def __init__(self, host_side: HostSide) -> None:
        self._shown = host_side.ovs_ports
        self.left: dict[str, OvsPort] = {}
        self.joined: dict[str, OvsPort] = {}
        self._cleared: set[str] = set()
        self._quiet: set[str] = set()
        self._changed: dict[str, OvsPort] = {}

    def drop(self, name: str) -> None:
        if name in self._shown:
            self.left[name] = self._shown[name]

    def clear(self, name: str) -> None:
        """Take a port out for good: its link is gone, or goes and can't be made again."""
        self.drop(name)
        self._cleared.add(name)

    def want(
        self, port: OvsPort, vlans: Vlans | None, joins_in: tuple[Vlans, str] | None = None, quiet: bool = False
    ) -> None:
        """Ask for an attachment's port.

        External ids of others stay, and VLANs that ovs_vlan_port set, unless the attachment names its own.
        ``joins_in`` is as in ``Attachment``. One that joins is closed to others that do where it is to be ``quiet``.
        """
        from ..model.ovs import with_vlans

        shown = self._shown.get(port.name)
        if shown is not None and port.name not in self.left and shown.bridge == port.bridge:
            ids = {**dict(shown.external_ids), **dict(port.external_ids)}
            ids.pop(JOINING, None)  # a killed run left it closed
            if vlans is None and VLAN_RECORD in ids:
                vlans = shown.vlans
            elif VLAN_RECORD in ids:
                ids = _settled(shown, ids)
            port = replace(port, external_ids=tuple(sorted(ids.items())))
        elif vlans is None and joins_in is not None:
            port = _noted(port, *joins_in)
            vlans = joins_in[0]
        self.put(with_vlans(port, vlans) if vlans is not None else port)
        if quiet and port.name in self.joined:
            self._quiet.add(port.name)

    def put(self, port: OvsPort) -> None:
        """Ask for a port to be exactly so."""
        shown = self._shown.get(port.name)
        if shown is None or port.name in self.left:
            self.joined[port.name] = port
        elif shown.bridge != port.bridge or shown.tunnel != port.tunnel:
            # A tunnel that leads elsewhere is another one.
            self.drop(port.name)
            self.joined[port.name] = port
        elif (shown.vlans, shown.external_ids) != (port.vlans, port.external_ids):
            self._changed[port.name] = port

    def leave(self) -> list[Operation]:
        if not self.left:
            return []
        from .ovs_operations import ChangeOvsPorts

        ports = tuple(self.left[name] for name in sorted(self.left))
        return [ChangeOvsPorts(HOST, (), (), ports, self._restorable(ports))]

    def join(self) -> list[Operation]:
        if not self.joined and not self._changed:
            return []
        from ..model.ovs import closed
        from .ovs_operations import ChangeOvsPorts

        joined = tuple(closed(port) if name in self._quiet else port for name, port in self.joined.items())
        return [ChangeOvsPorts(HOST, joined, tuple(self._changed.values()), (), self._former())]

    def open(self) -> list[Operation]:
        """Return what opens the ports that joined closed."""
        if not self._quiet:
            return []
        from ..model.ovs import closed
        from .ovs_operations import ChangeOvsPorts

        ports = tuple(port for name, port in self.joined.items() if name in self._quiet)
        return [ChangeOvsPorts(HOST, (), ports, (), tuple(closed(port) for port in ports))]

    def at_once(self, bridges: OvsBridgeChange, timeout: float) -> list[Operation]:
        """Return all of it as one transaction, bridges too."""
        from ..model.ovs import NO_BRIDGES
        from .ovs_operations import ChangeOvsPorts

        ports = tuple(self.left[name] for name in sorted(self.left))
        if not (ports or self.joined or self._changed or bridges != NO_BRIDGES):
            return []
        old = (*self._former(), *self._restorable(ports))
        return [
            ChangeOvsPorts(
                HOST, tuple(self.joined.values()), tuple(self._changed.values()), ports, old, bridges, timeout
            )
        ]

    def _former(self) -> tuple[OvsPort, ...]:
        return tuple(self._shown[name] for name in self._changed)

    def _restorable(self, ports: tuple[OvsPort, ...]) -> tuple[OvsPort, ...]:
        return tuple(port for port in ports if port.name not in self._cleared)


def _settled(port: OvsPort, ids: dict[str, str]) -> dict[str, str]:
    """Return external ids for a port whose attachment names its VLANs: whatever it had before is not to come back."""
    from . import vlan_record

    record = replace(vlan_record.read(port) or vlan_record.VlanRecord(), vlans=None)
    kept = {key: value for key, value in ids.items() if key != VLAN_RECORD}
    return kept if record.empty else {**kept, VLAN_RECORD: record.text()}


def _noted(port: OvsPort, vlans: Vlans, owner: str) -> OvsPort:
    """Return a port with what ovs_vlan_port would note on it as it puts it into VLANs."""
    from .vlan_record import VlanRecord

    former = None if vlans == port.vlans else (port.tag, port.trunks, port.vlan_mode)
    record = VlanRecord(vlans=former, owner=owner)
    if record.empty:
        return port
    return replace(port, external_ids=tuple(sorted((*port.external_ids, (VLAN_RECORD, record.text())))))


def connect(one: VethMatch, ovs: OvsChanges, quiet: bool = False) -> None:
    """Ask for the port of an attachment, if it goes to an Open vSwitch bridge."""
    if one.bridge.kind == OVS:
        from ..model.ovs import OvsPort

        owner = ((OWNER, one.want.owner),) if one.want.owner else ()
        ids = ((EXTERNAL_ID, one.label.external_id()), *owner)
        port = OvsPort(one.host_interface, one.want.bridge, external_ids=ids)
        ovs.want(port, one.want.vlans, one.want.joins_in, quiet)


def ports_of(target: Target, interface: str, host_side: HostSide) -> list[OvsPort]:
    """Return the ports that say they are of that interface of that container."""
    found = []
    for port in host_side.ovs_ports.values():
        label = read_label(dict(port.external_ids).get(EXTERNAL_ID, ""))
        if label and label.interface == interface and label.names(target):
            found.append(port)
    return found
