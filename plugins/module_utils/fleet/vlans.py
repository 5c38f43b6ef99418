# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The VLANs of a fleet by their names: a VLAN means the same on all hosts. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..light_dataclass import dataclass
from ..model.limits import VLAN, VNI
from .subnets import Subnet, from_number, hosts_of, parse_subnets
from .variables import PREFIX, required, whole_number

_KEYS = ("id", "subnet", "gateway", "pool", "vni")


@dataclass(frozen=True)
class Vlan:
    """``id`` is 1 to 4094. ``subnets`` are one of IPv4, one of IPv6, both in this order, or none."""

    name: str
    id: int
    subnets: tuple[Subnet, ...] = ()
    vni: int | None = None


def parse_vlans(variables: Mapping[str, Mapping[str, Any]], problems: list[str]) -> tuple[dict[str, Vlan], set[str]]:
    """Return the VLANs of all hosts by name, and the names of those that were refused.

    Most often all hosts have the same ones: what is wrong is told of one host only.
    """
    known = _Known()
    refused: list[tuple[str, Any]] = []
    for host in sorted(variables):
        given = variables[host].get("vlans") or {}
        if not isinstance(given, Mapping):
            problems.append(
                f"{host}: {PREFIX}vlans: {given!r} is not a mapping; "
                "write it like {web: {id: 100, subnet: 192.168.0.0/24}}"
            )
            continue
        for name in sorted(given, key=str):
            if (name, given[name]) in refused:
                continue  # said of another host already
            vlan = _vlan(host, str(name), given[name], problems)
            contradiction = known.add(host, vlan) if vlan is not None else ""
            if contradiction:
                problems.append(f"{host}: {PREFIX}vlans.{name}{contradiction}")
            if vlan is None or contradiction:
                refused.append((name, given[name]))
    return {name: vlan for name, (_host, vlan) in known.by_name.items()}, {str(name) for name, _given in refused}


@dataclass
class _Known:
    """The VLANs that were read so far, each with the first host that has it."""

    by_name: dict[str, tuple[str, Vlan]] = field(default_factory=dict)
    _by_id: dict[int, tuple[str, str]] = field(default_factory=dict)
    _by_vni: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, host: str, vlan: Vlan) -> str:
        """Add a VLAN; say in what it contradicts those of hosts before, '' where it does not."""
        first_host, first = self.by_name.setdefault(vlan.name, (host, vlan))
        if first != vlan:
            return (
                f": is {_described(vlan)} here and {_described(first)} on {first_host}; "
                "a VLAN means the same on all hosts, so make them equal"
            )
        vni = vlan.vni or vlan.id
        vni_host, other = self._by_vni.setdefault(vni, (host, vlan.name))
        if other != vlan.name and self.by_name[other][1].id != vlan.id:
            where = "" if vni_host == host else f" on {vni_host}"
            return f".vni: {vni} is the VXLAN identifier of VLAN {other}{where} already; give each its own"
        id_host, other = self._by_id.setdefault(vlan.id, (host, vlan.name))
        if other != vlan.name:
            where = "" if id_host == host else f" on {id_host}"
            return f".id: {vlan.id} is the id of VLAN {other}{where} already; give each VLAN an id of its own"
        return ""


def _described(vlan: Vlan) -> str:
    words = [f"id {vlan.id}", *(["without a subnet"] if not vlan.subnets else [])]
    for subnet in vlan.subnets:
        words.append(f"subnet {subnet.network}")
        if subnet.gateway:
            words.append(f"gateway {subnet.gateway}")
        if (subnet.first, subnet.last) != hosts_of(subnet.network):
            words.append(f"pool {from_number(subnet.network, subnet.first)}-{from_number(subnet.network, subnet.last)}")
    if vlan.vni is not None:
        words.append(f"vni {vlan.vni}")
    return ", ".join(words)


def _vlan(host: str, name: str, given: Any, problems: list[str]) -> Vlan | None:
    where = f"{host}: {PREFIX}vlans.{name}"
    if not isinstance(given, Mapping):
        problems.append(f"{where}: {given!r} is not a mapping; write it like {{id: 100, subnet: 192.168.0.0/24}}")
        return None
    unknown = sorted(str(key) for key in given if key not in _KEYS)
    if unknown:
        problems.append(f"{where}: has unknown keys ({', '.join(unknown)}); give {', '.join(_KEYS)}")
        return None
    number = whole_number(given.get("id"))
    if number is None or not VLAN[0] <= number <= VLAN[1]:
        problems.append(
            f"{where}.id: {required(given.get('id'), 'is not a VLAN id')}; give a number from {VLAN[0]} to {VLAN[1]}"
        )
        return None
    vni = whole_number(given.get("vni"))
    if given.get("vni") is not None and (vni is None or not VNI[0] <= vni <= VNI[1]):
        problems.append(
            f"{where}.vni: {given['vni']!r} is not a VXLAN network identifier; give a number from {VNI[0]} to {VNI[1]}"
        )
        return None
    subnets = parse_subnets(where, given, problems)
    return None if subnets is None else Vlan(name, number, subnets, vni)
