# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's own firewall does with traffic of bridges. Private to the collection."""

from __future__ import annotations

from ..light_dataclass import dataclass


@dataclass(frozen=True, order=True)
class AcceptedBridge:
    """What comes from ``bridge`` is accepted where it leaves by one of ``uplinks`` or, if ``within``, stays on it.

    On a bridge of another tool it is for that to say who reaches whom, as Docker
    does with ``enable_icc``, but where a link of ours needs it.

    So are the replies to it, what goes to its published ports, and what goes
    from it to another accepted bridge where both have uplinks: those are the
    bridges that the host forwards for. ``uplinks`` is sorted. Networks of
    Docker are none: unpublished ports and internal networks stay closed to
    our bridges as to each other.

    ``family`` is ``ip`` or ``ip6``, as nftables names them: a host may filter
    one and not the other.
    """

    family: str
    bridge: str
    uplinks: tuple[str, ...] = ()
    within: bool = True


@dataclass(frozen=True, order=True)
class DroppingChain:
    """A chain of nftables that drops forwarded traffic and has no place for rules of others.

    ``family`` is ``ip``, ``ip6``, ``inet`` or ``bridge``.
    """

    family: str
    table: str
    chain: str

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.chain}"


@dataclass(frozen=True, order=True)
class DroppingRule:
    """A rule of iptables that drops packets before they come to our chain, by where they are from or go to.

    ``rule`` is as iptables-save prints it, without its comment; it is in ``chain``. ``source`` and
    ``destination`` are networks, ``ingress`` and ``egress`` interfaces, each '' for any. ``let`` are the
    interfaces of rules that accept something before it: ``-o br0``.
    """

    family: str
    rule: str
    chain: str
    source: str = ""
    destination: str = ""
    ingress: str = ""
    egress: str = ""
    let: frozenset[str] = frozenset()
