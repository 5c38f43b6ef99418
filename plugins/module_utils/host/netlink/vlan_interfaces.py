# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces that have the frames of one VLAN of another one (8021q). Private to the collection."""

from __future__ import annotations

from . import links
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL


def add(route_socket: RouteSocket, name: str, nic: int, nic_name: str, vlan: int, mtu: int) -> None:
    """Make one, which is down, for the frames of the link of index ``nic`` with the 802.1Q tag ``vlan``.

    :raises KernelError: the kernel refuses.
    """
    attributes = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINK", nic),
        ("IFLA_MTU", mtu),
        links.of_kind("vlan", [("IFLA_VLAN_ID", vlan)]),
    ]
    what = f"create {name} for VLAN {vlan} of {nic_name}"
    links.change(route_socket, what, 0, attributes, flags=NLM_F_CREATE | NLM_F_EXCL)
