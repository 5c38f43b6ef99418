# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The service: a pass whenever something happened that it may concern, and now and then. Private to the collection.

An event says only that it is time to look. Those that come during a pass lead to one more, however many they are.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Sequence

from ..errors import PipefitterError
from ..host import service_manager, service_wake
from ..host.engines import docker, lookup
from ..host.notices import Notice
from ..model.record import target_of
from ..reconcile import passes
from ..reconcile.drift import Drift
from ..reconcile.passes import DRIFTED, FAILED, PENDING, RecordId, Report, id_of
from . import dhcp_clients, own_sockets, state_file
from .causes import cause_of
from .hook_server import HookServer, preload
from .output import complain
from .sources import AT_ONCE, DOCKER, IN_TURN, SOURCES, Followed, Source

SLOW = 600.0
"""Seconds between looks without an event: for what no event tells."""

_COALESCED = 0.1  # seconds in which changes of links and rules come together
_OF_ROUTES = 1.0  # seconds in which changes of routes come together: a routing daemon makes many
_SHARE = 20  # for those, passes take at most one part in so many of the time
_LONGEST_BACKOFF = 300.0  # seconds
_RECONNECT = 1.0
_FOR_DOCKER = 120.0  # seconds in which it should have started
_OTHER_CLIENT = 5.0  # seconds after the end of a DHCP client until there is another in its place
_UNTOLD = 1.0  # a network namespace that is given a name tells nobody, nor does the end of a NIC's move

_START = Notice("start of the service")
_REGULAR = Notice("regular look")
_AGAIN = Notice("tried again")
_A_TASK = Notice("asked for by a task")
_A_CLIENT = Notice("a DHCP client ended")


class Watcher:
    """Follows engines and kernel, and makes passes."""

    def __init__(self, drift: str) -> None:
        """``drift`` is what becomes of changes by hand, where a task did not say it: repair or report."""
        self._drift = drift
        self._selector = selectors.DefaultSelector()
        self._open: dict[str, Source] = {}
        self._causes: dict[Notice, None] = {}  # in the order in which they came
        self._due = 0.0
        self._reconnect_at = 0.0
        self._backoff = 1.0
        self._retry_at = 0.0
        self._took = 0.0
        self._begun = time.monotonic()
        self._answering: set[str] = set()  # systemd may listen in Docker's place as it starts
        self._failing: frozenset[RecordId] = frozenset()
        self._without_flows: frozenset[RecordId] = frozenset()
        # What failed half-way was undone: both are changes of which the kernel tells, and no reason to try it again.
        self._resting: dict[RecordId, str] = {}
        self._awaited: list[str] = []
        self._moves: list[str] = []
        self._hooks: HookServer | None = None
        self._dhcp = dhcp_clients.DhcpClients()
        self._watched: dict[int, int] = {}  # a descriptor for each of its processes
        self._told: set[str] = set()
        self._reported: set[str] = set()
        self._ended = False
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)

    def run(self) -> None:
        """Follow until a signal ends it."""
        lookup.wakes_docker = False
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, self._hang_up)
        for one in SOURCES:
            if not one.comes_and_goes:
                self._follow(one)
        preload()
        self._listen()
        self._serve_hooks()
        # Engines wait for the service as the host boots: bridges and isolation are there before their containers.
        self._because(_START)
        self._pass(engines=False)
        self._because(_START)
        service_manager.tell("READY=1")
        self._want(0.0)
        while not self._ended:
            self._look_for_sources()
            self._wait()
            if not self._ended and time.monotonic() >= self._due:
                self._pass(engines=True)
        service_manager.tell("STOPPING=1")
        self._dhcp.close()
        if self._hooks is not None:
            self._hooks.close()

    def _end(self, _number: int, _frame: object) -> None:
        self._ended = True

    def _hang_up(self, _number: int, _frame: object) -> None:
        self._because(Notice("SIGHUP"))
        self._try_all()

    def _because(self, *notices: Notice) -> None:
        self._causes.update(dict.fromkeys(notices))

    def _want(self, delay: float) -> None:
        self._due = min(self._due, time.monotonic() + delay)

    def _try_all(self) -> None:
        """Make a pass at once, which tries anew what has failed."""
        self._backoff, self._retry_at = 1.0, 0.0
        self._want(0.0)

    def _wait(self) -> None:
        pause = service_manager.watchdog_pause()
        now = time.monotonic()
        until = [self._due]
        if self._sought():
            until.append(self._reconnect_at)
        if self._awaited or self._moves:
            until.append(now + _UNTOLD)
        if pause is not None:
            until.append(now + pause)
        self._read_all(max(0.0, min(until) - now))
        for path in self._awaited:
            if os.path.exists(path):
                self._because(Notice(f"netns {path} is there"))
                self._want(0.0)
        if not all(map(os.path.exists, self._moves)):
            self._because(Notice("end of a move of the host's NIC"))
            self._moves = []
            self._want(0.0)
        service_manager.tell("WATCHDOG=1")

    def _read_all(self, seconds: float) -> None:
        """Read what has come, or comes within that time."""
        for key, _events in self._selector.select(seconds):
            if key.fileobj is self._woken:
                self._woken.recv(4096)
            elif isinstance(key.fileobj, HookServer):
                self._end_hooks()
            elif key.data in (_A_TASK, _A_CLIENT):
                self._hear_of(key)
            else:
                self._read(key.data)

    def _read(self, one: Followed) -> None:
        source = self._open[one.name]
        lives = source.read()
        self._hear(one, source.taken())
        if lives:
            self._answering.add(one.name)
            return
        self._selector.unregister(source)
        source.close()
        del self._open[one.name]
        self._answering.discard(one.name)
        self._reconnect_at = time.monotonic() + _RECONNECT
        self._because(Notice(f"{one.name} is gone"))
        complain(f"{one.name} is gone")

    def _hear(self, one: Followed, notices: Sequence[Notice] = ()) -> None:
        """See that it is looked for what a source told of, when its notices count."""
        self._because(*(notices or (Notice(one.cause),)))
        if one.counts == AT_ONCE:
            self._try_all()
        else:
            self._want(max(_OF_ROUTES, _SHARE * self._took) if one.counts == IN_TURN else _COALESCED)

    def _listen(self) -> None:
        try:
            told = own_sockets.bound(service_wake.SOCKET, socket.SOCK_DGRAM)
            told.setblocking(False)
            self._selector.register(told, selectors.EVENT_READ, _A_TASK)
        except OSError as error:
            complain(f"tasks can't tell the service of what they want of it: {error}")

    def _hear_of(self, key: selectors.SelectorKey) -> None:
        self._because(key.data)
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.recv(16)
            self._want(0.0)
        else:
            self._selector.unregister(key.fileobj)
            os.close(key.fd)
            self._watched = {pid: fd for pid, fd in self._watched.items() if fd != key.fd}
            self._want(_OTHER_CLIENT)

    def _see_to_dhcp(self, report: Report) -> None:
        """Bring the clients to what a pass found, and see to it that the end of each is noticed."""
        self._dhcp.look(report)
        pids = self._dhcp.pids
        for pid in self._watched.keys() - pids:
            self._selector.unregister(self._watched[pid])
            os.close(self._watched.pop(pid))
        for pid in pids - self._watched.keys():
            self._watched[pid] = os.pidfd_open(pid)
            self._selector.register(self._watched[pid], selectors.EVENT_READ, _A_CLIENT)

    def _serve_hooks(self) -> None:
        try:
            self._hooks = HookServer()
        except OSError as error:
            complain(f"hooks of containers that start are not served, and do their work themselves: {error}")
            return
        self._selector.register(self._hooks, selectors.EVENT_READ, "hooks")

    def _end_hooks(self) -> None:
        """Its process was killed: until the service is started anew, hooks do their work themselves."""
        if self._hooks is not None:
            self._selector.unregister(self._hooks)
            self._hooks.close()
            self._hooks = None

    def _sought(self) -> list[Followed]:
        return [one for one in SOURCES if one.comes_and_goes and one.name not in self._open]

    def _look_for_sources(self) -> None:
        sought = self._sought()
        if not sought or time.monotonic() < self._reconnect_at:
            return
        self._reconnect_at = time.monotonic() + _RECONNECT
        for one in sought:
            if self._follow(one):
                complain(f"following {one.name}")
                self._because(Notice(f"{one.name} is there"))
                self._try_all()  # what it did before nobody told

    def _follow(self, one: Followed) -> bool:
        source = one.open()
        if source is None:
            return False
        self._open[one.name] = source
        self._selector.register(source, selectors.EVENT_READ, one)
        return True

    def _pass(self, engines: bool) -> None:
        begun = time.monotonic()
        self._due = begun + SLOW
        retries = bool(self._failing) and begun >= self._retry_at
        causes = list(self._causes) or [_AGAIN if retries else _REGULAR]
        self._causes.clear()
        resting = {} if begun >= self._retry_at else self._resting
        # What rewrites the host's firewall as it starts: changes that come with it are nobody's by hand.
        daemon = docker.process()
        starting = bool(daemon) and DOCKER not in self._answering
        drift = Drift(self._drift, state_file.settled(), daemon, starting)
        waits = self._waits_for_docker(begun)
        try:
            report = passes.run(
                engines=engines,
                drift=drift,
                resting=resting,
                forwarding=not waits,
                without_flows=self._without_flows,
            )
        except (PipefitterError, OSError) as error:
            complain(str(error))
            self._fail()
            return
        except Exception:  # a fault of this program: what it meets once is no reason to follow nothing any more
            import traceback  # else nobody needs it

            complain(traceback.format_exc().rstrip())
            self._fail()
            return
        finally:
            self._took = time.monotonic() - begun
        if engines:
            self._without_flows = report.without_flows
        # An engine may have answered what is so since a later event: a container that restarted.
        self._read_all(0.0)
        causes += [one for one in self._causes if one.about]
        state_file.keep(report, causes)
        if engines:
            self._see_to_dhcp(report)
        for line in (*report.operations, *report.warnings):
            complain(line)
        failed = {f"{one.record}: {one.sentence}" for one in report.troubled}
        for line in sorted(failed - self._told):
            complain(line)
        self._told = failed
        self._report_drift(report, causes)
        targets = [target_of(one.record) for one in report.of(PENDING)]
        self._awaited = [target.value for target in targets if target is not None and target.kind == "netns"]
        self._moves = report.moves
        self._see_failures(report, begun)
        service_manager.tell(f"STATUS={_status(report)}")

    def _waits_for_docker(self, now: float) -> bool:
        """Tell whether the host's switch for forwarding is to be left to a Docker that starts as the host boots.

        It drops what it doesn't know of only where it switches forwarding on itself.
        """
        left = self._begun + _FOR_DOCKER - now
        if left <= 0 or DOCKER in self._answering or not docker.starts_at_boot():
            return False
        self._want(left)
        return True

    def _report_drift(self, report: Report, causes: Sequence[Notice]) -> None:
        reported = set(report.reported)
        for line in sorted(reported - self._reported):
            told = f"left as it is (drift: report), it would take: {line}"
            complain(told)
            state_file.note(told, cause_of(line, causes))
        self._reported = reported

    def _see_failures(self, report: Report, begun: float) -> None:
        """See that what failed is tried again, each time after twice as long; what fails anew begins from the first."""
        self._resting = {id_of(one.record): one.sentence for one in report.of(FAILED) if one.undone}
        known, self._failing = self._failing, frozenset(id_of(one.record) for one in report.troubled)
        if not self._failing:
            self._backoff, self._retry_at = 1.0, 0.0
        elif self._failing - known:
            self._backoff = 1.0
            self._fail()
        elif begun >= self._retry_at:
            self._fail()
        else:
            self._due = min(self._due, self._retry_at)

    def _fail(self) -> None:
        self._retry_at = time.monotonic() + self._backoff
        self._want(self._backoff)
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)


def _status(report: Report) -> str:
    counted = [(len(report.of(state)), state) for state in (PENDING, DRIFTED, FAILED)]
    told = ", ".join(f"{count} {state}" for count, state in counted if count)
    return f"{len(report.objects)} objects" + (f", {told}" if told else ", all in order")
