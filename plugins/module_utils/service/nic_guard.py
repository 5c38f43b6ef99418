# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The process that puts a NIC back where nobody confirms its move in time. Private to the collection.

All that it needs is loaded before it says that it stands by: no file that is gone later keeps it from its work.
"""

from __future__ import annotations

import os
import sys
import time

from ..errors import PipefitterError
from ..host import lock, rollback_guard
from ..host.netlink import rtnetlink
from ..host.network_managers import lookup
from ..host.nic_links import NicLinks
from ..model.host_nic import ROLLED_BACK
from ..model.nic_move import OPENVSWITCH
from ..reconcile.nic_rollback import put_files_back, roll_back
from ..store import pending
from ..store.pending import Pending
from .output import complain

_LOOK = 0.5  # seconds between two looks whether it was confirmed
_FOR_SWITCH = 60.0  # seconds in which Open vSwitch starts after a boot
_MESSAGES = ("ifinfmsg", "ifaddrmsg")


def main() -> int:
    """Guard the move of the NIC that is named, or with ``--boot`` undo what a boot has left of it."""
    words = sys.argv[1:]
    nic = words[-1]
    if words[0] == "--boot":
        return _at_boot(nic)
    for name in _MESSAGES:
        rtnetlink.message(name)
    armed = pending.read(nic)
    if armed is not None and armed.manager:
        lookup.by_name(armed.manager)
    with open(f"{pending.folder(nic)}/guard", "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    # systemd starts it again itself.
    partner = None if rollback_guard.runs_systemd() else _Partner()
    while (waiting := pending.read(nic)) is not None:
        if partner is not None:
            partner.look()
        left = waiting.seconds_left
        if left <= 0:
            _undo(nic, waiting)
            break
        time.sleep(min(left, _LOOK))
    return 0


class _Partner:
    """A process that does the same; each of the two starts the other again where somebody kills it."""

    def __init__(self) -> None:
        self._parent = self._child = 0

    def look(self) -> None:
        """See that there is one."""
        if self._parent and os.getppid() == self._parent:
            return
        if self._child and os.waitpid(self._child, os.WNOHANG)[0] == 0:
            return
        own = os.getpid()
        self._child = os.fork()
        self._parent = 0 if self._child else own


def _undo(nic: str, waiting: Pending) -> None:
    """Undo a move whose time is over, unless it is confirmed just now."""
    with lock.held(timeout=None):
        current = pending.read(nic)
        if current is None or current.token != waiting.token:
            return
        for line in roll_back(current, f"nobody confirmed it from a new connection within {current.timeout} s"):
            complain(line)


def _at_boot(nic: str) -> int:
    """Undo what outlives a boot: files of managers, and ports in Open vSwitch's database. The rest went with it."""
    waiting = pending.read(nic)
    if waiting is None:
        return 0
    left = put_files_back(waiting.files)
    pending.end(waiting, ROLLED_BACK, "the host was booted before it was confirmed", left)
    rollback_guard.disarm(nic, pending.folder(nic))
    if waiting.goal.bridge_kind == OPENVSWITCH and os.fork() == 0:
        _leave_switch(waiting)
        os._exit(0)
    return 0


def _leave_switch(waiting: Pending) -> None:
    """Wait for Open vSwitch, which this boot has not started yet, and take out of it what was put there."""
    deadline = time.monotonic() + _FOR_SWITCH
    nic, bridge = waiting.before.nic, waiting.before.bridge
    with NicLinks() as links:
        while time.monotonic() < deadline:
            try:
                if links.ovsdb.available():
                    if not waiting.before.master:
                        links.leave(nic, bridge, OPENVSWITCH)
                    if not waiting.before.bridge_kind:
                        links.delete_bridge(bridge, OPENVSWITCH)
                    return
            except PipefitterError as error:
                complain(str(error))
            time.sleep(_LOOK)
