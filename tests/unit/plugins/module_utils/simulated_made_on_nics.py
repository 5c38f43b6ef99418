# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated kernel makes on NICs: ipvlans, and interfaces for VLANs (macvlans are simulated_kernel.py's).

What is here was seen on Linux 6.1.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import (
    SimAddresses,
    SimLink,
)

if TYPE_CHECKING:
    from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
        SimNamespace,
    )


class SimMadeOnNics(SimAddresses):
    """The requests to a namespace that are about what is on its NICs."""

    def new_ipvlan(self, nic: str, name: str, there: SimNamespace, mode: int, mtu: int) -> SimLink:
        """ipvlan_link_new(): the last one's mode is that of all."""
        self.kernel.request()
        lower = self.find(f"create ipvlan {name}", nic)
        if any(link.kind == "macvlan" for link in self._on(lower)) or lower.master is not None:
            raise KernelError(f"create ipvlan {name}", errno.EBUSY, "")
        link = there._register(name, "ipvlan", lower.mac, mtu)
        link.lower = lower
        self._set_port_mode(lower, mode)
        there.id_of(self)
        return link

    def set_ipvlan_mode(self, name: str, mode: int) -> None:
        self.kernel.request()
        lower = self.find(f"set the mode of {name}", name).lower
        assert lower is not None
        self._set_port_mode(lower, mode)

    def _set_port_mode(self, lower: SimLink, mode: int) -> None:
        for link in self._on(lower):
            link.ipvlan_mode = mode

    def _on(self, lower: SimLink) -> list[SimLink]:
        """Return the macvlans and ipvlans on a link, in all namespaces."""
        every = [link for namespace in self.kernel.namespaces for link in namespace.links.values()]
        return [link for link in every if link.lower is lower and link.kind != "vlan"]

    def new_vlan(self, nic: str, name: str, vlan: int, mtu: int) -> SimLink:
        self.kernel.request()
        lower = self.find(f"create {name}", nic)
        if any(link.lower is lower and link.vlan_id == vlan for link in self.links.values()):
            raise KernelError(f"create {name}", errno.EEXIST, "VLAN device already exists")
        if mtu > lower.mtu:
            raise KernelError(f"create {name}", errno.ERANGE, "")
        link = self._register(name, "vlan", lower.mac, mtu)
        link.lower, link.vlan_id = lower, vlan
        return link
