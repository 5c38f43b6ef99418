# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Columns of OVSDB rows (RFC 7047 section 5.1): read, compared, written as they differ. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .session import Operation, Row

NOTHING: list[Any] = ["set", []]


def values(value: Any) -> list[Any]:
    """Return the members of a column that holds a set; a set of one is sent as the bare value."""
    if isinstance(value, list) and value[0] == "set":
        return list(value[1])
    return [value]


def row_ids(value: Any) -> list[str]:
    """Return the ids in a column that refers to rows."""
    return [uuid for _tag, uuid in values(value)]


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Return keys and values of a column that holds a map, sorted."""
    return tuple(sorted((key, item) for key, item in value[1]))


def writing(table: str, uuid: list[str], old: Row, new: Row) -> list[Operation]:
    """Return what leads from ``old`` to ``new``, which have the same columns.

    Maps are written by key: those that others have set in the meantime stay.
    """
    where = [["_uuid", "==", uuid]]
    whole = {name: value for name, value in new.items() if not _is_map(value) and value != old[name]}
    mutations: list[Any] = []
    for name, value in new.items():
        if not _is_map(value):
            continue
        before, after = dict(pairs(old[name])), dict(pairs(value))
        # "insert" leaves a key that is there as it is (RFC 7047 section 5.1), so a new value takes both.
        gone = sorted(key for key in before if before[key] != after.get(key))
        come = sorted(key for key in after if before.get(key) != after[key])
        if gone:
            mutations.append([name, "delete", ["set", gone]])
        if come:
            mutations.append([name, "insert", ["map", [[key, after[key]] for key in come]]])
    operations: list[Operation] = []
    if whole:
        operations.append({"op": "update", "table": table, "where": where, "row": whole})
    if mutations:
        operations.append({"op": "mutate", "table": table, "where": where, "mutations": mutations})
    return operations


def overtaken(old: Row, new: Row, found: Row, together: tuple[str, ...] = ()) -> str | None:
    """Return a column (``tag``) or key of a map (``external_ids:a``) that was changed since it was as in ``old``.

    Only those count that ``new`` writes. The columns ``together`` mean something as a whole: if one of them is
    written, none may have changed.
    """
    written = {name for name in new if not _is_map(new[name]) and new[name] != old[name]}
    if written & set(together):
        written |= set(together)
    for name in new:
        if name in written and found[name] != old[name]:
            return name
        if _is_map(new[name]):
            before, after, now = (dict(pairs(row[name])) for row in (old, new, found))
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key) and now.get(key) != before.get(key):
                    return f"{name}:{key}"
    return None


def unchanged(table: str, row: Row, columns: list[str]) -> Operation:
    """Return what fails the transaction once one of the columns of the row is not as it was read."""
    expected = {column: row[column] for column in columns}
    where = [["_uuid", "==", row["_uuid"]]]
    return {
        "op": "wait",
        "table": table,
        "where": where,
        "columns": columns,
        "until": "==",
        "rows": [expected],
        "timeout": 0,
    }


def configured(row: Row, reported: Collection[str]) -> Row:
    """Return the row without its own id and without what is ``reported`` in it: what a copy of it is made from."""
    return {column: value for column, value in row.items() if column not in reported and not column.startswith("_")}


def _is_map(value: Any) -> bool:
    return isinstance(value, list) and value[0] == "map"
