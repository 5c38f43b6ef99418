# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a list of wanted bridges to one run of operations. Pure. Private to the collection.

Each bridge is planned by itself, on a host as the bridges planned before it leave it. What goes into the firewall is
made one change for all.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model import addresses
from ..model.bridge import Bridge
from ..state.bridge import BridgeState
from . import bridge, forwarding
from .bridge_facts import addresses_of
from .operations import Operation, SetSysctl

if TYPE_CHECKING:
    from ..model.icc_rules import IccRules
    from ..model.port_guard import GuardRules

Seen = tuple[Bridge, BridgeState]


@dataclass(frozen=True)
class Planned:
    """``seen`` are the bridges in the order of the list, ``auto`` resolved, each with the host as it was planned on."""

    operations: list[Operation]
    seen: tuple[Seen, ...]


def present(wanted: Sequence[Seen]) -> Planned:
    """Return what makes all bridges as wanted.

    :raises Refused: as for a single bridge, or ``auto`` finds no subnet.
    """
    resolved = _resolved(wanted)
    joining = frozenset(member for want, _have in resolved for member in want.members or ())
    # The host's switch sets the forwarding of all bridges: where one is not to forward, that is taken back afterwards.
    order = sorted(range(len(resolved)), key=lambda position: resolved[position][0].ip_forward is not True)
    operations: list[Operation] = []
    earlier = _Earlier()
    seen: dict[int, Seen] = {}
    for position in order:
        want, have = resolved[position]
        have = replace(earlier.left(want.name, have), joining=joining)
        planned = bridge.present(want, have)
        earlier.note(planned)
        operations += planned
        seen[position] = want, have
    return Planned(_at_once(operations, last=True), tuple(seen[position] for position in range(len(resolved))))


def absent(wanted: Sequence[Seen], force: bool) -> Planned:
    """Return what takes all bridges away.

    :raises Refused: as for a single bridge.
    """
    from . import bridge_deletion

    operations: list[Operation] = []
    earlier = _Earlier()
    seen: list[Seen] = []
    for want, have in wanted:
        have = earlier.left(want.name, have)
        planned = bridge_deletion.absent(want.name, have, force, want.prefix)
        earlier.note(planned)
        operations += planned
        seen.append((want, have))
    return Planned(_at_once(operations, last=False), tuple(seen))


def _resolved(wanted: Sequence[Seen]) -> list[Seen]:
    """Return the bridges with an address for each ``auto``, which stays clear of what the others are to have."""
    if not any(want.auto_address for want, _have in wanted):
        return list(wanted)
    taken = [address for want, _have in wanted for address in want.addresses or ()]
    resolved = []
    for want, have in wanted:
        if want.auto_address:
            found = addresses_of(want, have, taken) or ()
            taken += found
            want = replace(want, addresses=found, auto_address=False)
        resolved.append((want, have))
    return resolved


class _Earlier:
    """What the bridges planned so far change of what others have part in."""

    def __init__(self) -> None:
        self._sysctls: dict[str, str] = {}
        self._icc: IccRules | None = None
        self._guards: GuardRules | None = None

    def note(self, operations: Sequence[Operation]) -> None:
        if not operations:
            return
        from .guard_operations import ChangeGuards
        from .icc_operations import ChangeIccRules

        for operation in operations:
            if isinstance(operation, SetSysctl):
                self._sysctls[operation.name] = operation.new
            elif isinstance(operation, ChangeIccRules):
                self._icc = operation.new
            elif isinstance(operation, ChangeGuards):
                self._guards = operation.new

    def left(self, name: str, have: BridgeState) -> BridgeState:
        """Return what there is of a bridge after them."""
        return replace(
            have,
            sysctls=self._after_switching(name, have.sysctls) if self._sysctls else have.sysctls,
            icc=have.icc if self._icc is None else self._icc,
            guards=have.guards if self._guards is None else self._guards,
        )

    def _after_switching(self, name: str, shown: Mapping[str, str]) -> Mapping[str, str]:
        own = {
            forwarding.of_link(name, family): self._sysctls[switch]
            for switch, family in ((forwarding.IPV4_SWITCH, addresses.IPV4), (forwarding.IPV6_SWITCH, addresses.IPV6))
            if switch in self._sysctls and forwarding.of_link(name, family) in shown
        }
        return ChainMap(own, self._sysctls, dict(shown))


def _at_once(operations: list[Operation], last: bool) -> list[Operation]:
    if len(operations) < 2:
        return operations
    from .bridge_rules import at_once

    return at_once(operations, last)
