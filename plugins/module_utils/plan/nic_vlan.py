# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces of the host that have one VLAN of a NIC: found, made before what is made on them, taken away after it.

Pure. Private to the collection. Imported where a VLAN is asked for, or the host has such an interface of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model.addresses import is_link_local
from ..model.names import IFNAMSIZ, derived_name
from ..model.nic_attachment import MADE
from ..model.ownership import MARK
from ..state.attachments import ContainerSide
from ..state.network import ETH_P_8021Q, HOST, Link, NetworkState
from ..state.nic_attachments import NicHostSide
from .address_operations import set_ipv6
from .link_operations import DeleteLink, SetAlternativeName, SetLink
from .nic_vlan_operations import AddVlan, ClaimVlan
from .operations import Operation
from .uplinks import upper_interfaces

if TYPE_CHECKING:
    from .nic_attachment_match import NicMatch

_TAGS = 4096  # more than there are VLANs of one NIC


def on(nic: Link, vlan: int, network: NetworkState) -> Link:
    """Return the interface that has a VLAN of a NIC, whoever made it; where there is none, as it will be made.

    That one has an index below 0.
    """
    there = find(nic, vlan, network)
    if there is None:
        index = -(nic.index * _TAGS + vlan)
        return Link(index, name_of(nic, vlan), "vlan", nic.mac, nic.mtu, alias=MARK, peer=nic.index, vlan_id=vlan)
    if is_born(there, nic):
        return replace(there, name=name_of(nic, vlan), alias=MARK, mtu=nic.mtu)
    return replace(there, mtu=nic.mtu) if there.alias == MARK else there


def find(nic: Link, vlan: int, network: NetworkState) -> Link | None:
    """Return the interface that has a VLAN of a NIC, ``None`` where there is none."""
    for link in network.links.values():
        is_on = link.kind == "vlan" and link.peer == nic.index and link.peer_netns is None
        if is_on and link.vlan_id == vlan and link.vlan_protocol == ETH_P_8021Q:
            return link
    return None


def name_of(nic: Link, vlan: int) -> str:
    """Return the name of one that is made: ``eth1.100``, or where that is too long, one derived from it."""
    name = f"{nic.name}.{vlan}"
    return name if len(name.encode()) <= IFNAMSIZ else derived_name("pfv", nic.name, str(vlan))


def is_born(link: Link, nic: Link) -> bool:
    """Tell one that a killed run made and did not come to name."""
    return link.name == _birth_name(nic.name, link.vlan_id) and not link.alias


def _birth_name(nic: str, vlan: int | None) -> str:
    return derived_name("pfn", nic, str(vlan))


def prepared(found: Iterable[NicMatch], host_side: NicHostSide) -> list[Operation]:
    """Return what makes the interfaces on which others are to be made, in a VLAN of a NIC that is up."""
    network = host_side.network
    operations: list[Operation] = []
    by_index: dict[int, list[NicMatch]] = {}
    for one in found:
        if one.nic is not None:
            by_index.setdefault(one.link.index, []).append(one)
    for index, here in by_index.items():
        nic, link, there = here[0].nic, here[0].link, network.by_index(index)
        if nic is None or link.vlan_id is None:
            raise AssertionError(here[0])  # by what is in by_index
        if there is None:
            operations.append(_made(nic.name, link.vlan_id, link))
        elif there.name != link.name:
            operations.append(ClaimVlan(HOST, link.name, there.name))
        if there is not None and there.mtu != link.mtu:
            operations.append(SetLink(HOST, link.name, {"mtu": link.mtu}, {"mtu": there.mtu}))
        # The host is not to be in that VLAN itself by what routers announce, unless it routes for what is made on it.
        speaks_ipv6 = there.ipv6 if there is not None else nic.ipv6 is not None
        routes = any(one.want.is_routed for one in here) or _has_addresses(link, network)
        if link.alias == MARK and speaks_ipv6 and not routes:
            operations.append(set_ipv6(HOST, link.name, False))
        if not link.up:
            operations.append(SetLink(HOST, link.name, {"up": True}, {"up": False}))
    return operations


def _made(nic: str, vlan: int, link: Link) -> AddVlan:
    readable = f"{nic}.{vlan}"
    return AddVlan(
        HOST, link.name, _birth_name(nic, vlan), nic, vlan, link.mtu, readable if readable != link.name else ""
    )


def left(
    candidates: Collection[int],
    host_side: NicHostSide,
    sides: Sequence[ContainerSide],
    going: Collection[tuple[str, int]],
) -> Iterator[Operation]:
    """Yield what takes away those of ours among ``candidates`` (interface indexes) on which nothing is any more.

    ``going`` are what is on them and goes, each by its netns and index.
    """
    network = host_side.network
    used = {one.link.peer for one in host_side.elsewhere}
    for side in sides:
        host_id = host_side.host_ids.get(side.netns)
        for link in side.network.links.values():
            if link.peer_netns is not None and link.peer_netns == host_id and (side.netns, link.index) not in going:
                used.add(link.peer)
    waiting, ours = sorted({*candidates} & ours_in(network)), ours_in(network)
    gone: set[int] = set()
    while waiting:
        index = waiting.pop()
        lower = network.by_index(index)
        if lower is None or index in used or index in gone or lower.master or _has_addresses(lower, network):
            continue
        if all(upper.index in (index, *gone) for upper, _tag in upper_interfaces(lower, network)):
            gone.add(index)
            what = f"{lower.name}, on which nothing is any more"
            yield DeleteLink(HOST, lower.name, what, _restoring(lower, network))
            waiting += {lower.peer} & ours  # it may have been the last within that one


def ours_in(network: NetworkState) -> set[int]:
    """Return the indexes of the interfaces for VLANs that were made for attachments."""
    found = set()
    for link in network.links.values():
        if link.kind == "vlan" and link.peer_netns is None:
            nic = network.by_index(link.peer)
            if link.alias == MARK or (nic is not None and is_born(link, nic)):
                found.add(link.index)
    return found


def in_question(found: Sequence[NicMatch], host_side: NicHostSide) -> set[int]:
    """Return those of ours that may have lost the last that was on them, by the plan or by a run that was killed.

    A pass over the record takes only those away that it empties itself: containers may come that are to be on others.
    """
    made = [one for one in found if one.want.kind in MADE]  # a NIC in a container has an index of that one's
    wanted = {one.link.index for one in made}
    nics = {(one.nic or one.link).index for one in made}
    if any(one.want.removable is not None for one in found):
        nics = set()
    left_by = {one.replaced[0].peer for one in found if one.replaced is not None and one.replaced[0].kind in MADE}
    links = [host_side.network.by_index(index) for index in ours_in(host_side.network) - wanted]
    return {link.index for link in links if link is not None and (link.peer in nics or link.index in left_by)}


def _has_addresses(link: Link, network: NetworkState) -> bool:
    return any(not is_link_local(address) for address in network.addresses.get(link.name, ()))


def _restoring(link: Link, network: NetworkState) -> tuple[Operation, ...] | None:
    nic = network.by_index(link.peer)
    if nic is None or link.vlan_id is None:
        return None
    made = replace(_made(nic.name, link.vlan_id, link), alternative_name="")
    names = [SetAlternativeName(HOST, link.name, name, True) for name in link.alternative_names]
    ipv6 = [set_ipv6(HOST, link.name, link.ipv6)] if link.ipv6 is not None else []
    return (made, *names, *ipv6, SetLink(HOST, link.name, {"up": link.up}, {}))
