# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the table Bridge: read, and the operations that write them. Private to the collection.

``host/ovs/ovsdb.py`` puts them into one transaction with those of ports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import Refused
from ...model.ovs import NETDEV, SYSTEM, OvsBridge, OvsBridgeChange
from .columns import NOTHING, configured, overtaken, pairs, unchanged, values, writing
from .ports import WholePort, inserts
from .rows import Rows
from .session import DATABASE, Operation, Row, Session

COLUMNS = (
    "datapath_type",
    "fail_mode",
    "stp_enable",
    "rstp_enable",
    "mcast_snooping_enable",
    "other_config",
    "external_ids",
)
"""What of a bridge is read and written."""

_REPORTED = ("datapath_id", "datapath_version", "ports", "rstp_status", "status")

# Rows of other tables that live as long as a bridge refers to them (ovs-vswitchd.conf.db(5)): no copy of the
# bridge's own row brings them back.
_OWNED = ("auto_attach", "controller", "flow_tables", "ipfix", "mirrors", "netflow", "sflow")

_DEVICES = ("", "system", "tap")  # values of Interface.type
# How values begin of what Open vSwitch drives itself: dpdkvhostuserclient, afxdp-nonpmd.
_DRIVEN = ("dpdk", "afxdp")


def read_all(rows: Rows) -> dict[str, OvsBridge]:
    """Return all bridges by name, with what the interfaces of their ports say of them."""
    return {name: _with_interfaces(rows, name, row) for name, row in rows.bridges.items()}


def _with_interfaces(rows: Rows, name: str, row: Row) -> OvsBridge:
    ports = rows.ports_of(name)
    interfaces = [interface for port in ports for interface in rows.interfaces_of(port)]
    own = next((interface["mtu_request"] for interface in interfaces if interface["name"] == name), NOTHING)
    return replace(
        read(row, tuple(ports)),
        devices=tuple(interface["name"] for interface in interfaces if interface["type"] in _DEVICES),
        mtu_request=next(iter(values(own)), None),
        driven_mtus=tuple(
            mtu for interface in interfaces if interface["type"].startswith(_DRIVEN) for mtu in _mtu(interface)
        ),
    )


def _mtu(interface: Row) -> list[int]:
    """Return the MTU in effect; before ovs-vswitchd reports one, what was asked for; [] where neither is known."""
    return values(interface["mtu"]) or values(interface["mtu_request"])


def read(row: Row, ports: tuple[str, ...]) -> OvsBridge:
    """Return a bridge as far as its own row says it."""
    return OvsBridge(
        name=row["name"],
        datapath_type=row["datapath_type"] or SYSTEM,
        ports=ports,
        external_ids=pairs(row["external_ids"]),
        fail_mode=next(iter(values(row["fail_mode"])), None),
        stp=row["stp_enable"],
        rstp=row["rstp_enable"],
        mcast_snooping=row["mcast_snooping_enable"],
        other_config=pairs(row["other_config"]),
    )


def refuse_unlike(
    rows: Mapping[str, Row], bridge_of: Mapping[str, str], change: OvsBridgeChange, gone: Collection[str]
) -> list[OvsBridge]:
    """Return the bridges to remove that are still there.

    :raises Refused: a bridge or its name is not as the change supposes.
    """
    for bridge in change.add:
        if bridge.name in rows or bridge.name in bridge_of:
            what = "a bridge" if bridge.name in rows else f"a port of bridge {bridge_of[bridge.name]}"
            raise Refused(
                f"Open vSwitch bridge {bridge.name} can't be created: there is {what} of that name by now;"
                " run this again to see the difference"
            )
    for bridge in change.change:
        _refuse_overtaken(rows, bridge, change)
    going = [bridge for bridge in change.remove if bridge.name in rows]
    for bridge in going:
        members = {name for name, where in bridge_of.items() if where == bridge.name}
        left = sorted(members - {*gone, bridge.name})
        if left:
            raise Refused(
                f"Open vSwitch bridge {bridge.name} can't be deleted: it has port {left[0]} by now;"
                " run this again to see the difference"
            )
    return going


def _refuse_overtaken(rows: Mapping[str, Row], bridge: OvsBridge, change: OvsBridgeChange) -> None:
    if bridge.name not in rows:
        raise Refused(
            f"Open vSwitch bridge {bridge.name} can't be changed: it is gone; run this again to see the difference"
        )
    row = rows[bridge.name]
    other = overtaken(_old(row, change), _columns(bridge), _columns(read(row, ())))
    if other:
        raise Refused(
            f"Open vSwitch bridge {bridge.name} can't be changed: another program changed its {other}"
            " in the meantime; run this again"
        )


def additions(bridges: Sequence[OvsBridge], local_columns: Mapping[str, Row]) -> list[Operation]:
    """Return what makes bridges with their local ports, for which ``local_columns`` are further columns by bridge."""
    operations: list[Operation] = []
    for number, bridge in enumerate(bridges):
        interface, port, named = (f"{what}_of_bridge{number}" for what in ("interface", "port", "row"))
        operations += [
            _insert("Interface", interface, {"name": bridge.name, "type": "internal"}),
            _insert(
                "Port",
                port,
                {"name": bridge.name, "interfaces": ["named-uuid", interface], **local_columns.get(bridge.name, {})},
            ),
            _insert("Bridge", named, {"name": bridge.name, "ports": ["named-uuid", port], **_columns(bridge)}),
            _listed("insert", [["named-uuid", named]]),
        ]
    return operations


def take_back(created: list[Any]) -> list[Operation]:
    """Return what undoes ``additions``; ``created`` are the ids of the bridges made."""
    return [_listed("delete", created)] if created else []


def changes(rows: Mapping[str, Row], change: OvsBridgeChange) -> list[Operation]:
    """Return what changes bridges from what they are supposed to be."""
    operations: list[Operation] = []
    for bridge in change.change:
        row = rows[bridge.name]
        # What was compared with the caller's view must still be so, and is what the inverse gives back.
        operations += [
            unchanged("Bridge", row, list(COLUMNS)),
            *writing("Bridge", row["_uuid"], _old(row, change), _columns(bridge)),
        ]
    return operations


def change_back(rows: Mapping[str, Row], change: OvsBridgeChange) -> list[Operation]:
    """Return what undoes ``changes``."""
    back = [(rows[bridge.name], bridge) for bridge in change.change]
    return [
        operation
        for row, bridge in back
        for operation in writing("Bridge", row["_uuid"], _columns(bridge), _old(row, change))
    ]


def _old(row: Row, change: OvsBridgeChange) -> Row:
    former = next((bridge for bridge in change.former if bridge.name == row["name"]), None)
    return _columns(former or read(row, ()))


def removals(rows: Mapping[str, Row], ports: Mapping[str, Row], bridges: Sequence[OvsBridge]) -> list[Operation]:
    """Return what deletes bridges that have no port but their local one; ``ports`` are all rows of Port by name."""
    if not bridges:
        return []
    # By now the transaction itself has taken out the ports that go; one that somebody else put in stops it.
    return [
        *(_only_local(rows[bridge.name], ports[bridge.name]) for bridge in bridges),
        _listed("delete", [rows[bridge.name]["_uuid"] for bridge in bridges]),
    ]


def whole(session: Session, rows: Mapping[str, Row], bridges: Sequence[OvsBridge]) -> list[Row] | None:
    """Return all columns of the bridges about to be removed; ``None`` where one is gone by now.

    :raises Refused: a bridge has what could not be brought back.
    """
    if not bridges:
        return []
    selects: list[Operation] = [
        {"op": "select", "table": "Bridge", "where": _is(rows[bridge.name])} for bridge in bridges
    ]
    found = []
    for bridge, result in zip(bridges, session.transact(selects)):
        if not result["rows"]:
            return None
        row = result["rows"][0]
        owned = [column for column in _OWNED if row.get(column) not in (None, NOTHING, ["map", []])]
        if owned:
            raise Refused(
                f"Open vSwitch bridge {bridge.name} is not deleted: another program configured its {owned[0]};"
                f" remove that, or delete the bridge by `ovs-vsctl del-br {bridge.name}`"
            )
        found.append(row)
    return found


def put_back(bridges: Sequence[Row], local: Sequence[WholePort]) -> list[Operation]:
    """Return what makes deleted bridges again, with their local ports: a Port without a bridge does not stay."""
    names = [f"local{number}" for number in range(len(local))]
    operations: list[Operation] = []
    for name, (port, interfaces) in zip(names, local):
        operations += inserts(name, port, interfaces)
    for number, (row, name) in enumerate(zip(bridges, names)):
        named = f"bridge_put_back{number}"
        operations.append(_insert("Bridge", named, {**configured(row, _REPORTED), "ports": ["named-uuid", name]}))
        operations.append(_listed("insert", [["named-uuid", named]]))
    return operations


def without_device(bridge: str, datapath_type: str, reason: str) -> str:
    """Return the sentence about a bridge that carries nothing, with what helps."""
    if datapath_type == NETDEV:
        return (
            f"Open vSwitch bridge {bridge} (datapath_type={NETDEV}) got no network device: {reason};"
            " see the log of ovs-vswitchd"
        )
    return (
        f"Open vSwitch bridge {bridge} got no network device ({reason}): the kernel module openvswitch is required"
        f" for its datapath_type {datapath_type or SYSTEM}; load that module, or set datapath_type to {NETDEV}"
    )


def _columns(bridge: OvsBridge) -> Row:
    return {
        "datapath_type": "" if bridge.datapath_type == SYSTEM else bridge.datapath_type,
        "fail_mode": NOTHING if bridge.fail_mode is None else bridge.fail_mode,
        "stp_enable": bridge.stp,
        "rstp_enable": bridge.rstp,
        "mcast_snooping_enable": bridge.mcast_snooping,
        "other_config": ["map", [list(pair) for pair in bridge.other_config]],
        "external_ids": ["map", [list(pair) for pair in bridge.external_ids]],
    }


def _insert(table: str, name: str, row: Row) -> Operation:
    return {"op": "insert", "table": table, "uuid-name": name, "row": row}


def _listed(mutator: str, bridges: list[Any]) -> Operation:
    return {"op": "mutate", "table": DATABASE, "where": [], "mutations": [["bridges", mutator, ["set", bridges]]]}


def _only_local(row: Row, local: Row) -> Operation:
    return unchanged("Bridge", {"_uuid": row["_uuid"], "ports": local["_uuid"]}, ["ports"])


def _is(row: Row) -> list[Any]:
    return [["_uuid", "==", row["_uuid"]]]
