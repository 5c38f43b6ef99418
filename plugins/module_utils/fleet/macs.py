# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""MAC addresses that containers of a fleet have or are to have: each once in a VLAN. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..model.attachment import SELECTORS
from .addresses import ShownInterface, all_shown, is_detached, member_of
from .members import Key, Member
from .variables import PREFIX
from .vlans import Vlan

_PENDING = "pending"  # as container_network_info says of what is recorded for a container that doesn't run


class _Holder(NamedTuple):
    """An interface that has a MAC, or is to have it, in a VLAN; ``entry`` is what asks for it, '' where nothing does.

    ``key`` tells interfaces apart, ``name`` is how messages name it.
    """

    vlan: str
    mac: str
    key: Key
    name: str
    entry: str = ""


def refuse_equal(
    members: Sequence[Member],
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    vlans: Mapping[str, Vlan],
    running: Collection[str],
    problems: list[str],
) -> None:
    """Refuse a MAC that two interfaces would have in a VLAN, of which the variables ask for one.

    An interface whose entry names none keeps the one that it has, or that is recorded for it while its container
    doesn't run. Two entries that name the same were refused before.
    """
    asked = [
        _Holder(member.vlan, mac, member.key, str(member), f"{member.where}.{option}")
        for member in members
        for option, mac in member.given_macs()
    ]
    kept = list(_kept(members, variables, shown, vlans, running))
    holders: dict[tuple[str, str], list[_Holder]] = {}
    for one in (*asked, *sorted(kept, key=lambda one: not one.entry)):
        holders.setdefault((one.vlan, one.mac), []).append(one)
    for (vlan, mac), (first, *others) in holders.items():
        other = next((one for one in others if one.key != first.key), None)
        if other is not None and first.entry:
            problems.append(
                f"{first.entry}: {mac} is the MAC of {first.name} and also of {other.name}, in VLAN {vlan} "
                f"({vlans[vlan].id}); give one of them another mac or mac_seed"
                + ("" if other.entry else f", or detach {other.name} ({PREFIX}purge does)")
            )


def _kept(
    members: Iterable[Member],
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    vlans: Mapping[str, Vlan],
    running: Collection[str],
) -> Iterator[_Holder]:
    """Yield the interfaces that keep their MAC in this run, each in the VLAN in which it is to be or stays."""
    by_id = {vlan.id: name for name, vlan in vlans.items()}
    by_key = {member.key: member for member in members}
    # What a process id means only the host knows: its interface is shown by another name.
    by_pid = {(member.host, member.interface) for member in by_key.values() if member.target[0] == "pid"}
    # One of a member may come from another bridge, and bring its MAC along.
    for interface in (*all_shown(variables, shown, every_bridge=True), *_recorded(shown)):
        if not interface.targets or not interface.mac:
            continue
        member = member_of(interface, by_key)
        stays = interface.host not in running
        if member is not None and (stays or not any(member.given_macs())):
            yield _Holder(member.vlan, interface.mac, member.key, str(member), member.where)
        bridge = variables.get(interface.host, {}).get("bridge")
        there = by_id.get(interface.vlan_id or 0) if bridge in (None, interface.bridge) else None
        if member is not None or there is None or (interface.host, interface.name) in by_pid:
            continue
        if stays or not is_detached(interface.host, variables):
            yield _Holder(there, interface.mac, interface.key, str(interface))


def _recorded(shown: Mapping[str, Mapping[str, Any]]) -> Iterator[ShownInterface]:
    """Yield the interfaces that are recorded for containers that don't run now."""
    for host in sorted(shown):
        for entry in shown[host].get("recorded") or ():
            options = entry["options"]
            targets = tuple(f"{selector}={options[selector]}" for selector in SELECTORS if selector in options)
            if entry["kind"] == "attachment" and entry["state"] == _PENDING and targets and options.get("mac"):
                yield ShownInterface(
                    host,
                    targets,
                    options["interface"],
                    options.get("vlan"),
                    (),
                    bridge=options.get("bridge"),
                    mac=options["mac"],
                )
