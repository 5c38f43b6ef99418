# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Our nftables tables, through the program ``nft`` and its JSON. Private to the collection.

One table a family, ``ip pipefitter`` and ``ip6 pipefitter``. Both the number of
rules and the cost of a packet stay the same however many bridges there are::

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

Objects are recognised by name and shape. What else is in a table of this name
is left alone, and keeps the table from being deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import MissingFeature, PipefitterError, Refused
from ..model.literal_interface import literal_interface
from ..model.masquerade import Masquerade
from . import program
from .nfnetlink import table_exists

Command = dict[str, Any]

TABLE = "pipefitter"
FAMILIES = ("ip", "ip6")

ICC_PREFIX = "icc_"
"""How the names of what ``nftables_icc`` keeps in the same tables begin."""

_SOURCES = "masquerade_sources"
_LOCAL = "bridge_local"
_CHAIN = "postrouting"
_OURS = frozenset((_SOURCES, _LOCAL, _CHAIN))

_ADDRESS_TYPE = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}
_ADDRESS_BITS = {"ip": 32, "ip6": 128}
_HOOK = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
# What the rules match and do, in order. Compared instead of the whole
# expressions, whose JSON differs a little from one nft to the next.
_RULES = [("lo", "return"), (f"@{_LOCAL}", "return"), (f"@{_SOURCES}", "masquerade")]

# The kernel turns away a transaction (ERESTART) that was prepared while
# somebody else changed the ruleset; nothing was done then.
_ATTEMPTS = 5
_OVERTAKEN = "should be restarted"


class Nftables:
    """The masquerades in our tables. A read is one ``nft`` for each table there is, a transaction is one for both."""

    def masquerades(self) -> frozenset[Masquerade]:
        """Return what is in effect.

        A table of which the chain, a rule or an element is missing does not
        masquerade, so those count as absent, and the next ``apply`` repairs it.

        Raises ``Refused`` for a table of our name with another layout,
        ``MissingFeature`` without nf_tables or ``nft``.
        """
        return frozenset(masquerade for table in _read().values() for masquerade in table.in_effect())

    def apply(self, add: Iterable[Masquerade] = (), remove: Iterable[Masquerade] = ()) -> None:
        """Add and remove in one transaction; what is there, or gone, already is no error.

        Repairs the tables on the way, creates them as needed and deletes them
        with their last element. Raises as ``masquerades`` does, ``Refused`` for
        subnets of one bridge that contain each other, and ``InvalidOption`` for
        a bridge whose name a rule can't hold.
        """
        added, removed = frozenset(add), frozenset(remove)
        for masquerade in added:
            literal_interface(masquerade.bridge)
        tables = _read()
        commands: list[Command] = []
        for family in FAMILIES:
            table = tables.get(family) or _Table(family)
            wanted = (table.local | _of(family, added)) - _of(family, removed)
            commands += _build(table, wanted) if wanted else _dismantle(table)
        if commands:
            _run(commands)


@dataclass
class _Table:
    """What one of our tables holds; pairs are (subnet, bridge)."""

    family: str
    exists: bool = False
    objects: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    local: set[tuple[str, str]] = field(default_factory=set)
    rules: list[tuple[str, str]] = field(default_factory=list)

    def in_effect(self) -> Iterable[Masquerade]:
        if self.rules != _RULES:
            return
        for subnet, bridge in self.local:
            if subnet in self.sources or _contained(subnet, self.sources):
                yield Masquerade(bridge, subnet)


def _read() -> dict[str, _Table]:
    return {family: _read_table(family) for family in FAMILIES if table_exists(family, TABLE)}


def _read_table(family: str) -> _Table:
    # A process for each table: nft 1.0 loads the contents of only the last one
    # that a batch lists, and fails or shows the others empty.
    table = _Table(family, exists=True)
    for entry in _run([{"list": {"table": {"family": family, "name": TABLE}}}]):
        ((kind, value),) = entry.items()
        if kind not in ("metainfo", "table"):
            _take(table, kind, value)
    if table.objects and not any(name in _OURS or name.startswith(ICC_PREFIX) for name in table.objects):
        raise _foreign(family, f"holds {', '.join(sorted(table.objects))} and nothing of ours")
    return table


def _take(table: _Table, kind: str, value: dict[str, Any]) -> None:
    """Note one object of a listing, or refuse it where its name is ours and its shape is not."""
    if kind == "rule":
        if value["chain"] == _CHAIN:
            table.rules.append(_signature(value["expr"]))
        return
    name = value["name"]
    table.objects.add(name)
    if name not in _OURS:
        return
    expected = ("chain", _HOOK) if name == _CHAIN else ("set", _set_shape(table.family, name))
    if kind != expected[0] or any(value.get(key) != wanted for key, wanted in expected[1].items()):
        raise _foreign(table.family, f"has a {kind} {name} of another layout")
    elements = value.get("elem", ())
    if name == _SOURCES:
        table.sources.update(filter(None, (_subnet(table.family, element) for element in elements)))
    elif name == _LOCAL:
        table.local.update(filter(None, (_pair(table.family, element) for element in elements)))


def _signature(expressions: list[dict[str, Any]]) -> tuple[str, str]:
    """What a rule of ours matches (a set, or ``lo``) and does; anything else is just unequal to ours."""
    matches = [str(expression["match"]["right"]) for expression in expressions if "match" in expression]
    others = [key for expression in expressions for key in expression if key != "match"]
    return " ".join(matches), " ".join(others)


def _foreign(family: str, found: str) -> Refused:
    return Refused(
        f"the nftables table {family} {TABLE} {found}, so another tool has made it;"
        f" rename it, or delete it with `nft delete table {family} {TABLE}`"
    )


def _build(table: _Table, wanted: set[tuple[str, str]]) -> list[Command]:
    """Commands that make ``table`` masquerade exactly ``wanted``; none where it does already."""
    family = table.family
    sources = _outermost({subnet for subnet, _bridge in wanted})
    _refuse_nested(wanted)
    commands: list[Command] = []
    if not table.exists:
        commands.append({"add": {"table": {"family": family, "name": TABLE}}})
    for name in (_SOURCES, _LOCAL):
        if name not in table.objects:
            commands.append({"add": {"set": _in_table(family, name=name, **_set_shape(family, name))}})
    if table.rules != _RULES:
        commands += _chain(family)
    commands += _elements("delete", family, _SOURCES, map(_prefix, sorted(table.sources - sources)))
    commands += _elements("delete", family, _LOCAL, map(_local, sorted(table.local - wanted)))
    commands += _elements("add", family, _SOURCES, map(_prefix, sorted(sources - table.sources)))
    commands += _elements("add", family, _LOCAL, map(_local, sorted(wanted - table.local)))
    return commands


def _chain(family: str) -> list[Command]:
    """The chain with its rules, from whatever is left of it."""
    saddr = {"payload": {"protocol": family, "field": "saddr"}}
    oifname = {"meta": {"key": "oifname"}}
    lefts: list[object] = [oifname, {"concat": [saddr, oifname]}, saddr]
    commands: list[Command] = [
        {"add": {"chain": _in_table(family, name=_CHAIN, **_HOOK)}},
        {"flush": {"chain": _in_table(family, name=_CHAIN)}},
    ]
    for left, (right, action) in zip(lefts, _RULES):
        expressions = [{"match": {"op": "==", "left": left, "right": right}}, {action: None}]
        commands.append({"add": {"rule": _in_table(family, chain=_CHAIN, expr=expressions)}})
    return commands


def _dismantle(table: _Table) -> list[Command]:
    family = table.family
    if not table.exists:
        return []
    if table.objects <= _OURS:
        return [{"delete": {"table": {"family": family, "name": TABLE}}}]
    commands: list[Command] = []
    if _CHAIN in table.objects:
        commands.append({"flush": {"chain": _in_table(family, name=_CHAIN)}})
        commands.append({"delete": {"chain": _in_table(family, name=_CHAIN)}})
    for name in (_SOURCES, _LOCAL):
        if name in table.objects:
            commands.append({"delete": {"set": _in_table(family, name=name)}})
    return commands


def _in_table(family: str, **attributes: object) -> dict[str, object]:
    return {"family": family, "table": TABLE, **attributes}


def _set_shape(family: str, name: str) -> dict[str, object]:
    address = _ADDRESS_TYPE[family]
    return {"type": [address, "ifname"] if name == _LOCAL else address, "flags": ["interval"]}


def _elements(verb: str, family: str, name: str, elements: Iterable[object]) -> list[Command]:
    elements = list(elements)
    return [{verb: {"element": _in_table(family, name=name, elem=elements)}}] if elements else []


def _prefix(subnet: str) -> dict[str, object]:
    address, _slash, length = subnet.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}}


def _local(pair: tuple[str, str]) -> dict[str, object]:
    subnet, bridge = pair
    return {"concat": [_prefix(subnet), bridge]}


def _subnet(family: str, element: Any) -> str | None:
    """A subnet as it was written; ``None`` for an element that isn't one (a range, say)."""
    if isinstance(element, str):
        return f"{element}/{_ADDRESS_BITS[family]}"
    prefix = element.get("prefix")
    return f"{prefix['addr']}/{prefix['len']}" if prefix else None


def _pair(family: str, element: Any) -> tuple[str, str] | None:
    subnet, bridge = element["concat"]
    written = _subnet(family, subnet)
    return (written, bridge) if written and isinstance(bridge, str) else None


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


def _run(commands: list[Command], purpose: str = "masquerading") -> list[dict[str, Any]]:
    """Give ``commands`` to nft as one transaction and return what it listed; ``purpose`` is what errors say it is for."""
    stderr = ""
    for _attempt in range(_ATTEMPTS):
        nft = program.run(["nft", "-j", "-f", "-"], json.dumps({"nftables": commands}))
        if nft is None:
            raise MissingFeature(f"{purpose} needs the program nft, which this host has not; install the package nftables")
        if nft.status == 0:
            return _listed(nft.stdout)
        stderr = nft.stderr
        if _OVERTAKEN not in stderr:
            break
    raise _refusal(stderr, purpose)


def _listed(output: str) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = json.loads(output)["nftables"] if output.strip() else []
    return objects


def _refusal(stderr: str, purpose: str) -> PipefitterError:
    reason = next((line.partition("Error: ")[2] for line in stderr.splitlines() if "Error: " in line), stderr.strip())
    if "JSON support not compiled-in" in stderr:
        return MissingFeature(f"{purpose} needs an nft that speaks JSON, and this host's was built without it")
    if "No such file or directory" in reason or "not supported" in reason:
        return MissingFeature(
            f"nft could not set up {purpose} ({reason}); the kernel needs nf_tables with"
            " nft_chain_nat and nft_masq, and sets with concatenated intervals (Linux 5.6)"
        )
    return PipefitterError(f"nft did not change the tables {TABLE}, and nothing was changed: {reason}")
