# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a host's NIC and the bridge above it hold, as the kernel showed it. Private to the collection.

It is read whole and put back whole: the kernel's own messages, not the attributes that somebody thought of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..model.addresses import IPV6
from ..model.bridge_vlans import PortVlans, VlanRange
from ..model.nic_move import LINUX, OPENVSWITCH

# In an address' message (linux/if_addr.h)
_FLAGS, _SCOPE = 2, 3
_SECONDARY, _PERMANENT = 0x01, 0x80

ADDRESS, ROUTE, RULE, NEIGHBOUR = "address", "route", "rule", "neighbour"
_PREPOSITIONS = {ADDRESS: "on", RULE: "of"}


class Entry(NamedTuple):
    """An address, route, rule (``ip rule``) or neighbour that has to do with a link.

    ``links`` are the names of the links it is on: of a rule those that it comes in and goes out by, of which one may
    be ''. ``label`` is an IPv4 address' own (``eth0:1``), or a rule's priority. ``body`` makes it again, without the
    names of links, and ``identity`` the same without what changes by itself, such as a lifetime. ``text`` says it as
    iproute2 would.
    """

    kind: str
    family: int
    links: tuple[str, ...]
    label: str
    body: bytes
    identity: bytes
    text: str

    @property
    def same(self) -> tuple[Any, ...]:
        """Return what two entries have in common that are one and the same."""
        return self.kind, self.family, self.links, self.label, self.identity

    @property
    def rank(self) -> tuple[bool, int]:
        """Return by what the kernel orders IPv4 addresses (inet_insert_ifa()): what is equal stays in its order."""
        return bool(self.body[_FLAGS] & _SECONDARY), -self.body[_SCOPE]

    @property
    def expires(self) -> bool:
        """Tell whether it is an address with a lifetime (DHCP, router advertisements)."""
        return self.kind == ADDRESS and not self.body[_FLAGS] & _PERMANENT

    @property
    def temporary(self) -> bool:
        """Tell whether it is an IPv6 address that the kernel made for some time (RFC 8981), a mark that it sets alone.

        Its bit is the one that marks a secondary address of IPv4 (IFA_F_TEMPORARY).
        """
        return self.kind == ADDRESS and self.family == IPV6 and bool(self.body[_FLAGS] & _SECONDARY)

    def __str__(self) -> str:
        where = " and ".join(link for link in self.links if link)
        return f"{self.kind} {self.text} {_PREPOSITIONS.get(self.kind, 'dev')} {where}"


class EqualRoutes(NamedTuple):
    """Routes to one ``place`` with one metric: one through the NIC or its bridge (``own``), one through ``other``.

    ``connected`` are those that the kernel made of addresses.
    """

    place: str
    own: str
    other: str
    connected: bool


class Obstacles(NamedTuple):
    """What of a host's addresses and routes may keep a NIC from being moved.

    ``nexthops`` are destinations of routes through it by objects of ``ip nexthop``. ``advertised`` is what the kernel
    took from router advertisements, in words.
    """

    nexthops: tuple[str, ...] = ()
    equal: tuple[EqualRoutes, ...] = ()
    advertised: tuple[str, ...] = ()


class NicState(NamedTuple):
    """A NIC and the bridge whose port it is or is to be.

    ``bridge_kind`` is '' where there is no such bridge, ``master`` '' where the NIC is no port of it. ``entries`` are
    in the kernel's order. ``sysctls`` are those of both links, by their names with slashes; of a bridge that is to be
    taken away, none. ``ports`` are the bridge's other ones.

    ``filters`` tells whether a Linux bridge filters VLANs, ``pvid`` is its default one (0: none), and ``vlans`` are
    those of itself and of ports by their names: whoever is not among them may have any.
    """

    nic: str
    bridge: str
    bridge_kind: str
    master: str
    mac: str
    mtu: int
    up: bool
    bridge_mac: str = ""
    bridge_mtu: int = 0
    bridge_up: bool = False
    ours: bool = False
    netdev: bool = False
    ports: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    sysctls: Mapping[str, str] = {}
    filters: bool = False
    pvid: int = 0
    vlans: Mapping[str, PortVlans] = {}

    def of(self, kind: str, link: str) -> list[Entry]:
        """Return the entries of one kind that are on a link."""
        return [entry for entry in self.entries if entry.kind == kind and link in entry.links]


def as_json(state: NicState) -> dict[str, Any]:
    """Return a state as JSON holds it."""
    entries = [
        {**entry._asdict(), "body": entry.body.hex(), "identity": entry.identity.hex()} for entry in state.entries
    ]
    vlans = {
        name: [[one.first, one.last, one.pvid, one.untagged] for one in held] for name, held in state.vlans.items()
    }
    return {**state._asdict(), "entries": entries, "sysctls": dict(state.sysctls), "vlans": vlans}


def of_json(document: Mapping[str, Any]) -> NicState:
    """Return what ``as_json`` was given.

    :raises (KeyError, TypeError, ValueError): it is another document.
    """
    entries = tuple(
        Entry(
            str(one["kind"]),
            int(one["family"]),
            tuple(one["links"]),
            str(one["label"]),
            bytes.fromhex(one["body"]),
            bytes.fromhex(one["identity"]),
            str(one["text"]),
        )
        for one in document["entries"]
    )
    if document["bridge_kind"] not in ("", LINUX, OPENVSWITCH):
        raise ValueError("bridge_kind")
    vlans = {name: tuple(VlanRange(*one) for one in held) for name, held in document["vlans"].items()}
    return NicState(**{**document, "entries": entries, "ports": tuple(document["ports"]), "vlans": vlans})
