# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports and bridges of Open vSwitch, through its database: read, change, wait. Private to the collection.

``ovs-vsctl`` would be a process and a text to parse for what is here one
transaction for a thousand ports.

Writing a row only says what is wanted. ovs-vswitchd says that it is done by
raising ``cur_cfg`` to the ``next_cfg`` of the transaction, and whether it went
well by ``ofport`` and ``error`` of each interface (ovs-vswitchd.conf.db(5)).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...errors import PipefitterError, Refused
from ...light_dataclass import dataclass
from ...model.ovs import OvsBridge, OvsChange, OvsPort
from . import bridges as bridge_rows
from . import ports as port_rows
from .ports import Changing, WholePort
from .rows import Rows
from .session import DATABASE, Operation, Row, Session

SOCKET = "/var/run/openvswitch/db.sock"

_SELECTS: list[Operation] = [
    {"op": "select", "table": table, "where": [], "columns": ["_uuid", "name", *columns]}
    for table, columns in (
        ("Bridge", ("ports", *bridge_rows.COLUMNS)),
        ("Port", ("interfaces", *port_rows.COLUMNS)),
        ("Interface", port_rows.INTERFACE_COLUMNS),
    )
]

_RAISE_CONFIG: list[Operation] = [
    {"op": "mutate", "table": DATABASE, "where": [], "mutations": [["next_cfg", "+=", 1]]},
    {"op": "select", "table": DATABASE, "where": [], "columns": ["next_cfg"]},
]

# Another program changed one of our ports between our look and our
# transaction; the next look says what there is to say about it.
_ATTEMPTS = 3
# ovs-vswitchd takes 1 ms to open a port and 15 ms to close one (userspace
# datapath, measured); a thousand ports at once must not look like a hang.
_PER_PORT = 0.05


class Ovsdb:
    """The database at ``path``, connected to for the length of each call.

    ovsdb-server drops clients that don't answer its probes, so a connection
    that waits for the next call would not be there for it. ``timeout`` is in seconds.
    """

    def __init__(self, path: str | None = None, timeout: float = 10.0) -> None:
        self.path = path or SOCKET
        self.timeout = timeout
        self._removed: dict[str, WholePort] = {}

    def available(self) -> bool:
        """Tell whether a server listens; one that crashed leaves its socket behind."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
            return probe.connect_ex(self.path) == 0

    def read(self) -> tuple[dict[str, OvsBridge], dict[str, OvsPort]]:
        """Return all bridges and all ports by name, as they are at one moment.

        :raises MissingFeature: Open vSwitch does not run.
        :raises PipefitterError: it does not answer within the timeout.
        """
        with Session(self.path, self.timeout) as session:
            rows = _select(session)
        return bridge_rows.read_all(rows), port_rows.read(rows)

    def switch_runs(self) -> bool:
        """Tell whether an ovs-vswitchd works for this database: it holds a lock there, so that there is but one."""
        with Session(self.path, self.timeout) as session:
            return session.is_locked("ovs_vswitchd")

    def apply(self, change: OvsChange) -> None:
        """Change ports and bridges in one transaction and wait until ovs-vswitchd has done it.

        A port is removed if it is on the bridge named; removing what is gone is no error.

        :raises Refused: a bridge or port is not as ``change`` supposes, or has another value than in ``former``
            where one is to be written; nothing is changed then.
        :raises PipefitterError: ovs-vswitchd does not confirm in time (the timeout, and 50 ms more a port), or
            can't open an added port or make the device of a bridge; all of it is undone then.
        """
        if change.empty:
            return
        with Session(self.path, self.timeout) as session:
            done = _commit(session, change, self._removed if change.restore else {})
            problem = _problem(session, done, self._patience(change), self.timeout)
            if problem is None:
                self._removed.update(done.removed)
                return
            try:
                session.renew(self.timeout)
                session.transact(done.undo)
            except PipefitterError as error:
                raise PipefitterError(f"{problem}; undoing the change failed too: {error}") from None
            raise PipefitterError(f"{problem}; nothing of this change was kept")

    def commit(self, change: OvsChange) -> None:
        """Change ports and bridges in one transaction, whatever becomes of ovs-vswitchd.

        :raises Refused: as ``apply`` does.
        """
        with Session(self.path, self.timeout) as session:
            _commit(session, change)

    def _patience(self, change: OvsChange) -> float:
        seconds = self.timeout if change.timeout is None else change.timeout
        return seconds + _PER_PORT * len([*change.add, *change.change, *change.remove])


def _select(session: Session) -> Rows:
    return Rows(*session.transact(_SELECTS))


# ---- the transaction


@dataclass(frozen=True)
class _Committed:
    """A transaction that went through, what takes it back, and the ports that it removed."""

    config: int
    undo: list[Operation]
    added: tuple[OvsPort, ...]
    bridges: tuple[str, ...]
    removed: Mapping[str, WholePort]


def _commit(
    session: Session, change: OvsChange, restorable: Mapping[str, WholePort] = MappingProxyType({})
) -> _Committed:
    for _attempt in range(_ATTEMPTS):
        transaction = _Transaction(change, _select(session))
        if not transaction.read_whole(session):
            continue
        operations = transaction.operations(restorable)
        results = session.attempt([*operations, *_RAISE_CONFIG])
        if results is not None:
            return transaction.committed(operations, results)
    raise Refused(
        f"gave up after {_ATTEMPTS} attempts: another program changed the same ports or bridges of Open vSwitch each"
        " time; see what else configures Open vSwitch on this host and run this again"
    )


class _Transaction:
    """A change of the rows that are there.

    :raises Refused: a bridge or port is not as the change supposes.
    """

    def __init__(self, change: OvsChange, rows: Rows) -> None:
        self._rows = rows
        self._bridges = change.bridges
        new = {bridge.name for bridge in change.bridges.add}
        # The local port comes with its bridge.
        self._local = {port.name: port for port in change.add if port.name == port.bridge and port.name in new}
        self._add = [port for port in change.add if port.name not in self._local]
        self._gone = [port for port in change.remove if rows.bridge_of.get(port.name) == port.bridge]
        gone = {port.name for port in self._gone}
        port_rows.refuse_unlike(rows, self._add, change.change, gone, new)
        self._changing = _changing(rows, change)
        self._going = bridge_rows.refuse_unlike(rows.bridges, rows.bridge_of, change.bridges, gone)
        self._whole: list[WholePort] = []
        self._whole_bridges: list[Row] = []
        self._whole_locals: list[WholePort] = []

    def read_whole(self, session: Session) -> bool:
        """Read all columns of what goes, to be able to put it back; tell whether all of it is still there."""
        whole = port_rows.whole(session, self._rows, self._gone)
        bridges = bridge_rows.whole(session, self._rows.bridges, self._going)
        local = port_rows.whole(session, self._rows, [OvsPort(bridge.name, bridge.name) for bridge in self._going])
        if whole is None or bridges is None or local is None:
            return False
        self._whole, self._whole_bridges, self._whole_locals = whole, bridges, local
        return True

    def operations(self, restorable: Mapping[str, WholePort]) -> list[Operation]:
        rows, bridges = self._rows, self._bridges
        local_columns = {name: port_rows.columns(port) for name, port in self._local.items()}
        return [
            *bridge_rows.additions(bridges.add, local_columns),
            *bridge_rows.changes(rows.bridges, bridges),
            *port_rows.removals(rows, self._gone),
            *port_rows.changes(rows, self._changing),
            *port_rows.additions(rows, self._add, restorable),
            *bridge_rows.removals(rows.bridges, rows.ports, self._going),
        ]

    def committed(self, operations: Sequence[Operation], results: Sequence[Row]) -> _Committed:
        created = {
            (operation["table"], operation["row"]["name"]): result["uuid"]
            for operation, result in zip(operations, results)
            if operation["op"] == "insert"
        }
        shown = (*self._bridges.add, *self._bridges.change)
        return _Committed(
            config=results[-1]["rows"][0]["next_cfg"],
            undo=self._undo(created),
            added=tuple(self._add),
            bridges=tuple(bridge.name for bridge in shown),
            removed={port.name: whole for port, whole in zip(self._gone, self._whole)},
        )

    def _undo(self, created: Mapping[tuple[str, str], Any]) -> list[Operation]:
        return [
            *bridge_rows.put_back(self._whole_bridges, self._whole_locals),
            *port_rows.take_back(self._add, created),
            *port_rows.change_back(self._rows, self._changing),
            *port_rows.put_back(self._gone, self._whole),
            *bridge_rows.change_back(self._rows.bridges, self._bridges),
            *bridge_rows.take_back([created["Bridge", bridge.name] for bridge in self._bridges.add]),
        ]


def _changing(rows: Rows, change: OvsChange) -> list[Changing]:
    supposed = {port.name: port for port in change.former}
    shown = port_rows.read(rows) if change.change else {}
    changing = [(supposed.get(port.name, shown[port.name]), port) for port in change.change]
    port_rows.refuse_overtaken(changing, shown)
    return changing


# ---- what ovs-vswitchd makes of it


def _problem(session: Session, done: _Committed, timeout: float, answer_timeout: float) -> str | None:
    """Wait for ovs-vswitchd; return what went wrong, or ``None``. Not to be able to tell is a problem too."""
    try:
        return _confirm(session, done, timeout, answer_timeout)
    except PipefitterError as error:
        return str(error)


def _confirm(session: Session, done: _Committed, timeout: float, answer_timeout: float) -> str | None:
    session.renew(timeout)
    if not session.wait_for_config(done.config):
        return (
            f"timed out after {timeout:g} s waiting for ovs-vswitchd to confirm the change; check that it runs"
            " (`systemctl status openvswitch-switch`), and its log"
        )
    if not done.added and not done.bridges:
        return None
    # The confirmation may have come with the last millisecond.
    session.renew(answer_timeout)
    rows = _select(session)
    for bridge in done.bridges:
        reason = _failure_of_bridge(rows, bridge)
        if reason:
            datapath = rows.bridges[bridge]["datapath_type"] if bridge in rows.bridges else ""
            return bridge_rows.without_device(bridge, datapath, reason)
    failed = [(port, reason) for port in done.added if (reason := _failure(rows, port))]
    if not failed:
        return None
    port, reason = failed[0]
    others = f" (and {len(failed) - 1} more ports failed)" if len(failed) > 1 else ""
    return f"Open vSwitch could not put port {port.name} into bridge {port.bridge}: {reason}{others}"


def _failure_of_bridge(rows: Rows, bridge: str) -> str | None:
    if bridge not in rows.ports:
        return "another program removed it at once"
    # A bridge whose datapath_type was changed to one that is not there keeps the port number that it had.
    present = any(name == bridge for _index, name in socket.if_nameindex())
    return rows.error_of(bridge) or (None if present else "there is no datapath for it")


def _failure(rows: Rows, port: OvsPort) -> str | None:
    if port.name not in rows.ports:
        return "another program removed it at once"
    error = rows.error_of(port.name)
    datapath = rows.bridges.get(port.bridge, {}).get("datapath_type")
    if error and "no datapath" in error and datapath in ("", "system"):
        error += " (datapath_type=system needs the kernel module openvswitch; datapath_type=netdev does not)"
    return error
