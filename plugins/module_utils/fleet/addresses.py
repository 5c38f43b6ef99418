# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which address a container of a fleet gets where its variables leave it out, and who has one already. Private to the collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .members import (
    PREFIX,
    SELECTORS,
    Address,
    Key,
    Member,
    Subnet,
    Vlan,
    from_number,
    hosts_of,
    interface_label,
    parsed_address,
)

# How many places a container of a host that is down may have moved on by, as another had the first ones when it came, are kept free.
_DISPLACED = 4

_WHOLE_ID = 64
_CONTAINER_ID = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class Holder:
    """An interface in our bridge that a host shows. ``targets`` are its container's names, as in ``Member.key``; the ``owner`` asks for it."""

    host: str
    targets: tuple[str, ...]
    interface: str
    vlan_id: int | None
    addresses: tuple[Address, ...]
    vlan: str = ""
    owner: Member | None = None
    mtu: int | None = None

    @property
    def key(self) -> Key:
        return self.owner.key if self.owner is not None else (self.host, self.targets[0], self.interface)

    def __str__(self) -> str:
        selector, _is, value = self.targets[0].partition("=")
        return f"{interface_label(selector, value, self.interface)} of {self.host}"


def _holders(variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]]) -> Iterator[Holder]:
    for host in sorted(shown):
        bridge = variables.get(host, {}).get("bridge")
        all_names = shown[host].get("targets") or {}
        # What a tool of others attached is in the VLAN as well.
        for entry in (*(shown[host].get("attachments") or ()), *(shown[host].get("foreign_attachments") or ())):
            if bridge and entry.get("bridge") != bridge:
                continue
            named = [*all_names.get(entry.get("host_interface"), ()), entry]
            targets = [
                f"{selector}={one[selector]}"
                for one in named
                for selector in SELECTORS
                if one.get(selector) is not None
            ]
            found = [parsed_address(text.partition("/")[0]) for text in entry.get("addresses") or ()]
            addresses = tuple(address for address in found if address is not None)
            yield Holder(
                host,
                tuple(dict.fromkeys(targets)),
                entry["interface"],
                entry.get("vlan"),
                addresses,
                mtu=entry.get("mtu"),
            )


def _owner(holder: Holder, by_key: Mapping[Key, Member]) -> Member | None:
    """Return whose interface it is: named as the host shows it, in another way, or by the start of its id."""
    for target in holder.targets:
        member = by_key.get((holder.host, target, holder.interface))
        if member is not None:
            return member
    for target in holder.targets:
        selector, _is, value = target.partition("=")
        if selector == "container" and len(value) == _WHOLE_ID and _CONTAINER_ID.fullmatch(value):
            keys = (
                (holder.host, target[:length], holder.interface) for length in range(len("container=") + 1, len(target))
            )
            return next((by_key[key] for key in keys if key in by_key), None)
    return None


def with_owners(
    members: Iterable[Member],
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    vlans: Mapping[str, Vlan],
) -> list[Holder]:
    """Return all interfaces that hosts show in our VLANs, each with the member that asks for it."""
    by_id = {vlan.id: name for name, vlan in vlans.items()}
    by_key = {member.key: member for member in members}
    found = []
    for holder in _holders(variables, shown):
        if not holder.targets or holder.vlan_id is None:
            continue
        owner, vlan = _owner(holder, by_key), by_id.get(holder.vlan_id)
        if vlan is None and owner is not None:
            vlan = owner.vlan  # which had another id when this was attached
        if vlan is not None:
            found.append(replace(holder, vlan=vlan, owner=owner))
    return found


def _gives_up(holder: Holder, address: Address, variables: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether the variables take its address from an interface: they name another for it, or detach it."""
    if holder.owner is not None:
        return holder.owner.vlan != holder.vlan or holder.owner.address(address.version) is not None
    given = variables[holder.host]
    return given.get("state") == "absent" or _is_true(given.get("purge"))


def refuse_held(
    members: Iterable[Member],
    holders: Iterable[Holder],
    variables: Mapping[str, Mapping[str, Any]],
    running: Collection[str],
    problems: list[str],
) -> None:
    """Refuse addresses that are asked for while another has them and this run does not take them from it."""
    having: dict[tuple[str, Address], list[Holder]] = {}
    known = set()
    for holder in holders:
        for address in holder.addresses:
            having.setdefault((holder.vlan, address), []).append(holder)
        if holder.owner is not None:
            known.add(holder.owner.key)
    for member, asked in ((one, address.ip) for one in members for address in one.addresses):
        found = having.get((member.vlan, asked), [])
        others = [holder for holder in found if holder.owner is not member]
        for holder in others:
            gives_up = _gives_up(holder, asked, variables)
            if gives_up and holder.host in running:
                continue
            if len(others) < len(found) and holder.owner is not None:
                continue  # both have it: of the two, the one that leaves it out moves
            if (
                member.target[0] == "pid"
                and member.key not in known
                and (holder.host, holder.interface) == (member.host, member.interface)
            ):
                continue  # most likely its own, attached by another name: what a process id means only the host knows
            if gives_up:
                why = f"and this run leaves {holder.host} as it is; run it for {holder.host}, too, or give another"
            elif holder.owner is not None:
                why = "whose entry leaves its address out and so keeps it; give one of them another"
            else:
                why = f"which is in no variable; detach it there ({PREFIX}purge does), or give another"
            problems.append(
                f"{member.where}.address: {asked} is what {holder} has in VLAN {member.vlan} ({holder.vlan_id}), {why}"
            )


def _is_true(value: Any) -> bool:
    """Tell whether a variable of a host means true, as Ansible's filter bool does."""
    return value is True or str(value).lower() in ("true", "yes", "on", "1")


def unread_warnings(members: Sequence[Member], vlans: Mapping[str, Vlan], unread: Sequence[str]) -> list[str]:
    waiting = {
        member.host
        for member in members
        for subnet in vlans[member.vlan].subnets
        if member.address(subnet.network.version) is None
    }
    return [
        f"{host}: could not be asked which addresses its containers have; those that its entries leave out are reckoned from the names, "
        "and if one was given to another meanwhile, it changes when the host is back"
        for host in sorted(unread)
        if host in waiting
    ]


def with_addresses(
    members: Sequence[Member],
    vlans: Mapping[str, Vlan],
    holders: Iterable[Holder],
    running: Collection[str],
    unread: Collection[str],
    kept: Mapping[Key, Sequence[Address]],
    problems: list[str],
) -> list[Member]:
    """Give each member an address of each subnet of its VLAN that it has none of.

    Those asked for come first, then those that are in use, then those that
    were chosen once (``kept``), then what members of hosts that could not be
    read most likely have, then new ones. Each of
    these starts to look at a place that only its own names decide, so that
    members that come or go move no other; in sorted order, so that every
    batch of a play chooses the same.
    """
    taken: dict[str, dict[Address, Key]] = {name: {} for name in vlans}
    held: dict[Key, list[Holder]] = {}
    for holder in holders:
        held.setdefault(holder.key, []).append(holder)
    for member in members:
        for address in member.addresses:
            taken[member.vlan][address.ip] = member.key
    placed = {member.key: member for member in members}
    waiting = [
        (member, vlans[member.vlan], subnet)
        for member in sorted(members, key=lambda member: member.key)
        for subnet in vlans[member.vlan].subnets
        if member.address(subnet.network.version) is None
    ]

    def give(member: Member, subnet: Subnet, address: Address) -> None:
        taken[member.vlan][address] = member.key
        placed[member.key] = placed[member.key].with_address(address, subnet.network.prefixlen)

    def keep(member: Member, subnet: Subnet, addresses: Iterable[Address]) -> bool:
        for address in addresses:
            if subnet.chooses(address) and address not in taken[member.vlan]:
                give(member, subnet, address)
                return True
        return False

    # VLANs may have got other ids. Who was in the VLAN before goes first.
    for same_id in (True, False):
        waiting = [
            (member, vlan, subnet)
            for member, vlan, subnet in waiting
            if not keep(
                member,
                subnet,
                [
                    one
                    for holder in held.get(member.key, [])
                    if not same_id or holder.vlan_id == vlan.id
                    for one in holder.addresses
                ],
            )
        ]
    for holder in (holder for each in held.values() for holder in each):
        # In use, and to stay so for all that the variables say, or as they say nothing to this run.
        if holder.owner is None or holder.owner.vlan != holder.vlan or holder.host not in running:
            for held_address in holder.addresses:
                taken[holder.vlan].setdefault(held_address, holder.key)
    waiting = [
        (member, vlan, subnet) for member, vlan, subnet in waiting if not keep(member, subnet, kept.get(member.key, ()))
    ]
    doubtful: dict[str, set[Address]] = {name: set() for name in vlans}
    for member, vlan, subnet in waiting:
        if member.host in unread:
            doubtful[vlan.name].update(islice(_places(member, subnet), _DISPLACED))
    # Those that nobody could see go first, as if no new one were there: so it was when they got what they have.
    for member, vlan, subnet in sorted(waiting, key=lambda one: one[0].host not in unread):
        avoided = () if member.host in unread else doubtful[vlan.name]
        chosen = _free(member, subnet, taken[vlan.name], avoided) or _free(member, subnet, taken[vlan.name])
        if chosen is None:
            which = "subnet" if (subnet.first, subnet.last) == hosts_of(subnet.network) else "pool"
            problems.append(
                f"{member.where}: no address of VLAN {vlan.name} is left for {member}, all {subnet.last - subnet.first + 1} of its "
                f"{which} are taken; make it larger"
            )
            continue
        give(member, subnet, chosen)
    return [placed[member.key] for member in members]


def _places(member: Member, subnet: Subnet) -> Iterator[Address]:
    """Yield a subnet's addresses in the order in which a member tries them."""
    size = subnet.last - subnet.first + 1
    digest = hashlib.sha256("\0".join((*member.key, member.vlan)).encode()).digest()
    start = int.from_bytes(digest[:16], "big") % size
    # Not range(): it may be longer than what len() can tell (IPv6).
    step = 0
    while step < size:
        address = from_number(subnet.network, subnet.first + (start + step) % size)
        if address != subnet.gateway:
            yield address
        step += 1


def _free(
    member: Member, subnet: Subnet, taken: Container[Address], avoided: Container[Address] = ()
) -> Address | None:
    return next(
        (address for address in _places(member, subnet) if address not in taken and address not in avoided), None
    )
