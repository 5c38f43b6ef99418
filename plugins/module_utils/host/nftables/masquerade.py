# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Source NAT of bridges in our nftables tables. Private to the collection.

Both the number of rules and the cost of a packet stay the same however many
bridges there are::

    table ip pipefitter {
        set masquerade_sources { type ipv4_addr; flags interval; }
        set bridge_local { type ipv4_addr . ifname; flags interval; }
        chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            oifname "lo" return
            ip saddr . oifname @bridge_local return
            ip saddr @masquerade_sources masquerade
        }
    }

The rules look at source and outgoing interface only, so multicast and broadcast
on a bridge stay as they are. ``lo`` comes first because a host that talks to its
own address on the bridge would otherwise see another source address.

``bridge_local`` says which masquerades there are. An interval set can't hold a
subnet together with a part of it, so ``masquerade_sources`` has the outermost
subnets only.

Objects are recognised by name and shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import Refused
from ...model.firewall_safe_name import firewall_safe_name
from ...model.masquerade import Masquerade
from . import tables as nftables
from .tables import FAMILIES, Command, Listing, in_table

_PURPOSE = "masquerading"
_SOURCES = "masquerade_sources"
_LOCAL = "bridge_local"
_CHAIN = "postrouting"

_HOOK = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
# What the rules match and do, in order. Compared instead of the whole
# expressions, whose JSON differs a little from one nft to the next.
_RULES = [("lo", "return"), (f"@{_LOCAL}", "return"), (f"@{_SOURCES}", "masquerade")]


class Masquerades:
    """The masquerades in our tables. A read is one ``nft`` for each table there is, a transaction is one for both."""

    def in_effect(self, needed: bool = True, listings: Mapping[str, Listing] | None = None) -> frozenset[Masquerade]:
        """Return what is in effect, of ``listings`` where the tables were read already.

        With ``needed`` false, nothing is where there is no nf_tables or no ``nft``.

        A table of which the chain, a rule or an element is missing does not
        masquerade, so those count as absent, and the next ``apply`` repairs it.

        Raises ``Refused`` for a table of our name with another layout,
        ``MissingFeature`` without nf_tables or ``nft``.
        """
        return frozenset(masquerade for table in _read(needed, listings).values() for masquerade in table.in_effect())

    def apply(self, add: Iterable[Masquerade] = (), remove: Iterable[Masquerade] = ()) -> None:
        """Add and remove in one transaction; what is there, or gone, already is no error.

        Repairs the tables on the way, creates them as needed and deletes them
        with their last element. Raises as ``in_effect`` does, ``Refused`` for
        subnets of one bridge that contain each other, and ``InvalidOption`` for
        a bridge whose name a rule can't hold.
        """
        added, removed = frozenset(add), frozenset(remove)
        for masquerade in added:
            firewall_safe_name(masquerade.bridge)
        tables = _read()
        commands: list[Command] = []
        for family in FAMILIES:
            table = tables.get(family) or _Table(Listing(family))
            wanted = (table.local | _of(family, added)) - _of(family, removed)
            commands += _build(table, wanted) if wanted else table.listing.dismantle((_CHAIN,), (_SOURCES, _LOCAL))
        if commands:
            nftables.run(commands, _PURPOSE)


@dataclass
class _Table:
    """What one of our tables holds of masquerading; refuses objects of our names and another shape."""

    listing: Listing

    def __post_init__(self) -> None:
        family = self.listing.family
        self.listing.expect(_CHAIN, "chain", _HOOK)
        for name in (_SOURCES, _LOCAL):
            self.listing.expect(name, "set", _set_shape(family, name))
        self.sources = {
            subnet for one in self.listing.elements(_SOURCES) if (subnet := nftables.subnet_of(family, one))
        }
        self.local = {pair for one in self.listing.elements(_LOCAL) if (pair := nftables.read_local_pair(family, one))}
        self.rules = [_signature(rule["expr"]) for rule in self.listing.rules.get(_CHAIN, ())]

    def in_effect(self) -> Iterable[Masquerade]:
        if self.rules != _RULES:
            return
        for subnet, bridge in self.local:
            if subnet in self.sources or _contained(subnet, self.sources):
                yield Masquerade(bridge, subnet)


def _read(needed: bool = True, listings: Mapping[str, Listing] | None = None) -> dict[str, _Table]:
    shown = nftables.tables(_PURPOSE, needed) if listings is None else listings
    return {family: _Table(listing) for family, listing in shown.items()}


def _signature(expressions: list[dict[str, Any]]) -> tuple[str, str]:
    """What a rule of ours matches (a set, or ``lo``) and does; anything else is just unequal to ours."""
    matches = [str(expression["match"]["right"]) for expression in expressions if "match" in expression]
    others = [key for expression in expressions for key in expression if key != "match"]
    return " ".join(matches), " ".join(others)


def _build(table: _Table, wanted: set[tuple[str, str]]) -> list[Command]:
    """Commands that make ``table`` masquerade exactly ``wanted``; none where it does already."""
    family = table.listing.family
    sources = _outermost({subnet for subnet, _bridge in wanted})
    _refuse_nested(wanted)
    commands: list[Command] = []
    if not table.listing.exists:
        commands.append({"add": {"table": {"family": family, "name": nftables.TABLE}}})
    for name in (_SOURCES, _LOCAL):
        if name not in table.listing.objects:
            commands.append({"add": {"set": in_table(family, name=name, **_set_shape(family, name))}})
    if table.rules != _RULES:
        commands += _chain(family)
    commands += nftables.elements("delete", family, _SOURCES, map(nftables.prefix, sorted(table.sources - sources)))
    commands += nftables.elements("delete", family, _LOCAL, map(nftables.local_pair, sorted(table.local - wanted)))
    commands += nftables.elements("add", family, _SOURCES, map(nftables.prefix, sorted(sources - table.sources)))
    commands += nftables.elements("add", family, _LOCAL, map(nftables.local_pair, sorted(wanted - table.local)))
    return commands


def _chain(family: str) -> list[Command]:
    """The chain with its rules, from whatever is left of it."""
    saddr = {"payload": {"protocol": family, "field": "saddr"}}
    oifname = {"meta": {"key": "oifname"}}
    lefts: list[object] = [oifname, {"concat": [saddr, oifname]}, saddr]
    commands: list[Command] = [
        {"add": {"chain": in_table(family, name=_CHAIN, **_HOOK)}},
        {"flush": {"chain": in_table(family, name=_CHAIN)}},
    ]
    for left, (right, action) in zip(lefts, _RULES):
        expressions = [{"match": {"op": "==", "left": left, "right": right}}, {action: None}]
        commands.append({"add": {"rule": in_table(family, chain=_CHAIN, expr=expressions)}})
    return commands


def _set_shape(family: str, name: str) -> dict[str, object]:
    address = nftables.ADDRESS_TYPE[family]
    return {"type": [address, "ifname"] if name == _LOCAL else address, "flags": ["interval"]}


def _of(family: str, masquerades: Iterable[Masquerade]) -> set[tuple[str, str]]:
    return {
        (masquerade.subnet, masquerade.bridge)
        for masquerade in masquerades
        if (":" in masquerade.subnet) == (family == "ip6")
    }


def _outermost(subnets: set[str]) -> set[str]:
    """The subnets that no other one contains."""
    if len(subnets) < 2:
        return subnets
    import ipaddress  # 2 ms, and most hosts have one subnet a family

    outermost: list[Any] = []
    # In this order a subnet comes right after those that contain it.
    for network in sorted(map(ipaddress.ip_network, subnets), key=lambda net: (net.network_address, net.prefixlen)):
        if not outermost or not network.subnet_of(outermost[-1]):
            outermost.append(network)
    return set(map(str, outermost))


def _contained(subnet: str, sources: set[str]) -> bool:
    return subnet not in _outermost({subnet, *sources})


def _refuse_nested(wanted: set[tuple[str, str]]) -> None:
    subnets_of: dict[str, set[str]] = {}
    for subnet, bridge in wanted:
        subnets_of.setdefault(bridge, set()).add(subnet)
    for bridge, subnets in sorted(subnets_of.items()):
        for inner in sorted(subnets - _outermost(subnets)):
            raise Refused(
                f"bridge {bridge}: masquerading of {inner} was asked for together with that of a larger"
                " subnet which contains it; leave out the smaller one"
            )
