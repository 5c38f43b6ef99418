# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Isolated bridges in our nftables tables. Private to the collection.

What isolates is the kernel's port isolation. The rules see what goes around
it: packets that are routed through the host. Their number is the same whatever
the number of bridges and links, in each of ``ip pipefitter`` and ``ip6 pipefitter``::

    chain icc_forward {
        type filter hook forward priority filter; policy accept;
        iifname . ip saddr . ip daddr . meta l4proto . th dport @icc_links accept
        ct direction reply oifname . ip daddr . ip saddr . meta l4proto . th sport @icc_links accept
        icmp type echo-request iifname . ip saddr . ip daddr @icc_pings accept
        icmp type echo-reply ct direction reply oifname . ip daddr . ip saddr @icc_pings accept
        iifname @icc_egress_denied iifname . oifname != @icc_inside ct state invalid,untracked drop
        iifname @icc_egress_denied iifname . oifname != @icc_inside ct direction original drop
        iifname @icc_off oifname @icc_apart ct state related meta l4proto icmp accept
        iifname @icc_apart oifname @icc_off ct state related meta l4proto icmp accept
        iifname @icc_off oifname @icc_apart ct status dnat accept
        iifname @icc_apart oifname @icc_off ct status dnat accept
        iifname @icc_off oifname @icc_apart drop
        iifname @icc_apart oifname @icc_off drop
    }

Replies pass because of their link, not because their connection is
established: so a link that is taken away ends its connections with the next
packet. A link may come from a container of another bridge, or lead to one: the
sets have the bridge by which its packets come in, and comments on their
elements the bridge in whose policy it is. ``ct status dnat`` marks connections to published ports. ``icc_apart``
holds the bridges of ``icc_off`` and those that are to be kept apart from them.
``icc_inside`` has each bridge of ``icc_egress_denied`` with itself: where
bridge-nf-call-iptables is 1, what is bridged goes through these rules too.

The host would tell a container whose packet it sends back over the same bridge
that the other one can be reached directly, which isolation prevents; for IPv6
no sysctl keeps it from that. So a chain ``icc_output`` drops the redirects.
It also drops what the host would answer to a linked container that probes whether
its own address is free (duplicate address detection), and not for addresses of the host.

``icc_off`` is also the record of which ports are to be isolated, and comments
on its elements hold the sysctls that links changed, as they were before; where the
tables were deleted, ``former_sysctls`` has them still.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from ...model.icc_rules import PING, IccFlow, IccRules
from . import former_sysctls
from . import tables as nftables
from .isolation import ISOLATED, TABLE
from .layout import OurChain, OurSet, OurTable, digest, each_family
from .tables import LINKS, PINGS, Command, Listing

_OFF, _APART, _EGRESS, _HOST = ISOLATED, "icc_apart", "icc_egress_denied", "icc_host_denied"
_BRIDGE_SETS = (_OFF, _APART, _EGRESS, _HOST)
_INSIDE = "icc_inside"
_FORWARD, _INPUT, _OUTPUT = "icc_forward", "icc_input", "icc_output"
_HOOKS = {_FORWARD: "forward", _INPUT: "input", _OUTPUT: "output"}

_PURPOSE = "isolation of containers"

_ICMP = {"ip": "icmp", "ip6": "icmpv6"}
_ICMP_PROTOCOL = {"ip": "icmp", "ip6": "ipv6-icmp"}
_REDIRECT = {"ip": "redirect", "ip6": "nd-redirect"}
_DHCP_SERVER = {"ip": 67, "ip6": 547}
# Neighbour discovery, router solicitations, and what a snooping bridge must hear of groups (RFC 4861, 2710, 3810).
_NEIGHBOUR_DISCOVERY = [
    "nd-router-solicit",
    "nd-neighbor-solicit",
    "nd-neighbor-advert",
    "mld-listener-report",
    "mld-listener-done",
    "mld2-listener-report",
]
_SYSCTL_FAMILY = {"ip": "ipv4", "ip6": "ipv6"}
_PROTOCOL_NUMBERS = {"6": "tcp", "17": "udp", "132": "sctp"}  # as nft shows them where /etc/protocols is missing

# NFTNL_UDATA_SET_ELEM_COMMENT of nft holds 128 bytes with the NUL.
_LONGEST_COMMENT = 127
# Beside letters, digits and -._~, what paths and names have that no shell or nft reads in another way.
_PLAIN = "/:@+,="
_NAMES = "surrogateescape"  # paths need not be UTF-8

Rule = tuple[str, list[dict[str, Any]]]


class IccTables:
    """The isolated bridges in our tables. A read is one ``nft`` a table, and none where there is no isolated bridge."""

    def read(self, needed: bool = True, listings: Mapping[str, Listing] | None = None) -> IccRules:
        """Return what is in effect, of ``listings`` where the tables were read already.

        With ``needed`` false, nothing is where there is no nf_tables or no ``nft``.

        :raises Refused: an object of one of our names has another shape.
        :raises MissingFeature: there is a table and no ``nft``.
        """
        tables = [_Table(listing) for listing in each_family(nftables.tables(_PURPOSE, needed, listings))]
        kinds = [table.bridges for table in tables]
        together = {name: frozenset.union(*(kind[name] for kind in kinds)) for name in _BRIDGE_SETS}
        off, apart = together[_OFF], together[_APART]
        former = {name: value for table in tables for name, value in table.former}
        return IccRules(
            off=off,
            neighbours=apart - off,
            egress_denied=together[_EGRESS],
            host_denied=together[_HOST],
            flows=frozenset(flow for table in tables for flow in table.flows),
            former=frozenset({**dict(former_sysctls.noted()), **former}.items()),
            intact=all(table.intact() for table in tables) and kinds[0] == kinds[1] and off <= apart,
        )

    @nftables.read_again_once
    def apply(self, rules: IccRules) -> None:
        """Make the tables hold ``rules`` and nothing else of this kind, in one transaction.

        :raises Refused: an object of one of our names has another shape.
        :raises MissingFeature: there is no nf_tables or no ``nft``.
        """
        former_sysctls.note(rules.former)
        commands: list[Command] = []
        for table in map(_Table, each_family(nftables.tables(_PURPOSE))):
            commands += (
                table.listing.dismantle(table.chains, table.sets)
                if rules.empty
                else _build(table, _elements_of(table.family, rules))
            )
        if commands:
            nftables.run(commands, _PURPOSE)


class _Table(OurTable):
    """What one of our tables holds of isolation."""

    def __init__(self, listing: Listing) -> None:
        family = listing.family
        sets = {name: OurSet({"type": types}) for name, types in _types(family).items()}
        super().__init__(listing, sets, {name: _chain(name, rules) for name, rules in _rules(family).items()})
        # The elements of each set, with their comments.
        self.elements: dict[str, dict[Any, str]] = {name: dict(map(_value, listing.elements(name))) for name in sets}

    @property
    def bridges(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self.elements.get(name, ())) for name in _BRIDGE_SETS}

    @property
    def flows(self) -> list[IccFlow]:
        found = []
        for (ingress, source, destination, protocol, port), comment in self.elements[LINKS].items():
            found.append(
                _flow(
                    ingress,
                    source,
                    destination,
                    _PROTOCOL_NUMBERS.get(str(protocol), str(protocol)),
                    int(port),
                    comment,
                )
            )
        for (ingress, source, destination), comment in self.elements[PINGS].items():
            found.append(_flow(ingress, source, destination, PING, 0, comment))
        return found

    @property
    def former(self) -> list[tuple[str, str]]:
        found = []
        for bridge, comment in self.elements.get(_OFF, {}).items():
            for name, _equals, value in (word.partition("=") for word in comment.split()):
                kind, _slash, key = name.partition("/")
                found.append((f"net/{_SYSCTL_FAMILY[self.family]}/{kind}/{bridge}/{key}", value))
        return found

    def intact(self) -> bool:
        there = {*self.sets, *self.chains} & self.listing.objects.keys()
        if not there - nftables.linked(self.family).keys():
            return not self.flows  # those sets alone are there for published ports
        return self.is_whole() and any(self.bridges.values()) and self._inside()

    def _inside(self) -> bool:
        return set(self.elements.get(_INSIDE, ())) == {(bridge, bridge) for bridge in self.bridges[_EGRESS]}


def _value(element: Any) -> tuple[Any, str]:
    """Return an element as a name or a tuple, and its comment."""
    comment = ""
    if isinstance(element, dict) and "elem" in element:
        comment, element = element["elem"].get("comment", ""), element["elem"]["val"]
    return (tuple(element["concat"]) if isinstance(element, dict) else element), comment


def _flow(ingress: str, source: str, destination: str, protocol: str, port: int, comment: str) -> IccFlow:
    words = comment.split(" ")
    bridge = words[0] or ingress
    names = (f"{words[1]} {_unquoted(words[2])}", f"{words[3]} {_unquoted(words[4])}") if len(words) == 5 else ("", "")
    return IccFlow(bridge, source, destination, protocol, port, "" if ingress == bridge else ingress, *names)


# ---- changing


def _elements_of(family: str, rules: IccRules) -> dict[str, dict[Any, str]]:
    """Return what the sets of a family are to hold, with the comments."""
    flows = [flow for flow in rules.flows if flow.family == family]
    former: dict[str, list[str]] = {}
    for name, value in sorted(rules.former):
        _net, version, kind, bridge, key = name.split("/")
        if version == _SYSCTL_FAMILY[family]:
            former.setdefault(bridge, []).append(f"{kind}/{key}={value}")
    return {
        _OFF: {bridge: " ".join(former.get(bridge, ())) for bridge in rules.off},
        _APART: dict.fromkeys(rules.off | rules.neighbours, ""),
        _EGRESS: dict.fromkeys(rules.egress_denied, ""),
        _HOST: dict.fromkeys(rules.host_denied, ""),
        _INSIDE: dict.fromkeys(((bridge, bridge) for bridge in rules.egress_denied), ""),
        LINKS: {
            (flow.via, flow.source, flow.destination, flow.protocol, flow.port): _comment(flow)
            for flow in flows
            if flow.protocol != PING
        },
        PINGS: {(flow.via, flow.source, flow.destination): _comment(flow) for flow in flows if flow.protocol == PING},
    }


def _comment(flow: IccFlow) -> str:
    comment = f"{flow.bridge} {_quoted(flow.source_name)} {_quoted(flow.destination_name)}"
    return comment if len(comment.split(" ")) == 5 and len(comment.encode()) <= _LONGEST_COMMENT else flow.bridge


def _quoted(name: str) -> str:
    """Return a container's kind and name as comments hold it.

    A quotation mark would end a comment in what ``nft list`` writes.
    """
    kind, space, value = name.partition(" ")
    return f"{kind}{space}{quote(value, safe=_PLAIN, errors=_NAMES)}"


def _unquoted(value: str) -> str:
    return unquote(value, errors=_NAMES)


def _build(table: _Table, wanted: Mapping[str, Mapping[Any, str]]) -> list[Command]:
    """Return commands that make the table hold ``wanted``; none where it does already."""
    commands = table.frame()
    for verb in ("delete", "add"):
        for name, elements in wanted.items():
            shown = table.elements[name]
            # A comment that is to change goes with its element.
            changed = {key for key in elements if key in shown and _differ(name, shown[key], elements[key])}
            keys = shown.keys() - elements.keys() if verb == "delete" else elements.keys() - shown.keys()
            comments = elements if verb == "add" else {}
            written = [_written(key, comments.get(key, "")) for key in sorted(keys | changed)]
            commands += nftables.elements(verb, table.family, name, written)
    return commands


def _differ(name: str, shown: str, wanted: str) -> bool:
    """Tell whether an element's comments say different things: of a link, the containers' names may differ."""
    if name in (LINKS, PINGS):
        return shown.partition(" ")[0] != wanted.partition(" ")[0]
    return shown != wanted


def _written(key: Any, comment: str) -> object:
    value: object = {"concat": list(key)} if isinstance(key, tuple) else key
    return {"elem": {"val": value, "comment": comment}} if comment else value


def _types(family: str) -> dict[str, Any]:
    return {**dict.fromkeys(_BRIDGE_SETS, "ifname"), **nftables.linked(family), _INSIDE: ["ifname", "ifname"]}


# ---- the rules; each is known by its comment


def _chain(name: str, rules: list[Rule]) -> OurChain:
    """Return a chain whose rules say what each is for, with a digest of what it does."""
    hook = {"type": "filter", "hook": _HOOKS[name], "prio": 0, "policy": "accept"}
    return OurChain(
        hook,
        [{"comment": f"{what} {digest(json.dumps(expressions))}", "expr": expressions} for what, expressions in rules],
    )


def _rules(family: str) -> dict[str, list[Rule]]:
    return {_FORWARD: _forward(family), _INPUT: _input(family), _OUTPUT: _output(family)}


def _forward(family: str) -> list[Rule]:
    protocol = {"meta": {"key": "l4proto"}}
    there, back = (
        (_payload(family, "saddr"), _payload(family, "daddr")),
        (_payload(family, "daddr"), _payload(family, "saddr")),
    )
    reply = _match(_ct("direction"), "reply")
    kind = _payload(_ICMP[family], "type")
    error = (_match(protocol, _ICMP_PROTOCOL[family]), _match(_ct("state"), "related", "in"))
    leaving = _match(_concat(_IIF, _OIF), f"@{_INSIDE}", "!=")
    return [
        ("link", [_match(_concat(_IIF, *there, protocol, _payload("th", "dport")), f"@{LINKS}"), _ACCEPT]),
        ("link reply", [reply, _match(_concat(_OIF, *back, protocol, _payload("th", "sport")), f"@{LINKS}"), _ACCEPT]),
        ("ping", [_match(kind, "echo-request"), _match(_concat(_IIF, *there), f"@{PINGS}"), _ACCEPT]),
        ("ping reply", [_match(kind, "echo-reply"), reply, _match(_concat(_OIF, *back), f"@{PINGS}"), _ACCEPT]),
        # What has no connection has no direction either, and must not get past the next rule.
        ("egress untracked", [_from(_EGRESS), leaving, _match(_ct("state"), ["invalid", "untracked"], "in"), _DROP]),
        ("egress", [_from(_EGRESS), leaving, _match(_ct("direction"), "original"), _DROP]),
        ("icmp error from", [_from(_OFF), _to(_APART), *error, _ACCEPT]),
        ("icmp error to", [_from(_APART), _to(_OFF), *error, _ACCEPT]),
        ("published from", [_from(_OFF), _to(_APART), _match(_ct("status"), "dnat", "in"), _ACCEPT]),
        ("published to", [_from(_APART), _to(_OFF), _match(_ct("status"), "dnat", "in"), _ACCEPT]),
        ("from", [_from(_OFF), _to(_APART), _DROP]),
        ("to", [_from(_APART), _to(_OFF), _DROP]),
    ]


def _input(family: str) -> list[Rule]:
    rules: list[Rule] = [
        # By direction, not by state: what containers opened before is to end.
        ("host replies", [_from(_HOST), _match(_ct("direction"), "reply"), _ACCEPT]),
        (
            "host icmp error",
            [
                _from(_HOST),
                _match({"meta": {"key": "l4proto"}}, _ICMP_PROTOCOL[family]),
                _match(_ct("state"), "related", "in"),
                _ACCEPT,
            ],
        ),
        ("host dhcp", [_from(_HOST), _match(_payload("udp", "dport"), _DHCP_SERVER[family]), _ACCEPT]),
    ]
    if family == "ip6":
        rules.append(
            ("host nd", [_from(_HOST), _match(_payload("icmpv6", "type"), {"set": _NEIGHBOUR_DISCOVERY}), _ACCEPT])
        )
    return [*rules, ("host", [_from(_HOST), _DROP])]


def _output(family: str) -> list[Rule]:
    kind = _payload(_ICMP[family], "type")
    rules: list[Rule] = [("redirect", [_to(_OFF), _match(kind, _REDIRECT[family]), _DROP])]
    if family == "ip6":
        # To all nodes and not to the one who asked: the answer to a probe (RFC 4862, 5.4). From a link-local
        # address for one that is not: not the host's own, which comes from that very address.
        target = {"payload": {"base": "th", "offset": 64, "len": 16}}
        to_all = [
            _match(_payload("ip6", "daddr"), "ff02::1"),
            _match(_payload("ip6", "saddr"), {"prefix": {"addr": "fe80::", "len": 10}}),
        ]
        rules.append(
            ("probe", [_to(_OFF), *to_all, _match(kind, "nd-neighbor-advert"), _match(target, 0xFE80, "!="), _DROP])
        )
    return rules


_IIF, _OIF = {"meta": {"key": "iifname"}}, {"meta": {"key": "oifname"}}
_ACCEPT: dict[str, Any] = {"accept": None}
_DROP: dict[str, Any] = {"drop": None}


def _match(left: object, right: object, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _from(name: str) -> dict[str, Any]:
    return _match(_IIF, f"@{name}")


def _to(name: str) -> dict[str, Any]:
    return _match(_OIF, f"@{name}")


def _ct(key: str) -> dict[str, Any]:
    return {"ct": {"key": key}}


def _payload(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


def _concat(*parts: object) -> dict[str, Any]:
    return {"concat": list(parts)}


def listed_bridges(family: str) -> list[str]:
    """Return the bridges that the set of isolated ones holds, which must be there."""
    asked = [{"list": {"set": {"family": family, "table": TABLE, "name": _OFF}}}]
    listed = nftables.run(asked, _PURPOSE)
    return [_value(element)[0] for entry in listed for element in entry.get("set", {}).get("elem", ())]
