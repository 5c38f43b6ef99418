# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports of Open vSwitch, through its database. Private to the collection.

The tables are those of ovs-vswitchd.conf.db(5). ``ovs-vsctl`` would be a process
and a text to parse for what is here one transaction for a thousand ports.

Writing a row only says what is wanted. ovs-vswitchd says that it is done by
raising ``cur_cfg`` to the ``next_cfg`` of the transaction, and whether it went
well by ``ofport`` and ``error`` of each interface.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Iterable, Mapping, Sequence

from ...errors import PipefitterError, Refused
from ...model.ovs import NO_BRIDGES, VXLAN, OvsBridge, OvsBridgeChange, OvsPort, Tunnel
from . import bridges as bridge_rows
from .columns import NOTHING, configured, overtaken, pairs, row_ids, unchanged, values, writing
from .session import DATABASE, Operation, Row, Session

SOCKET = "/var/run/openvswitch/db.sock"
_VLANS = ("tag", "trunks", "vlan_mode")
_DEVICES = ("", "system", "tap")  # values of Interface.type
_DRIVEN = ("dpdk", "afxdp")  # how values begin of what Open vSwitch drives itself: dpdkvhostuserclient, afxdp-nonpmd

# What ovs-vswitchd reports in an Interface; everything else in the row was
# configured, and comes back when a removed port is put back.
_REPORTED = frozenset(
    """admin_state bfd_status cfm_fault cfm_fault_status cfm_flap_count cfm_health cfm_remote_mpids
    cfm_remote_opstate duplex error ifindex lacp_current link_resets link_speed link_state mac_in_use mtu
    ofport statistics status""".split()
)
_REPORTED_OF_PORT = frozenset(("rstp_statistics", "rstp_status", "statistics", "status", "bond_active_slave"))
# Somebody else changed one of our ports between our look and our
# transaction; the next look says what there is to say about it.
_ATTEMPTS = 3
# ovs-vswitchd takes 1 ms to open a port and 15 ms to close one (userspace
# datapath, measured); a thousand ports at once must not look like a hang.
_PER_PORT = 0.05


# All columns of a Port, and of its Interfaces.
WholePort = tuple[Row, list[Row]]


class Ovsdb:
    """The database at ``path``, connected to for the length of each call.

    ovsdb-server drops clients that don't answer its probes, so a connection
    that waits for the next call would not be there for it.
    """

    def __init__(self, path: str | None = None, timeout: float = 10.0) -> None:
        self.path = path or SOCKET
        self.timeout = timeout
        self._removed: dict[str, WholePort] = {}

    def available(self) -> bool:
        """Whether a server listens; one that crashed leaves its socket behind."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
            return probe.connect_ex(self.path) == 0

    def read(self) -> tuple[dict[str, OvsBridge], dict[str, OvsPort]]:
        """Return all bridges and all ports by name, as they are at one moment.

        Raises ``MissingFeature`` where Open vSwitch doesn't run,
        ``PipefitterError`` where it doesn't answer within the timeout.
        """
        with Session(self.path, self.timeout) as session:
            rows = _Rows(*session.transact(_selects()))
        return rows.bridges(), rows.ports()

    def switch_runs(self) -> bool:
        """Whether an ovs-vswitchd works for this database: it holds a lock there, so that there is but one."""
        with Session(self.path, self.timeout) as session:
            return session.is_locked("ovs_vswitchd")

    def port_errors(self) -> dict[str, str]:
        """Return, by port, why Open vSwitch could not put an interface to work."""
        with Session(self.path, self.timeout) as session:
            rows = _Rows(*session.transact(_selects()))
        return {name: error for name in rows.port_rows if (error := rows.error_of(name))}

    def apply(
        self,
        add: Sequence[OvsPort] = (),
        change: Sequence[OvsPort] = (),
        remove: Sequence[OvsPort] = (),
        bridges: OvsBridgeChange = NO_BRIDGES,
        timeout: float | None = None,
        former: Sequence[OvsPort] = (),
        restore: bool = False,
    ) -> None:
        """Add, change and remove ports and bridges in one transaction and wait until ovs-vswitchd has done it.

        A port is changed in its tag, trunks, VLAN mode and external ids, as far as
        it differs from its namesake in ``former``; all else of it stays as it is
        by now. A bridge likewise. The port ``remove`` names is removed if it is on that bridge. A port may be
        in ``remove`` and, for another bridge, in ``add``. Removing what is gone
        is no error. The local port of a bridge that is added may be in ``add``,
        to have VLANs. With ``restore``, ports in ``add`` that an earlier call
        removed come back with all that others had configured of them.

        ``timeout`` is for how many seconds ovs-vswitchd is waited for; without
        it, the timeout of all else.

        Raises ``Refused`` where a bridge or port is not as the request supposes,
        or has another value than in ``former`` where one is to be written
        (nothing is changed then), and ``PipefitterError`` where ovs-vswitchd
        doesn't confirm in time (the timeout, and 50 ms more a port) or can't
        open an added port or make the device of a bridge; all of it is undone
        then.
        """
        if not (add or change or remove or bridges != NO_BRIDGES):
            return
        with Session(self.path, self.timeout) as session:
            done = _commit(session, add, change, remove, bridges, former, self._removed if restore else {})
            seconds = self.timeout if timeout is None else timeout
            problem = _problem(session, done, seconds + _PER_PORT * len([*add, *change, *remove]), self.timeout)
            if problem is None:
                self._removed.update(done.removed)
                return
            try:
                session.renew(self.timeout)
                session.transact(done.undo)
            except PipefitterError as error:
                raise PipefitterError(f"{problem}; undoing the change failed too: {error}") from None
            raise PipefitterError(f"{problem}; nothing of this change was kept")


@dataclass
class _Rows:
    """The selected rows; ports and interfaces by name."""

    bridge_rows: dict[str, Row]
    port_rows: dict[str, Row]
    interface_rows: dict[str, Row]

    def __init__(self, bridges: Operation, ports: Operation, interfaces: Operation) -> None:
        self.bridge_rows = {row["name"]: row for row in bridges["rows"]}
        self.port_rows = {row["name"]: row for row in ports["rows"]}
        self.interface_rows = {row["name"]: row for row in interfaces["rows"]}
        self._names = {row["_uuid"][1]: name for name, row in self.port_rows.items()}
        self._interfaces = {row["_uuid"][1]: row for row in interfaces["rows"]}
        self.bridge_of = {
            self._names[uuid]: name for name, row in self.bridge_rows.items() for uuid in row_ids(row["ports"])
        }

    def bridges(self) -> dict[str, OvsBridge]:
        return {name: self._bridge(name, row) for name, row in self.bridge_rows.items()}

    def _bridge(self, name: str, row: Row) -> OvsBridge:
        ports = sorted(self._names[uuid] for uuid in row_ids(row["ports"]))
        interfaces = [interface for port in ports for interface in self.interfaces_of(port)]
        own = next((interface["mtu_request"] for interface in interfaces if interface["name"] == name), NOTHING)
        return replace(
            bridge_rows.read(row, tuple(ports)),
            devices=tuple(interface["name"] for interface in interfaces if interface["type"] in _DEVICES),
            mtu_request=next(iter(values(own)), None),
            driven_mtus=tuple(
                mtu for interface in interfaces if interface["type"].startswith(_DRIVEN) for mtu in _mtu(interface)
            ),
        )

    def ports(self) -> dict[str, OvsPort]:
        return {
            name: OvsPort(
                name=name,
                tunnel=_tunnel(row, self.interfaces_of(name)),
                bridge=self.bridge_of[name],
                tag=next(iter(values(row["tag"])), None),
                trunks=tuple(sorted(values(row["trunks"]))),
                vlan_mode=next(iter(values(row["vlan_mode"])), None),
                external_ids=pairs(row["external_ids"]),
            )
            for name, row in self.port_rows.items()
        }

    def interfaces_of(self, port: str) -> list[Row]:
        return [self._interfaces[uuid] for uuid in row_ids(self.port_rows[port]["interfaces"])]

    def error_of(self, port: str) -> str | None:
        for row in self.interfaces_of(port):
            number = next(iter(values(row["ofport"])), None)
            error = next(iter(values(row["error"])), None)
            if error:
                return str(error)
            if number is None:
                return "it was given no port number: the bridge has no datapath"
            if number == -1:
                return "it was given no port number"
        return None


def _mtu(interface: Row) -> list[int]:
    """Return the MTU in effect; before ovs-vswitchd reports one, what was asked for; [] where neither is known."""
    return values(interface["mtu"]) or values(interface["mtu_request"])


@dataclass(frozen=True)
class _Committed:
    """A transaction that went through, what takes it back, and the ports that it removed."""

    config: int
    undo: list[Operation]
    added: tuple[OvsPort, ...]
    bridges: tuple[str, ...]
    removed: Mapping[str, WholePort]


def _commit(
    session: Session,
    add: Sequence[OvsPort],
    change: Sequence[OvsPort],
    remove: Sequence[OvsPort],
    bridges: OvsBridgeChange,
    former: Sequence[OvsPort] = (),
    restorable: Mapping[str, WholePort] = MappingProxyType({}),
) -> _Committed:
    supposed = {port.name: port for port in former}
    new_bridges = {bridge.name for bridge in bridges.add}
    # The local port comes with its bridge.
    local = {port.name: port for port in add if port.name == port.bridge and port.name in new_bridges}
    add = [port for port in add if port.name not in local]
    for _attempt in range(_ATTEMPTS):
        rows = _Rows(*session.transact(_selects()))
        gone = [port for port in remove if rows.bridge_of.get(port.name) == port.bridge]
        _refuse_unlike(rows, add, change, {port.name for port in gone}, new_bridges)
        shown_ports = rows.ports() if change else {}
        changing = [(supposed.get(port.name, shown_ports[port.name]), port) for port in change]
        _refuse_overtaken(changing, shown_ports)
        going = bridge_rows.refuse_unlike(rows.bridge_rows, rows.bridge_of, bridges, {port.name for port in gone})
        whole = _whole_rows(session, rows, gone)
        whole_bridges = bridge_rows.whole(session, rows.bridge_rows, going)
        whole_locals = _whole_rows(session, rows, [OvsPort(bridge.name, bridge.name) for bridge in going])
        if whole is None or whole_bridges is None or whole_locals is None:
            continue
        operations = [
            *bridge_rows.additions(bridges.add, {name: _columns(port) for name, port in local.items()}),
            *bridge_rows.changes(rows.bridge_rows, bridges),
            *_removals(rows, gone),
            *_changes(rows, changing),
            *_additions(rows, add, restorable),
            *bridge_rows.removals(rows.bridge_rows, rows.port_rows, going),
        ]
        counter: list[Operation] = [
            {"op": "mutate", "table": DATABASE, "where": [], "mutations": [["next_cfg", "+=", 1]]},
            {"op": "select", "table": DATABASE, "where": [], "columns": ["next_cfg"]},
        ]
        results = session.attempt([*operations, *counter])
        if results is None:
            continue
        created = {
            (operation["table"], operation["row"]["name"]): result["uuid"]
            for operation, result in zip(operations, results)
            if operation["op"] == "insert"
        }
        undo = [
            *_put_locals_back(whole_bridges, whole_locals),
            *_take_back(add, created),
            *_change_back(rows, changing),
            *_put_back(gone, whole),
            *bridge_rows.change_back(rows.bridge_rows, bridges),
            *bridge_rows.take_back([created["Bridge", bridge.name] for bridge in bridges.add]),
        ]
        shown = tuple(bridge.name for bridge in (*bridges.add, *bridges.change))
        return _Committed(
            results[-1]["rows"][0]["next_cfg"],
            undo,
            tuple(add),
            shown,
            {port.name: port_rows for port, port_rows in zip(gone, whole)},
        )
    raise Refused(
        "the Open vSwitch ports asked for were changed by somebody else at the same time, again and again;"
        " see what else configures Open vSwitch on this host and run this again"
    )


def _refuse_unlike(
    rows: _Rows, add: Sequence[OvsPort], change: Sequence[OvsPort], gone: set[str], new_bridges: set[str]
) -> None:
    for port in (*add, *change):
        if port.bridge not in rows.bridge_rows and port.bridge not in new_bridges:
            raise Refused(
                f"port {port.name}: there is no Open vSwitch bridge {port.bridge} on this host; create it first"
            )
    names = [port.name for port in (*add, *change)]
    for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        raise Refused(f"port {name} of Open vSwitch was asked for twice in one change; leave one of them out")
    for port in add:
        found = rows.bridge_of.get(port.name)
        if found is not None and port.name not in gone:
            raise Refused(
                f"port {port.name} can't be added to Open vSwitch bridge {port.bridge}: it is on bridge"
                f" {found} already; remove it there or choose another name"
            )
        if found is None and port.name in rows.interface_rows:
            raise Refused(
                f"port {port.name} can't be added to Open vSwitch bridge {port.bridge}: it is part of a bond;"
                " remove it there or choose another name"
            )
    for port in change:
        found = rows.bridge_of.get(port.name)
        if found != port.bridge:
            where = f"is on bridge {found}" if found else "is on no bridge"
            raise Refused(
                f"port {port.name} of Open vSwitch bridge {port.bridge} can't be changed: it {where};"
                " run this again to see the difference"
            )


def _refuse_overtaken(changing: Sequence[tuple[OvsPort, OvsPort]], shown: Mapping[str, OvsPort]) -> None:
    for old, new in changing:
        other = overtaken(_columns(old), _columns(new), _columns(shown[new.name]), _VLANS)
        if other:
            raise Refused(
                f"port {new.name} of Open vSwitch bridge {new.bridge} can't be changed: somebody else changed its {other} meanwhile; run this again"
            )


def _whole_rows(session: Session, rows: _Rows, gone: Sequence[OvsPort]) -> list[WholePort] | None:
    """All columns of ports about to be removed and of their interfaces, for putting them back.

    ``None`` where one of them is gone by now.
    """
    selects: list[Operation] = []
    counts: list[int] = []
    for port in gone:
        interfaces = rows.interfaces_of(port.name)
        counts.append(len(interfaces))
        selects.append(_select("Port", rows.port_rows[port.name]["_uuid"]))
        selects += [_select("Interface", row["_uuid"]) for row in interfaces]
    found = iter([result["rows"] for result in session.transact(selects)] if selects else ())
    whole = []
    for count in counts:
        found_rows = [next(found) for _row in range(1 + count)]
        if not all(found_rows):
            return None
        port_row, *interface_rows = (matching[0] for matching in found_rows)
        whole.append((port_row, interface_rows))
    return whole


def _removals(rows: _Rows, gone: Sequence[OvsPort]) -> list[Operation]:
    """A Port without a bridge is collected as garbage, with its Interface."""
    uuids = {port.name: rows.port_rows[port.name]["_uuid"] for port in gone}
    waits = [_still_on(port.bridge, uuids[port.name]) for port in gone]
    return waits + [
        _membership(bridge, "delete", [uuids[port.name] for port in ports]) for bridge, ports in _by_bridge(gone)
    ]


def _changes(rows: _Rows, changing: Sequence[tuple[OvsPort, OvsPort]]) -> list[Operation]:
    operations = []
    for old, new in changing:
        row = rows.port_rows[new.name]
        operations += [
            _still_on(new.bridge, row["_uuid"]),
            # What was compared with the caller's view must still be so, and is what the inverse gives back.
            unchanged("Port", row, list(_columns(new))),
            *writing("Port", row["_uuid"], _columns(old), _columns(new)),
        ]
    return operations


def _additions(rows: _Rows, add: Sequence[OvsPort], restorable: Mapping[str, WholePort]) -> list[Operation]:
    operations: list[Operation] = []
    members: dict[str, list[Any]] = {}
    for number, port in enumerate(add):
        row: Row = {"name": port.name, **_columns(port), **_protection(port)}
        interfaces: list[Row] = [{"name": port.name, **_tunnel_columns(port)}]
        if port.name in restorable:
            whole_row, interfaces = restorable[port.name]
            row = {**whole_row, **row}
        # The names are unique indexes in the schema: a port that somebody else
        # adds in between makes the whole transaction fail.
        operations += _inserts(f"port{number}", row, interfaces)
        members.setdefault(port.bridge, []).append(["named-uuid", f"port{number}"])
    for bridge, ports in members.items():
        if bridge in rows.bridge_rows:
            operations.append(_still_there(rows, bridge))
        operations.append(_membership(bridge, "insert", ports))
    return operations


def _take_back(add: Sequence[OvsPort], created: Mapping[tuple[str, str], Any]) -> list[Operation]:
    return [
        _membership(bridge, "delete", [created["Port", port.name] for port in ports])
        for bridge, ports in _by_bridge(add)
    ]


def _change_back(rows: _Rows, changing: Sequence[tuple[OvsPort, OvsPort]]) -> list[Operation]:
    back = [writing("Port", rows.port_rows[new.name]["_uuid"], _columns(new), _columns(old)) for old, new in changing]
    return [operation for operations in back for operation in operations]


def _put_back(gone: Sequence[OvsPort], whole: Sequence[WholePort]) -> list[Operation]:
    operations: list[Operation] = []
    members: dict[str, list[Any]] = {}
    for number, (port, (row, interfaces)) in enumerate(zip(gone, whole)):
        operations += _inserts(f"former{number}", row, interfaces)
        members.setdefault(port.bridge, []).append(["named-uuid", f"former{number}"])
    return operations + [_membership(bridge, "insert", ports) for bridge, ports in members.items()]


def _put_locals_back(bridges: Sequence[Row], local: Sequence[WholePort]) -> list[Operation]:
    """Bridges come back with their local ports, as a Port without a bridge does not stay."""
    names = [f"local{number}" for number in range(len(local))]
    inserts = [_inserts(name, row, interfaces) for name, (row, interfaces) in zip(names, local)]
    return [
        *(operation for operations in inserts for operation in operations),
        *bridge_rows.put_back(zip(bridges, names)),
    ]


def _inserts(name: str, row: Row, interfaces: Sequence[Row]) -> list[Operation]:
    """What makes a Port that the same transaction can refer to by ``name``, without what ovs-vswitchd reports."""
    names = [f"{name}_{position}" for position in range(len(interfaces))]
    operations: list[Operation] = [
        {"op": "insert", "table": "Interface", "uuid-name": each, "row": configured(interface, _REPORTED)}
        for each, interface in zip(names, interfaces)
    ]
    columns = {**configured(row, _REPORTED_OF_PORT), "interfaces": ["set", [["named-uuid", each] for each in names]]}
    return [*operations, {"op": "insert", "table": "Port", "uuid-name": name, "row": columns}]


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
            f"ovs-vswitchd did not confirm the change within {timeout:g} s; see that it runs"
            " (`systemctl status openvswitch-switch`) and what its log says"
        )
    if not done.added and not done.bridges:
        return None
    # The confirmation may have come with the last millisecond.
    session.renew(answer_timeout)
    rows = _Rows(*session.transact(_selects()))
    for bridge in done.bridges:
        reason = _failure_of_bridge(rows, bridge)
        if reason:
            datapath = rows.bridge_rows[bridge]["datapath_type"] if bridge in rows.bridge_rows else ""
            return bridge_rows.without_device(bridge, datapath, reason)
    failed = [(port, reason) for port in done.added if (reason := _failure(rows, port))]
    if not failed:
        return None
    port, reason = failed[0]
    others = f" (and {len(failed) - 1} more ports failed)" if len(failed) > 1 else ""
    return f"Open vSwitch could not put port {port.name} into bridge {port.bridge}: {reason}{others}"


def _failure_of_bridge(rows: _Rows, bridge: str) -> str | None:
    if bridge not in rows.port_rows:
        return "somebody else removed it at once"
    # A bridge whose datapath_type was changed to one that is not there keeps the port number that it had.
    present = any(name == bridge for _index, name in socket.if_nameindex())
    return rows.error_of(bridge) or (None if present else "there is no datapath for it")


def _failure(rows: _Rows, port: OvsPort) -> str | None:
    if port.name not in rows.port_rows:
        return "somebody else removed it at once"
    error = rows.error_of(port.name)
    datapath = rows.bridge_rows.get(port.bridge, {}).get("datapath_type")
    if error and "no datapath" in error and datapath in ("", "system"):
        error += " (datapath_type=system needs the kernel module openvswitch; datapath_type=netdev does not)"
    return error


# Tunnels: what an Interface is, and whether its Port is protected.


# Options of a tunnel that change what is on the wire, with what they are by default (ovs-vswitchd.conf.db(5), Interface).
_ALTERING = {"dst_port": "4789", "exts": "", "in_key": "", "out_key": "", "packet_type": "legacy_l2"}


def _tunnel(port: Row, interfaces: Sequence[Row]) -> Tunnel | None:
    if len(interfaces) != 1 or interfaces[0]["type"] != VXLAN:
        return None
    options = dict(pairs(interfaces[0]["options"]))
    vni = options.get("key", "0")
    # A key that flows choose, or a remote, is no tunnel that could be wanted here: it differs from each of them.
    number = int(vni) if vni.isascii() and vni.isdigit() else 0
    altered = tuple((name, options[name]) for name in _ALTERING if options.get(name) not in (None, _ALTERING[name]))
    return Tunnel(options.get("remote_ip", ""), number, options.get("local_ip", ""), port["protected"], altered)


def _tunnel_columns(port: OvsPort) -> Row:
    if port.tunnel is None:
        return {}
    options = [["remote_ip", port.tunnel.remote], ["key", str(port.tunnel.vni)], *map(list, port.tunnel.altered)]
    if port.tunnel.local:
        options.append(["local_ip", port.tunnel.local])
    return {"type": VXLAN, "options": ["map", options]}


def _protection(port: OvsPort) -> Row:
    return {"protected": port.tunnel.protected} if port.tunnel is not None else {}


# The parts of operations, RFC 7047 section 5.


def _selects() -> list[Operation]:
    columns = {
        "Bridge": ["_uuid", "name", "ports", *bridge_rows.COLUMNS],
        "Port": ["_uuid", "name", "interfaces", "tag", "trunks", "vlan_mode", "external_ids", "protected"],
        "Interface": ["_uuid", "name", "ofport", "error", "type", "options", "mtu", "mtu_request"],
    }
    return [{"op": "select", "table": table, "where": [], "columns": names} for table, names in columns.items()]


def _select(table: str, uuid: list[str]) -> Operation:
    return {"op": "select", "table": table, "where": _is(uuid)}


def _is(uuid: list[str]) -> list[Any]:
    return [["_uuid", "==", uuid]]


def _still_on(bridge: str, port_uuid: list[str]) -> Operation:
    return {
        "op": "wait",
        "table": "Bridge",
        "where": [["name", "==", bridge], ["ports", "includes", port_uuid]],
        "columns": ["name"],
        "until": "==",
        "rows": [{"name": bridge}],
        "timeout": 0,
    }


def _still_there(rows: _Rows, bridge: str) -> Operation:
    return {
        "op": "wait",
        "table": "Bridge",
        "where": _is(rows.bridge_rows[bridge]["_uuid"]),
        "columns": ["name"],
        "until": "==",
        "rows": [{"name": bridge}],
        "timeout": 0,
    }


def _membership(bridge: str, mutator: str, ports: list[Any]) -> Operation:
    """A mutation, since a new value for the whole set would lose what others add meanwhile."""
    return {
        "op": "mutate",
        "table": "Bridge",
        "where": [["name", "==", bridge]],
        "mutations": [["ports", mutator, ["set", ports]]],
    }


def _columns(port: OvsPort) -> Row:
    return {
        "tag": NOTHING if port.tag is None else port.tag,
        "trunks": ["set", list(port.trunks)],
        "vlan_mode": NOTHING if port.vlan_mode is None else port.vlan_mode,
        "external_ids": ["map", [list(pair) for pair in port.external_ids]],
    }


def _by_bridge(ports: Sequence[OvsPort]) -> Iterable[tuple[str, list[OvsPort]]]:
    bridges: dict[str, list[OvsPort]] = {}
    for port in ports:
        bridges.setdefault(port.bridge, []).append(port)
    return bridges.items()
