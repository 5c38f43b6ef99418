# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What else of a host names the NIC that is to be moved. Private to the collection."""

from __future__ import annotations

from ..errors import PipefitterError
from ..host.engines import docker
from ..host.netlink import bound_sockets, ipsec_policies
from ..host.nic_links import NicLinks, Seen
from ..plan import nic_warnings
from ..plan.nic_warnings import Surroundings
from ..state.nic import NicState

_PATIENCE = 2.0  # seconds for Docker
_MAC_IS_SET = "3"  # NET_ADDR_SET of linux/netdevice.h


def warnings(have: NicState, links: NicLinks, seen: Seen, renewed: bool) -> list[str]:
    """Return what to warn of before a NIC becomes a port; ``renewed`` where somebody is known to renew its leases."""
    nic = seen.links[have.nic]
    found = Surroundings(
        sockets=bound_sockets.shown(nic.index),
        networks=_networks(nic.name),
        labels=links.address_labels(nic.name),
        policies=ipsec_policies.shown(nic.index),
        group=int(_of_link(nic.name, "netdev_group") or 0),
        mac_is_set=_of_link(have.bridge, "addr_assign_type") == _MAC_IS_SET,
        renewed=renewed,
    )
    return list(nic_warnings.warnings(have, seen.links.get(have.bridge), found))


def _networks(nic: str) -> list[str]:
    if docker.is_asleep():
        return []  # it would be started
    try:
        return docker.Docker(_PATIENCE).networks_on(nic)
    except PipefitterError:
        return []  # it doesn't run, or says nothing of use


def _of_link(name: str, attribute: str) -> str:
    try:
        with open(f"/sys/class/net/{name}/{attribute}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
