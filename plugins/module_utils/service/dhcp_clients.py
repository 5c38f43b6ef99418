# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The DHCP clients that the service runs, one for each attachment that asks for an address. Private to the collection.

The client is udhcpc of busybox: it is small, stays in the foreground, takes its identity from the interface's MAC, and
leaves all that it is told to a program (dhclient is no longer maintained, and systemd-networkd and dhcpcd take whole
namespaces for theirs). It is in the container's network namespace and else in the host's. As a process in the namespace
keeps that alive, each ends with its container, and all end with the service.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import PipefitterError
from ..host import leases, program
from ..host.machine import Machine
from ..model.attachment import DEFAULT_INTERFACE, Target
from ..model.record import Record, target_of
from ..observe.containers import pin_targets
from ..reconcile.leasing import asks, path_of
from ..reconcile.passes import FAILED, PENDING, RecordId, Report, id_of
from ..reconcile.recording import PROGRAM
from .dhcp_event import GATEWAY, LEASE, NAME
from .output import complain

_END = 5.0  # seconds for a client to end
# Three requests, three seconds apart, then ten seconds' rest; classless routes are asked for, too (option 121).
_MANNER = ("-f", "-t", "3", "-T", "3", "-A", "10", "-O", "staticroutes")


class _Place(NamedTuple):
    """Where a client asks, and as whom: another one, and it is to be asked anew."""

    inode: int
    ifindex: int
    mac: str
    interface: str
    gateway: str


class _Client(NamedTuple):
    process: subprocess.Popen[bytes]
    place: _Place
    path: str


class DhcpClients:
    """Those that run; ``look`` brings them to what a pass found."""

    def __init__(self) -> None:
        self._clients: dict[RecordId, _Client] = {}

    @property
    def pids(self) -> set[int]:
        """The processes of those that were started, and were not seen to have ended."""
        return {client.process.pid for client in self._clients.values()}

    def look(self, report: Report) -> None:
        """Start those that are missing, and end those whose attachment or container is gone."""
        asking = {id_of(one.record): one for one in report.objects if asks(one.record)}
        if not asking and not self._clients:
            return
        for gone in [key for key in self._clients if key not in asking]:
            self._end(gone, forgotten=True)
        unknown = {*report.unanswered, *(key for key, one in asking.items() if one.state == FAILED)}
        running: dict[RecordId, Record] = {}
        for key, one in asking.items():
            if one.state == PENDING and key not in unknown:
                self._end(key)
            elif key not in unknown:
                running[key] = one.record
        if running:
            self._see_to(running)

    def _see_to(self, running: Mapping[RecordId, Record]) -> None:
        targets = {target for record in running.values() if (target := target_of(record)) is not None}
        try:
            with Machine() as machine:
                pinned, inodes = pin_targets(machine, targets, must_run=True, patience=0, may_come=True)
                for key, record in running.items():
                    self._see_to_one(machine, key, record, pinned, inodes)
        except (PipefitterError, OSError) as error:
            complain(f"DHCP clients are left as they are: {error}")

    def _see_to_one(
        self,
        machine: Machine,
        key: RecordId,
        record: Record,
        pinned: Mapping[Target, tuple[str | None, str]],
        inodes: Mapping[str, int],
    ) -> None:
        target = target_of(record)
        netns = pinned[target][0] if target is not None else None
        interface = str(record.options.get("interface") or DEFAULT_INTERFACE)
        link = machine.netlink(netns).links().get(interface) if netns is not None else None
        if netns is None or link is None:
            self._end(key)
            return
        place = _Place(inodes[netns], link.index, link.mac, interface, str(record.options.get("gateway") or ""))
        client = self._clients.get(key)
        if client is not None and client.process.poll() is None and client.place == place:
            if not leases.read(client.path).released:
                return
        self._end(key)
        self._clients[key] = _start(machine.descriptor(netns), record, place)

    def _end(self, key: RecordId, forgotten: bool = False) -> None:
        """End a client; one whose attachment is ``forgotten`` tells its server that the address is free."""
        client = self._clients.pop(key, None)
        if client is None:
            return
        if forgotten:
            leases.release(client.path, client.process.pid)
        client.process.terminate()
        try:
            client.process.wait(_END)
        except subprocess.TimeoutExpired:
            client.process.kill()
            client.process.wait()
        if forgotten:
            leases.remove(client.path)
        else:
            with contextlib.suppress(OSError):
                leases.write(client.path, replace(leases.read(client.path), pid=0))

    def close(self) -> None:
        """End all; the service that comes next asks for the same addresses."""
        for key in list(self._clients):
            self._end(key)


def _start(descriptor: int, record: Record, place: _Place) -> _Client:
    path = path_of(record)
    former = leases.read(path)
    words = [
        *("setpriv", "--pdeathsig", "TERM", "nsenter", f"--net=/proc/self/fd/{descriptor}"),
        *_client(),
        *_MANNER,
        *("-i", place.interface, "-s", PROGRAM),
    ]
    name = record.options.get("container")
    if name:
        words += ["-x", f"hostname:{name}"]
    if former.holds:
        words += ["-r", former.address.partition("/")[0]]
    else:
        leases.remove(path)
    own = {LEASE: path, NAME: str(record), GATEWAY: place.gateway}
    process = subprocess.Popen(
        words,
        env={**os.environ, "PATH": program.path(), **own},
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return _Client(process, place, path)


def _client() -> Sequence[str]:
    return (leases.CLIENT,) if program.installed(leases.CLIENT) else ("busybox", leases.CLIENT)
