# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of a bridge. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.icc_rules import IccRules
from .firewall import FirewallState
from .network import Link, NetworkState

if TYPE_CHECKING:
    from ..model.masquerade import Masquerade
    from ..model.port_guard import GuardRules
    from ..model.publication import PublicationRules


@dataclass(frozen=True)
class BridgeState:
    """What the host shows of a bridge.

    ``network`` has every link, the bridge's addresses and every route of
    the main table. ``sysctls`` are the host's, named with slashes; those of a
    bridge that is still to be made are what it will inherit.
    ``unfit`` maps links that must not become ports to the reason.
    ``firewall`` is what of forwarded traffic passes. ``publications`` are
    the published ports of the bridge, read where it is to go. ``icc`` is what
    our tables say of isolated bridges. ``held`` are the addresses of every
    interface, leased ones too, read where VLANs are asked for.
    ``guards`` are the ports of this host that let in only what they are to, and ``bound`` by port the MACs that no
    other one may have, read where the bridge is to go.
    ``joining`` are links that the same run makes ports of bridges, this one's or others'.
    """

    network: NetworkState
    masquerades: frozenset[Masquerade] = frozenset()
    firewall: FirewallState = FirewallState()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    vlan_filtering: bool = True
    birth_link: str | None = None
    publications: PublicationRules | None = None
    icc: IccRules = IccRules()
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joining: frozenset[str] = frozenset()
    guards: GuardRules | None = None
    bound: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def link(self, name: str) -> Link | None:
        return self.network.links.get(name)

    def messages(self, name: str) -> dict[str, bytes]:
        return self.network.messages_of(name)

    def addresses(self, name: str) -> tuple[str, ...]:
        return self.network.addresses.get(name, ())
