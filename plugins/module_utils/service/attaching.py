# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Attaching a container that is starting, as it is recorded. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import PipefitterError
from ..host import lock, namespace
from ..host.namespace import NetnsFd
from ..model.attachment import Target
from ..model.record import ATTACHMENT, VLAN_PORT, Record
from ..reconcile import attachment
from ..store.records import Store
from .starting import Recorded, Starting

PATIENCE, REQUIRED_PATIENCE = 5.0, 20.0
"""Seconds to wait for another run that changes the network; then the container starts and is left to the service, or
does not start, which no engine tries again."""

_SETTLED = 2  # seconds


def attach_recorded(
    container: Starting, attachments: Sequence[Recorded], vlan_ports: Sequence[Recorded]
) -> list[tuple[Recorded, str]]:
    """Make what is recorded for a container; return which attachments could not be made, and why."""
    try:
        required = any(one.want.get("required") for one in attachments)
        with lock.held_at_start(REQUIRED_PATIENCE if required else PATIENCE):
            return _attach(container, attachments, vlan_ports)
    except PipefitterError as error:
        return [(one, str(error)) for one in attachments]


def _attach(
    container: Starting, attachments: Sequence[Recorded], vlan_ports: Sequence[Recorded]
) -> list[tuple[Recorded, str]]:
    store = Store(mend=False)
    # Under the lock: what it is since the files were looked for.
    wanted = store.read(ATTACHMENT, {one.file for one in attachments})
    named = {(record.key[1], record.key[2]): record for record in wanted.values()}
    known = [(one, record) for one in attachments if (record := named.get((_value(one), one.interface))) is not None]
    failed = _made(container, known)
    ports = store.read(VLAN_PORT, {one.file for one in vlan_ports})
    for record in ports.values():
        sentence = _set_vlans(container, record)
        if sentence:
            failed += [(one, sentence) for one, _record in known if one.interface == record.want.get("interface")]
    return failed


def _value(one: Recorded) -> str:
    return str(one.want.get("container", ""))


def _made(container: Starting, known: Sequence[tuple[Recorded, Record]]) -> list[tuple[Recorded, str]]:
    """Make attachments in one run; where that is refused, one by one, so that one never holds up the others."""
    if not known:
        return []
    options: dict[str, Any] = {
        "attachments": [record.options for _one, record in known],
        "state": "present",
        "wait": True,
        "wait_timeout": _SETTLED,
    }
    try:
        attachment.converge(options, False, _pin_of(container))
    except PipefitterError as error:
        if len(known) == 1:
            return [(known[0][0], str(error))]
        return [failure for one in known for failure in _made(container, [one])]
    return []


def _set_vlans(container: Starting, record: Record) -> str:
    """Put a port into its VLANs, so that the container's first frame is in no other; return why that failed, or ''."""
    from ..reconcile import vlan_port

    entry = {name: value for name, value in record.options.items() if name not in ("bridge", "owner")}
    options = {"bridge": record.bridge, "owner": record.want.get("owner"), "state": "present", "ports": [entry]}
    try:
        vlan_port.converge(options, False, _pin_of(container))
    except PipefitterError as error:
        return str(error)
    return ""


def _pin_of(container: Starting) -> Any:
    def pin(_target: Target) -> tuple[NetnsFd, str]:
        return namespace.of_pid(container.pid, str(container)), f"{container.engine}:{container.id}"

    return pin
