# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces that share a NIC's MAC (ipvlan): made in another network namespace, and changed.

Private to the collection.
"""

from __future__ import annotations

import errno

from . import links
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL, KernelError

_ENOTSUPP = 524  # the kernel's own, which errno has not (include/linux/errno.h)


def add(route_socket: RouteSocket, name: str, nic: int, nic_name: str, descriptor: int, mode: int, mtu: int) -> None:
    """Make one on the link of index ``nic``, which is down, in the namespace behind ``descriptor``.

    All that are on that link have this mode then.

    :raises KernelError: the kernel refuses.
    """
    attributes = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINK", nic),
        ("IFLA_MTU", mtu),
        ("IFLA_NET_NS_FD", descriptor),
        _of_mode(mode),
    ]
    what = f"create ipvlan {name} on {nic_name}"
    try:
        links.change(route_socket, what, 0, attributes, flags=NLM_F_CREATE | NLM_F_EXCL)
    except KernelError as error:
        if error.code == errno.EBUSY and not error.reason:  # netdev_rx_handler_register()
            reason = f"something else has {nic_name} to itself, such as a macvlan or a bridge"
            raise KernelError(what, error.code, reason) from None
        raise _explained(error, what) from None


def set_mode(route_socket: RouteSocket, name: str, mode: int) -> None:
    """Change the mode, of all that are on its NIC."""
    what = f"set the mode of ipvlan {name}"
    try:
        links.change(route_socket, what, 0, [("IFLA_IFNAME", name), _of_mode(mode)])
    except KernelError as error:
        raise _explained(error, what) from None


def _of_mode(mode: int) -> tuple[str, object]:
    return links.of_kind("ipvlan", [("IFLA_IPVLAN_MODE", mode)])


def _explained(error: KernelError, what: str) -> KernelError:
    if error.code != _ENOTSUPP:
        return error
    return KernelError(what, error.code, "this kernel has no mode l3s (CONFIG_IPVLAN_L3S); give l3 or l2")
