# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what a NIC of the host is like that is to move into a container. Private to the collection."""

from __future__ import annotations

from ..host.nic_machine import NicMachine
from ..state.kept_nic import KeptNic
from ..state.network import Link


def snapshot(machine: NicMachine, nic: Link) -> KeptNic:
    """Return what a NIC is like, for when it is given back; the mark that it is to bear is left to the plan."""
    return KeptNic(
        "",
        machine.nic_state(nic),
        "" if nic.ours else nic.alias,
        machine.bus_addresses([nic.name]).get(nic.name, ""),
        nic.kind,
        nic.alternative_names,
    )
