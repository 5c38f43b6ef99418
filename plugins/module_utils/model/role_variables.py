# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From what is recorded of a bridge to variables of the role ``bridge``. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import PipefitterError
from .attachment import VLAN_OPTIONS
from .record import (
    ATTACHMENT,
    BRIDGE,
    LINK_END,
    NIC_ATTACHMENT,
    OVS_BRIDGE,
    POLICY,
    PUBLICATION,
    REPORT,
    VLAN_PORT,
    Record,
)
from .record_objects import BRIDGE_OPTIONS

_TARGET = ("container", "netns", "runtime", "interface")
ATTACHMENT_OPTIONS = frozenset(
    (
        *_TARGET,
        "host_interface",
        "addresses",
        "gateway",
        "gateway6",
        "routes",
        "rules",
        "sysctls",
        "mac",
        "mtu",
        "ipv6",
        *VLAN_OPTIONS,
    )
)
PUBLICATION_OPTIONS = frozenset((*_TARGET, "ports"))
POLICY_OPTIONS = frozenset(("icc", "links", "egress", "host_access"))

_TEMPLATES = ("{{", "{%", "{#")


def chosen(records: Sequence[Record], named: str | None, switches: Collection[str]) -> str:
    """Return the bridge that variables are wanted of; ``switches`` are bridges of Open vSwitch on this host.

    :raises PipefitterError: none is recorded, or several, or it is no Linux bridge.
    """
    recorded = sorted({record.bridge for record in records if record.bridge})
    if not recorded:
        raise PipefitterError(f"nothing {'of a bridge ' if records else ''}is recorded on this host")
    if named is not None and named not in recorded:
        raise PipefitterError(f"nothing is recorded of bridge {named}; recorded are {', '.join(recorded)}")
    switched = {*switches, *_switches(records)}
    linux = [bridge for bridge in recorded if bridge not in switched]
    advice = "the role bridge makes Linux bridges only; the role multi_host_vlan makes those"
    if named in switched:
        raise PipefitterError(f"{named} is a bridge of Open vSwitch, and {advice}")
    if not linux:
        raise PipefitterError(f"only Open vSwitch bridges are recorded: {', '.join(recorded)}; {advice}")
    if named is None and len(linux) > 1:
        raise PipefitterError(
            f"{len(linux)} bridges are recorded: {', '.join(linux)}; name one of them with --bridge, "
            "as the variables are of one"
        )
    return named if named is not None else linux[0]


def of(records: Sequence[Record], bridge: str, switches: Collection[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """Return the variables that make a bridge again with all that is on it, and what they can't say, a line each."""
    variables: dict[str, Any] = {"bridge_name": bridge}
    left_out: list[str] = []
    switched = {*switches, *_switches(records)}
    for record in sorted(records, key=lambda record: record.key):
        if record.kind in (NIC_ATTACHMENT, LINK_END):
            module = "nic_attach" if record.kind == NIC_ATTACHMENT else "veth_link"
            left_out.append(f"{record}: it is on no bridge, and the role makes bridges; {module} makes it")
        elif record.bridge in switched:
            left_out.append(f"{record}: the role makes Linux bridges only")
        elif record.bridge == bridge:
            why = _add(variables, record)
            if why:
                left_out.append(f"{record}: {why}")
    here = [record for record in records if record.bridge == bridge]
    reported = [str(record) for record in here if record.drift == REPORT]
    if reported and len(reported) == len(here):
        variables["bridge_drift"] = REPORT
    elif reported:
        names = ", ".join(sorted(reported))
        left_out.append(f"drift: {REPORT} of {names}: the role has one drift (bridge_drift) for all that it makes")
    return variables, left_out


def _switches(records: Sequence[Record]) -> set[str]:
    return {record.bridge for record in records if record.kind in (OVS_BRIDGE, VLAN_PORT)}


def _add(variables: dict[str, Any], record: Record) -> str:
    """Add what is recorded to the variables, and return why it can't be, '' where it was."""
    options: dict[str, Any] = _given(
        # What was chosen for it (a MAC, say) is this host's: on another one in the same LAN it would be there twice.
        {name: value for name, value in record.want.items() if name not in ("bridge", "name", "protect", "drift")}
    )
    known = {
        BRIDGE: frozenset(BRIDGE_OPTIONS),
        ATTACHMENT: ATTACHMENT_OPTIONS,
        PUBLICATION: PUBLICATION_OPTIONS,
        POLICY: POLICY_OPTIONS,
    }[record.kind]
    unknown = sorted(set(options) - known)
    if unknown:
        return f"it has no variable for {', '.join(unknown)}"
    if _is_template(options):
        return f"it holds {', '.join(_TEMPLATES[:-1])} or {_TEMPLATES[-1]}, which Ansible would take for a template"
    if record.kind == BRIDGE:
        variables.update((f"bridge_{name}", value) for name, value in options.items())
    elif record.kind == ATTACHMENT:
        variables.setdefault("bridge_attachments", []).append(options)
    elif record.kind == PUBLICATION:
        variables.setdefault("bridge_publications", []).append(options)
        # As the service has it: protected as soon as one of them asks for that.
        variables["bridge_protect"] = bool(variables.get("bridge_protect") or record.want.get("protect"))
    else:
        variables["bridge_icc_policy"] = options
    return ""


def _given(value: Any) -> Any:
    """Return a value without what is left open in it."""
    if isinstance(value, Mapping):
        return {name: _given(part) for name, part in value.items() if part is not None}
    return [_given(part) for part in value] if isinstance(value, (list, tuple)) else value


def _is_template(value: Any) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATES)
    if isinstance(value, Mapping):
        return any(_is_template(part) for part in (*value.keys(), *value.values()))
    return isinstance(value, (list, tuple)) and any(_is_template(part) for part in value)
