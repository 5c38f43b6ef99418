# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to ports and bridges of Open vSwitch. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.ovs import NO_BRIDGES, OvsBridgeChange, OvsChange, closed
from ..model.vlans import ACCESS, DOT1Q_TUNNEL, TRUNK, ranges
from .operations import Operation

if TYPE_CHECKING:
    from ..model.ovs import OvsBridge, OvsPort
    from .host_protocol import Host


@dataclass(frozen=True)
class ChangeOvsPorts(Operation):
    """``old`` holds the ports of ``change`` and ``remove`` as they were.

    ``timeout`` is how many seconds to wait for Open vSwitch.
    """

    add: tuple[OvsPort, ...]
    change: tuple[OvsPort, ...]
    remove: tuple[OvsPort, ...]
    old: tuple[OvsPort, ...]
    bridges: OvsBridgeChange = NO_BRIDGES
    timeout: float | None = None

    def lines(self) -> list[str]:
        before = {port.name: port for port in self.old}
        bridges_before = {bridge.name: bridge for bridge in self.bridges.former}
        return (
            [f"create Open vSwitch bridge {bridge.name}{_settings(bridge)}" for bridge in self.bridges.add]
            + [line for bridge in self.bridges.change for line in _bridge_changes(bridges_before[bridge.name], bridge)]
            + [
                f"add port {port.name} to Open vSwitch bridge {port.bridge}{_tunnel(port)}{_vlans(port)}"
                for port in self.add
                if port.name != port.bridge
            ]
            + [
                f"change port {port.name} of Open vSwitch bridge {port.bridge}{_vlans(port)}"
                for port in self.add
                if port.name == port.bridge
            ]
            + [_port_change(before.get(port.name), port) for port in self.change]
            + [f"remove port {port.name} from Open vSwitch bridge {port.bridge}" for port in self.remove]
            + [f"delete Open vSwitch bridge {bridge.name}" for bridge in self.bridges.remove]
        )

    def do(self, host: Host) -> None:
        host.change_ovs_ports(
            OvsChange(self.add, self.change, self.remove, self.bridges, former=self.old, timeout=self.timeout)
        )

    def undo(self, host: Host) -> None:
        before = {port.name: port for port in self.old}
        made = {bridge.name for bridge in self.bridges.add}
        host.change_ovs_ports(
            OvsChange(
                tuple(before[port.name] for port in self.remove if port.name in before),
                tuple(before[port.name] for port in self.change if port.name in before),
                tuple(port for port in self.add if port.name not in made),
                OvsBridgeChange(self.bridges.remove, self.bridges.former, self.bridges.add, self.bridges.change),
                former=self.change,
                restore=True,
                timeout=self.timeout,
            )
        )


def _named(bridge: OvsBridge) -> dict[str, str | bool | None]:
    """Return the settings of a bridge that have an option each."""
    return {
        "datapath_type": bridge.datapath_type,
        "fail_mode": bridge.fail_mode,
        "stp": bridge.stp,
        "rstp": bridge.rstp,
        "mcast_snooping": bridge.mcast_snooping,
    }


def _settings(bridge: OvsBridge) -> str:
    told = [f" {name} {_said(value)}" for name, value in _named(bridge).items() if value]
    return "".join([*told, *(f" other_config:{key}={value}" for key, value in bridge.other_config)])


def _bridge_changes(old: OvsBridge, new: OvsBridge) -> list[str]:
    start = f"change Open vSwitch bridge {new.name}"
    shown = _named(old)
    told = [
        f"{name} {_said(shown[name])} to {_said(value)}" for name, value in _named(new).items() if shown[name] != value
    ]
    before, after = dict(old.other_config), dict(new.other_config)
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    told += [f"other_config:{key} {before.get(key, 'unset')} to {after.get(key, 'unset')}" for key in changed]
    # Others' values may be long, and mean nothing here.
    told += [
        f"external_ids:{key}" for key in sorted({key for key, _value in {*old.external_ids} ^ {*new.external_ids}})
    ]
    return [f"{start}: {', '.join(told)}"]


def _said(value: str | bool | None) -> str:
    if value is None:
        return "unset"
    return value if isinstance(value, str) else "on" if value else "off"


def _port_change(old: OvsPort | None, new: OvsPort) -> str:
    start = f"change port {new.name} of Open vSwitch bridge {new.bridge}"
    if old is not None and old == closed(new):
        return f"open port {new.name} of Open vSwitch bridge {new.bridge} to those that joined with it"
    if old is not None and old.vlans == new.vlans:
        return f"{start}: external_ids"
    return f"{start}{_vlans(new) or ', all VLANs'}"


def _tunnel(port: OvsPort) -> str:
    if port.tunnel is None:
        return ""
    return (
        f", VXLAN {port.tunnel.vni} to {port.tunnel.remote}{f' from {port.tunnel.local}' if port.tunnel.local else ''}"
    )


def _vlans(port: OvsPort) -> str:
    """Say what VLANs a port is in; a trunk of all, which is Open vSwitch's default, goes without saying."""
    mode, tag, trunks = port.mode, port.tag, port.trunks
    if mode == ACCESS:
        return f", VLAN {tag}"
    carried = f" of VLANs {ranges(trunks)}" if trunks else " of all VLANs"
    if mode == TRUNK:
        return f", trunk{carried}" if trunks else ""
    return f", {mode} VLAN {tag}" + ("" if mode == DOT1Q_TUNNEL else f", trunk{carried}")
