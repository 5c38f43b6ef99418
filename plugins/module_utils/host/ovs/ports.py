# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the tables Port and Interface: read, and the operations that write them. Private to the collection.

``host/ovs/ovsdb.py`` puts them into one transaction with those of bridges. The
tables are those of ovs-vswitchd.conf.db(5), the operations those of RFC 7047 section 5.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...errors import Refused
from ...model.ovs import VXLAN, OvsPort, Tunnel
from ...model.ownership import JOINING
from .columns import NOTHING, configured, overtaken, pairs, unchanged, values, writing
from .rows import Rows
from .session import Operation, Row, Session

COLUMNS = ("tag", "trunks", "vlan_mode", "external_ids", "protected")
"""What of a port is read and written."""

INTERFACE_COLUMNS = ("ofport", "error", "type", "options", "mtu", "mtu_request")
"""What of an interface is read."""

_VLANS = ("tag", "trunks", "vlan_mode")

# What ovs-vswitchd reports in an Interface; everything else in the row was
# configured, and comes back when a removed port is put back.
_REPORTED = frozenset(
    """admin_state bfd_status cfm_fault cfm_fault_status cfm_flap_count cfm_health cfm_remote_mpids
    cfm_remote_opstate duplex error ifindex lacp_current link_resets link_speed link_state mac_in_use mtu
    ofport statistics status""".split()
)
_REPORTED_OF_PORT = frozenset(("rstp_statistics", "rstp_status", "statistics", "status", "bond_active_slave"))

# Options of a tunnel that change what is on the wire, with their defaults (ovs-vswitchd.conf.db(5), Interface).
_ALTERING = {"dst_port": "4789", "exts": "", "in_key": "", "out_key": "", "packet_type": "legacy_l2"}

# All columns of a Port, and of its Interfaces.
WholePort = tuple[Row, list[Row]]

# A port as it is supposed to be until now, and as it is to be.
Changing = tuple[OvsPort, OvsPort]


# ---- reading


def read(rows: Rows) -> dict[str, OvsPort]:
    """Return all ports by name."""
    return {
        name: OvsPort(
            name=name,
            bridge=rows.bridge_of[name],
            tag=next(iter(values(row["tag"])), None),
            trunks=tuple(sorted(values(row["trunks"]))),
            vlan_mode=next(iter(values(row["vlan_mode"])), None),
            external_ids=pairs(row["external_ids"]),
            tunnel=_tunnel(row, rows.interfaces_of(name)),
            protected=row["protected"],
        )
        for name, row in rows.ports.items()
    }


def _tunnel(port: Row, interfaces: Sequence[Row]) -> Tunnel | None:
    if len(interfaces) != 1 or interfaces[0]["type"] != VXLAN:
        return None
    options = dict(pairs(interfaces[0]["options"]))
    vni = options.get("key", "0")
    # A key that flows choose, or a remote, is no tunnel that could be wanted here: it differs from each of them.
    number = int(vni) if vni.isascii() and vni.isdigit() else 0
    altered = tuple((name, options[name]) for name in _ALTERING if options.get(name) not in (None, _ALTERING[name]))
    return Tunnel(options.get("remote_ip", ""), number, options.get("local_ip", ""), port["protected"], altered)


def whole(session: Session, rows: Rows, ports: Sequence[OvsPort]) -> list[WholePort] | None:
    """Return all columns of ports about to be removed and of their interfaces; ``None`` where one is gone by now."""
    selects: list[Operation] = []
    counts: list[int] = []
    for port in ports:
        interfaces = rows.interfaces_of(port.name)
        counts.append(len(interfaces))
        selects.append(_select("Port", rows.ports[port.name]))
        selects += [_select("Interface", row) for row in interfaces]
    found = iter([result["rows"] for result in session.transact(selects)] if selects else ())
    whole_ports = []
    for count in counts:
        found_rows = [next(found) for _row in range(1 + count)]
        if not all(found_rows):
            return None
        port_row, *interface_rows = (matching[0] for matching in found_rows)
        whole_ports.append((port_row, interface_rows))
    return whole_ports


# ---- refusing


def refuse_unlike(
    rows: Rows, add: Sequence[OvsPort], change: Sequence[OvsPort], gone: Collection[str], new_bridges: Collection[str]
) -> None:
    """Refuse what does not fit the ports that are there, less those ``gone``.

    :raises Refused: a bridge is missing, a port is on another one or on none, or a port is named twice.
    """
    for port in (*add, *change):
        if port.bridge not in rows.bridges and port.bridge not in new_bridges:
            raise Refused(
                f"port {port.name}: there is no Open vSwitch bridge {port.bridge} on this host; create it first"
            )
    names = [port.name for port in (*add, *change)]
    for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        raise Refused(f"port {name} of Open vSwitch was asked for twice in one change; leave one of them out")
    for port in add:
        _refuse_taken(rows, port, gone)
    for port in change:
        _refuse_elsewhere(rows, port)


def _refuse_taken(rows: Rows, port: OvsPort, gone: Collection[str]) -> None:
    found = rows.bridge_of.get(port.name)
    if found is not None and port.name not in gone:
        raise Refused(
            f"port {port.name} can't be added to Open vSwitch bridge {port.bridge}: it is on bridge"
            f" {found} already; remove it there or choose another name"
        )
    if found is None and port.name in rows.interfaces:
        raise Refused(
            f"port {port.name} can't be added to Open vSwitch bridge {port.bridge}: it is part of a bond;"
            " remove it there or choose another name"
        )


def _refuse_elsewhere(rows: Rows, port: OvsPort) -> None:
    found = rows.bridge_of.get(port.name)
    if found != port.bridge:
        where = f"is on bridge {found}" if found else "is on no bridge"
        raise Refused(
            f"port {port.name} of Open vSwitch bridge {port.bridge} can't be changed: it {where};"
            " run this again to see the difference"
        )


def refuse_overtaken(changing: Sequence[Changing], shown: Mapping[str, OvsPort]) -> None:
    """Refuse to write what another program has written in the meantime.

    :raises Refused: a column or key to be changed has another value than it is supposed to have.
    """
    for old, new in changing:
        other = overtaken(columns(old), columns(new), columns(shown[new.name]), _VLANS)
        if other:
            raise Refused(
                f"port {new.name} of Open vSwitch bridge {new.bridge} can't be changed: another program changed"
                f" its {other} in the meantime; run this again"
            )


# ---- changing, and the way back


def columns(port: OvsPort) -> Row:
    """Return the columns of a Port that are written when it is changed."""
    return {
        "tag": NOTHING if port.tag is None else port.tag,
        "trunks": ["set", list(port.trunks)],
        "vlan_mode": NOTHING if port.vlan_mode is None else port.vlan_mode,
        "external_ids": ["map", [list(pair) for pair in port.external_ids]],
        # Only that of ports that join is ours: of others it is the same before and after, and not written.
        "protected": any(key == JOINING for key, _value in port.external_ids),
    }


def additions(rows: Rows, add: Sequence[OvsPort], restorable: Mapping[str, WholePort]) -> list[Operation]:
    """Return what adds ports, those ``restorable`` with all that others had configured of them."""
    operations: list[Operation] = []
    members: dict[str, list[Any]] = {}
    for number, port in enumerate(add):
        row: Row = {"name": port.name, **columns(port), **_protection(port)}
        interfaces: list[Row] = [{"name": port.name, **_tunnel_columns(port)}]
        if port.name in restorable:
            whole_row, interfaces = restorable[port.name]
            row = {**whole_row, **row, "protected": row["protected"] or whole_row["protected"]}
        # The names are unique indexes in the schema: a port that somebody else
        # adds in between makes the whole transaction fail.
        operations += inserts(f"port{number}", row, interfaces)
        members.setdefault(port.bridge, []).append(["named-uuid", f"port{number}"])
    for bridge, ports in members.items():
        if bridge in rows.bridges:
            operations.append(_still_there(rows, bridge))
        operations.append(_membership(bridge, "insert", ports))
    return operations


def take_back(add: Sequence[OvsPort], created: Mapping[tuple[str, str], Any]) -> list[Operation]:
    """Return what undoes ``additions``; ``created`` are the ids of new rows by table and name."""
    return [
        _membership(bridge, "delete", [created["Port", port.name] for port in ports])
        for bridge, ports in _by_bridge(add)
    ]


def changes(rows: Rows, changing: Sequence[Changing]) -> list[Operation]:
    """Return what changes ports from what they are supposed to be."""
    operations = []
    for old, new in changing:
        row = rows.ports[new.name]
        operations += [
            _still_on(new.bridge, row["_uuid"]),
            # What was compared with the caller's view must still be so, and is what the inverse gives back.
            unchanged("Port", row, list(columns(new))),
            *writing("Port", row["_uuid"], columns(old), columns(new)),
        ]
    return operations


def change_back(rows: Rows, changing: Sequence[Changing]) -> list[Operation]:
    """Return what undoes ``changes``."""
    back = [writing("Port", rows.ports[new.name]["_uuid"], columns(new), columns(old)) for old, new in changing]
    return [operation for operations in back for operation in operations]


def removals(rows: Rows, gone: Sequence[OvsPort]) -> list[Operation]:
    """Return what takes ports off their bridges: a Port without one is collected as garbage, with its Interface."""
    uuids = {port.name: rows.ports[port.name]["_uuid"] for port in gone}
    waits = [_still_on(port.bridge, uuids[port.name]) for port in gone]
    return waits + [
        _membership(bridge, "delete", [uuids[port.name] for port in ports]) for bridge, ports in _by_bridge(gone)
    ]


def put_back(gone: Sequence[OvsPort], whole_ports: Sequence[WholePort]) -> list[Operation]:
    """Return what undoes ``removals``, with all that was configured."""
    operations: list[Operation] = []
    members: dict[str, list[Any]] = {}
    for number, (port, (row, interfaces)) in enumerate(zip(gone, whole_ports)):
        operations += inserts(f"former{number}", row, interfaces)
        members.setdefault(port.bridge, []).append(["named-uuid", f"former{number}"])
    return operations + [_membership(bridge, "insert", ports) for bridge, ports in members.items()]


def inserts(name: str, row: Row, interfaces: Sequence[Row]) -> list[Operation]:
    """Return what makes a Port of the columns configured; the same transaction can refer to it by ``name``."""
    names = [f"{name}_{position}" for position in range(len(interfaces))]
    operations: list[Operation] = [
        {"op": "insert", "table": "Interface", "uuid-name": each, "row": configured(interface, _REPORTED)}
        for each, interface in zip(names, interfaces)
    ]
    written = {**configured(row, _REPORTED_OF_PORT), "interfaces": ["set", [["named-uuid", each] for each in names]]}
    return [*operations, {"op": "insert", "table": "Port", "uuid-name": name, "row": written}]


def _tunnel_columns(port: OvsPort) -> Row:
    if port.tunnel is None:
        return {}
    options = [["remote_ip", port.tunnel.remote], ["key", str(port.tunnel.vni)], *map(list, port.tunnel.altered)]
    if port.tunnel.local:
        options.append(["local_ip", port.tunnel.local])
    return {"type": VXLAN, "options": ["map", options]}


def _protection(port: OvsPort) -> Row:
    return {"protected": port.tunnel.protected} if port.tunnel is not None else {}


# ---- single operations


def _select(table: str, row: Row) -> Operation:
    return {"op": "select", "table": table, "where": _is(row["_uuid"])}


def _still_on(bridge: str, port_uuid: list[str]) -> Operation:
    return _still(bridge, [["name", "==", bridge], ["ports", "includes", port_uuid]])


def _still_there(rows: Rows, bridge: str) -> Operation:
    return _still(bridge, _is(rows.bridges[bridge]["_uuid"]))


def _still(bridge: str, where: list[Any]) -> Operation:
    """Return what fails the transaction unless the row found by ``where`` is the bridge of that name."""
    return {
        "op": "wait",
        "table": "Bridge",
        "where": where,
        "columns": ["name"],
        "until": "==",
        "rows": [{"name": bridge}],
        "timeout": 0,
    }


def _is(uuid: list[str]) -> list[Any]:
    return [["_uuid", "==", uuid]]


def _membership(bridge: str, mutator: str, ports: list[Any]) -> Operation:
    """Return a mutation, since a new value for the whole set would lose what others add meanwhile."""
    return {
        "op": "mutate",
        "table": "Bridge",
        "where": [["name", "==", bridge]],
        "mutations": [["ports", mutator, ["set", ports]]],
    }


def _by_bridge(ports: Sequence[OvsPort]) -> Iterable[tuple[str, list[OvsPort]]]:
    bridges: dict[str, list[OvsPort]] = {}
    for port in ports:
        bridges.setdefault(port.bridge, []).append(port)
    return bridges.items()
