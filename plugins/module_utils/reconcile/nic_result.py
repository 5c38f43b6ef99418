# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What host_nic_bridge tells: values, both sides of a diff, warnings, sentences. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..errors import Refused
from ..model.bridge_vlans import described as vlans_described
from ..model.host_nic import CONFIRMED, PRESENT, ROLLED_BACK, HostNic, Probe
from ..model.nic_move import OPENVSWITCH, ManagedFile
from ..plan.nic import link_differences
from ..state.nic import ADDRESS, NEIGHBOUR, ROUTE, RULE, Entry, NicState
from .result import Result

_TITLES = {ADDRESS: "addresses", ROUTE: "routes", RULE: "rules", NEIGHBOUR: "neighbours"}


def result(
    want: HostNic,
    have: NicState,
    goal: NicState,
    lines: list[str],
    wanted: Sequence[ManagedFile],
    told: list[str],
) -> Result:
    """Return what a run tells that finds this and leaves that; ``lines`` are empty where nothing is to be done."""
    after = goal if lines else have
    values = {
        "nic": want.nic,
        "bridge": want.bridge,
        "bridge_type": after.bridge_kind or None,
        "pending": False,
        "token": None,
        "confirm_within": None,
        "persisted_in": [one.path for one in wanted if one.content is not None],
    }
    return Result(lines, described(have), described(after), values, told)


def waiting(found: Result, token: str, seconds: int, more: list[str]) -> Result:
    """Return the result of a move that waits for its confirmation; ``more`` was done beyond what was planned."""
    done = [*found.operations, *more]
    return replace(
        found, operations=done, values={**found.values, "pending": True, "token": token, "confirm_within": seconds}
    )


def described(state: NicState) -> dict[str, Any]:
    """Return a state as a diff shows it."""
    shown: dict[str, Any] = {}
    for link in (state.nic, state.bridge):
        if link == state.bridge and not state.bridge_kind:
            shown[link] = None
            continue
        shown[link] = {title: held for kind, title in _TITLES.items() if (held := _texts(state, kind, link))}
        if link == state.nic and state.master:
            shown[link]["master"] = state.master
        if link == state.bridge and state.filters:
            shown[link]["vlan_filtering"] = True
            shown[link]["port_vlans"] = {name: vlans_described(held) for name, held in sorted(state.vlans.items())}
    return shown


def _texts(state: NicState, kind: str, link: str) -> list[str]:
    return [entry.text for entry in state.of(kind, link)]


def gateways(state: NicState) -> list[str]:
    """Return the gateways of the default routes through NIC or bridge, each once."""
    found = []
    for entry in state.entries:
        words = entry.text.split()
        if entry.kind == ROUTE and words[0] == "default" and "via" in words:
            found.append(words[words.index("via") + 1])
    return list(dict.fromkeys(found))


def missing(goal: NicState, now: NicState) -> list[str]:
    """Return what of a goal isn't there; what came beside it (a router's advertisement) is no fault.

    Nor is what a manager that took it over set otherwise: another broadcast address, a rule's priority.
    """
    there = {_loosely(entry) for entry in now.entries}
    found = [f"{entry} is missing" for entry in goal.entries if _loosely(entry) not in there]
    # A bridge to which nobody gave them takes its MAC and MTU of its ports.
    free = {f"mac of {goal.bridge}", f"mtu of {goal.bridge}"}
    return found + [line for what, line in link_differences(goal, now) if what not in free]


def _loosely(entry: Entry) -> tuple[Any, ...]:
    told = entry.identity if entry.kind == RULE else entry.text
    return entry.kind, entry.family, entry.links, told


def file_lines(changed: Collection[ManagedFile]) -> list[str]:
    """Say what becomes of files, a line each."""
    return [f"{'remove' if one.content is None else 'write'} {one.path}" for one in changed]


def warnings(
    want: HostNic,
    have: NicState,
    probes: Collection[Probe],
    passing: Collection[Probe],
    naming: Sequence[str],
    kept: bool,
) -> list[str]:
    """Return what will be otherwise than expected.

    ``naming`` are rules of the host's firewall that name the NIC; ``kept`` tells whether somebody keeps the move over a
    boot.
    """
    told = []
    if naming:
        more = f" and {len(naming) - 1} more" if len(naming) > 1 else ""
        told.append(
            f"the host's firewall has a rule that names {want.nic} (`{naming[0]}`){more}, and what comes in there "
            f"comes in by {want.bridge} after the move: give {want.bridge} the same rules"
        )
    temporary = [entry.text for entry in have.entries if entry.temporary]
    if temporary:
        told.append(
            f"{', '.join(temporary)}: temporary addresses (RFC 8981), which go along as ordinary ones for the rest of "
            "their lifetime, as the kernel takes that mark from nobody; where they have to stay temporary, let whoever "
            "manages the bridge make new ones"
        )
    silent = [str(probe) for probe in probes if probe not in passing]
    if silent:
        told.append(
            f"verify: {', '.join(silent)} did not answer before the move either, so that it says nothing about it "
            "and is left out"
        )
    if not passing:
        told.append(
            f"verify: nothing that is asked for answers, so that only the confirmation from a new connection tells "
            f"whether {want.nic} leads to anybody after the move"
        )
    if want.persist == "none":
        told.append(
            f"persist: none: the next boot has {want.nic} as it was before"
            + ("" if want.state == PRESENT else ", or as its manager says")
        )
    elif want.state == PRESENT and not kept:
        told.append(
            f"persist: nobody who is known here manages {want.nic} (systemd-networkd, NetworkManager, netplan, "
            f"ifupdown), so that nothing on this host keeps that over a boot: have one of them configure {want.nic}, "
            "or run this again after each boot"
        )
    return told


def stays(have: NicState, goes: bool) -> str:
    """Say that a bridge stays that has other ports than the NIC; ``goes`` tells whether it would go without them."""
    verb, them = ("is", "it") if len(have.ports) == 1 else ("are", "them")
    ports = f"{', '.join(have.ports)} {verb} in it"
    if not goes:
        return f"{have.bridge} stays, and {ports}, which {verb} no longer connected to the LAN"
    by = "multi_host_vlan_state=absent, or " if have.bridge_kind == OPENVSWITCH else ""
    return (
        f"{have.bridge} stays as long as {ports}, and what is attached there reaches the LAN no longer; detach {them} "
        f"({by}veth_attach with state absent), then run this once more"
    )


def aftermath(nic: str, left: Sequence[str]) -> str:
    """Say what a host is like after a move was undone."""
    if not left:
        return f"{nic} was put back, and all is as it was before"
    return f"{nic} was put back, but not all is as it was: {'; '.join(left)}"


def other_token(want: HostNic, seconds_left: float, folder: str) -> Refused:
    """Return why a token is none of the move that waits."""
    return Refused(
        f"token: it is of another move of {want.nic} than the one that waits, for {max(0, round(seconds_left))} s "
        f"more; give the token of the task that made this one, or the one in {folder}/pending.json on the host, "
        "or wait until it is undone"
    )


def end_lines(want: HostNic, nic: str) -> list[str]:
    """Say what ends a move, a line each."""
    return [f"confirm the move of {nic}" if want.state == CONFIRMED else f"roll back the move of {nic}"]


def of_end(want: HostNic, lines: list[str], left: Sequence[str]) -> Result:
    """Return the result of a move that has ended."""
    states = {CONFIRMED: "confirmed", ROLLED_BACK: "rolled back"}
    before = {want.nic: {"move": "waits for its confirmation"}} if lines else {want.nic: {"move": states[want.state]}}
    after = {want.nic: {"move": states[want.state]}}
    values = {"nic": want.nic, "bridge": want.bridge, "pending": False, "token": want.token, "left": list(left)}
    told = [f"not all is as it was before the move: {line}" for line in left]
    return Result(lines, before, after, values, told)
