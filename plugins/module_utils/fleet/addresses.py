# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which address a container of a fleet gets where its variables leave it out, and who has one already.

Private to the collection.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from ..light_dataclass import dataclass
from ..model.attachment import SELECTORS
from .members import Key, Member, interface_label
from .subnets import Address, Subnet, from_number, hosts_of, parsed_address
from .variables import PREFIX
from .vlans import Vlan

# Addresses kept free for a container of a host that is down: it may have moved on by so many places, as another had the
# first ones when it came.
_DISPLACED = 4

_WHOLE_ID = 64
_CONTAINER_ID = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class ShownInterface:
    """An interface of a container on our bridge, as container_network_info returned it.

    ``targets`` are its container's names, as in ``Member.key``; ``member`` is the one that asks for it.
    """

    host: str
    targets: tuple[str, ...]
    name: str
    vlan_id: int | None
    addresses: tuple[Address, ...]
    vlan: str = ""
    member: Member | None = None
    mtu: int | None = None
    bridge: str | None = None
    mac: str = ""

    @property
    def key(self) -> Key:
        """Return the key of the member that asks for it, or one of its own."""
        return self.member.key if self.member is not None else (self.host, self.targets[0], self.name)

    def __str__(self) -> str:
        selector, _is, value = self.targets[0].partition("=")
        return f"{interface_label(selector, value, self.name)} of {self.host}"


def all_shown(
    variables: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Mapping[str, Any]], every_bridge: bool = False
) -> Iterator[ShownInterface]:
    """Yield the interfaces of containers on our bridges, or with ``every_bridge`` all that hosts show."""
    for host in sorted(shown):
        bridge = variables.get(host, {}).get("bridge")
        all_names = shown[host].get("targets") or {}
        # What a tool of others attached is in the VLAN as well.
        for entry in (*(shown[host].get("attachments") or ()), *(shown[host].get("foreign_attachments") or ())):
            if bridge and entry.get("bridge") != bridge and not every_bridge:
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
            yield ShownInterface(
                host,
                tuple(dict.fromkeys(targets)),
                entry["interface"],
                entry.get("vlan"),
                addresses,
                mtu=entry.get("mtu"),
                bridge=entry.get("bridge"),
                mac=entry.get("mac") or "",
            )


def member_of(interface: ShownInterface, by_key: Mapping[Key, Member]) -> Member | None:
    """Return whose interface it is: named as the host shows it, in another way, or by the start of its id."""
    for target in interface.targets:
        member = by_key.get((interface.host, target, interface.name))
        if member is not None:
            return member
    for target in interface.targets:
        selector, _is, value = target.partition("=")
        if selector == "container" and len(value) == _WHOLE_ID and _CONTAINER_ID.fullmatch(value):
            keys = (
                (interface.host, target[:length], interface.name)
                for length in range(len("container=") + 1, len(target))
            )
            return next((by_key[key] for key in keys if key in by_key), None)
    return None


def shown_interfaces(
    members: Iterable[Member],
    variables: Mapping[str, Mapping[str, Any]],
    shown: Mapping[str, Mapping[str, Any]],
    vlans: Mapping[str, Vlan],
) -> list[ShownInterface]:
    """Return all interfaces that hosts show in our VLANs, each with the member that asks for it."""
    by_id = {vlan.id: name for name, vlan in vlans.items()}
    by_key = {member.key: member for member in members}
    found = []
    for interface in all_shown(variables, shown):
        if not interface.targets or interface.vlan_id is None:
            continue
        member, vlan = member_of(interface, by_key), by_id.get(interface.vlan_id)
        if vlan is None and member is not None:
            vlan = member.vlan  # which had another id when this was attached
        if vlan is not None:
            found.append(replace(interface, vlan=vlan, member=member))
    return found


def _gives_up(interface: ShownInterface, address: Address, variables: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether the variables take its address from an interface: they name another for it, or detach it."""
    if interface.member is not None:
        return interface.member.vlan != interface.vlan or interface.member.address(address.version) is not None
    return is_detached(interface.host, variables)


def is_detached(host: str, variables: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether what no variable asks for is detached on a host."""
    given = variables.get(host, {})
    return given.get("state") == "absent" or _is_true(given.get("purge"))


def refuse_held(
    members: Iterable[Member],
    interfaces: Iterable[ShownInterface],
    variables: Mapping[str, Mapping[str, Any]],
    running: Collection[str],
    problems: list[str],
) -> None:
    """Refuse addresses that are asked for while another has them and this run does not take them from it."""
    having: dict[tuple[str, Address], list[ShownInterface]] = {}
    known = set()
    for interface in interfaces:
        for address in interface.addresses:
            having.setdefault((interface.vlan, address), []).append(interface)
        if interface.member is not None:
            known.add(interface.member.key)
    for member, asked in ((one, address.ip) for one in members for address in one.addresses):
        found = having.get((member.vlan, asked), [])
        others = [interface for interface in found if interface.member is not member]
        for interface in others:
            if len(others) < len(found) and interface.member is not None:
                continue  # both have it: of the two, the one that leaves it out moves
            if member.key not in known and _may_be_its_own(member, interface):
                continue
            why = _why_it_stays(interface, asked, variables, running)
            if why:
                problems.append(
                    f"{member.where}.address: {asked} is in use by {interface} in VLAN {member.vlan} "
                    f"({interface.vlan_id}), {why}"
                )


def _may_be_its_own(member: Member, interface: ShownInterface) -> bool:
    """Tell whether an interface is most likely that of a process id, attached by another name.

    What a process id means only the host knows.
    """
    same_name = (interface.host, interface.name) == (member.host, member.interface)
    return member.target[0] == "pid" and same_name


def _why_it_stays(
    interface: ShownInterface, address: Address, variables: Mapping[str, Mapping[str, Any]], running: Collection[str]
) -> str:
    """Return why an interface keeps an address in this run, and what to do; '' if it gives it up."""
    if _gives_up(interface, address, variables):
        if interface.host in running:
            return ""
        host = interface.host
        return f"and this run leaves {host} as it is; run it for {host}, too, or give another"
    if interface.member is not None:
        return "whose entry leaves its address out and so keeps it; give one of them another"
    return f"which no variable asks for; detach it there ({PREFIX}purge does), or give another"


def _is_true(value: Any) -> bool:
    """Tell whether a variable of a host means true, as Ansible's filter bool does."""
    return value is True or str(value).lower() in ("true", "yes", "on", "1")


def unread_warnings(members: Sequence[Member], vlans: Mapping[str, Vlan], unread: Sequence[str]) -> list[str]:
    """Return a sentence for each host that could not be read and whose entries leave addresses out."""
    waiting = {
        member.host
        for member in members
        for subnet in vlans[member.vlan].subnets
        if member.address(subnet.network.version) is None
    }
    return [
        f"{host}: could not be asked which addresses its containers have; "
        "those that its entries leave out are derived from the names, "
        "and if one was given to another meanwhile, it changes when the host is back"
        for host in sorted(unread)
        if host in waiting
    ]


def with_addresses(
    members: Sequence[Member],
    vlans: Mapping[str, Vlan],
    interfaces: Sequence[ShownInterface],
    running: Collection[str],
    unread: Collection[str],
    kept: Mapping[Key, Sequence[Address]],
    problems: list[str],
) -> list[Member]:
    """Give each member an address of each subnet of its VLAN that it has none of.

    Those asked for come first, then those that are in use, then those that
    were chosen once (``kept``), then what members of hosts that could not be
    read most likely have, then new ones. Each of these starts to look at a place
    that only its own names decide, so that members that come or go move no
    other; in sorted order, so that every batch of a play chooses the same.
    """
    choice = _Choice(members, vlans)
    choice.keep_those_in_use(interfaces)
    for interface in interfaces:
        # In use, and to stay so for all that the variables say, or as they say nothing to this run.
        if interface.member is None or interface.member.vlan != interface.vlan or interface.host not in running:
            choice.taken[interface.vlan].update(interface.addresses)
    choice.keep(lambda member, _vlan: kept.get(member.key, ()))
    choice.choose(unread, problems)
    return [choice.members[member.key] for member in members]


class _Choice:
    """The choice of addresses: those ``taken`` by VLAN, the ``members`` with theirs, and who still waits for one."""

    def __init__(self, members: Sequence[Member], vlans: Mapping[str, Vlan]) -> None:
        self.taken: dict[str, set[Address]] = {name: set() for name in vlans}
        self.members = {member.key: member for member in members}
        self._waiting = [
            (member, vlans[member.vlan], subnet)
            for member in sorted(members, key=lambda member: member.key)
            for subnet in vlans[member.vlan].subnets
            if member.address(subnet.network.version) is None
        ]
        for member in members:
            self.taken[member.vlan].update(address.ip for address in member.addresses)

    def keep_those_in_use(self, interfaces: Iterable[ShownInterface]) -> None:
        """Give to those that wait the address that their interface has."""
        by_member: dict[Key, list[ShownInterface]] = {}
        for interface in interfaces:
            by_member.setdefault(interface.key, []).append(interface)
        # VLANs may have got other ids. Who was in the VLAN before goes first.
        self.keep(lambda member, vlan: _addresses(by_member.get(member.key, ()), vlan.id))
        self.keep(lambda member, _vlan: _addresses(by_member.get(member.key, ())))

    def keep(self, candidates: Callable[[Member, Vlan], Iterable[Address]]) -> None:
        """Give to those that wait the first of their candidates that lies in the subnet and is free."""
        self._waiting = [
            (member, vlan, subnet)
            for member, vlan, subnet in self._waiting
            if not self._give_first(member, subnet, candidates(member, vlan))
        ]

    def choose(self, unread: Collection[str], problems: list[str]) -> None:
        """Give new addresses to all that still wait."""
        doubtful: dict[str, set[Address]] = {name: set() for name in self.taken}
        for member, vlan, subnet in self._waiting:
            if member.host in unread:
                doubtful[vlan.name].update(islice(_places(member, subnet), _DISPLACED))
        # Those that nobody could see go first, as if no new one were there: so it was when they got what they have.
        for member, vlan, subnet in sorted(self._waiting, key=lambda one: one[0].host not in unread):
            avoided = () if member.host in unread else doubtful[vlan.name]
            taken = self.taken[vlan.name]
            chosen = _free(member, subnet, taken, avoided) or _free(member, subnet, taken)
            if chosen is not None:
                self._give(member, subnet, chosen)
                continue
            which = "subnet" if (subnet.first, subnet.last) == hosts_of(subnet.network) else "pool"
            problems.append(
                f"{member.where}: VLAN {vlan.name} has no free address for {member}, "
                f"all {subnet.last - subnet.first + 1} of its {which} are in use; make it larger"
            )

    def _give_first(self, member: Member, subnet: Subnet, addresses: Iterable[Address]) -> bool:
        for address in addresses:
            if subnet.chooses(address) and address not in self.taken[member.vlan]:
                self._give(member, subnet, address)
                return True
        return False

    def _give(self, member: Member, subnet: Subnet, address: Address) -> None:
        self.taken[member.vlan].add(address)
        self.members[member.key] = self.members[member.key].with_address(address, subnet.network.prefixlen)


def _addresses(interfaces: Iterable[ShownInterface], vlan_id: int | None = None) -> list[Address]:
    """Return the addresses of interfaces, only of those in the VLAN of that id if one is given."""
    return [
        address
        for interface in interfaces
        if vlan_id is None or interface.vlan_id == vlan_id
        for address in interface.addresses
    ]


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
