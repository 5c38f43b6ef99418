# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Published ports in our nftables tables. Private to the collection.

The number of rules is the same with ten ports and ten thousand; a packet costs
two lookups in hash tables::

    table ip pipefitter {
        map publish_address { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
        map publish_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
        set publish_hairpin { type ipv4_addr . ifname; flags interval; }
        set publish_protected { type ifname; }
        set publish_within { type ifname . ifname; }
        set publish_loopback { type ifname; }     # ip only, as all that has 127.0.0.0/8
        set publish_opened { type ifname; }
        set icc_links { ... }                     # these two are those of icc
        set icc_pings { ... }
        chain publish_raw {
            type filter hook prerouting priority raw; policy accept;
            iifname @publish_loopback ip daddr 127.0.0.0/8 drop
        }
        chain publish_prerouting {
            type nat hook prerouting priority dstnat; policy accept;
            fib daddr type != local return
            ip daddr 127.0.0.0/8 return
            meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @publish_address
            meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @publish_any
        }
        chain publish_output {
            type nat hook output priority dstnat; policy accept;
            (as publish_prerouting, but with 127.0.0.0/8; in ip6 without ::1 and fe80::/10)
        }
        chain publish_postrouting {
            type nat hook postrouting priority 99; policy accept;
            ct status dnat ip saddr . oifname @publish_hairpin masquerade
            ct status dnat ip saddr 127.0.0.0/8 oifname @publish_loopback masquerade
        }
        chain publish_forward {
            type filter hook forward priority filter; policy accept;
            oifname != @publish_protected return
            ct state established,related return
            ct status dnat return
            iifname . oifname @publish_within return
            iifname . ip saddr . ip daddr . meta l4proto . th dport @icc_links return
            icmp type echo-request iifname . ip saddr . ip daddr @icc_pings return
            drop
        }
    }

No packet from outside is sent on for its address in 127.0.0.0/8: DNAT comes before
the kernel drops such a one, and route_localnet has nothing to do with it. What
route_localnet opens, on the bridges in ``publish_loopback``, the raw chain closes.

``publish_opened`` only remembers for which bridges route_localnet was set by us. An
element's comment says whose it is, a rule's comment is a digest of what it does:
expressions read back differ a little from one nft to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ...model.addresses import IPV4, IPV6
from ...model.firewall_safe_name import firewall_safe_name
from ...model.publication import ANY, PROTOCOLS, Hairpin, HostPort, PublicationRules, Published, read_endpoint
from . import tables as nftables
from .isolation import TABLE
from .layout import OurChain, OurSet, OurTable, digest, each_family
from .tables import LINKS, PINGS, Listing

_PURPOSE = "publishing ports"
_PROTOCOL_NUMBERS = {6: "tcp", 17: "udp", 132: "sctp"}
_VERSION = {"ip": IPV4, "ip6": IPV6}

_PREFIX = "publish_"
_ADDRESS, _ANY = "publish_address", "publish_any"
_HAIRPIN, _PROTECTED, _WITHIN = "publish_hairpin", "publish_protected", "publish_within"
_LOOPBACK, _OPENED = "publish_loopback", "publish_opened"

_RAW, _PREROUTING, _OUTPUT = "publish_raw", "publish_prerouting", "publish_output"
_POSTROUTING, _FORWARD = "publish_postrouting", "publish_forward"

_HOOKS = {
    _RAW: {"type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"},
    _PREROUTING: {"type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"},
    _OUTPUT: {"type": "nat", "hook": "output", "prio": -100, "policy": "accept"},
    # Before those that masquerade by subnet, whose return would be the last word in the same chain only.
    _POSTROUTING: {"type": "nat", "hook": "postrouting", "prio": 99, "policy": "accept"},
    _FORWARD: {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"},
}

_ICMP = {"ip": "icmp", "ip6": "icmpv6"}
# The kernel routes ::1 to no other interface, and forwards nothing from a link-local address, which clients of such an
# address have (ip6_forward()): connections to these are refused at once, instead of never answered.
_STAYS_HERE = {"ip": "127.0.0.0/8", "ip6": "{ ::1, fe80::/10 }"}

# An element: the name of its set or map, and its key in nft's language.
_Key = tuple[str, str]


class Publications:
    """The publications in our tables. A read is one ``nft`` for each table there is, a transaction is one for both."""

    def read(self, needed: bool = True, listings: Mapping[str, Listing] | None = None) -> tuple[PublicationRules, bool]:
        """Return what the tables hold, and whether their rules are as they should be, so that it is in effect.

        They are not read where ``listings`` has them already.
        With ``needed`` false, nothing is where there is no nf_tables or no ``nft``.

        :raises Refused: a table of our name has another layout.
        :raises MissingFeature: there is no nf_tables or no ``nft``.
        """
        return _read(nftables.tables(_PURPOSE, needed, listings))

    def begin(self) -> Callable[[], tuple[PublicationRules, bool]]:
        """Start ``nft``, which takes 10 ms; what is returned waits for it and tells what ``read`` does."""
        tables = nftables.begin_tables(_PURPOSE)
        return lambda: _read(tables())

    @nftables.read_again_once
    def apply(self, add: PublicationRules, remove: PublicationRules) -> None:
        """Add and remove in one transaction; what is there, or gone, already is no error.

        A port of the host that leads elsewhere is led to its new target in the
        same step. Repairs the tables on the way, creates them as needed and
        deletes them with their last element.

        :raises Refused: a table of our name has another layout.
        :raises MissingFeature: there is no nf_tables or no ``nft``.
        :raises InvalidOption: a rule can't hold a bridge's name.
        """
        for bridge in {one.endpoint.bridge for one in add.published} | add.protected:
            firewall_safe_name(bridge)
        lines: list[str] = []
        for table in map(_Table, each_family(nftables.tables(_PURPOSE))):
            lines += _change(table, dict(_elements(table.family, add)), dict(_elements(table.family, remove)))
        if lines:
            nftables.run_script(lines, _PURPOSE)


def _read(listings: Mapping[str, Listing]) -> tuple[PublicationRules, bool]:
    tables = [_Table(listing) for listing in each_family(listings)]
    rules = PublicationRules()
    for table in tables:
        rules |= _rules(table.listing)
    # Protection is that of both families, and of each by two sets.
    protections = [_names(table.listing, name) for table in tables for name in (_PROTECTED, _WITHIN)]
    alike = all(one == protections[0] for one in protections)
    return rules, alike and all(table.is_intact() for table in tables)


class _Table(OurTable):
    """What one of our tables holds of publications."""

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing, _sets(listing.family), _chains(listing.family))

    def is_intact(self) -> bool:
        """Tell whether all is there and in effect, or nothing of it."""
        return not any(name.startswith(_PREFIX) for name in self.listing.objects) or self.is_whole()


# ---- reading


def _rules(listing: Listing) -> PublicationRules:
    return PublicationRules(
        frozenset(_published(listing)),
        frozenset(Hairpin(bridge, subnet) for subnet, bridge in _hairpins(listing)),
        _names(listing, _PROTECTED) | _names(listing, _WITHIN),
        _names(listing, _LOOPBACK),
        _names(listing, _OPENED),
    )


def _published(listing: Listing) -> Iterator[Published]:
    version = _VERSION[listing.family]
    for name in (_ADDRESS, _ANY):
        for key, target in listing.elements(name):
            entry = key.get("elem", {}) if isinstance(key, dict) else {}
            whose = read_endpoint(entry.get("comment", ""))
            if whose is None:
                continue  # somebody else's element: an add of the same port fails, and nothing is lost
            concat = entry["val"]["concat"]
            address = concat[0] if name == _ADDRESS else ANY
            # Without /etc/protocols they are shown by number.
            protocol = _PROTOCOL_NUMBERS.get(concat[-2], concat[-2])
            yield Published(
                HostPort(version, address, protocol, concat[-1]), target["concat"][0], target["concat"][1], whose
            )


def _hairpins(listing: Listing) -> Iterator[tuple[str, str]]:
    for element in listing.elements(_HAIRPIN):
        pair = nftables.read_local_pair(listing.family, element)
        if pair:
            yield pair


def _names(listing: Listing, name: str) -> frozenset[str]:
    """Return the interfaces in a set, of pairs the first."""
    return frozenset(
        str(element["concat"][0] if isinstance(element, dict) else element) for element in listing.elements(name)
    )


# ---- changing


def _elements(family: str, rules: PublicationRules) -> Iterator[tuple[_Key, str]]:
    """Yield the elements of ``rules`` in a family: set and key, and what stands in the set, both in nft's language."""
    for one in rules.published:
        if one.host.family == _VERSION[family]:
            name = _ANY if one.host.address == ANY else _ADDRESS
            address = [] if name == _ANY else [one.host.address]
            key = " . ".join([*address, one.host.protocol, str(one.host.port)])
            yield (name, key), _mapping(key, one.endpoint.comment, one.address, one.port)
    for hairpin in rules.hairpins:
        if (":" in hairpin.subnet) == (family == "ip6"):
            yield from _plain(_HAIRPIN, f'{hairpin.subnet} . "{hairpin.bridge}"')
    for bridge in rules.protected:
        yield from _plain(_PROTECTED, f'"{bridge}"')
        yield from _plain(_WITHIN, f'"{bridge}" . "{bridge}"')
    if family == "ip":
        for name, bridges in ((_LOOPBACK, rules.loopback), (_OPENED, rules.opened)):
            for bridge in bridges:
                yield from _plain(name, f'"{bridge}"')


def _plain(name: str, element: str) -> Iterator[tuple[_Key, str]]:
    yield (name, element), element


def _mapping(key: str, comment: str, address: str, port: int) -> str:
    return f'{key} comment "{comment}" : {address} . {port}'


def _held(listing: Listing) -> dict[_Key, str]:
    """Return what a table holds, as ``_elements`` does; of what others put into it, the key alone can meet ours."""
    held = dict(_elements(listing.family, replace(_rules(listing), protected=frozenset())))
    for name in (_ADDRESS, _ANY):
        for key, _target in listing.elements(name):
            concat = (key["elem"]["val"] if "elem" in key else key)["concat"]
            held.setdefault((name, " . ".join(map(str, concat))), "")
    for name in (_PROTECTED, _WITHIN):
        for element in listing.elements(name):
            words = element["concat"] if isinstance(element, dict) else [element]
            held.update(_plain(name, " . ".join(f'"{word}"' for word in words)))
    return held


def _change(table: _Table, add: dict[_Key, str], remove: dict[_Key, str]) -> list[str]:
    family, listing = table.family, table.listing
    held = _held(listing)
    gone = {key for key in remove if key in held and key not in add}
    moved = {key for key in add if key in held and held[key] not in ("", add[key])}
    if not add and len(gone) == len(held):
        return nftables.script(listing.dismantle(_HOOKS, _removable(listing)))
    lines = nftables.script(table.frame())
    lines += _by_set("delete", family, {key: key[1] for key in gone | moved})
    lines += _by_set("create", family, {key: value for key, value in add.items() if held.get(key) != value})
    return lines


def _removable(listing: Listing) -> list[str]:
    """Return our sets, and those of links unless there are any."""
    return [
        name
        for name in _sets(listing.family)
        if name.startswith(_PREFIX) or not any(True for _element in listing.elements(name))
    ]


def _by_set(verb: str, family: str, changed: dict[_Key, str]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for name, text in sorted(changed):
        by_name.setdefault(name, []).append(changed[name, text])
    return [f"{verb} element {family} {TABLE} {name} {{ {', '.join(entries)} }}" for name, entries in by_name.items()]


# ---- the layout


def _sets(family: str) -> dict[str, OurSet]:
    address = nftables.ADDRESS_TYPE[family]
    # What its listing says of a map's target differs from one nft to the next.
    target = f" : {address} . inet_service"
    sets = {
        _ADDRESS: _set([address, "inet_proto", "inet_service"], target, kind="map"),
        _ANY: _set(["inet_proto", "inet_service"], target, kind="map"),
        _HAIRPIN: _set([address, "ifname"], flags=" flags interval;"),
        _PROTECTED: _set(["ifname"]),
        _WITHIN: _set(["ifname", "ifname"]),
        **{name: _set(types) for name, types in nftables.linked(family).items()},
    }
    if family == "ip":
        sets[_LOOPBACK] = sets[_OPENED] = _set(["ifname"])
    return sets


def _set(types: list[str], target: str = "", flags: str = "", kind: str = "set") -> OurSet:
    shape = {"type": types if len(types) > 1 else types[0]}
    return OurSet(shape, kind, f"type {' . '.join(types)}{target};{flags}")


def _chains(family: str) -> dict[str, OurChain]:
    protocols = f"meta l4proto {{ {', '.join(PROTOCOLS)} }}"
    to_container = [
        f"{protocols} dnat {family} to {family} daddr . meta l4proto . th dport map @{_ADDRESS}",
        f"{protocols} dnat {family} to meta l4proto . th dport map @{_ANY}",
    ]
    stays_here = f"{family} daddr {_STAYS_HERE[family]} return"
    not_ours = "fib daddr type != local return"
    chains = {
        _PREROUTING: [not_ours, stays_here, *to_container],
        _OUTPUT: [not_ours, *([stays_here] if family == "ip6" else []), *to_container],
        _POSTROUTING: [f"ct status dnat {family} saddr . oifname @{_HAIRPIN} masquerade"],
        _FORWARD: [
            f"oifname != @{_PROTECTED} return",
            "ct state established,related return",
            "ct status dnat return",
            f"iifname . oifname @{_WITHIN} return",
            f"iifname . {family} saddr . {family} daddr . meta l4proto . th dport @{LINKS} return",
            f"{_ICMP[family]} type echo-request iifname . {family} saddr . {family} daddr @{PINGS} return",
            "drop",
        ],
    }
    if family == "ip":
        chains[_RAW] = [f"iifname @{_LOOPBACK} ip daddr 127.0.0.0/8 drop"]
        chains[_POSTROUTING].append(f"ct status dnat ip saddr 127.0.0.0/8 oifname @{_LOOPBACK} masquerade")
    return {name: OurChain(_HOOKS[name], [_rule(text) for text in rules]) for name, rules in chains.items()}


def _rule(text: str) -> dict[str, str]:
    return {"text": text, "comment": f"pipefitter {digest(text)}"}
