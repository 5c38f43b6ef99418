# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What ports of bridges let in, in our nftables table ``bridge pipefitter``. Private to the collection.

A frame is looked at as its bridge takes it in: before the bridge learns where its source MAC is, before br_netfilter
and all other rules. The number of rules is the same whatever the number of ports, and each looks its port up in a set::

    chain guard_in {
        type filter hook prerouting priority -310; policy accept;
        iifname @guard_ports iifname . ether saddr != @guard_macs drop
        iifname @guard_ports iifname . arp saddr ether != @guard_macs drop
        iifname @guard_adverts icmpv6 type { nd-router-advert, nd-redirect } drop
        iifname != @guard_sources accept
        meta protocol { 8021q, 8021ad } drop
        arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @guard_ipv4 drop
        ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
        iifname . ip saddr != @guard_ipv4 drop
        meta protocol != ip6 accept
        icmpv6 type nd-neighbor-advert @th,64,10 != 0x3fa jump guard_target
        ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, … } accept
        ip6 saddr fe80::/10 accept
        iifname . ip6 saddr != @guard_ipv6 drop
    }

Of tags (IEEE 802.1Q) the kernel has taken off the first one by then, and would take off one after that of VLAN 0 once
the frame is the host's: so a frame that still has one is let in by no port whose addresses are checked. What is sent to
a link-local multicast MAC (LLDP, say) passes the bridge another way, and teaches it MACs, too: so ``guard_local`` looks
at source MACs of what is handed to the host.

nft before 1.0.7 doesn't know the target of a neighbour advertisement, and has no sets of what it knows by offset only.
So ``guard_target`` leads to a chain for each port that has IPv6 addresses, by a map, and drops what has none::

    chain guard_target { iifname vmap @guard_targets; drop; }
    chain guard_target/PORT { @th,64,128 != { 0xfd00…, … } drop }
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from typing import Any

from ...model.port_guard import GuardRules, PortGuard
from .. import program
from . import tables as nftables
from .layout import OurChain, OurSet, OurTable, digest
from .tables import Command, Listing, in_table

FAMILY = "bridge"

_PORTS, _MACS, _SOURCES, _ADVERTS = "guard_ports", "guard_macs", "guard_sources", "guard_adverts"
_ADDRESSES = {4: "guard_ipv4", 6: "guard_ipv6"}
_TARGETS, _TARGET, _IN, _LOCAL = "guard_targets", "guard_target", "guard_in", "guard_local"
_SETS: dict[str, Any] = {
    _PORTS: "ifname",
    _MACS: ["ifname", "ether_addr"],
    _SOURCES: "ifname",
    _ADVERTS: "ifname",
    _ADDRESSES[4]: ["ifname", "ipv4_addr"],
    _ADDRESSES[6]: ["ifname", "ipv6_addr"],
}
_PURPOSE = "checks of what containers send from"
_BEFORE_ALL = -310  # NF_BR_PRI_NAT_DST_BRIDGED is -300

Expressions = list[dict[str, Any]]
_DROP: dict[str, Any] = {"drop": None}
_ACCEPT: dict[str, Any] = {"accept": None}
_PORT = {"meta": {"key": "iifname"}}


class GuardTable:
    """Our table of the family bridge."""

    def read(self) -> GuardRules:
        """Return what is in effect.

        :raises Refused: an object of one of our names has another shape.
        :raises MissingFeature: there is a table and no ``nft``.
        """
        table = _table()
        return GuardRules(table.guards(), table.intact())

    @nftables.read_again_once
    def apply(self, rules: GuardRules) -> None:
        """Make the table hold ``rules`` and nothing else, in one transaction.

        :raises Refused: an object of one of our names has another shape.
        :raises MissingFeature: there are no nf_tables for bridges, or no ``nft``.
        """
        commands = _table().commands(rules.guards)
        if commands:
            nftables.run(commands, _PURPOSE)

    def possible(self) -> bool:
        """Tell whether ``nft`` and this kernel can do it; nothing is changed for that."""
        frame = {"nftables": _Table(Listing(FAMILY)).frame()}
        finished = program.begin(["nft", "-c", "-j", "-f", "-"], json.dumps(frame))()
        return finished is not None and finished.status == 0


def _table() -> _Table:
    return _Table(nftables.tables(_PURPOSE, families=(FAMILY,)).get(FAMILY) or Listing(FAMILY))


class _Table(OurTable):
    def __init__(self, listing: Listing) -> None:
        sets = {name: OurSet({"type": types}) for name, types in _SETS.items()}
        sets[_TARGETS] = OurSet({"type": "ifname", "map": "verdict"}, "map")
        chains = {
            # The one that others lead to comes first.
            _TARGET: OurChain({}, [_rule("target", _to_own_target()), _rule("other target", [_DROP])]),
            _IN: _chain("prerouting", _checks()),
            _LOCAL: _chain("input", _checks()[:1]),
        }
        super().__init__(listing, sets, chains)
        self.elements: dict[str, set[tuple[str, ...]]] = {name: set(map(_key, listing.elements(name))) for name in sets}

    def guards(self) -> frozenset[PortGuard]:
        macs, sources = self._by_port(_MACS), self._by_port(*_ADDRESSES.values())
        ports = {port for name in (_PORTS, _SOURCES, _ADVERTS) for (port,) in self.elements[name]}
        return frozenset(
            PortGuard(
                port,
                " ".join(macs.get(port, ["none"])) if (port,) in self.elements[_PORTS] else "",
                tuple(sources.get(port, ())) if (port,) in self.elements[_SOURCES] else None,
                (port,) in self.elements[_ADVERTS],
            )
            for port in ports
        )

    def intact(self) -> bool:
        guards = self.guards()
        if not guards:
            return not self.listing.objects
        return self.is_whole() and not self._elements_to_change(guards) and not self._targets_to_change(guards)

    def commands(self, guards: frozenset[PortGuard]) -> list[Command]:
        """Return what makes the table hold these, nothing where it does."""
        if not guards:
            chains = [*self.chains, *sorted(self._target_chains())]
            return self.listing.dismantle(chains, self.sets)
        return self.frame() + self._elements_to_change(guards) + self._targets_to_change(guards)

    def _elements_to_change(self, guards: frozenset[PortGuard]) -> list[Command]:
        wanted = _elements_of(guards)
        commands: list[Command] = []
        for name, elements in wanted.items():
            for verb, keys in (("delete", self.elements[name] - elements), ("add", elements - self.elements[name])):
                commands += nftables.elements(verb, self.family, name, map(_written, sorted(keys)))
        return commands

    def _targets_to_change(self, guards: frozenset[PortGuard]) -> list[Command]:
        """Return what gives each port with IPv6 addresses a chain for these, and takes away those of others."""
        wanted = {guard.port: rule for guard in guards if (rule := _own_target(guard)) is not None}
        led = {port for (port,) in self.elements[_TARGETS]}
        shown = self._target_chains()
        commands = nftables.elements("delete", self.family, _TARGETS, map(_leading, sorted(led - wanted.keys())))
        for name in sorted(shown - {*map(_target_chain, wanted)}):
            commands += [{verb: {"chain": in_table(self.family, name=name)}} for verb in ("flush", "delete")]
        for port, rule in sorted(wanted.items()):
            name = _target_chain(port)
            rules = [self.known_by(one) for one in self.listing.rules.get(name, ())]
            if name not in shown or rules != [self.known_by(rule)]:
                commands += [{verb: {"chain": in_table(self.family, name=name)}} for verb in ("add", "flush")]
                commands.append({"add": {"rule": in_table(self.family, chain=name, **rule)}})
        return commands + nftables.elements("add", self.family, _TARGETS, map(_leading, sorted(wanted.keys() - led)))

    def _target_chains(self) -> set[str]:
        """Return the names of the chains for one port each."""
        return {name for name in self.listing.objects if name.startswith(f"{_TARGET}/")}

    def _by_port(self, *names: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for port, value in sorted(key for name in names for key in self.elements[name] if len(key) == 2):
            found.setdefault(port, []).append(value)
        return {port: sorted(values) for port, values in found.items()}


def _key(element: Any) -> tuple[str, ...]:
    """Return an element of a set as a tuple, and of the map its port."""
    if isinstance(element, list):
        return (str(element[0]),)
    return tuple(map(str, element["concat"])) if isinstance(element, dict) else (str(element),)


def _written(key: tuple[str, ...]) -> object:
    return {"concat": list(key)} if len(key) > 1 else key[0]


def _leading(port: str) -> object:
    return [port, {"goto": {"target": _target_chain(port)}}]


def _target_chain(port: str) -> str:
    """Return the name of a port's chain: ``nft`` reads no more than letters, digits and a few signs."""
    return f"{_TARGET}/" + re.sub(r"[^a-zA-Z0-9.-]", lambda found: f"_{ord(found[0]):x}_", port)


def _elements_of(guards: frozenset[PortGuard]) -> dict[str, set[tuple[str, ...]]]:
    """Return what the sets are to hold."""
    held: dict[str, set[tuple[str, ...]]] = {name: set() for name in _SETS}
    for guard in guards:
        if guard.mac:
            held[_PORTS].add((guard.port,))
            held[_MACS].add((guard.port, guard.mac))
        if guard.addresses is not None:
            held[_SOURCES].add((guard.port,))
        if guard.no_adverts:
            held[_ADVERTS].add((guard.port,))
        for address in guard.addresses or ():
            held[_ADDRESSES[6 if ":" in address else 4]].add((guard.port, address))
    return held


# ---- the rules; each is known by its comment


def _checks() -> list[Mapping[str, Any]]:
    no_source = ["nd-neighbor-solicit", "nd-router-solicit"]
    no_source += ["mld-listener-report", "mld-listener-done", "mld2-listener-report"]
    arp, ipv4, ipv6 = (_is(_meta("protocol"), name) for name in ("arp", "ip", "ip6"))
    kind = _payload("icmpv6", "type")
    dhcp = [_is(_payload("udp", "sport"), 68), _is(_payload("udp", "dport"), 67)]
    link_local = {"prefix": {"addr": "fe80::", "len": 10}}
    beyond = [_is(kind, "nd-neighbor-advert"), _is({"payload": {"base": "th", "offset": 64, "len": 10}}, 0x3FA, "!=")]
    checked = _is(_PORT, f"@{_PORTS}")
    return [
        _rule("mac", [checked, _of_no_port(_payload("ether", "saddr"), _MACS), _DROP]),
        _rule("arp mac", [checked, arp, _of_no_port(_payload("arp", "saddr ether"), _MACS), _DROP]),
        _rule(
            "adverts",
            [_is(_PORT, f"@{_ADVERTS}"), ipv6, _is(kind, {"set": ["nd-router-advert", "nd-redirect"]}), _DROP],
        ),
        _rule("any source", [_is(_PORT, f"@{_SOURCES}", "!="), _ACCEPT]),
        _rule("tags", [_is(_meta("protocol"), {"set": [0x8100, 0x88A8]}), _DROP]),
        _rule(
            "arp",
            [
                arp,
                _is(_payload("arp", "saddr ip"), "0.0.0.0", "!="),
                _of_no_port(_payload("arp", "saddr ip"), _ADDRESSES[4]),
                _DROP,
            ],
        ),
        _rule("dhcp", [ipv4, _is(_payload("ip", "saddr"), "0.0.0.0"), *dhcp, _ACCEPT]),
        _rule("ipv4", [ipv4, _of_no_port(_payload("ip", "saddr"), _ADDRESSES[4]), _DROP]),
        _rule("not ipv6", [_is(_meta("protocol"), "ip6", "!="), _ACCEPT]),
        _rule("neighbour", [*beyond, {"jump": {"target": _TARGET}}]),
        _rule("no source", [_is(_payload("ip6", "saddr"), "::"), _is(kind, {"set": no_source}), _ACCEPT]),
        _rule("link-local", [_is(_payload("ip6", "saddr"), link_local), _ACCEPT]),
        _rule("ipv6", [_of_no_port(_payload("ip6", "saddr"), _ADDRESSES[6]), _DROP]),
    ]


def _own_target(guard: PortGuard) -> dict[str, Any] | None:
    """Return the rule of a port's own chain, ``None`` where it needs none."""
    addresses = [address for address in guard.addresses or () if ":" in address]
    if not addresses:
        return None
    numbers = [f"0x{socket.inet_pton(socket.AF_INET6, address).hex()}" for address in addresses]
    target = {"payload": {"base": "th", "offset": 64, "len": 128}}
    return dict(_rule("own", [_is(target, {"set": numbers}, "!="), _DROP]))


def _to_own_target() -> Expressions:
    return [{"vmap": {"key": _PORT, "data": f"@{_TARGETS}"}}]


def _chain(hook: str, rules: list[Mapping[str, Any]]) -> OurChain:
    return OurChain({"type": "filter", "hook": hook, "prio": _BEFORE_ALL, "policy": "accept"}, rules)


def _rule(what: str, expressions: Expressions) -> Mapping[str, Any]:
    return {"comment": f"{what} {digest(json.dumps(expressions))}", "expr": expressions}


def _meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


def _payload(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


def _is(left: object, right: object, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _of_no_port(value: object, held: str) -> dict[str, Any]:
    """Match what this port has not."""
    return _is({"concat": [_PORT, value]}, f"@{held}", "!=")
