# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a NIC of the host holds, read whole and put back whole. Private to the collection."""

from __future__ import annotations

from contextlib import suppress

from ..state.network import Link
from ..state.nic import ADDRESS, NicState
from . import nic_sysctls
from .netlink import links, standing
from .netlink.rtnetlink import RouteSocket
from .netlink.wire import KernelError


def read(nic: Link) -> NicState:
    """Return what a NIC holds that is in no bridge."""
    route_socket = RouteSocket()
    try:
        by_index = {link.index: link.name for link in links.shown(route_socket).values()}
        entries = standing.shown(route_socket, by_index, (nic.name,))
    finally:
        route_socket.close()
    sysctls = nic_sysctls.of(nic)
    return NicState(nic.name, "", "", "", nic.mac, nic.mtu, nic.up, entries=entries, sysctls=sysctls)


def put_back(state: NicState) -> None:
    """Give a NIC, which bears its name again and has its sysctls, the addresses, routes, rules and neighbours it had.

    What is there stays as it is. A route, rule or neighbour that can't be made any more, as that of a link which is
    gone, is passed over: no NIC is kept from the host by that.

    :raises KernelError: the kernel refuses an address.
    """
    route_socket = RouteSocket()
    try:
        indexes = {link.name: link.index for link in links.shown(route_socket).values()}
        for entry in state.entries:
            if entry.temporary:
                continue  # the kernel makes such itself (RFC 8981)
            if entry.kind == ADDRESS:
                standing.add(route_socket, entry, indexes.__getitem__)
            else:
                with suppress(KernelError, KeyError):
                    standing.add(route_socket, entry, indexes.__getitem__)
    finally:
        route_socket.close()
