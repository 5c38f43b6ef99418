# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A bridge whose traffic Docker's filter lets through. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class AcceptedBridge:
    """What comes from ``bridge`` is accepted where it stays on it or leaves by one of ``uplinks``.

    So are the replies to it, and what goes to its published ports.
    ``uplinks`` is sorted. Networks of Docker are none: unpublished ports and
    internal networks stay closed to our bridges as to each other.

    ``family`` is ``ip`` or ``ip6``, as nftables names them: Docker may filter
    one and not the other.
    """

    family: str
    bridge: str
    uplinks: tuple[str, ...] = ()
