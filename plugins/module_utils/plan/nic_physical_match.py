# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""NICs that are containers' interfaces themselves: which is meant, and where it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model import names
from ..model.nic_attachment import ANY_NIC, NicAttachment
from ..model.ownership import read_label
from ..state.attachments import ContainerSide
from ..state.kept_nic import KeptNic
from ..state.network import Link
from ..state.nic import NicState
from ..state.nic_attachments import NicHostSide
from .nic_attachment_match import NicMatch, find_nic, interface_of, is_moved, with_held


@dataclass(frozen=True)
class PhysicalMatch(NicMatch):
    """An attachment that is a NIC of the host; ``link`` is the NIC, in the container where ``peer`` is one.

    ``kept`` is what it was like on the host.
    """

    kept: KeptNic | None = None

    @property
    def host_name(self) -> str:
        """The NIC's name on the host."""
        return self.kept.name if self.kept is not None else self.link.name

    @property
    def mtu(self) -> int:
        own = self.kept.before.mtu if self.kept is not None and self.peer is None else self.link.mtu
        return self.want.mtu or own

    @property
    def lower(self) -> str:
        return f"NIC {self.host_name}"


def find(want: NicAttachment, side: ContainerSide, host_side: NicHostSide) -> PhysicalMatch:
    """Return what there is of an attachment that is to be the NIC itself.

    :raises Refused: there is no such NIC, or it is in a container already; the interface's name is taken.
    """
    peer = interface_of(want, side)
    if peer is not None and is_moved(peer):
        kept = kept_of(peer, host_side)
        if kept.is_called(want.nic):
            return PhysicalMatch(want, side, peer, peer, kept=kept)
    link, kept_now = on_host(want.nic, host_side)
    kept = kept_now or host_side.snapshots.get(link.name) or _as_it_is(link)
    if peer is None:
        return PhysicalMatch(want, side, None, link, kept=kept)
    if peer.name in side.rule_marks:
        want = replace(want, rules=())  # they were those of what is replaced, and a NIC has none
    return PhysicalMatch(with_held(want, peer, side), side, None, link, (peer, side), kept=kept)


def on_host(text: str, host_side: NicHostSide) -> tuple[Link, KeptNic | None]:
    """Return the NIC of the host that is meant; of one that came back from a container, with what it was like before.

    :raises Refused: there is none, several, or it is in a container.
    """
    if text == "lo":
        raise Refused("nic: lo is the loopback, and each network namespace has its own; give a NIC")
    here = list(come_back(host_side))
    # One that came back is not called so, whatever the kernel named it.
    strays = {link.index for _kept, link in here}
    links = {name: link for name, link in host_side.network.links.items() if link.index not in strays}
    for kept, link in here:
        if kept.is_called(text):
            if text in links:
                raise Refused(
                    f"nic: {text!r} was the name of the NIC that is {link.name} by now, as it came back from a "
                    f"container, and is that of another interface; give the MAC address of the one that is meant"
                )
            return link, kept
    try:
        return find_nic(text, links, host_side.bus_addresses), None
    except Refused:
        for kept in host_side.kept.values():
            label = read_label(kept.alias)
            if label is not None and kept.is_called(text):
                raise Refused(
                    f"nic: {kept.name} was moved into {label.kind} {label.value} as {label.interface}, and is not on "
                    "this host; take it out there first (nic_attach with state absent), or where that has ended, run "
                    "this again once the kernel gave it back"
                ) from None
        raise


def once_back(text: str, host_side: NicHostSide, moving: Collection[int]) -> Link:
    """Return the NIC that is meant, as it is once those are as they were that came back from containers.

    :raises Refused: there is none, several, or it is in a container.
    """
    links, bus_addresses = dict(host_side.network.links), dict(host_side.bus_addresses)
    for kept, link, now, new in renamed_back(host_side, moving):
        if new == kept.name:
            before = kept.before
            link = replace(link, mac=before.mac, mtu=before.mtu, up=before.up, alias=kept.former_alias)
        del links[now]
        links[new] = replace(link, name=new)
        if now in bus_addresses:
            bus_addresses[new] = bus_addresses.pop(now)
    try:
        return find_nic(text, links, bus_addresses)
    except Refused:
        index = on_host(text, host_side)[0].index
        return next(link for link in links.values() if link.index == index)


def renamed_back(host_side: NicHostSide, moving: Collection[int]) -> Iterator[tuple[KeptNic, Link, str, str]]:
    """Yield what each NIC is called and is to be called that came back and is not ``moving`` (indexes), in order.

    One whose name another has by now waits until that is renamed: nothing is taken from anybody for it.
    """
    waiting = [(kept, link, link.name) for kept, link in come_back(host_side) if link.index not in moving]
    taken = {*host_side.network.links, *host_side.network.by_alternative_name}
    while waiting:
        going = [each for each in waiting if each[0].name not in taken or each[0].name == each[2]]
        if not going:
            # Of those that have each other's names, one steps aside.
            blocking = {kept.name for kept, _link, _now in waiting}
            aside = next((each for each in waiting if each[2] in blocking), None)
            if aside is None:
                return
            kept, link, now = aside
            new = names.derived_name("pfn", kept.name)
            yield kept, link, now, new
            taken = taken - {now} | {new}
            waiting[waiting.index(aside)] = kept, link, new
            continue
        for kept, link, now in going:
            yield kept, link, now, kept.name
            taken = taken - {now} | {kept.name}
        waiting = [each for each in waiting if each not in going]


def come_back(host_side: NicHostSide) -> Iterator[tuple[KeptNic, Link]]:
    """Yield NICs that are on the host and bear the mark of a container's.

    The kernel gave them back as their containers ended, or a run was killed as it moved them.
    """
    by_mark = {link.alias: link for link in host_side.network.links.values() if link.ours}
    for kept in host_side.kept.values():
        link = by_mark.get(kept.alias)
        if link is not None:
            yield kept, link


def kept_of(link: Link, host_side: NicHostSide) -> KeptNic:
    """Return what a container's NIC was like on the host; where nobody knows any more, as it is now."""
    return next((kept for kept in host_side.kept.values() if kept.alias == link.alias), None) or _as_it_is(link)


def _as_it_is(link: Link) -> KeptNic:
    return KeptNic(link.alias, NicState(link.name, "", "", "", link.mac, link.mtu, up=False), kind=link.kind)


def is_meant(interface: Link, want: NicAttachment, host_side: NicHostSide) -> bool:
    """Tell whether a container's NIC is meant by the one that was named, if any was."""
    return want.vlan is None and (want.nic == ANY_NIC or kept_of(interface, host_side).is_called(want.nic))
