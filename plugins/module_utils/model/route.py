# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A route of the main table. Private to the collection."""

from __future__ import annotations

from dataclasses import field

from ..light_dataclass import dataclass
from . import addresses

PROTOCOL = 112
"""Our mark on a route (rtm_protocol): a number that iproute2's rt_protos leaves free."""

KERNEL_PROTOCOL = 2
"""RTPROT_KERNEL: routes that come and go with an address."""

DEFAULT = {addresses.IPV4: "0.0.0.0/0", addresses.IPV6: "::/0"}

# What the kernel puts in where none is given (IP6_RT_PRIO_USER of net/ip6_route.h).
DEFAULT_METRIC = {addresses.IPV4: 0, addresses.IPV6: 1024}

# Of the routes that come with addresses (IP6_RT_PRIO_ADDRCONF).
CONNECTED_METRIC = {addresses.IPV4: 0, addresses.IPV6: 256}


UNICAST = 1
"""RTN_UNICAST of linux/rtnetlink.h; those of the other kinds lead nowhere."""

_KINDS = {6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}

SEVERAL_LINKS = "several links"
"""The link of a multipath route; it must not look like any."""


@dataclass(frozen=True, order=True)
class Route:
    """``destination`` is a canonical subnet; a ``gateway`` of ``None`` means on-link.

    ``link`` is '' for a route that leads nowhere; ``through`` are the links of a multipath route's next hops.
    ``selector`` says for which packets alone it is ("tos 0x10", "from fd00:5::/64"). ``message`` is how the kernel
    showed it (rtmsg and attributes): a route has more than we ask for, and is put back with all of it.
    """

    destination: str
    gateway: str | None
    link: str
    metric: int
    protocol: int = PROTOCOL
    kind: int = UNICAST
    selector: str = ""
    through: tuple[str, ...] = ()
    message: bytes = field(default=b"", compare=False, repr=False)

    @property
    def family(self) -> int:
        """Return 4 or 6."""
        return addresses.family(self.destination)

    @property
    def key(self) -> tuple[str, int]:
        """Return what the kernel keeps one route for, per table: destination and selector, and the metric."""
        return f"{self.destination} {self.selector}" if self.selector else self.destination, self.metric

    @property
    def links(self) -> tuple[str, ...]:
        """Return the links that it leads through."""
        return self.through or ((self.link,) if self.link else ())

    @property
    def has_link(self) -> bool:
        """Tell whether it leads through one link."""
        return self.link not in ("", SEVERAL_LINKS)

    @property
    def is_connected(self) -> bool:
        """Tell whether it comes and goes with an address."""
        return self.protocol == KERNEL_PROTOCOL and not self.is_default

    @property
    def is_default(self) -> bool:
        """Tell whether it is a default route."""
        return self.destination in (DEFAULT[addresses.IPV4], DEFAULT[addresses.IPV6])

    def __str__(self) -> str:
        text = "default" if self.is_default else self.destination
        if self.kind != UNICAST:
            text = f"{_KINDS.get(self.kind, f'type {self.kind}')} {text}"
        if self.selector:
            text += f" {self.selector}"
        if self.gateway:
            text += f" via {self.gateway}"
        if self.link:
            text += f" through {self.link}" if self.link == SEVERAL_LINKS else f" dev {self.link}"
        if self.metric != DEFAULT_METRIC[self.family]:
            text += f" metric {self.metric}"
        return text


def default(gateway: str, link: str) -> Route:
    """Return the default route through a gateway."""
    version = addresses.family(gateway)
    return Route(DEFAULT[version], gateway, link, DEFAULT_METRIC[version])


def host(address: str, link: str) -> Route:
    """Return the on-link route to one address: what an off-link gateway needs first."""
    version = addresses.family(address)
    return Route(f"{address}/{32 if version == addresses.IPV4 else 128}", None, link, DEFAULT_METRIC[version])
