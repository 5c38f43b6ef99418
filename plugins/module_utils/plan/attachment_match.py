# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What there is of a wanted attachment, whatever its links are called now. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ..errors import MissingFeature, Refused
from ..light_dataclass import dataclass
from ..model import bridge_vlans
from ..model.attachment import Attachment
from ..model.bridge_vlans import NO_VLAN_FILTERING, PortVlans
from ..model.ownership import OwnershipLabel, maker_in_container, read_label
from ..model.ownership import label as label_of
from ..model.vlans import Vlans, ranges
from ..state.attachments import LINUX, AttachedBridgeState, ContainerSide, HostSide
from ..state.network import Link


@dataclass(frozen=True)
class AttachmentMatch:
    """A wanted attachment and what there is of it in the container, ``peer``, whatever that leads to."""

    want: Attachment
    side: ContainerSide
    peer: Link | None

    @property
    def mtu(self) -> int:
        """Return the MTU that it is to have."""
        raise NotImplementedError

    @property
    def lower(self) -> str:
        """Return what of the host it is on, as messages say it."""
        raise NotImplementedError

    @property
    def marked(self) -> Link | None:
        """Return the link that is to bear our mark."""
        raise NotImplementedError

    @property
    def holds_to_nowhere(self) -> bool:
        """Tell whether the container's routes of ours that lead nowhere are for it, or nobody's."""
        return False

    @property
    def seen_as(self) -> str:
        """Return the name that the interface has as yet, or is to have where there is none."""
        return self.peer.name if self.peer is not None else self.want.interface

    @property
    def birth_name(self) -> str:
        """Return the name under which it is made, before it has ours and our mark."""
        return self.side.birth_name(self.want.interface)

    @property
    def label(self) -> OwnershipLabel:
        return label_of(self.want.target, self.want.interface, self.side.identity)


@dataclass(frozen=True)
class VethMatch(AttachmentMatch):
    """An attachment to a bridge; ``host_veth`` is what there is of it on the host."""

    bridge: AttachedBridgeState
    host_veth: Link | None

    @property
    def marked(self) -> Link | None:
        return self.host_veth

    @property
    def holds_to_nowhere(self) -> bool:
        return self.side.holds_to_nowhere(self.peer.name if self.peer is not None else "")

    @property
    def host_interface(self) -> str:
        return self.want.host_interface or (self.host_veth.name if self.host_veth else self.birth_name)

    @property
    def mtu(self) -> int:
        return self.want.mtu or self.bridge.mtu

    @property
    def lower(self) -> str:
        return f"bridge {self.want.bridge}"

    @property
    def port_vlans(self) -> PortVlans:
        """Return the VLANs that the port of a Linux bridge which filters VLANs is to have."""
        return bridge_vlans.of_port(self.want.vlans) if self.want.vlans is not None else self.bridge.default_vlans


def find_all(wants: Sequence[tuple[Attachment, ContainerSide]], host_side: HostSide) -> list[VethMatch]:
    """Return what there is of each attachment of a list; one without an MTU takes the bridge's own.

    :raises Refused: as ``find``.
    """
    found = [find(want, side, host_side) for want, side in wants]
    with_mtu: dict[str, list[tuple[Link | None, int]]] = {}
    for one in found:
        if one.want.mtu is not None and one.bridge.kind == LINUX and not one.bridge.assumed:
            with_mtu.setdefault(one.want.bridge, []).append((one.host_veth, one.want.mtu))
    for link, mtu in _of_other_tasks(found, host_side):
        bridge = host_side.bridge_of(link)
        if bridge is not None and bridge in host_side.bridges and host_side.bridges[bridge].kind == LINUX:
            with_mtu.setdefault(bridge, []).append((link, mtu))
    own = {name: _own_mtu(name, here, host_side) for name, here in with_mtu.items()}
    found = [
        replace(one, bridge=replace(one.bridge, mtu=own[one.want.bridge])) if one.want.bridge in own else one
        for one in found
    ]
    return with_more(found)


Match = TypeVar("Match", bound=AttachmentMatch)


def with_more(found: list[Match]) -> list[Match]:
    """Return attachments with what is settled among those of a container, where any has what few have."""
    if any(one.want.rules is not None for one in found):
        from . import container_rules

        found = container_rules.numbered(found)
    if any(one.want.sysctls for one in found):
        from . import container_sysctls

        found = container_sysctls.shared(found)
    return found


def _of_other_tasks(found: Sequence[VethMatch], host_side: HostSide) -> Iterator[tuple[Link, int]]:
    """Yield the host veths of attachments that are not in the list, and for which another task asked for an MTU."""
    if not host_side.asked_mtus:
        return
    here = {one.host_veth.index for one in found if one.host_veth is not None}
    for link in host_side.network.links.values():
        label = read_label(link.alias) if link.ours and link.index not in here else None
        mtu = host_side.asked_mtus.get((label.kind, label.value, label.interface)) if label is not None else None
        if mtu is not None:
            yield link, mtu


def _own_mtu(name: str, with_mtu: Sequence[tuple[Link | None, int]], host_side: HostSide) -> int:
    """Return the MTU that a Linux bridge has without the attachments for which one was asked.

    It has the smallest of its ports, unless its own was set expressly, which the kernel doesn't tell. It is the
    smallest of the others where those of the list surely are why it is smaller now: they are as asked for, and none
    comes that is smaller still. What is reckoned so is the same again after the run.
    """
    mtu, ports = host_side.bridges[name].mtu, {port.index: port for port in host_side.network.ports(name)}
    theirs = [(ports.get(link.index) if link is not None else None, wanted) for link, wanted in with_mtu]
    settled = all(port.mtu == wanted if port is not None else wanted >= mtu for port, wanted in theirs)
    if (
        host_side.network.mtu_was_set(name)
        or not settled
        or all(port is None or port.mtu != mtu for port, _wanted in theirs)
    ):
        return mtu
    there = {port.index for port, _wanted in theirs if port is not None}
    return min((port.mtu for port in ports.values() if port.index not in there), default=mtu)


def find_bridge(name: str, host_side: HostSide) -> AttachedBridgeState:
    """Return a bridge that must be there.

    :raises Refused: it is not.
    """
    bridge = host_side.bridges.get(name)
    if bridge is None or bridge.assumed:
        _refuse_alternative(name, host_side)
    if bridge is None:
        other = host_side.no_bridge(name)
        if other:
            raise Refused(other)
        if not host_side.ovs_runs:
            raise Refused(
                f"bridge: {name!r} is no Linux bridge of this host, and Open vSwitch does not run; "
                "create it first (container_bridge makes a Linux bridge), or start Open vSwitch"
            )
        raise Refused(
            f"bridge: {name!r} is neither a Linux bridge nor an Open vSwitch bridge of this host; "
            "create it first (container_bridge makes a Linux bridge, "
            "ovs_vlan_port with create_bridge one of Open vSwitch)"
        )
    return bridge


def _refuse_alternative(name: str, host_side: HostSide) -> None:
    bearer = host_side.network.by_alternative_name.get(name)
    if bearer is not None:
        is_bridge = bearer.kind in ("bridge", "openvswitch", "tun")  # the own interface of a bridge, of either kind
        raise Refused(
            f"bridge: {name!r} is an alternative name of {bearer.name}; "
            + (f"give {bearer.name}" if is_bridge else "give the name of a bridge")
        )


def find(want: Attachment, side: ContainerSide, host_side: HostSide) -> VethMatch:
    """Return what there is of an attachment, whatever its links are called now.

    :raises Refused: the bridge is not there, or the name is taken in the container.
    """
    bridge = find_bridge(want.bridge, host_side)
    if want.vlans is not None and bridge.kind == LINUX:
        _check_filtering(want, want.vlans, bridge)
    peer = side.network.links.get(want.interface)
    if peer is None:
        peer, host_veth = renamed(want, side, host_side) or (None, None)
        return VethMatch(want, side, peer, bridge, host_veth)
    host_veth = host_side.host_veth(side, peer)
    if host_veth is None or not made_by_us(host_veth, want, side):
        what = f"a {peer.kind} interface" if peer.kind else "an interface"
        module = maker_in_container(peer.alias)
        made = f"{module} made; take it away with that, or" if module else "this collection did not make;"
        raise Refused(
            f"interface: {want.interface!r} is taken in {side.netns} by {what} that {made} choose another interface"
        )
    refuse_mistaken(want, side, host_veth, host_side)
    return VethMatch(want, side, peer, bridge, host_veth)


def _check_filtering(want: Attachment, vlans: Vlans, bridge: AttachedBridgeState) -> None:
    own = f"vlan: {vlans.tag}" if vlans.tag is not None else f"vlan_mode: {vlans.mode}"
    asked = f"trunks: {ranges(vlans.trunks)}" if vlans.tag is None and vlans.trunks else own
    option = f"{asked} was asked for on {want.bridge}, a Linux bridge"
    if bridge.vlan_filtering is None:
        raise MissingFeature(f"{option}, and {NO_VLAN_FILTERING}; use an Open vSwitch bridge, or a kernel that has it")
    if not bridge.vlan_filtering:
        raise Refused(
            f"{option} that does not filter VLANs; "
            "set vlan_filtering on it (container_bridge), or use an Open vSwitch bridge"
        )
    problem = bridge_vlans.unable(vlans)
    if problem:
        raise Refused(f"{option}: {problem}")


def made_by_us(host_veth: Link, want: Attachment, side: ContainerSide) -> bool:
    return host_veth.ours or host_veth.name == side.birth_name(want.interface)


def refuse_mistaken(want: Attachment, side: ContainerSide, host_veth: Link, host_side: HostSide) -> None:
    """Refuse a link that bears the interface's name while another one is labelled as the interface."""
    label = read_label(host_veth.alias)
    if label is None or label.interface == want.interface:
        return
    other = renamed(replace(want, host_interface=None), side, host_side)
    if other is not None and other[1].index != host_veth.index:
        raise Refused(
            f"interface: {want.interface!r} in {side.netns} is the attachment {label.interface} under another name, "
            f"and {want.interface} is {other[0].name} there; rename them back first"
        )


def renamed(want: Attachment, side: ContainerSide, host_side: HostSide) -> tuple[Link, Link] | None:
    """Return the attachment whose interface bears another name.

    It is found by its label, by the host interface asked for or by its birth name.
    """
    if side.netns_id is None:
        return None
    links_by_index = {link.index: link for link in side.network.links.values()}
    for host_veth in host_side.ours_by_netns.get(side.netns_id, []):
        label = read_label(host_veth.alias)
        if (label and label.interface == want.interface) or (
            want.host_interface and host_veth.name == want.host_interface
        ):
            peer = links_by_index.get(host_veth.peer)
            if peer is not None:
                return peer, host_veth
    born = host_side.network.links.get(side.birth_name(want.interface))
    if (
        born is not None
        and not born.alias
        and born.kind == "veth"
        and born.peer_netns == side.netns_id
        and born.peer in links_by_index
    ):
        return links_by_index[born.peer], born
    return None
