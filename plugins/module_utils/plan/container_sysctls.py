# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted sysctls of containers to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..errors import MissingFeature, Refused
from ..model.attachment import Attachment
from ..model.sysctls import OWN, SWITCHES, canonical, dotted, is_number, is_own, path
from ..state.attachments import ContainerSide
from .attachment_match import AttachmentMatch
from .operations import Operation, SetSysctl

Match = TypeVar("Match", bound=AttachmentMatch)

_NEW = "default"  # what an interface has that is made
_REDIRECTS = "net/ipv4/conf/all/accept_redirects"  # the opposite of ip_forward from then on (inet_forward_change())


def names_to_read(wants: Iterable[Attachment], links: Iterable[str], own: Iterable[str]) -> set[str]:
    """Return all that a plan asks of a container that has these ``links``, of which ``own`` are of attachments."""
    names: set[str] = set()
    asked = {name for want in wants for name, _value in want.sysctls or ()}
    for name in asked:
        names.update(path(name, link) for link in ((*own, _NEW) if is_own(name) else (OWN,)))
        if name in SWITCHES:
            names.update(f"{SWITCHES[name]}/{link}/forwarding" for link in (*links, "lo", _NEW))
            names.add(_REDIRECTS)
    return names


def shared(found: Sequence[Match]) -> list[Match]:
    """Return attachments of which each container's side has what of all of them is for the whole container.

    The first that asks for any sets it: what comes after sees what that did to interfaces.
    """
    first: dict[str, str] = {}
    everybodys: dict[str, dict[str, str]] = {}
    for one in found:
        if one.want.sysctls:
            first.setdefault(one.side.netns, one.want.interface)
            here = everybodys.setdefault(one.side.netns, {})
            here.update((name, value) for name, value in one.want.sysctls if not is_own(name))
    result = []
    for one in found:
        netns = one.side.netns
        if netns in first:
            each = sorted(everybodys[netns].items(), key=lambda entry: (entry[0] not in SWITCHES, entry))
            one = replace(one, side=replace(one.side, shared_sysctls=tuple(each), sysctls_by=first[netns]))
        result.append(one)
    return result


def check(found: Sequence[AttachmentMatch]) -> None:
    """Refuse sysctls that a container hasn't, that can't be set, or of which two attachments ask for different values.

    :raises Refused: naming the first.
    :raises MissingFeature: there is no such one.
    """
    seen: dict[tuple[str, str], tuple[str, AttachmentMatch]] = {}
    for one in found:
        for name, value in one.want.sysctls or ():
            _check_one(one, name, value)
            if is_own(name):
                continue
            earlier, other = seen.setdefault((one.side.netns, name), (value, one))
            if canonical(earlier) != canonical(value):
                raise Refused(
                    f"sysctls: {dotted(name)} is one for all of {one.side.netns}, and {other.want} asks for {earlier}, "
                    f"{one.want} for {value}; give it to one of the two"
                )


def _check_one(one: AttachmentMatch, name: str, value: str) -> None:
    known = path(name, one.peer.name if one.peer is not None else _NEW)
    if known not in one.side.sysctls:
        raise MissingFeature(
            f"sysctls: {one.side.netns} has no {dotted(path(name, one.want.interface))}; see whether it is written "
            "right, whether the kernel has what it is of, and whether each network namespace has its own"
        )
    shown = one.side.sysctls[known]
    if shown is None:
        raise Refused(
            f"sysctls: {dotted(path(name, one.want.interface))} can't be both read and set in {one.side.netns}; "
            "leave it out"
        )
    there, asked = shown.split(), value.split()
    if there and all(is_number(word) for word in there):
        if len(there) != len(asked) or not all(is_number(word) for word in asked):
            what = "a number" if len(there) == 1 else f"{len(there)} numbers"
            raise Refused(
                f"sysctls: {dotted(path(name, one.want.interface))} is {what} ({canonical(shown)} in "
                f"{one.side.netns}), and {value!r} is not; give {what}"
            )


def planned(one: AttachmentMatch) -> list[Operation]:
    """Return what gives a container, and an attachment's interface, the sysctls that are wanted of them."""
    side, interface = one.side, one.want.interface
    own = [(path(name, interface), value) for name, value in one.want.sysctls or () if is_own(name)]
    now = _by_name(one)
    operations: list[Operation] = []
    for name, value in (*side.shared_sysctls, *own):
        shown = now.get(name)
        if shown is None or canonical(shown) == canonical(value):
            continue
        undone = _overwritten(name, value, now)
        now[name] = value
        if (name, value) in own or side.sysctls_by == interface:
            operations.append(SetSysctl(side.netns, name, value, canonical(shown), undone))
    return operations


def _by_name(one: AttachmentMatch) -> dict[str, str | None]:
    """Return the sysctls as they are called once the interface has its name; a new one has the default's."""
    former, now = one.peer.name if one.peer is not None else _NEW, dict(one.side.sysctls)
    for name, _value in one.want.sysctls or ():
        if is_own(name):
            now[path(name, one.want.interface)] = one.side.sysctls.get(path(name, former))
    if one.peer is not None and former != one.want.interface:
        for folder in SWITCHES.values():
            forwarding = now.pop(f"{folder}/{former}/forwarding", None)
            if forwarding is not None:
                now[f"{folder}/{one.want.interface}/forwarding"] = forwarding
    return now


def _overwritten(name: str, value: str, now: dict[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Note what the kernel writes along with a switch; return what that was before, where undoing wouldn't tell."""
    if name not in SWITCHES:
        return ()
    before = now[name]
    others = [other for other in now if other.startswith(f"{SWITCHES[name]}/") and other.endswith("/forwarding")]
    undone = {other: found for other in others if (found := now[other]) not in (None, before) and other != name}
    now.update(dict.fromkeys(others, value))
    redirects = now.get(_REDIRECTS)
    if name == "net/ipv4/ip_forward" and redirects is not None:
        undone[_REDIRECTS] = redirects
        now[_REDIRECTS] = "1" if canonical(value) == "0" else "0"
    return tuple((other, found) for other, found in sorted(undone.items()) if found is not None)


def described(want: Attachment, side: ContainerSide, interface: str) -> dict[str, dict[str, str]]:
    """Return the option ``sysctls`` with those that an attachment asks for, as they are."""
    shown = {name: side.sysctls.get(path(name, interface)) for name, _value in want.sysctls or ()}
    found = {dotted(name): canonical(value) for name, value in shown.items() if value is not None}
    return {"sysctls": found} if found else {}
