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
            ip saddr @masquerade_sources iif != 0 masquerade
            ip saddr @masquerade_sources fib saddr type local masquerade
        }
    }

The rules look at source and outgoing interface only, so multicast and broadcast
on a bridge stay as they are. ``lo`` comes first because a host that talks to its
own address on the bridge would otherwise see another source address.

What is routed came in by an interface, or from the host itself. Where
bridge-nf-call-iptables is 1, what another bridge switches goes through the chain
too, and its containers may have addresses of the same subnet: br_nf_post_routing()
names no interface by which that came in. Before Linux 5.7 nothing does in this
hook, and there both are masqueraded by ``ip saddr @masquerade_sources masquerade``.

``bridge_local`` says which masquerades there are. An interval set can't hold a
subnet together with a part of it, so ``masquerade_sources`` has the outermost
subnets only.

Objects are recognised by name and shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import Refused
from ...model.firewall_safe_name import firewall_safe_name
from ...model.masquerade import Masquerade
from ..sysctl import kernel_version
from . import tables as nftables
from .layout import OurChain, OurSet, OurTable, each_family
from .tables import Command, Listing

_PURPOSE = "masquerading"
_SOURCES = "masquerade_sources"
_LOCAL = "bridge_local"
_CHAIN = "postrouting"

_NAMES_INTERFACE = (5, 7)  # "netfilter: Support iif matches in POSTROUTING"

_HOOK = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}


class Masquerades:
    """The masquerades in our tables. A read is one ``nft`` for each table there is, a transaction is one for both."""

    def in_effect(self, needed: bool = True, listings: Mapping[str, Listing] | None = None) -> frozenset[Masquerade]:
        """Return what is in effect, of ``listings`` where the tables were read already.

        With ``needed`` false, nothing is where there is no nf_tables or no ``nft``, and a table without the set of
        masquerades is not read.

        A table of which the chain, a rule or an element is missing does not
        masquerade, so those count as absent, and the next ``apply`` repairs it.

        :raises Refused: a table of our name has another layout.
        :raises MissingFeature: there is no nf_tables or no ``nft``.
        """
        tables = map(_Table, nftables.tables(_PURPOSE, needed, listings, holding=_LOCAL).values())
        return frozenset(masquerade for table in tables for masquerade in table.in_effect())

    @nftables.read_again_once
    def apply(self, add: Iterable[Masquerade] = (), remove: Iterable[Masquerade] = ()) -> None:
        """Add and remove in one transaction; what is there, or gone, already is no error.

        Repairs the tables on the way, creates them as needed and deletes them
        with their last element.

        :raises Refused: subnets of one bridge contain each other, or a table of our name has another layout.
        :raises MissingFeature: there is no nf_tables or no ``nft``.
        :raises InvalidOption: a rule can't hold a bridge's name.
        """
        added, removed = frozenset(add), frozenset(remove)
        for masquerade in added:
            firewall_safe_name(masquerade.bridge)
        commands: list[Command] = []
        for table in map(_Table, each_family(nftables.tables(_PURPOSE))):
            wanted = (table.local | _of(table.family, added)) - _of(table.family, removed)
            commands += _build(table, wanted) if wanted else table.listing.dismantle(table.chains, table.sets)
        if commands:
            nftables.run(commands, _PURPOSE)


class _Table(OurTable):
    """What one of our tables holds of masquerading."""

    def __init__(self, listing: Listing) -> None:
        family = listing.family
        super().__init__(listing, _sets(family), {_CHAIN: OurChain(_HOOK, _rules(family))})
        self.sources = {subnet for one in listing.elements(_SOURCES) if (subnet := nftables.subnet_of(family, one))}
        self.local = {pair for one in listing.elements(_LOCAL) if (pair := nftables.read_local_pair(family, one))}

    @staticmethod
    def known_by(rule: Mapping[str, Any]) -> tuple[str, str]:
        """Return what a rule matches (a set, or ``lo``) and does; of a rule of another it is just unequal to ours."""
        matches = [str(expression["match"]["right"]) for expression in rule["expr"] if "match" in expression]
        others = [key for expression in rule["expr"] for key in expression if key != "match"]
        return " ".join(matches), " ".join(others)

    def in_effect(self) -> Iterable[Masquerade]:
        if not self.has_rules(_CHAIN):
            return
        for subnet, bridge in self.local:
            if subnet in self.sources or _contained(subnet, self.sources):
                yield Masquerade(bridge, subnet)


def _build(table: _Table, wanted: set[tuple[str, str]]) -> list[Command]:
    """Return commands that make ``table`` masquerade exactly ``wanted``; none where it does already."""
    sources = _outermost({subnet for subnet, _bridge in wanted})
    _refuse_nested(wanted)

    def change(verb: str, subnets: set[str], pairs: set[tuple[str, str]]) -> list[Command]:
        return [
            *nftables.elements(verb, table.family, _SOURCES, map(nftables.prefix, sorted(subnets))),
            *nftables.elements(verb, table.family, _LOCAL, map(nftables.local_pair, sorted(pairs))),
        ]

    return [
        *table.frame(),
        *change("delete", table.sources - sources, table.local - wanted),
        *change("add", sources - table.sources, wanted - table.local),
    ]


def _sets(family: str) -> dict[str, OurSet]:
    address = nftables.ADDRESS_TYPE[family]
    types: dict[str, object] = {_SOURCES: address, _LOCAL: [address, "ifname"]}
    return {name: OurSet({"type": of, "flags": ["interval"]}) for name, of in types.items()}


def _rules(family: str) -> list[dict[str, Any]]:
    saddr = {"payload": {"protocol": family, "field": "saddr"}}
    oifname = {"meta": {"key": "oifname"}}
    ours = _match(saddr, f"@{_SOURCES}")
    routed = _match({"meta": {"key": "iif"}}, 0, "!=")
    own = _match({"fib": {"result": "type", "flags": ["saddr"]}}, "local")
    sent_on = [[ours, routed], [ours, own]] if kernel_version() >= _NAMES_INTERFACE else [[ours]]
    rules: list[tuple[list[dict[str, Any]], str]] = [
        ([_match(oifname, "lo")], "return"),
        ([_match({"concat": [saddr, oifname]}, f"@{_LOCAL}")], "return"),
        *((matches, "masquerade") for matches in sent_on),
    ]
    return [{"expr": [*matches, {action: None}]} for matches, action in rules]


def _match(left: object, right: object, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _of(family: str, masquerades: Iterable[Masquerade]) -> set[tuple[str, str]]:
    return {
        (masquerade.subnet, masquerade.bridge)
        for masquerade in masquerades
        if (":" in masquerade.subnet) == (family == "ip6")
    }


def _outermost(subnets: set[str]) -> set[str]:
    """Return the subnets that no other one contains."""
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
