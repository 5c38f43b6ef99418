# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What our nftables tables say of isolated bridges. Private to the collection."""

from __future__ import annotations

from dataclasses import field, replace

from ..light_dataclass import dataclass

PING = "icmp"
"""Protocol of a flow of echo requests, in either family; it has no port (0)."""


@dataclass(frozen=True, order=True)
class IccFlow:
    """Connections that one container may open to another, by the policy of an isolated ``bridge``.

    At least one of the two is on that bridge. ``ingress`` is the bridge that
    the other one is on if it is the source, else ''. Addresses are bare and
    of one family. ``source_name`` and ``destination_name`` (``container
    web1``) say whose they are, '' where that is not known; they tell no two
    flows apart.
    """

    bridge: str
    source: str
    destination: str
    protocol: str
    port: int
    ingress: str = ""
    source_name: str = field(default="", compare=False)
    destination_name: str = field(default="", compare=False)

    @property
    def family(self) -> str:
        """Return ``ip`` or ``ip6``, as nftables names it."""
        return "ip6" if ":" in self.source else "ip"

    @property
    def via(self) -> str:
        """Return the bridge by which its packets come in."""
        return self.ingress or self.bridge

    @property
    def packets(self) -> tuple[str, str, str, str, int]:
        """Return what tells its packets from all others, whatever policy they are in."""
        return self.via, self.source, self.destination, self.protocol, self.port

    @property
    def service(self) -> str:
        """Return the port as an option gives it: ``5432/tcp``, ``icmp``."""
        return self.protocol if self.protocol == PING else f"{self.port}/{self.protocol}"

    def __str__(self) -> str:
        return f"{self.source} to {self.destination}, {self.service}"


@dataclass(frozen=True)
class IccRules:
    """All isolated bridges of a host.

    ``off`` are the bridges whose containers don't reach each other,
    ``neighbours`` the other bridges that are kept apart from those,
    ``egress_denied`` and ``host_denied`` those whose containers open no
    connections to other interfaces, or to the host. ``former`` are sysctls of
    bridges in ``off`` as they were before links changed them. ``intact`` is
    false where something of ours is missing in the tables or another has put
    something in: then the next change makes them anew.
    """

    off: frozenset[str] = frozenset()
    neighbours: frozenset[str] = frozenset()
    egress_denied: frozenset[str] = frozenset()
    host_denied: frozenset[str] = frozenset()
    flows: frozenset[IccFlow] = frozenset()
    former: frozenset[tuple[str, str]] = frozenset()
    intact: bool = field(default=True, compare=False)

    @property
    def empty(self) -> bool:
        """Whether no bridge has a policy, so that nothing of this needs to be in the tables."""
        return not (self.off or self.egress_denied or self.host_denied)

    def flows_of(self, bridge: str) -> frozenset[IccFlow]:
        """Return the flows that the policy of a bridge allows."""
        return frozenset(flow for flow in self.flows if flow.bridge == bridge)

    def former_of(self, bridge: str) -> dict[str, str]:
        """Return a bridge's recorded sysctls, by their names with slashes."""
        return {name: value for name, value in self.former if name.split("/")[3] == bridge}

    def without(self, bridge: str) -> IccRules:
        """Return the rules of all other bridges."""
        return replace(
            self,
            off=self.off - {bridge},
            neighbours=self.neighbours - {bridge} if self.off - {bridge} else frozenset(),
            egress_denied=self.egress_denied - {bridge},
            host_denied=self.host_denied - {bridge},
            flows=self.flows - self.flows_of(bridge),
            former=self.former - frozenset(self.former_of(bridge).items()),
        )
