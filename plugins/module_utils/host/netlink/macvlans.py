# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces on a NIC (macvlan): made in another network namespace, and changed. Private to the collection."""

from __future__ import annotations

import errno

from . import links, rtnetlink
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL, KernelError, attribute, from_text

_IFINFOMSG = 16  # bytes
_IFLA_LINKINFO, _INFO_KIND = 18, 1


def add(
    route_socket: RouteSocket, name: str, nic: int, nic_name: str, descriptor: int, mode: int, mac: str | None, mtu: int
) -> None:
    """Make one on the link of index ``nic``, which is down, in the namespace behind ``descriptor``.

    :raises KernelError: the kernel refuses.
    """
    attributes = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINK", nic),
        ("IFLA_MTU", mtu),
        ("IFLA_NET_NS_FD", descriptor),
        links.of_kind("macvlan", [("IFLA_MACVLAN_MODE", mode)]),
    ]
    if mac:
        attributes.append(("IFLA_ADDRESS", mac))
    what = f"create macvlan {name} on {nic_name}"
    try:
        links.change(route_socket, what, 0, attributes, flags=NLM_F_CREATE | NLM_F_EXCL)
    except KernelError as error:
        if error.code not in (errno.EBUSY, errno.EINVAL) or error.reason:
            raise
        # macvlan_port_create(), macvlan_common_newlink(): it tells no more.
        reason = f"something else has {nic_name} to itself, such as an ipvlan, a bridge, or a macvlan of mode passthru"
        raise KernelError(what, error.code, reason) from None


def set_mode(route_socket: RouteSocket, name: str, mode: int) -> None:
    """Change the mode; the kernel refuses to or from passthru."""
    what = f"set the mode of macvlan {name}"
    attributes = [("IFLA_IFNAME", name), links.of_kind("macvlan", [("IFLA_MACVLAN_MODE", mode)])]
    links.change(route_socket, what, 0, attributes)


def has(route_socket: RouteSocket, kind: str) -> bool:
    """Tell whether the kernel can make links of a kind: one without the link that it is to be on is refused otherwise.

    Asking has it load the kind's driver, where there is one.
    """
    info = attribute(_IFLA_LINKINFO, attribute(_INFO_KIND, from_text(kind)))
    try:
        flags = NLM_F_CREATE | NLM_F_EXCL
        route_socket.request_payload(f"ask for {kind}", rtnetlink.RTM_NEWLINK, flags, bytes(_IFINFOMSG) + info)
    except KernelError as error:
        return error.code != errno.EOPNOTSUPP
    return True
