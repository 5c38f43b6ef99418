# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From what is known of ports to what they are to let in. Pure. Private to the collection.

A port is bound to the MAC and the addresses that its container is to have, not to those that it has: whoever may
change them inside gains nothing by it. What nobody asked for is what the container had when its port was bound.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..model import addresses
from ..model.ownership import read_label
from ..model.port_guard import GuardRules, MarkNotes, PortGuard
from ..state.attachments import PeerState
from ..state.network import HOST, Link, NetworkState
from .guard_operations import BindMacs, ChangeGuards
from .operations import Operation

_ONE_MAC = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}")

NEEDED = (
    "the program nft, and Linux 4.20 or later with nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE), are required to "
    "check what containers send from"
)


def of_bridge(
    bridge: str,
    isolated: bool,
    network: NetworkState,
    have: GuardRules | None,
    bound: Mapping[str, frozenset[str]],
    peers: Mapping[str, PeerState],
) -> list[Operation]:
    """Return what has the ports of a bridge let in only what they are to as it is isolated, or no longer is."""
    shown = have or GuardRules()
    known = shown.by_port()
    ports = network.ports(bridge)
    wanted = {port.name: _as_it_is(port, isolated, known.get(port.name), bound, peers) for port in ports}
    guards = frozenset(guard for guard in wanted.values() if guard is not None)
    same = all(known.get(port) == guard for port, guard in wanted.items())
    stale = {guard.port for guard in shown.guards} - network.links.keys()
    operations: list[Operation] = []
    # What is left of ports that are gone does nothing, and goes with the next change.
    if not same or (guards and not shown.intact) or (stale and not isolated):
        others = frozenset(guard for guard in shown.guards if guard.port not in wanted and guard.port not in stale)
        operations.append(ChangeGuards(HOST, GuardRules(others | guards), shown))
    add, remove = [], []
    for port in ports:
        if _notes_of(port) is None:
            continue
        mac, here = mac_of(wanted[port.name]), bound.get(port.name, frozenset())
        remove += [(port.name, other) for other in sorted(here - {mac})]
        add += [(port.name, mac)] if mac and mac not in here else []
    return operations + bind(add, remove)


def bind(add: Iterable[tuple[str, str]], remove: Iterable[tuple[str, str]], along: bool = False) -> list[Operation]:
    operation = BindMacs(HOST, tuple(add), tuple(remove), along)
    return [operation] if operation.add or operation.remove else []


def let_go(ports: Iterable[str], bound: Mapping[str, frozenset[str]]) -> list[Operation]:
    """Return what frees the MACs of ports that are about to go, so that they are bound again where that is undone."""
    return bind((), [(port, mac) for port in sorted(ports) for mac in sorted(bound.get(port, ()))], along=True)


def without(ports: Collection[str], links: Collection[str], have: GuardRules | None) -> list[Operation]:
    """Return what takes away the checks of ports that go, and of such as are gone."""
    if have is None:
        return []
    left = frozenset(guard for guard in have.guards if guard.port not in ports and guard.port in links)
    return [ChangeGuards(HOST, GuardRules(left), have)] if left != have.guards or not (left or have.intact) else []


def any_checked(bridge: str, isolated: bool, network: NetworkState) -> bool:
    """Tell whether any port of a bridge is to be checked."""
    found = (_notes_of(port) for port in network.ports(bridge))
    return any(terms is not None and (isolated or terms.security.asks) for terms in found)


def to_ask(
    bridge: str,
    isolated: bool,
    network: NetworkState,
    have: GuardRules | None,
    bound: Mapping[str, frozenset[str]],
) -> list[Link]:
    """Return the ports of a bridge that are to be bound to what their containers have now."""
    known = have.by_port() if have is not None else {}
    return [
        port
        for port in network.ports(bridge)
        if (terms := _notes_of(port)) is not None
        and port.peer_netns is not None
        and (
            (
                terms.security.denies("mac_spoofing", isolated)
                and not mac_of(known.get(port.name), bound.get(port.name, ()))
            )
            or (_checks_addresses(terms, isolated) and addresses_of(known.get(port.name)) is None)
        )
    ]


def not_checked(bridges: Sequence[str]) -> list[str]:
    """Return the warning that containers of isolated bridges can use MACs and addresses of each other."""
    if not bridges:
        return []
    return [f"containers of {', '.join(bridges)} can use each other's MACs and addresses: {NEEDED}"]


# ---- what a port is to let in


def _as_it_is(
    port: Link,
    isolated: bool,
    known: PortGuard | None,
    bound: Mapping[str, frozenset[str]],
    peers: Mapping[str, PeerState],
) -> PortGuard | None:
    terms, peer = _notes_of(port), peers.get(port.name)
    if terms is None:
        return None
    mac = mac_of(known, bound.get(port.name, ())) or (peer.mac if peer is not None else "")
    held = addresses_of(known)
    if held is None:
        held = peer.addresses if peer is not None and peer.mac else None
    return guard_of(port.name, terms, isolated, mac, held)


def guard_of(port: str, terms: MarkNotes, isolated: bool, mac: str, held: Collection[str] | None) -> PortGuard | None:
    addressed = _checks_addresses(terms, isolated) and held is not None
    guard = PortGuard(
        port,
        mac if terms.security.denies("mac_spoofing", isolated) else "",
        tuple(sorted({addresses.bare(address) for address in held or () if not addresses.is_link_local(address)}))
        if addressed
        else None,
        terms.security.denies("router_advertisements", isolated),
    )
    return guard if guard != PortGuard(port) else None


def _checks_addresses(terms: MarkNotes, isolated: bool) -> bool:
    return terms.declared and terms.security.denies("address_spoofing", isolated)


def _notes_of(port: Link) -> MarkNotes | None:
    """Return what the mark of an attachment says, ``None`` for a port that is none."""
    label = read_label(port.alias) if port.ours and port.kind == "veth" else None
    return label.notes if label is not None else None


def mac_of(guard: PortGuard | None, bound: Collection[str] = ()) -> str:
    """Return the one MAC of a port, by the rules or else by what is bound to it; '' where there is none, or several."""
    if guard is not None and _ONE_MAC.fullmatch(guard.mac):
        return guard.mac
    return next(iter(bound)) if len(bound) == 1 else ""


def addresses_of(guard: PortGuard | None) -> tuple[str, ...] | None:
    return guard.addresses if guard is not None else None
