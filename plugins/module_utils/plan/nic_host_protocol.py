# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What operations on NICs that move into containers ask of a host beside what all do. Private to the collection.

Apart from ``Host``, as it brings what no other module needs to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..state.kept_nic import KeptNic
from ..state.nic import NicState

if TYPE_CHECKING:
    from .host_protocol import Host


@runtime_checkable
class NicHost(Protocol):
    """Keeps what NICs were like. ``host.nic_machine.NicMachine`` is the real one."""

    def keep_nic(self, kept: KeptNic) -> None:
        """Keep on the disk what a NIC is like that is about to move into a container."""

    def forget_nic(self, name: str) -> None:
        """Keep nothing of a NIC any more."""

    def put_back_sysctls(self, before: NicState) -> None:
        """Give a NIC the sysctls that it had."""

    def put_back_nic(self, before: NicState) -> None:
        """Give a NIC the addresses, routes, rules and neighbours that it had; what is there stays."""


def of_nics(host: Host) -> NicHost:
    """Return a host as one that keeps what NICs were like."""
    if not isinstance(host, NicHost):
        raise AssertionError("a host that keeps nothing of NICs")
    return host
