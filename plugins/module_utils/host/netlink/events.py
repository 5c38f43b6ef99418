# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Being told when links, addresses, routes or nftables change. Private to the collection.

As of containers' events, only that something changed is told: what it was is looked at anew.
"""

from __future__ import annotations

import errno
import socket

from ..notices import Notice

_NETLINK_ROUTE, _NETLINK_NETFILTER = 0, 12
_SOL_NETLINK, _ADD_MEMBERSHIP, _LISTEN_ALL_NSID = 270, 1, 8

# linux/rtnetlink.h and linux/netfilter/nfnetlink.h
_LINK, _IPV4_ADDRESS, _IPV6_ADDRESS = 1, 5, 9
_IPV4_ROUTE, _IPV6_ROUTE = 7, 11
_IPV4_SETTINGS, _IPV6_SETTINGS = 24, 25  # RTNLGRP_IPV4_NETCONF: forwarding, say
_NFTABLES = 7

_MOST = 1 << 16


class KernelEvents:
    """Notices of one family of netlink; ``fileno`` becomes readable when there is one."""

    def __init__(self, family: int, groups: tuple[int, ...]) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        try:
            self._socket.bind((0, 0))
            for group in groups:
                self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
            if family == _NETLINK_ROUTE:
                # From the namespaces of containers too: each that a veth leads to has an id here.
                self._socket.setsockopt(_SOL_NETLINK, _LISTEN_ALL_NSID, 1)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bool:
        """Read what has come; notices that were lost (ENOBUFS) are as good as any."""
        while True:
            try:
                self._socket.recv(_MOST)
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def taken(self) -> list[Notice]:
        return []

    def close(self) -> None:
        self._socket.close()


def of_links_and_addresses() -> KernelEvents:
    return KernelEvents(_NETLINK_ROUTE, (_LINK, _IPV4_ADDRESS, _IPV6_ADDRESS, _IPV4_SETTINGS, _IPV6_SETTINGS))


def of_routes() -> KernelEvents:
    """Return notices of routes; where a routing daemon runs there may be thousands a second."""
    return KernelEvents(_NETLINK_ROUTE, (_IPV4_ROUTE, _IPV6_ROUTE))


def of_nftables() -> KernelEvents | None:
    """Return notices of nftables, ``None`` where the kernel has none."""
    try:
        return KernelEvents(_NETLINK_NETFILTER, (_NFTABLES,))
    except OSError:
        return None
