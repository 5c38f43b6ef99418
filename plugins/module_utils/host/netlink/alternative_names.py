# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The further names of links (linux/rtnetlink.h, Linux 5.5). Private to the collection."""

from __future__ import annotations

from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL, KernelError


def add(route_socket: RouteSocket, link: str, name: str) -> bool:
    """Give a link a further name; tell whether it has it: an older kernel knows none, or it is another link's."""
    flags = NLM_F_CREATE | NLM_F_EXCL
    return _change(route_socket, f"give {link} the name {name}", rtnetlink.RTM_NEWLINKPROP, flags, link, name)


def drop(route_socket: RouteSocket, link: str, name: str) -> bool:
    """Take a further name off a link; tell whether it had it."""
    return _change(route_socket, f"take the name {name} off {link}", rtnetlink.RTM_DELLINKPROP, 0, link, name)


def _change(route_socket: RouteSocket, what: str, kind: int, flags: int, link: str, name: str) -> bool:
    further = ("IFLA_PROP_LIST", {"attrs": [("IFLA_ALT_IFNAME", name)]})
    try:
        route_socket.request(what, kind, "ifinfmsg", flags, {"index": 0}, [("IFLA_IFNAME", link), further])
    except KernelError:
        return False
    return True
