# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which NIC of the host is meant, and what there is of an interface made from it. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model.addresses import is_link_local
from ..model.nic_attachment import (
    ANY_NIC,
    IPVLAN,
    IPVLAN_MODES,
    MADE,
    MODES,
    PASSTHRU,
    PHYSICAL,
    NicAttachment,
    has_own_mac,
)
from ..model.ownership import read_label
from ..state.attachments import ContainerSide
from ..state.network import Link
from ..state.nic_attachments import NicHostSide
from .attachment_match import AttachmentMatch, with_more

# What stands on others and has the MAC of one of them: it is not meant by that.
_UPPER_KINDS = ("bridge", "vlan", "macvlan", "macvtap", "ipvlan", "bond", "team", "openvswitch", "macsec")


@dataclass(frozen=True)
class NicMatch(AttachmentMatch):
    """An attachment from ``link``, a NIC of the host, or the interface that has a VLAN of ``nic``.

    ``replaced`` is an interface of ours, with its container's side, that can't become what is wanted and is to be made
    anew: ``peer`` is ``None`` then, and the container's side is without it.
    """

    want: NicAttachment
    link: Link
    replaced: tuple[Link, ContainerSide] | None = None
    nic: Link | None = None

    @property
    def mtu(self) -> int:
        return self.want.mtu or self.link.mtu

    @property
    def seen_as(self) -> str:
        return self.replaced[0].name if self.replaced is not None else super().seen_as

    @property
    def lower(self) -> str:
        return f"NIC {self.link.name}"

    @property
    def marked(self) -> Link | None:
        return self.peer


def mode_of(link: Link) -> str:
    """Return the mode of a macvlan or ipvlan by its name."""
    if link.kind == IPVLAN:
        return next(
            (name for name, number in IPVLAN_MODES.items() if number == link.ipvlan_mode), str(link.ipvlan_mode)
        )
    return next((name for name, number in MODES.items() if number == link.macvlan_mode), str(link.macvlan_mode))


def find_nic(text: str, links: Mapping[str, Link], bus_addresses: Mapping[str, str]) -> Link:
    """Return the NIC of the host that a name, a MAC address or a PCI address means.

    :raises Refused: there is none, or several.
    """
    if ":" not in text:
        if text in links:
            return links[text]
        named = [link for link in links.values() if text in link.alternative_names]
        if named:
            return named[0]
        raise Refused(f"nic: {text!r} is no interface of this host; give one of {_listed(links)}")
    if "." in text:
        found = [links[name] for name, address in bus_addresses.items() if address == text and name in links]
        if not found:
            known = ", ".join(f"{address} ({name})" for name, address in sorted(bus_addresses.items())) or "none"
            raise Refused(f"nic: no interface of this host is at PCI address {text}; those with one are {known}")
    else:
        found = [link for link in links.values() if link.mac == text]
        found = [link for link in found if link.kind not in _UPPER_KINDS] or found
        if not found:
            raise Refused(f"nic: no interface of this host has MAC address {text}; they are {_listed(links)}")
    if len(found) > 1:
        names = " and ".join(sorted(link.name for link in found))
        raise Refused(f"nic: {text} is that of {names}; give the name of the one that is meant")
    return found[0]


def _listed(links: Mapping[str, Link]) -> str:
    return ", ".join(sorted(name for name, link in links.items() if not link.ours)) or "none"


def find_all(wants: Sequence[tuple[NicAttachment, ContainerSide]], host_side: NicHostSide) -> list[NicMatch]:
    """Return what there is of each attachment of a list.

    :raises Refused: there is no such NIC, or the interface's name is taken in the container.
    """
    found: list[NicMatch] = []
    going: dict[str, set[str]] = {}
    itself = {at: _physical(*each, host_side) for at, each in enumerate(wants) if each[0].kind == PHYSICAL}
    moving = {one.link.index for one in itself.values() if one.peer is None}
    for at, (want, side) in enumerate(wants):
        if at in itself:
            one = itself[at]
            if one.replaced is not None:
                going.setdefault(side.netns, set()).add(one.replaced[0].name)
            found.append(one)
            continue
        link, nic = _lower(want, host_side, moving)
        peer = interface_of(want, side)
        if peer is None or (is_on(peer, link, side, host_side) and _is_alike(peer, want)):
            found.append(NicMatch(want, side, peer, link, nic=nic))
        else:
            going.setdefault(side.netns, set()).add(peer.name)
            found.append(NicMatch(with_held(want, peer, side), side, None, link, (peer, side), nic))
    # They go first: to the others, too, their routes are there no more.
    return with_more(
        [
            replace(one, side=_without(going[one.side.netns], one.side)) if one.side.netns in going else one
            for one in found
        ]
    )


def _nic_of(text: str, host_side: NicHostSide, moving: Collection[int]) -> Link:
    """Return the NIC that something is to be made from, as it is once all are back but those that are moving."""
    if not host_side.kept:
        return find_nic(text, host_side.network.links, host_side.bus_addresses)
    from .nic_physical_match import once_back

    return once_back(text, host_side, moving)


def _lower(want: NicAttachment, host_side: NicHostSide, moving: Collection[int] = ()) -> tuple[Link, Link | None]:
    """Return on which link an attachment is to be, and where that has a VLAN of a NIC, that NIC."""
    nic = _nic_of(want.nic, host_side, moving)
    if want.vlan is None:
        return nic, None
    from . import nic_vlan

    return nic_vlan.on(nic, want.vlan, host_side.network), nic


def _physical(want: NicAttachment, side: ContainerSide, host_side: NicHostSide) -> NicMatch:
    from .nic_physical_match import find  # few give a NIC away

    return find(want, side, host_side)


def with_held(want: NicAttachment, peer: Link, side: ContainerSide) -> NicAttachment:
    """Return what is wanted of an interface that is made anew, with what it has that nobody asked to be otherwise."""
    keeps = want.mac is None and want.has_own_mac and has_own_mac(peer.kind, mode_of(peer))
    mac = peer.mac if keeps else want.mac
    if want.addresses is not None:
        return replace(want, mac=mac)
    # A link-local one that the kernel made of its MAC is made of the other one, too.
    held = side.network.addresses.get(peer.name, ())
    held = held if mac == peer.mac else tuple(address for address in held if not is_link_local(address))
    ipv6 = peer.ipv6 if want.wants_ipv6 is None else want.ipv6
    return replace(want, mac=mac, addresses=held, ipv6=ipv6)


def _without(names: Collection[str], side: ContainerSide) -> ContainerSide:
    network = side.network
    links = {name: link for name, link in network.links.items() if name not in names}
    routes = tuple(entry for entry in network.routes if entry.link not in names)
    connected = tuple(entry for entry in side.connected if entry.link not in names)
    return replace(side, network=replace(network, links=links, routes=routes), connected=connected)


def is_on(interface: Link, nic: Link, side: ContainerSide, host_side: NicHostSide) -> bool:
    """Tell whether an interface in a container is on that NIC of the host."""
    host_id = host_side.host_ids.get(side.netns)
    return interface.peer == nic.index and interface.peer_netns is not None and interface.peer_netns == host_id


def _is_alike(peer: Link, want: NicAttachment) -> bool:
    """Tell whether it can become what is wanted: the kernel changes no other mode to or from passthru."""
    return peer.kind == want.kind and (want.mode == PASSTHRU) == (mode_of(peer) == PASSTHRU)


def interface_of(want: NicAttachment, side: ContainerSide) -> Link | None:
    """Return the interface of an attachment, whatever it is called now, ``None`` where there is none.

    :raises Refused: its name is taken by one that isn't ours.
    """
    links = side.network.links
    named, labelled = links.get(want.interface), _labelled(want, side)
    if named is not None and not is_ours(named, side, want.interface):
        what = f"a {named.kind} interface" if named.kind else "an interface"
        raise Refused(
            f"interface: {want.interface!r} is taken in {side.netns} by {what} that this module did not make; "
            "choose another interface"
        )
    if named is not None and labelled is not None and labelled.index != named.index:
        label = read_label(named.alias)
        if label is not None and label.interface != want.interface:
            raise Refused(
                f"interface: {want.interface!r} in {side.netns} is the attachment {label.interface} under another "
                f"name, and {want.interface} is {labelled.name} there; rename them back first"
            )
    return named or labelled or links.get(side.birth_name(want.interface))


def is_ours(link: Link, side: ContainerSide, interface: str) -> bool:
    """Tell an interface that this module made, also one that a killed run did not come to name."""
    return is_moved(link) or (link.kind in MADE and (link.ours or link.name == side.birth_name(interface)))


def is_moved(link: Link) -> bool:
    """Tell a container's interface of ours that is a NIC itself, and was not made from one."""
    return link.kind not in MADE and link.ours and read_label(link.alias) is not None


def _labelled(want: NicAttachment, side: ContainerSide) -> Link | None:
    for link in side.network.links.values():
        label = read_label(link.alias) if link.ours and (link.kind in MADE or is_moved(link)) else None
        if label is not None and label.interface == want.interface:
            return link
    return None


def is_meant(interface: Link, want: NicAttachment, side: ContainerSide, host_side: NicHostSide) -> bool:
    """Tell whether an interface that is there is meant by the NIC that was named, if any was."""
    if want.nic == ANY_NIC:
        return True
    if is_moved(interface):
        from .nic_physical_match import is_meant as is_meant_itself

        return is_meant_itself(interface, want, host_side)
    link = lower_of(want, host_side)  # what was made from a NIC that is gone went with it
    return link is not None and is_on(interface, link, side, host_side)


def lower_of(want: NicAttachment, host_side: NicHostSide) -> Link | None:
    """Return on which link of the host an attachment would be, ``None`` where there is no such NIC."""
    try:
        return _lower(want, host_side)[0]
    except Refused:
        return None
