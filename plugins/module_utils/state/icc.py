# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of a bridge's policy. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ..light_dataclass import dataclass
from ..model.attachment import Target
from ..model.icc_policy import IccPort
from ..model.icc_rules import IccRules
from ..model.port_guard import GuardRules
from .attachments import PeerState
from .firewall import FirewallState
from .network import NetworkState


@dataclass(frozen=True)
class IccState:
    """What the host shows of a bridge and its containers.

    ``network`` has every link, the bridge's addresses and the routes of the
    main table. ``sysctls`` are those of the bridge, and of ``default``.
    ``holds`` are each linked container's bare addresses, by the bridge they
    are on: this one, or another of ours. ``exposes`` the ports of its image (``None``: its engine does not say),
    ``labelled`` the containers that bear a label. ``owners`` says which
    container (as a netns) holds an address, ``knows`` which neighbours each
    of them has learned: link, address, MAC. ``published`` is whether port_publish
    has ports on a bridge that is not ours, which the firewall has to let pass too. ``tags`` is by port of the bridge
    the MAC for which it gives priority tags, ``can_tag`` whether one that lacks them can. ``guards`` are the ports of
    this host that let in only what they are to (``None``: none does), ``can_guard`` is whether there could be some,
    ``bound`` by port the MACs that no other one may have,
    ``peers`` what containers have behind ports that are to be bound to it.
    """

    network: NetworkState
    rules: IccRules = field(default_factory=IccRules)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    proxies: frozenset[str] = frozenset()
    firewall: FirewallState = FirewallState()
    published: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    can_tag: bool = True
    guards: GuardRules | None = None
    can_guard: bool = True
    bound: Mapping[str, frozenset[str]] = field(default_factory=dict)
    peers: Mapping[str, PeerState] = field(default_factory=dict)
    openvswitch: bool = False
    holds: Mapping[Target, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    exposes: Mapping[Target, tuple[IccPort, ...] | None] = field(default_factory=dict)
    labelled: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    knows: Mapping[str, frozenset[tuple[str, str, str]]] = field(default_factory=dict)
