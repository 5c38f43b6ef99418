# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What host_nic_bridge asks of whoever manages a host's network. Types only. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...model.nic_move import ManagedFile, NicMove


class NetworkManager(Protocol):
    """One of systemd-networkd, NetworkManager, netplan and ifupdown, as the owner of a NIC.

    The kernel's state is changed by others, between ``hold`` and ``present``, or ``hold`` and ``absent``: when these or
    ``reload`` are called for a move, the NIC is the bridge's port already and the bridge has its addresses and routes
    (taken back: the other way round). What a link has is to be looked up before it becomes a port or stops being one:
    networkd takes the addresses of a bridge away that has lost its carrier, and switches IPv6 off at a bridge's port.

    Where files were put back as they were after ``reload``, it is called again, with the addresses where they belong.
    """

    name: str

    def owns(self, nic: str) -> bool:
        """Tell whether it configures a NIC, also one that is a port by its files; False where it isn't installed."""

    def refusal(self, move: NicMove) -> str:
        """Return why its configuration of the NIC can't be changed and what to do, '' where it can; only reads."""

    def present(self, move: NicMove) -> Sequence[ManagedFile]:
        """Return the files by which the bridge has, from the next boot on, what the NIC has now; only reads.

        Those that are to be as they are already may be among them: the caller compares. Some are below /run, for what
        is to come now; folders may have to be made.
        """

    def absent(self, move: NicMove) -> Sequence[ManagedFile]:
        """Return the files by which the NIC has again what it had before ``present``; only reads."""

    def hold(self, move: NicMove) -> None:
        """Keep it from putting addresses back while a move is not confirmed: for this boot only, in no file of /etc.

        Before anything is moved. NetworkManager is stopped by it, so a watchdog has to ``let_go``.

        :raises PipefitterError: it can't be had to.
        """

    def let_go(self, move: NicMove) -> None:
        """End ``hold``, when all is as it was, files too. Harmless where nothing is held.

        :raises PipefitterError: it did not start again, or did not take the NIC over.
        """

    def reload(self, move: NicMove) -> None:
        """Let it take up its files, which have just been written, as gently as it can.

        :raises PipefitterError: it did not.
        """
