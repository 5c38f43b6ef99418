# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The MTU of a fleet's containers: in one network, all must take what one sends. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..model.limits import MTU, USUAL_MTU
from .addresses import ShownInterface
from .members import Key, Member
from .subnets import parsed_address
from .transport import ALONE, VXLAN, underlay
from .variables import PREFIX

Variables = Mapping[str, Mapping[str, Any]]

# What VXLAN puts before a frame, by the family of the underlay (RFC 7348, section 5).
_OVERHEAD = {4: 50, 6: 70}


def check(host: str, given: Mapping[str, Any], problems: list[str]) -> None:
    """Refuse a variable of a host that is not an MTU (68 to 65535 bytes)."""
    wanted = given.get("mtu")
    if wanted and not (isinstance(wanted, (int, str)) and str(wanted).isdecimal() and MTU[0] <= int(wanted) <= MTU[1]):
        problems.append(f"{host}: {PREFIX}mtu: {wanted!r} is not an MTU; give {MTU[0]} to {MTU[1]} bytes")


def of_members(
    members: Iterable[Member],
    variables: Variables,
    shown: Mapping[str, Mapping[str, Any]],
    interfaces: Iterable[ShownInterface],
    unknown: Collection[str],
) -> dict[Key, int]:
    """Return the MTU in bytes of members whose entries name none, where a variable or a link gives one.

    The link of an ``unknown`` host may be the one that lets the least through.
    So while there is one, none gets more than it has, and a new one no more than the others.
    """
    there = {
        interface.key: interface.mtu
        for interface in interfaces
        if interface.mtu is not None and (interface.member is None or "mtu" not in interface.member.passed_on)
    }
    least = min(there.values(), default=None)
    link, asked = min(_links(variables, shown), default=None), _asked(variables)
    found: dict[Key, int] = {}
    for member in members:
        given = variables[member.host]
        if given.get("mtu"):
            found[member.key] = int(given["mtu"])
        elif given.get("transport") != ALONE:
            sizes = [_payload(given, link), *asked, there.get(member.key, least) if unknown else None]
            known = [size for size in sizes if size is not None]
            if known:
                found[member.key] = min(known)
    return found


def warnings(
    members: Iterable[Member], variables: Variables, shown: Mapping[str, Mapping[str, Any]], unknown: Sequence[str]
) -> list[str]:
    """Return a sentence where the MTU of containers is derived, while links of ``unknown`` hosts may be smaller."""
    derived = any(
        member.host in shown and "mtu" not in member.passed_on and not variables[member.host].get("mtu")
        for member in members
    )
    if not unknown or not derived or not any(_links(variables, shown)):
        return []
    return [
        f"{', '.join(unknown)}: the MTU of the links there is not known, so no container gets a larger MTU than it "
        "has, and a new one none larger than the others have; "
        f"run it for all hosts, or set {PREFIX}mtu for all hosts"
    ]


def too_large(members: Iterable[Member], variables: Variables, shown: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each MTU that is asked for and does not fit through the links of the hosts."""
    link = min(_links(variables, shown), default=None)
    if link is None:
        return []
    asked = [
        (f"{host}: {PREFIX}mtu", host, given["mtu"])
        for host, given in variables.items()
        if given.get("mtu") and given.get("state") != "absent"
    ]
    asked += [
        (f"{member.where}.mtu", member.host, member.passed_on["mtu"]) for member in members if "mtu" in member.passed_on
    ]
    told = []
    for where, host, wanted in asked:
        given = variables[host]
        fits = _payload(given, link)
        if fits is not None and given.get("transport") != ALONE and str(wanted).isdecimal() and int(wanted) > fits:
            through = "tunnels" if given.get("transport") == VXLAN else "uplinks"
            told.append(
                f"{where}: {wanted} is more than the {fits} bytes that fit through the {through} of all hosts; "
                "larger packets to other hosts are lost"
            )
    return told


def _payload(given: Mapping[str, Any], link: int | None) -> int | None:
    if given.get("transport") != VXLAN:
        return link
    here = underlay(given)
    return (link or USUAL_MTU) - _OVERHEAD[6 if here is not None and here.version == 6 else 4]


def _asked(variables: Variables) -> list[int]:
    """Return what hosts are told to give their containers: more than that the others are not to send."""
    return [int(given["mtu"]) for given in variables.values() if given.get("mtu") and given.get("state") != "absent"]


def _links(variables: Variables, shown: Mapping[str, Mapping[str, Any]]) -> Iterator[int]:
    """Yield what fits through the links of the hosts that were asked."""
    for host, seen in shown.items():
        given = variables.get(host)
        if given is not None and given.get("state") != "absent":
            for interface in seen.get("interfaces") or ():
                if interface.get("mtu") and _joins(interface, given):
                    yield int(interface["mtu"])


def _joins(interface: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Tell whether an interface of a host leads to the other hosts."""
    if given.get("transport") != VXLAN:
        return bool(given.get("uplink")) and interface.get("name") == given["uplink"]
    here = underlay(given)
    return here is not None and here in [
        parsed_address(text.partition("/")[0]) for text in interface.get("addresses") or ()
    ]
