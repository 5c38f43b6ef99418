# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Switching forwarding on and off, for the sake of a bridge. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ..model import addresses
from ..state.network import HOST, NetworkState
from .operations import Operation, SetSysctl

IPV4_SWITCH = "net/ipv4/ip_forward"
IPV6_SWITCH = "net/ipv6/conf/all/forwarding"

_RTPROT_RA = 9


class ForwardingState(Protocol):
    """What every plan for a bridge knows of the host."""

    @property
    def network(self) -> NetworkState: ...

    @property
    def sysctls(self) -> Mapping[str, str]: ...


def of_link(link: str, family: int) -> str:
    """Return the name of a link's own forwarding."""
    return f"net/ipv{family}/conf/{link}/forwarding"


def switch_ipv4(have: ForwardingState) -> SetSysctl:
    """Return what switches IPv4 forwarding on for the whole host."""
    return _switch(have, IPV4_SWITCH, addresses.IPV4)


def switch_ipv6(have: ForwardingState) -> list[Operation]:
    """Return what switches IPv6 forwarding on for the whole host."""
    operations: list[Operation] = []
    # A forwarding host stops listening to router advertisements unless accept_ra is 2: its default route would expire.
    for link in sorted({link for route in have.network.routes if route.protocol == _RTPROT_RA for link in route.links}):
        name = f"net/ipv6/conf/{link}/accept_ra"
        if have.sysctls.get(name) == "1":
            operations += set_sysctl(have, name, "2")
    return [*operations, _switch(have, IPV6_SWITCH, addresses.IPV6)]


def _switch(have: ForwardingState, name: str, family: int) -> SetSysctl:
    """Return what switches forwarding on for the host, and is undone for each interface as it was.

    The host's switch sets every interface's, and so does taking it back; some may have been on before.
    """
    own = (of_link(link, family) for link in sorted(have.network.links))
    return SetSysctl(HOST, name, "1", "0", tuple((one, "1") for one in own if have.sysctls.get(one) == "1"))


def set_sysctl(have: ForwardingState, name: str, value: str) -> list[Operation]:
    """Return what gives a sysctl a value; nothing where it has it, or the kernel has no such sysctl."""
    shown = have.sysctls.get(name)
    return [SetSysctl(HOST, name, value, shown)] if shown is not None and shown != value else []


def warnings(operations: Iterable[Operation]) -> list[str]:
    """Return what a person should know: switching it on is for all interfaces."""
    return [
        f"{operation.name.replace('/', '.')} is switched on for the whole host: "
        "it now forwards between all its interfaces, not only this bridge"
        for operation in operations
        if isinstance(operation, SetSysctl) and operation.name in (IPV4_SWITCH, IPV6_SWITCH) and operation.new == "1"
    ]


# Since Linux 6.17 a bridge can forward IPv6 while the host does not;
# before, the host's own switch counts (ip6_forward()).
FORCE_FORWARDING = "net/ipv6/conf/{}/force_forwarding"
