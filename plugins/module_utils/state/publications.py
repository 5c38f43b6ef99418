# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of a bridge's published ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..light_dataclass import dataclass
from ..model.publication import Endpoint, HostPort, PublicationRules
from .firewall import FirewallState
from .network import SourceRule


def _nobody(_host: HostPort) -> str:
    return ""


@dataclass(frozen=True)
class BridgePortState:
    """A port of the bridge that is ours, whose it is, and whether its hairpin mode is on."""

    name: str
    endpoint: Endpoint
    hairpin: bool


@dataclass(frozen=True)
class PublicationState:
    """What the host shows of publications on a bridge.

    ``rules`` are those of all bridges; ``whole`` is false where chains or
    rules are missing. ``subnets`` are the bridge's. ``route_localnet`` is the
    bridge's sysctl. ``bridged_filter`` is whether the host's firewall sees what is
    bridged (br_netfilter). ``cut_off`` says why isolated containers of the bridge don't reach what is published for
    it, '' where they do. ``linked`` is whether icc_policy has links across the
    bridge, which the firewall has to let pass too. ``taken`` says who else has a port of the host.
    ``addresses`` are the host's own on other interfaces, read where there are ``source_rules``.
    """

    bridge: str
    bridge_ours: bool = False
    rules: PublicationRules = PublicationRules()
    whole: bool = True
    subnets: tuple[str, ...] = ()
    route_localnet: str | None = None
    bridged_filter: bool = False
    cut_off: str = ""
    ports: tuple[BridgePortState, ...] = ()
    firewall: FirewallState = FirewallState()
    linked: bool = False
    reserved: frozenset[int] = frozenset()
    source_rules: tuple[SourceRule, ...] = ()
    addresses: tuple[str, ...] = ()
    taken: Callable[[HostPort], str] = _nobody

    @cached_property
    def ours(self) -> PublicationRules:
        """Return those of ``rules`` that are of this bridge. Plans ask several times, of ten thousand as well."""
        return self.rules.of_bridge(self.bridge)
