# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose Open vSwitch has bridges that can be made, changed and deleted.

Each has its local port and its device.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from types import SimpleNamespace

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import (
    SYSTEM,
    OvsBridge,
    OvsBridgeChange,
    OvsChange,
    OvsPort,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import HOST, Link
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel


class SimulatedSwitch(SimulatedHost):
    """``kernel_datapath`` is false where a bridge with datapath_type system gets no device."""

    def __init__(self, kernel_datapath: bool = True) -> None:
        super().__init__(SimKernel())
        self.kernel_datapath = kernel_datapath
        self.switch: dict[str, OvsBridge] = {}
        self.ovsdb = SimpleNamespace(
            available=lambda: True, switch_runs=lambda: True, read=lambda: (self._bridges(), dict(self.ovs_ports))
        )

    def make_ovs_bridge(self, bridge: OvsBridge, up: bool = False, tx_checksum: bool = True) -> None:
        """Make a bridge as somebody else may have done."""
        self.change_ovs_ports(OvsChange(bridges=OvsBridgeChange(add=(bridge,))))
        self.kernel.host.set(bridge.name, up=up)
        self.kernel.host.links[bridge.name].tx_checksum = tx_checksum

    def change_ovs_ports(self, change: OvsChange) -> None:
        """All of it or nothing, as one transaction."""
        self.kernel.request()
        switch, ports, links = dict(self.switch), dict(self.ovs_ports), self.kernel.host.links
        for bridge in (*change.bridges.add, *change.bridges.change):
            if bridge.datapath_type == SYSTEM and not self.kernel_datapath:
                raise PipefitterError(f"Open vSwitch bridge {bridge.name} got no network device")
        for bridge in change.bridges.add:
            assert bridge.name not in switch and bridge.name not in links, "a plan knows what is there"
            switch[bridge.name] = bridge
            ports[bridge.name] = next(
                (port for port in change.add if port.name == bridge.name), OvsPort(bridge.name, bridge.name)
            )
        for former_bridge, bridge in zip(change.bridges.former, change.bridges.change):
            assert replace(former_bridge, ports=()) == replace(switch[bridge.name], ports=()), (
                "a plan knows what is there"
            )
            switch[bridge.name] = bridge
        for port in change.remove:
            assert ports[port.name].bridge == port.bridge and port.name != port.bridge
            del ports[port.name]
        for port in change.add:
            if port.name == port.bridge:
                continue
            assert port.name not in ports, "a plan knows what is there"
            if port.name not in links or links[port.name].master is not None or port.bridge not in switch:
                raise PipefitterError(f"port {port.name} was given no port number")
            ports[port.name] = port
        supposed = {port.name: port for port in change.former}
        for port in change.change:
            assert ports[port.name].bridge == port.bridge and ports[port.name] == supposed[port.name], (
                "a plan knows what is there"
            )
            ports[port.name] = port
        for bridge in change.bridges.remove:
            assert [port.name for port in ports.values() if port.bridge == bridge.name] == [bridge.name], (
                "a bridge with ports stays"
            )
            del switch[bridge.name], ports[bridge.name]
        self._make_devices(change.bridges)
        self.switch = switch
        self.ovs_ports.clear()
        self.ovs_ports.update(ports)

    def _make_devices(self, bridges: OvsBridgeChange) -> None:
        patience, self.kernel.patience = self.kernel.patience, None  # ovs-vswitchd goes on
        ns = self.kernel.host
        reborn = [bridge for bridge in bridges.change if bridge.datapath_type != self.switch[bridge.name].datapath_type]
        for bridge in (*bridges.remove, *reborn):
            ns.delete(bridge.name)
        for bridge in (*bridges.add, *reborn):
            ns.new_link(bridge.name, "tun").tx_checksum = True
        self.kernel.patience = patience

    def tx_checksum_offload(self, netns: str, links: Collection[Link]) -> dict[str, bool]:
        return {link.name: self.namespaces[netns].links[link.name].tx_checksum for link in links}

    def _bridges(self) -> dict[str, OvsBridge]:
        members = {
            name: tuple(sorted(port.name for port in self.ovs_ports.values() if port.bridge == name))
            for name in self.switch
        }
        return {name: replace(bridge, ports=members[name]) for name, bridge in self.switch.items()}

    def picture(self) -> dict[str, object]:
        """Ports, bridges and what of links this module sets.

        Left out: ports whose device is gone, which nobody can put back, and the
        state of bridges' devices, as one that was made again has its defaults.
        """
        links = self.namespaces[HOST].links
        return {
            "ovs": {name: port for name, port in self.ovs_ports.items() if name in links},
            "bridges": {name: replace(bridge, ports=()) for name, bridge in self.switch.items()},
            "links": {
                link.name: (link.up, link.tx_checksum) for link in links.values() if link.name not in self.switch
            },
        }
