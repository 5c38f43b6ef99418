# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From the options of container_neighbours_info to the addresses that answer. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption
from ..host import namespace
from ..host.machine import Machine
from ..host.packets import neighbour_probe
from ..host.packets.neighbour_probe import Probe
from ..model import addresses, names
from ..model.attachment import DEFAULT_INTERFACE, Target, parse_target
from ..observe.containers import pin_targets
from .result import Result

_LONGEST = 60


def gather(options: Mapping[str, Any], _check: bool) -> Result:
    """Ask from each interface of ``probes`` for all ``addresses`` at once.

    :raises PipefitterError: with a sentence for the user.
    """
    asked = tuple(
        dict.fromkeys(_address(f"addresses[{index}]", text) for index, text in enumerate(options["addresses"]))
    )
    wanted = [_parse(entry, index) for index, entry in enumerate(options["probes"])]
    seconds = options["timeout"]
    if not 0 < seconds <= _LONGEST:
        raise InvalidOption("timeout", seconds, f"is out of range; give more than 0 and at most {_LONGEST} seconds")
    with Machine() as machine:
        netns_of, _inodes = pin_targets(machine, {target for target, _interface in wanted}, must_run=False, patience=0)
        families = {addresses.family(address) for address in asked} or {addresses.IPV4}
        namespace.raise_open_file_limit(len(wanted), len(families))
        probes = [_open(machine, netns_of[target][0], interface, families) for target, interface in wanted]
        try:
            neighbour_probe.ask([probe for probe in probes if probe is not None], asked, seconds)
        finally:
            for probe in probes:
                if probe is not None:
                    probe.close()
    return Result(
        [],
        {},
        {},
        {"probes": [_described(*one, netns_of[one[0]][0] is not None, probe) for one, probe in zip(wanted, probes)]},
    )


def _address(option: str, text: str) -> str:
    return addresses.gateway(option, text, addresses.family(text))


def _parse(entry: Mapping[str, Any], index: int) -> tuple[Target, str]:
    option = f"probes[{index}]."
    return parse_target(entry, option), names.interface_name(
        f"{option}interface", entry.get("interface") or DEFAULT_INTERFACE
    )


def _open(machine: Machine, netns: str | None, interface: str, families: set[int]) -> Probe | None:
    pinned = machine.pinned(netns) if netns is not None else None
    if pinned is None:
        return None
    with namespace.entered(pinned):
        return neighbour_probe.open_probe(interface, families)


def _described(target: Target, interface: str, runs: bool, probe: Probe | None) -> dict[str, Any]:
    problem = (
        f"it has no interface {interface}"
        if runs
        else "it does not run"
        if target.kind == "container"
        else "it is not there"
    )
    found = {address: sorted(macs) for address, macs in sorted(probe.found.items())} if probe is not None else {}
    return {
        target.kind: int(target.value) if target.kind == "pid" else target.value,
        "interface": interface,
        "mac": probe.mac.hex(":") if probe is not None else None,
        "neighbours": found,
        "problem": problem if probe is None else None,
    }
