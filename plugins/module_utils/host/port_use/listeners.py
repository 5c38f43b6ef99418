# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who has a port of the host: a process, a container engine, or a rule of another tool. Private to the collection.

DNAT comes before a listener of the host, which would get no more connections and
not know why. So a port is tried with bind() first, as a listener would. Rules that
lead a port elsewhere are read once, when the first port is asked for.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...errors import PipefitterError
from ...model.addresses import IPV4, IPV6
from ...model.publication import HostPort

if TYPE_CHECKING:
    from .dnat_conflicts import DnatConflicts

_FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
# IP_FREEBIND and IPV6_FREEBIND (linux/in.h, linux/in6.h), which Python's socket has no names for.
_FREEBIND: dict[int, tuple[int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),
}

_PROTOCOLS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, 132),
}
_TCP_LISTEN = "0A"
_NO_SUCH_PROTOCOL = (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT)
_INODE = r"socket:\[(\d+)\]"


class Listeners:
    """The ports of the host that are in use. Each is asked for once."""

    def __init__(self) -> None:
        self._known: dict[HostPort, str] = {}
        self._engines: Mapping[tuple[str, int], list[tuple[str, str]]] | None = None
        self._rules: DnatConflicts | None = None

    def who(self, host: HostPort) -> str:
        """Return who has a port, '' if it is free."""
        if host not in self._known:
            self._known[host] = self._engine(host) or self._rule(host) or (_process(host) if is_bound(host) else "")
        return self._known[host]

    def _rule(self, host: HostPort) -> str:
        if self._rules is None:
            from .dnat_conflicts import DnatConflicts

            self._rules = DnatConflicts()
        return self._rules.who(host)

    def _engine(self, host: HostPort) -> str:
        if self._engines is None:
            from ..engines.lookup import published_ports

            self._engines = published_ports()
        for address, name in self._engines.get((host.protocol, host.port), ()):
            if (":" in address) == (host.family == IPV6) and (
                host.address in ("", address) or address in ("0.0.0.0", "::")
            ):
                return name
        return ""


def is_bound(host: HostPort) -> bool:
    """Tell whether a listener could not have the port any more.

    :raises PipefitterError: the kernel answers something else than that.
    """
    error = _bind(_FAMILIES[host.family], *_PROTOCOLS[host.protocol], host.address, host.port)
    if error not in (0, errno.EADDRINUSE):
        raise PipefitterError(
            f"can't check whether {host} is in use ({os.strerror(error)}); choose another address or port"
        )
    return error == errno.EADDRINUSE


def _bind(family: int, kind: int, protocol: int, address: str, port: int) -> int:
    """Return the errno of a bind(), 0 where it went well or the kernel has no such protocol to listen with."""
    try:
        with socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # An address that is on another host for now (keepalived) is probed as if it was here.
            probe.setsockopt(*_FREEBIND[family], 1)
            if kind == socket.SOCK_STREAM:
                # Connections that linger after their listener has gone are not in the way.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return 0 if error.errno in _NO_SUCH_PROTOCOL else error.errno or errno.EIO
    return 0


def _process(host: HostPort) -> str:
    inodes = _inodes(host)
    try:
        processes = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        processes = []
    for pid in processes:
        try:
            if not inodes.isdisjoint(_inodes_of(pid)):
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    return f"process {file.read().strip()} (pid {pid}) of this host"
        except OSError:
            continue  # it ended, or is none of ours to look into
    return "a process of this host"


def _inodes_of(pid: str) -> Iterator[str]:
    """Yield the inodes of the sockets that a process has open."""
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            found = re.fullmatch(_INODE, os.readlink(f"/proc/{pid}/fd/{entry}"))
        except OSError:
            continue  # closed meanwhile, as a busy server does all the time
        if found:
            yield found.group(1)


def _inodes(host: HostPort) -> set[str]:
    """Return the inodes of sockets that listen on a port, in either family: one of IPv6 may have both."""
    found = set()
    for name in (host.protocol, f"{host.protocol}6"):
        try:
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as table:
                lines = table.readlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            port = int(words[1].rpartition(":")[2], 16) if ":" in words[1] else -1
            if port == host.port and (host.protocol != "tcp" or words[3] == _TCP_LISTEN):
                found.add(words[9])
    return found


def reserved_ports(text: str) -> frozenset[int]:
    """Return the ports of net.ipv4.ip_local_reserved_ports (``8080,9000-9002``)."""
    ports: set[int] = set()
    for part in text.split(","):
        first, _dash, last = part.strip().partition("-")
        if first.isdigit():
            ports.update(range(int(first), int(last or first) + 1))
    return frozenset(ports)
