# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's firewall does with forwarded traffic, and what of ours it lets pass. Private to the collection."""

from __future__ import annotations

from ..light_dataclass import dataclass
from ..model.firewall import AcceptedBridge, DroppingChain, DroppingRule


@dataclass(frozen=True)
class FirewallState:
    """What the host's firewall does with forwarded traffic, and what of ours it lets pass.

    ``families`` (``ip``, ``ip6``) are those in which iptables drops it;
    ``accepted`` are the bridges that pass all the same, ``remains`` those that
    have rules there without passing, as something was taken out. ``barriers`` are
    chains of nftables that drop it and offer no hook. ``zones`` are
    firewalld's, by interface; ``None`` where firewalld does not run.
    ``lent`` are the bridges that we have put into a zone, ``forgotten`` those
    of which firewalld knows no more, as it was stopped or restarted. ``ahead`` are
    rules of iptables that drop packets before they come to our chain.
    """

    families: frozenset[str] = frozenset()
    accepted: frozenset[AcceptedBridge] = frozenset()
    remains: frozenset[AcceptedBridge] = frozenset()
    barriers: frozenset[DroppingChain] = frozenset()
    zones: tuple[tuple[str, str], ...] | None = None
    lent: frozenset[str] = frozenset()
    forgotten: frozenset[str] = frozenset()
    ahead: tuple[DroppingRule, ...] = ()

    def zone(self, interface: str) -> str | None:
        """Return the zone of an interface, '' for one in none, and ``None`` where there are no zones."""
        return None if self.zones is None else dict(self.zones).get(interface, "")

    def of_bridge(self, bridge: str) -> frozenset[AcceptedBridge]:
        """Return what is accepted of a bridge."""
        return frozenset(one for one in self.accepted if one.bridge == bridge)

    def traces(self, bridge: str) -> frozenset[AcceptedBridge]:
        """Return what there is of a bridge, in effect or not."""
        return frozenset(one for one in self.accepted | self.remains if one.bridge == bridge)
