# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host shows of attachments, and which link belongs to whom. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..light_dataclass import dataclass
from ..model import names
from ..model.ownership import OWNER
from .network import Link, NetworkState

if TYPE_CHECKING:
    from ..model.attachment import Attachment
    from ..model.bridge_vlans import PortVlans
    from ..model.ovs import OvsPort
    from ..model.port_guard import GuardRules
    from ..model.route import Route
    from ..model.rule import Rule

LINUX, OVS = "linux", "ovs"


@dataclass(frozen=True)
class AttachedBridgeState:
    """A bridge that attachments go to: its ``kind`` (LINUX or OVS), MTU, and whether its datapath runs in userspace.

    ``isolated`` is one whose ports are to be isolated from each other (icc
    off), ``assumed`` one that isn't there, in check mode. ``vlan_filtering``
    is ``None`` where the kernel can't; ``default_vlans`` are what a port has
    that joins a Linux bridge which filters VLANs.
    """

    kind: str
    mtu: int
    userspace: bool = False
    isolated: bool = False
    assumed: bool = False
    vlan_filtering: bool | None = False
    default_vlans: PortVlans = ()


@dataclass(frozen=True)
class ContainerSide:
    """The container's side of an attachment.

    ``netns`` is the container's printable name, ``identity`` what stays the
    same as long as it is the same container, ``netns_id`` the id by which
    the host knows its namespace (``None``: nothing of the host leads there).
    ``ipv6_default`` tells whether new links speak IPv6, where one is to be made; ``None`` without IPv6 in the kernel.
    ``connected`` are the routes that come and go with addresses.
    ``paths`` are those by which its attachments are marked and which lead to it.
    ``aside`` are default routes whose place attachments took, read where some are to go.
    ``to_nowhere`` are the interfaces by whose marks the routes that lead nowhere are for them.
    ``promote_secondaries`` has that sysctl's effective value for links of which an address is to go.
    ``rules`` are the policy routing rules that are ours, ``rule_marks`` the numbers by which the marks of interfaces
    say which of them are theirs. ``sysctls`` are those that are asked for, ``None`` for one that can't be set;
    ``shared_sysctls`` those of them that are for the whole container, set along with the interface ``sysctls_by``.
    """

    netns: str
    identity: str
    network: NetworkState
    netns_id: int | None
    ipv6_default: bool | None = None
    tx_checksum_offload: Mapping[str, bool] = field(default_factory=dict)
    promote_secondaries: Mapping[str, str] = field(default_factory=dict)
    connected: tuple[Route, ...] = ()
    paths: frozenset[str] = frozenset()
    aside: tuple[Route, ...] = ()
    to_nowhere: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    rule_marks: Mapping[str, int] = field(default_factory=dict)
    sysctls: Mapping[str, str | None] = field(default_factory=dict)
    shared_sysctls: tuple[tuple[str, str], ...] = ()
    sysctls_by: str = ""

    @property
    def where(self) -> str:
        """What messages call the namespace."""
        return self.netns or "this host"

    def holds_to_nowhere(self, peer: str) -> bool:
        """Tell whether the routes of ours that lead nowhere are for the attachment of that interface, or nobody's."""
        return peer in self.to_nowhere or not self.to_nowhere

    def birth_name(self, interface: str) -> str:
        """Return the host-side name derived from container and interface."""
        return names.derived_name("pf", self.identity, interface)


class PeerState(NamedTuple):
    """What a veth's end in another namespace has: its MAC, '' where nobody asked, and addresses without length."""

    mac: str
    addresses: tuple[str, ...]


# A bridge of Open vSwitch is an interface of the last two: with the kernel's datapath, or one in userspace.
_BRIDGE_KINDS = ("bridge", "openvswitch", "tun")


@dataclass(frozen=True)
class HostSide:
    """The host's side of all attachments. ``ovs_runs`` is false where Open vSwitch was needed and does not run.

    ``alternative_names`` tells whether its kernel gives links further names. ``asked_mtus`` are MTUs that other tasks
    asked for, by what the marks of their attachments say (kind, value and interface).
    ``peers`` is what other ports' ends in containers have, by the ports' names: of those that could be in the way.
    ``tagged_later`` are attachments without VLANs (bridge, ``Target.kind``, ``.value`` and interface) to whose ports
    ovs_vlan_port gives some, as is recorded. ``nested`` are host veths whose other end is in a network namespace within
    the container that they are marked for.
    ``guards`` are the ports that let in only what they are to, ``None`` where there are none; ``can_guard`` is whether
    there could be some. ``bound`` are the MACs that no other port may have, by port. MACs that nobody asked for are
    derived from ``seed``.
    """

    network: NetworkState
    bridges: Mapping[str, AttachedBridgeState]
    ovs_ports: Mapping[str, OvsPort] = field(default_factory=dict)
    ovs_runs: bool = True
    alternative_names: bool = True
    asked_mtus: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    peers: Mapping[str, PeerState] = field(default_factory=dict)
    tagged_later: Collection[tuple[str, str, str, str]] = ()
    guards: GuardRules | None = None
    can_guard: bool = True
    bound: Mapping[str, frozenset[str]] = field(default_factory=dict)
    seed: str = ""
    nested: Collection[str] = ()

    @cached_property
    def by_index(self) -> dict[int, Link]:
        return {link.index: link for link in self.network.links.values()}

    @cached_property
    def by_peer(self) -> dict[tuple[int | None, int], Link]:
        """Return the veths by the namespace and the index of their peer."""
        return {(link.peer_netns, link.peer): link for link in self.network.links.values() if link.kind == "veth"}

    @cached_property
    def ours_by_netns(self) -> dict[int | None, list[Link]]:
        grouped: dict[int | None, list[Link]] = {}
        for link in self.network.links.values():
            if link.ours and link.kind == "veth":
                grouped.setdefault(link.peer_netns, []).append(link)
        return grouped

    def no_bridge(self, name: str) -> str:
        """Return why an interface is no bridge of any kind, Open vSwitch running or not; where it may be one, ''."""
        link = self.network.links.get(name)
        if link is None or name in self.bridges or link.kind in _BRIDGE_KINDS:
            return ""
        kind = f"a {link.kind} interface" if link.kind else "a physical interface"
        return (
            f"bridge: {name!r} is {kind} of this host and not a bridge; make it a port of one (members of "
            "container_bridge, or add it in Open vSwitch) and name that bridge here"
        )

    def host_veth(self, side: ContainerSide, link: Link) -> Link | None:
        """Return the host veth of a container's link, ``None`` where it isn't a veth to this host."""
        if link.kind != "veth" or side.netns_id is None:
            return None
        other = self.by_peer.get((side.netns_id, link.index))
        return other if other is not None and other.index == link.peer else None

    def bridge_of(self, link: Link) -> str | None:
        """Return the name of the bridge a host link is a port of."""
        if link.name in self.ovs_ports:
            return self.ovs_ports[link.name].bridge
        master = self.by_index.get(link.master)
        return master.name if master is not None and master.kind == "bridge" else None

    def owner_of(self, port: str) -> str:
        """Return for what the attachment of a port was asked, '' where nothing is noted."""
        shown = self.ovs_ports.get(port)
        return dict(shown.external_ids).get(OWNER, "") if shown is not None else ""


class AttachmentState(NamedTuple):
    """What the host shows of wanted attachments: each with its container's side, and the host's side of all.

    A side of ``None`` is a container that is gone or has stopped.
    """

    sides: Sequence[tuple[Attachment, ContainerSide | None]]
    host_side: HostSide
