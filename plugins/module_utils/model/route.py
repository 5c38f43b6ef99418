# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A route. Private to the collection."""

from __future__ import annotations

from dataclasses import field
from typing import Any

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

KINDS = {6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
"""RTN_* of those that lead nowhere, by the words of ip-route(8)."""

MAIN = 254
"""RT_TABLE_MAIN: the table that is meant where none is named."""

ASIDE = 0x70660070
"""The table of default routes whose place another took (``host.netlink.routes_aside``)."""

OPTIONS = ("table", "type", "src", "scope", "onlink", "mtu", "nexthops")
"""Options of a route that few have; what is only for them is imported where one of them is given or shown."""

SEVERAL_LINKS = "several links"
"""The link of a multipath route; it must not look like any."""


@dataclass(frozen=True)
class Details:
    """What a route of ours has beside the way that it leads.

    ``scope`` is RT_SCOPE_*, ``None`` for the one that goes without saying; ``mtu`` in bytes, 0 for that of its link.
    ``hops`` are those of a multipath route, each with its gateway, its link and its weight (1 to 256).
    """

    source: str = ""
    scope: int | None = None
    onlink: bool = False
    mtu: int = 0
    hops: tuple[tuple[str, str, int], ...] = ()


PLAIN = Details()


@dataclass(frozen=True, order=True)
class Route:
    """``destination`` is a canonical subnet; a ``gateway`` of ``None`` means on-link.

    ``link`` is '' for a route that leads nowhere; ``through`` are the links of a multipath route's next hops.
    ``selector`` says for which packets alone it is ("tos 0x10", "from fd00:5::/64"). ``message`` is how the kernel
    showed it (rtmsg and attributes): a route has more than we ask for, and is put back with all of it. ``details`` are
    read of routes of ours alone.
    """

    destination: str
    gateway: str | None
    link: str
    metric: int
    protocol: int = PROTOCOL
    kind: int = UNICAST
    selector: str = ""
    through: tuple[str, ...] = ()
    table: int = MAIN
    details: Details = field(default=PLAIN, compare=False)
    message: bytes = field(default=b"", compare=False, repr=False)

    @property
    def family(self) -> int:
        """Return 4 or 6."""
        return addresses.family(self.destination)

    @property
    def key(self) -> tuple[str, int]:
        """Return what the kernel keeps one route for: destination, selector and table, and the metric."""
        what = f"{self.destination} {self.selector}" if self.selector else self.destination
        return what if self.table == MAIN else f"{what} table {self.table}", self.metric

    @property
    def links(self) -> tuple[str, ...]:
        """Return the links that it leads through."""
        return self.through or ((self.link,) if self.link else ())

    @property
    def has_link(self) -> bool:
        """Tell whether it leads through one link."""
        return self.link not in ("", SEVERAL_LINKS)

    @property
    def is_on_link(self) -> bool:
        """Tell whether what it leads to is on its link itself."""
        return self.gateway is None and self.kind == UNICAST and self.link != SEVERAL_LINKS

    @property
    def leads_nowhere(self) -> bool:
        """Tell whether it is a blackhole or of a kind like that: of no link, so that it goes with none."""
        return self.kind != UNICAST

    @property
    def holder(self) -> str:
        """Return the link by whose attachment a route of ours is held, '' where it leads nowhere: the first hop's."""
        return self.through[0] if self.through else self.link

    @property
    def is_connected(self) -> bool:
        """Tell whether it comes and goes with an address."""
        return self.protocol == KERNEL_PROTOCOL and self.destination not in DEFAULT.values()

    @property
    def is_default(self) -> bool:
        """Tell whether it is a default route of the main table."""
        return self.table == MAIN and self.destination in (DEFAULT[addresses.IPV4], DEFAULT[addresses.IPV6])

    def gateways(self, link: str) -> tuple[str, ...]:
        """Return the gateways that it needs to be within reach by a link."""
        if self.details.hops:
            return tuple(gateway for gateway, name, _weight in self.details.hops if name == link)
        return (self.gateway,) if self.gateway and self.link == link else ()

    def leads_as(self, wanted: Route) -> bool:
        """Tell whether it is as wanted: what others set beside the way that it leads stays."""
        if (self.gateway, self.link, self.kind) != (wanted.gateway, wanted.link, wanted.kind):
            return False
        return wanted.details == (self.details if self.protocol == PROTOCOL else PLAIN)

    def __str__(self) -> str:
        text = "default" if self.destination in DEFAULT.values() else self.destination
        if self.kind != UNICAST:
            text = f"{KINDS.get(self.kind, f'type {self.kind}')} {text}"
        if self.selector:
            text += f" {self.selector}"
        if self.gateway:
            text += f" via {self.gateway}"
        if self.link and not self.details.hops:
            text += f" through {self.link}" if self.link == SEVERAL_LINKS else f" dev {self.link}"
        if self.table != MAIN:
            text += f" table {self.table}"
        if self.metric != DEFAULT_METRIC[self.family]:
            text += f" metric {self.metric}"
        if self.details != PLAIN:
            from .route_options import words

            text += words(self.details)
        return text


def as_options(entry: Route) -> dict[str, Any]:
    """Return a route as the options that ask for it."""
    described: dict[str, Any] = {"destination": entry.destination}
    if entry.gateway:
        described["gateway"] = entry.gateway
    described["metric"] = entry.metric
    if entry.table == MAIN and entry.kind == UNICAST and entry.details == PLAIN:
        return described
    from .route_options import more_options

    return {**described, **more_options(entry)}


def default(gateway: str, link: str) -> Route:
    """Return the default route through a gateway."""
    version = addresses.family(gateway)
    return Route(DEFAULT[version], gateway, link, DEFAULT_METRIC[version])


def host(address: str, link: str) -> Route:
    """Return the on-link route to one address: what an off-link gateway needs first."""
    version = addresses.family(address)
    return Route(f"{address}/{32 if version == addresses.IPV4 else 128}", None, link, DEFAULT_METRIC[version])
