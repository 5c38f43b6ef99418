# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What has to be known before a host's forwarding is switched on. Private to the collection."""

from __future__ import annotations

from ..host.machine import Machine
from ..model import addresses
from ..plan import forwarding
from ..state.network import HOST, NetworkState


def read_before_switching(machine: Machine, host: NetworkState) -> dict[str, str]:
    """Return which interfaces forward already, and which listen to router advertisements.

    The host's switch sets the forwarding of all of them, and so does taking it back.
    """
    names = [forwarding.of_link(link, family) for family in (addresses.IPV4, addresses.IPV6) for link in host.links]
    advertised = {
        link
        for route in host.routes
        for link in route.links
        if addresses.family(route.destination) == addresses.IPV6 and route.is_default
    }
    return machine.read_sysctls(
        HOST, [*names, *(f"net/ipv6/conf/{link}/accept_ra" for link in sorted(advertised) if link in host.links)]
    )
