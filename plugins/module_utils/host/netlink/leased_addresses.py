# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""An IPv4 address with a lifetime, and routes that came with it, as a DHCP client sets them. Private to the collection.

The namespace is the one that is current; routes bear the mark of DHCP (RTPROT_DHCP), so that they are nobody else's.
"""

from __future__ import annotations

import errno
import socket
import struct

from ...model import addresses
from ...model.route import DEFAULT, Route
from . import routes, rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute

_IFADDR = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_CACHEINFO = struct.Struct("=IIII")  # ifa_cacheinfo: preferred and valid lifetime in seconds, created, updated
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_CACHEINFO = 1, 2, 4, 6
_RTPROT_DHCP = 16


class LeasedAddresses:
    """Those of one link."""

    def __init__(self, link: str) -> None:
        """Open it.

        :raises OSError: there is no such link.
        """
        self._link = link
        self._index = socket.if_nametoindex(link)
        self._socket = RouteSocket()

    def close(self) -> None:
        self._socket.close()

    def set(self, address: str, seconds: int) -> None:
        """Add an address, or give it another lifetime.

        :raises KernelError: the kernel refused.
        """
        ip, length = socket.inet_aton(addresses.bare(address)), int(address.partition("/")[2])
        payload = _IFADDR.pack(socket.AF_INET, length, 0, 0, self._index)
        payload += attribute(_IFA_LOCAL, ip) + attribute(_IFA_ADDRESS, ip)
        if length <= 30:
            payload += attribute(_IFA_BROADCAST, socket.inet_aton(addresses.broadcast(address)))
        payload += attribute(_IFA_CACHEINFO, _CACHEINFO.pack(seconds, seconds, 0, 0))
        flags = wire.NLM_F_CREATE | wire.NLM_F_REPLACE
        self._socket.request_payload(f"add address {address} to {self._link}", rtnetlink.RTM_NEWADDR, flags, payload)

    def remove(self, address: str) -> None:
        """Remove an address; one that is gone already is as good."""
        payload = _IFADDR.pack(socket.AF_INET, int(address.partition("/")[2]), 0, 0, self._index)
        payload += attribute(_IFA_LOCAL, socket.inet_aton(addresses.bare(address)))
        self._without(f"remove address {address} from {self._link}", rtnetlink.RTM_DELADDR, payload)

    def _without(self, what: str, kind: int, payload: bytes) -> None:
        try:
            self._socket.request_payload(what, kind, 0, payload)
        except KernelError as error:
            if error.code not in (errno.EADDRNOTAVAIL, errno.ENODEV):
                raise

    def add_route(self, destination: str, gateway: str) -> bool:
        """Add a route where none to its destination is there with the same metric; return whether that was so.

        :raises KernelError: the kernel refused.
        """
        try:
            routes.add(self._socket, [self._index], self._route(destination, gateway))
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise
            return False
        return True

    def remove_route(self, destination: str, gateway: str) -> None:
        """Remove a route; one that is gone already is as good."""
        routes.remove(self._socket, [self._index], self._route(destination, gateway))

    def _route(self, destination: str, gateway: str) -> Route:
        on_link = gateway in ("", DEFAULT[addresses.IPV4].partition("/")[0])
        return Route(destination, None if on_link else gateway, self._link, 0, protocol=_RTPROT_DHCP)
