# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is told of a NIC that moves into a container. Pure. Private to the collection."""

from __future__ import annotations

from ..state.nic import ADDRESS
from .nic_attachment_match import NicMatch
from .nic_physical_match import PhysicalMatch


def surprises(one: NicMatch) -> list[str]:
    """Return a warning for what a NIC takes from this host, and for one that does not outlive its container."""
    if not isinstance(one, PhysicalMatch) or one.kept is None:
        raise AssertionError(one)
    kept = one.kept
    told = []
    held = [entry.text for entry in kept.before.of(ADDRESS, kept.name) if not entry.text.startswith("fe80:")]
    if held:
        told.append(
            f"NIC {kept.name} leaves this host with {', '.join(held)}, and all that went by it; it has them again once "
            "it is given back, by state absent or as the container ends"
        )
    if kept.kind:
        told.append(
            f"NIC {kept.name} is of kind {kept.kind}, made of software, and such the kernel deletes as the container "
            "ends, where it gives real ones back; take it out (state absent) before the container is stopped"
        )
    return told
