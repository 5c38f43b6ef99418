# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the variables of all hosts of a play say of the role multi_host_vlan. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "multi_host_vlan_"
"""What the names of the role's variables begin with."""

_READ = ("bridge", "state", "transport", "uplink", "vlans", "containers", "mtu", "underlay_address", "purge")

Variables = dict[str, dict[str, Any]]
Shown = dict[str, Mapping[str, Any]]


def of_hosts(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: Sequence[str], defaults: Mapping[str, Any]
) -> tuple[Variables, Shown]:
    """Return by host the role's variables, and what container_network_info showed where the host was asked.

    A host that is in this run's batch, or was in one before, has said what it
    evaluates to (``asked``), role and play variables included. Of others only
    the inventory is known.
    """
    variables: Variables = {}
    shown: Shown = {}
    for host in hosts:
        here = hostvars[host]
        bridge = here.get(f"{PREFIX}bridge") or defaults.get("bridge")
        asked = (here.get(f"{PREFIX}asked") or {}).get(bridge)
        known = asked or {name: value for name in _READ if (value := here.get(PREFIX + name)) is not None}
        variables[host] = {
            **defaults,
            "containers": [],
            "bridge": bridge,
            "ansible_host": here.get("ansible_host") or host,
            **known,
        }
        if variables[host].get("state") == "absent":
            variables[host]["containers"] = []
        seen = here.get(f"{PREFIX}shown")
        if seen is not None and "attachments" in seen:
            shown[host] = seen
    return variables, shown


def probed(hostvars: Mapping[str, Mapping[str, Any]], hosts: Sequence[str]) -> Shown:
    """Return by host what container_neighbours_info returned, where it did."""
    found = {host: hostvars[host].get(f"{PREFIX}probed") for host in hosts}
    return {host: said for host, said in found.items() if said is not None and "probes" in said}


def unseen(hostvars: Mapping[str, Mapping[str, Any]], hosts: Sequence[str]) -> list[str]:
    """Return the hosts that were not asked yet; one that gave no answer was."""
    return [host for host in hosts if hostvars[host].get(f"{PREFIX}shown") is None]


def as_list(value: Any) -> Sequence[Any]:
    """Return the values of a variable that takes one or a list of them."""
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def whole_number(value: Any) -> int | None:
    """Return a number as YAML or an inventory may give it, ``None`` if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def required(value: Any, wrong: str) -> str:
    """Return what is wrong with a value, or that it is required where there is none."""
    return "is required" if value is None else f"{value!r} {wrong}"
