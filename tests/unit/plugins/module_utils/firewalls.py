# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewalls of hosts, at random: what they drop, what they let pass of bridges, and what is left of rules for them."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import (
    AcceptedBridge,
    DroppingChain,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from hypothesis import strategies as st

FAMILIES = ("ip", "ip6")


@st.composite
def firewalls(draw: st.DrawFn, bridges: Sequence[str]) -> FirewallState:
    families = draw(st.frozensets(st.sampled_from(FAMILIES)))
    kinds = (((), True), ((), False), (("eth0",), True))
    possible = [
        AcceptedBridge(family, name, uplinks, within)
        for family in sorted(families)
        for name in bridges
        for uplinks, within in kinds
    ]
    rules = {(one.family, one.bridge): one for one in (draw(st.sets(st.sampled_from(possible))) if possible else ())}
    accepted = frozenset(one for one in rules.values() if draw(st.booleans()))
    barriers = draw(st.frozensets(st.just(DroppingChain("inet", "mine", "forward"))))
    noted = draw(st.frozensets(st.sampled_from(bridges)))
    if draw(st.booleans()):
        return FirewallState(families, accepted, frozenset(rules.values()) - accepted, barriers, forgotten=noted)
    zones = {name: zone for name in bridges if (zone := draw(st.sampled_from(["", "trusted", "trusted", "public"])))}
    lent = frozenset(name for name in noted if zones.get(name) == "trusted" and draw(st.booleans()))
    return FirewallState(
        families,
        accepted,
        frozenset(rules.values()) - accepted,
        barriers,
        tuple(sorted(zones.items())),
        lent,
        noted - lent,
    )
