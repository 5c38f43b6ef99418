# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the tables Bridge, Port and Interface, selected at one moment. Private to the collection."""

from __future__ import annotations

from .columns import row_ids, values
from .session import Operation, Row


class Rows:
    """``bridges``, ``ports`` and ``interfaces`` are rows by name, ``bridge_of`` has the bridge of each port."""

    def __init__(self, bridges: Operation, ports: Operation, interfaces: Operation) -> None:
        self.bridges: dict[str, Row] = {row["name"]: row for row in bridges["rows"]}
        self.ports: dict[str, Row] = {row["name"]: row for row in ports["rows"]}
        self.interfaces: dict[str, Row] = {row["name"]: row for row in interfaces["rows"]}
        self._names = {row["_uuid"][1]: name for name, row in self.ports.items()}
        self._interfaces = {row["_uuid"][1]: row for row in interfaces["rows"]}
        self.bridge_of = {port: bridge for bridge in self.bridges for port in self.ports_of(bridge)}

    def ports_of(self, bridge: str) -> list[str]:
        return sorted(self._names[uuid] for uuid in row_ids(self.bridges[bridge]["ports"]))

    def interfaces_of(self, port: str) -> list[Row]:
        return [self._interfaces[uuid] for uuid in row_ids(self.ports[port]["interfaces"])]

    def error_of(self, port: str) -> str | None:
        """Return why ovs-vswitchd could not open an interface of a port, ``None`` where it could."""
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
