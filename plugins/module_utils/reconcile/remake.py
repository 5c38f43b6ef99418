# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""How what is recorded is made again, a kind each: by asking its module's code for it. Private to the collection.

What a task takes away, a pass over the record doesn't: an address beside those that are recorded may be the virtual one
of a program such as keepalived, which doesn't give it twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..host.nftables.isolation import isolated_bridges
from ..host.ovs.ovsdb import SOCKET as OVSDB
from ..model.attachment import SELECTORS
from ..model.record import (
    ATTACHMENT,
    BRIDGE,
    LINK_END,
    NIC_ATTACHMENT,
    OVS_BRIDGE,
    POLICY,
    PUBLICATION,
    VLAN_PORT,
    Record,
    peer_of,
    target_of,
)
from ..observe.containers import gone
from . import what_runs
from .result import Result

# Makes objects of one kind and bridge again, and returns what became of them, and of each by its place.
Make = Callable[[Sequence[Record], bool], Result]


def _bridge(records: Sequence[Record], check: bool) -> Result:
    from . import bridge

    return bridge.converge({**records[0].options, "state": "present"}, check, adds_only=True)


def _attachments(records: Sequence[Record], check: bool) -> Result:
    from . import attachment
    from .recorded_vlans import RecordedPorts

    entries = [record.options for record in records]
    options = {"attachments": entries, "state": "present", "wait": False}
    ports = RecordedPorts() if os.path.exists(OVSDB) else None
    result = attachment.converge(options, check, ports=ports, adds_only=True)
    pending = {tuple(entry.items()) for entry in result.values["pending"]}
    waiting = [record for record in records if pending and tuple(what_runs.pending(record).items()) in pending]
    left = what_runs.ended(waiting) if os.path.exists(OVSDB) else []
    if not left:
        return result
    # The kernel takes veths away with their namespace; Open vSwitch keeps its ports.
    going = [_only(record.options, *SELECTORS, "runtime", "interface") for record in left]
    removed = attachment.converge({"attachments": going, "state": "absent"}, check, gone)
    return replace(_both(removed, result), values=result.values)


def _nic_attachments(records: Sequence[Record], check: bool) -> Result:
    from . import nic_attachment

    entries = [record.options for record in records]
    options = {"attachments": entries, "state": "present", "wait": False}
    return nic_attachment.converge(options, check, adds_only=True)


def _link_ends(records: Sequence[Record], check: bool) -> Result:
    from . import veth_link_record

    return veth_link_record.converge(records, check)


def _ovs_bridge(records: Sequence[Record], check: bool) -> Result:
    from . import vlan_port

    return vlan_port.converge({**records[0].options, "state": "present"}, check)


def _vlan_ports(records: Sequence[Record], check: bool) -> Result:
    from . import vlan_port

    ready, waiting = what_runs.by_running(records)
    entries = [_without(record.options, "bridge", "owner") for record in ready]
    common = {"bridge": records[0].bridge, "owner": records[0].want.get("owner"), "state": "present"}
    result = vlan_port.converge({**common, "ports": entries}, check) if ready else _NOTHING
    return _with_pending(result, waiting)


def _policy(records: Sequence[Record], check: bool) -> Result:
    from ..model import icc_policy as model
    from . import icc_policy

    options = {**records[0].options, "state": "present"}
    links = model.parse(options).links
    named = {target for link in links for target in (link.source, link.destination) if target is not None}
    wired = what_runs.wired() if named else []
    # One that is wired and of which no engine tells is not to lose its links.
    there = what_runs.running(named) | {target for target in named if any(label.names(target) for label in wired)}
    every = options["links"]
    options["links"] = [
        entry
        for entry, link in zip(every, links)
        if link.source in there and (link.destination is None or link.destination in there)
    ]
    result = icc_policy.converge(options, check)
    count = len(every) - len(options["links"])
    waiting = {"waiting": f"{count} of {len(every)} links wait for containers that are not running"} if count else {}
    return replace(result, values={**result.values, **waiting})


def _publications(records: Sequence[Record], check: bool) -> Result:
    from . import publication

    ready, waiting = what_runs.by_running(records)
    bridge = {"bridge": records[0].bridge}
    result = _NOTHING
    ended = what_runs.ended(waiting)
    if ended:
        # What led to a container that has ended leads to whoever gets its address next.
        going = [_only(record.options, *SELECTORS, "runtime", "interface") for record in ended]
        result = publication.converge({**bridge, "publications": going, "state": "absent"}, check, gone)
    if ready:
        entries = [_without(record.options, "bridge", "protect") for record in ready]
        protect = any(record.want.get("protect") for record in ready)
        options = {**bridge, "publications": entries, "protect": protect, "state": "present"}
        result = _both(result, publication.converge({**_PORTS, **options}, check))
    return _with_pending(result, waiting)


_NOTHING = Result([], {}, {}, {})

# What a recorded port does not need any more: its host port was chosen.
_PORTS = {"port_range": "49153-65535", "purge": False}


def _both(first: Result, second: Result) -> Result:
    return Result(
        [*first.operations, *second.operations],
        {**second.before, **first.before},
        {**first.after, **second.after},
        second.values,
        [*first.warnings, *second.warnings],
    )


def _with_pending(result: Result, waiting: Sequence[Record]) -> Result:
    return replace(result, values={**result.values, "pending": [what_runs.pending(record) for record in waiting]})


def _only(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in names}


def _without(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


def _each(records: Iterable[Record]) -> list[list[Record]]:
    return [[record] for record in records]


def _all(records: Sequence[Record]) -> list[Sequence[Record]]:
    return [records] if records else []


def _by_bridge(records: Sequence[Record]) -> list[list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.bridge, str(record.want.get("owner", ""))), []).append(record)
    return list(groups.values())


KINDS: tuple[tuple[str, Make, Callable[[Sequence[Record]], Sequence[Sequence[Record]]]], ...] = (
    (BRIDGE, _bridge, _each),
    (OVS_BRIDGE, _ovs_bridge, _each),
    (ATTACHMENT, _attachments, _all),
    (NIC_ATTACHMENT, _nic_attachments, _all),
    (LINK_END, _link_ends, _all),
    (VLAN_PORT, _vlan_ports, _by_bridge),
    (POLICY, _policy, _each),
    (PUBLICATION, _publications, _by_bridge),
)


def needs_engine(record: Record) -> bool:
    """Tell whether an engine must be asked; a policy that is there has links already, which are to stay."""
    if record.kind == POLICY:
        return record.bridge in isolated_bridges()
    return any(target is not None and target.kind == "container" for target in (target_of(record), peer_of(record)))


def without_links(record: Record) -> Record:
    """Return a policy without its links: the isolation comes before any container, the links with them."""
    return record if record.kind != POLICY else record._replace(want={**record.want, "links": []})
