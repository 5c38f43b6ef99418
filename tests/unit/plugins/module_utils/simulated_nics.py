# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs of a simulated host that move into containers and come back (``host.machine.Machine``)."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.kept_nic import KeptNic
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.nic import (
    ADDRESS,
    ROUTE,
    Entry,
    NicState,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import (
    KERNEL,
    SimLink,
    version,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel


class SimulatedNics:
    """What is kept of NICs is on a disk: it outlives the program."""

    def __init__(self, kernel: SimKernel) -> None:
        self.kernel = kernel
        self.kept: dict[str, KeptNic] = {}
        self._routes: dict[str, Route] = {}

    def give_back(self, link: SimLink) -> None:
        """default_device_exit_net(): to the host, down, under a name of the kernel's where its own is taken there."""
        here, host = link.namespace, self.kernel.host
        assert here is not None
        here.table = [entry for entry in here.table if link not in entry.ways]
        del here.links[link.name]
        if host.taken(link.name):
            link.name = next(name for name in (f"dev{number}" for number in range(99)) if not host.taken(name))
        link.up, link.addresses, link.sysctls = False, [], dict(host.defaults)
        link.namespace, host.links[link.name] = host, link

    def kept_nics(self) -> dict[str, KeptNic]:
        return dict(self.kept)

    def keep_nic(self, kept: KeptNic) -> None:
        self.kernel.request()
        self.kept[kept.name] = kept

    def forget_nic(self, name: str) -> None:
        self.kernel.request()
        self.kept.pop(name, None)

    def nic_state(self, nic: Link) -> NicState:
        host = self.kernel.host
        link = host.links[nic.name]
        entries = [self._entry(ADDRESS, address, nic.name) for address in link.addresses]
        for shown in [entry.shown() for entry in host.table if link in entry.ways and entry.protocol != KERNEL]:
            self._routes[str(shown)] = shown
            entries.append(self._entry(ROUTE, str(shown), nic.name))
        return NicState(nic.name, "", "", "", nic.mac, nic.mtu, nic.up, entries=tuple(entries))

    @staticmethod
    def _entry(kind: str, text: str, nic: str) -> Entry:
        return Entry(kind, version(text), (nic,), "", bytes(4) + text.encode(), text.encode(), text)

    def put_back_sysctls(self, before: NicState) -> None:
        self.kernel.request()

    def put_back_nic(self, before: NicState) -> None:
        host = self.kernel.host
        for entry in before.entries:
            if entry.kind == ADDRESS:
                if entry.text not in host.find("put back", before.nic).addresses:
                    host.add_address(before.nic, entry.text)
            elif self._routes[entry.text] not in [one.shown() for one in host.table]:
                host.append_route(self._routes[entry.text])
