# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted publications and what the host shows to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ..errors import Refused
from ..light_dataclass import dataclass
from ..model import addresses
from ..model.publication import ANY, Endpoint, Hairpin, HostPort, PortSpec, PublicationRules, Published
from ..state.network import HOST
from ..state.publications import PublicationState
from . import firewall
from .operations import Operation, SetSysctl
from .publication_operations import ChangePublications, SetPortHairpin

_FAMILIES = (addresses.IPV4, addresses.IPV6)
_EVERY = {ANY: _FAMILIES, "0.0.0.0": (addresses.IPV4,), "::": (addresses.IPV6,)}


@dataclass(frozen=True)
class Wanted:
    """A container's interface with its addresses by family, and the ports to publish.

    ``ports`` of ``None`` is all it has, where they are to go. ``one_way`` are
    the families in which no route leads out of the container's own subnets.
    """

    endpoint: Endpoint
    ports: tuple[PortSpec, ...] | None
    addresses: Mapping[int, str] = field(default_factory=dict)
    one_way: tuple[int, ...] = ()


def one_way(wants: Sequence[Wanted]) -> list[str]:
    """Return a warning for each container whose answers from published ports find no way out."""
    told = []
    for want in wants:
        asked = [port.host_ip for port in want.ports or () if not port.host_ip.startswith("127.")]
        for family in want.one_way:
            if any(not address or addresses.family(address) == family for address in asked):
                whose, option = want.endpoint, "gateway" if family == addresses.IPV4 else "gateway6"
                told.append(
                    f"ports that are published for {whose.interface} of {whose.kind} {whose.value} answer nobody "
                    f"outside of the container's subnets in IPv{family}: no route leads out of these; "
                    f"give its attachment the bridge's address as {option}"
                )
    return told


def routed_otherwise(rules: PublicationRules, have: PublicationState) -> list[str]:
    """Return a warning for each rule of the host by which its own processes answer, and containers don't.

    Where an answer of a container is routed it still has the container's address: the host's is put in afterwards.
    """
    told = []
    # One that is elsewhere for now (host_ip_may_be_absent) is answered from when it comes.
    named = {one.host.address for one in rules.published if one.host.address != ANY} if have.source_rules else set()
    for rule in have.source_rules:
        family = addresses.family(rule.source)
        also = [other.source for other in have.source_rules if other.table == rule.table]
        for address in sorted(one for one in {*have.addresses, *named} if addresses.contains(rule.source, one)):
            from_here = {
                one.address
                for one in rules.published
                if one.host.family == family and one.host.address in (ANY, address)
            }
            missed = [one for one in from_here if not any(addresses.contains(source, one) for source in also)]
            if missed:
                command = "ip rule" if family == addresses.IPV4 else "ip -6 rule"
                told.append(
                    f"ports that are published at {address} answer by the main routing table, as the rule `from "
                    f"{rule.source} lookup {rule.table}` of this host is for its own processes only; if clients get no "
                    f"answer, run `{command} add from {min(missed)} lookup {rule.table}` for each container, by which "
                    "all that it sends outside of its bridge goes by that table, or publish at other addresses of the "
                    "host"
                )
    return told


def goal(wants: Sequence[Wanted], have: PublicationState, protect: bool, purge: bool) -> PublicationRules:
    """Return what our tables are to hold for the bridge.

    Of each container named that is exactly the ports wanted, and with ``purge`` nothing of others.

    :raises Refused: a port is another's, a range is exhausted, or a container has no address of the family.
    """
    named = {want.endpoint for want in wants}
    kept = frozenset() if purge else frozenset(one for one in have.ours.published if one.endpoint not in named)
    others = (have.rules.published - have.ours.published) | kept
    published = kept | _allocate(wants, have, others)
    return _around(published, have, protect)


def remaining(wants: Sequence[Wanted] | None, have: PublicationState) -> PublicationRules:
    """Return what is left of the bridge without ``wants``; where those are ``None``, nothing is."""
    if wants is None:
        return PublicationRules()
    without_ports = {want.endpoint for want in wants if want.ports is None}
    # With thousands of containers, or of ports of one, not each is to be held against each.
    named: dict[tuple[Endpoint, str, int], list[PortSpec]] = {}
    for want in wants:
        for port in want.ports or ():
            named.setdefault((want.endpoint, port.protocol, port.container_port), []).append(port)

    def is_named(one: Published) -> bool:
        return one.endpoint in without_ports or any(
            _is_for(one, port) for port in named.get((one.endpoint, one.host.protocol, one.port), ())
        )

    left = frozenset(one for one in have.ours.published if not is_named(one))
    return _around(left, have, bool(have.ours.protected))


def _is_for(one: Published, port: PortSpec) -> bool:
    return (
        one.host.protocol == port.protocol
        and one.port == port.container_port
        and port.lowest <= one.host.port <= port.highest
        and one.host.family in _families(port)
        and one.host.address == _address(port)
    )


def _around(published: frozenset[Published], have: PublicationState, protect: bool) -> PublicationRules:
    """Return the rules that go with publications of a bridge; protection goes with the last one."""
    bridge = frozenset((have.bridge,))
    families = {one.host.family for one in published}
    hairpins = frozenset(
        Hairpin(have.bridge, subnet) for subnet in have.subnets if addresses.family(subnet) in families
    )
    loopback = any(_from_loopback(one.host) for one in published)
    # On a bridge of ours the sysctl is ours too: after somebody flushed the ruleset nothing else remembers it.
    opened = loopback and (have.bridge_ours or have.bridge in have.rules.opened or have.route_localnet == "0")
    none: frozenset[str] = frozenset()
    return PublicationRules(
        published,
        hairpins,
        bridge if protect and published else none,
        bridge if loopback else none,
        bridge if opened else none,
    )


def _from_loopback(host: HostPort) -> bool:
    return host.family == addresses.IPV4 and (host.address == ANY or host.address.startswith("127."))


# ---- which port of the host


def _allocate(wants: Sequence[Wanted], have: PublicationState, others: Iterable[Published]) -> frozenset[Published]:
    claims = _Claims(others, have)
    for want in wants:
        for port in want.ports or ():
            if port.is_fixed:
                claims.fixed(want, port)
    floating = [(want, port) for want in wants for port in want.ports or () if not port.is_fixed]
    # Those that have one keep it, before others choose.
    for want, port in [(want, port) for want, port in floating if not claims.keep(want, port)]:
        claims.choose(want, port)
    return frozenset(claims.published)


class _Claims:
    """Who gets which port of the host, as it is decided port by port."""

    def __init__(self, others: Iterable[Published], have: PublicationState) -> None:
        self.published: set[Published] = set()
        self._have = have
        self._by_port: dict[tuple[int, str, int], list[Published]] = {}
        for one in others:
            self._note(one)
        self._held = {one.host for one in have.ours.published}
        self._current: dict[tuple[Endpoint, str, int], list[Published]] = {}
        for one in sorted(have.ours.published):
            self._current.setdefault((one.endpoint, one.host.protocol, one.port), []).append(one)
        self._next: dict[tuple[str, int, str], int] = {}

    def fixed(self, want: Wanted, port: PortSpec) -> None:
        for one in self._elements(want, port, port.lowest):
            who = self._who(one.host)
            if who:
                raise Refused(
                    f"ports: {one.host} was asked for {want.endpoint}, and {who} has it; "
                    "choose another host port, or free that one"
                )
            self._claim(one)

    def keep(self, want: Wanted, port: PortSpec) -> bool:
        for current in self._current.get((want.endpoint, port.protocol, port.container_port), ()):
            if _is_for(current, port) and current not in self.published and self._take(want, port, current.host.port):
                return True
        return False

    def choose(self, want: Wanted, port: PortSpec) -> None:
        span = (port.host_ip, port.lowest, port.protocol)
        for number in range(self._next.get(span, port.lowest), port.highest + 1):
            if number not in self._have.reserved and self._take(want, port, number):
                self._next[span] = number + 1
                return
        raise Refused(
            f"ports: no port of {port.lowest}-{port.highest}/{port.protocol} is free "
            f"for port {port.container_port} of {want.endpoint}; widen the range"
        )

    def _take(self, want: Wanted, port: PortSpec, number: int) -> bool:
        elements = list(self._elements(want, port, number))
        if any(self._who(one.host) for one in elements):
            return False
        for one in elements:
            self._claim(one)
        return True

    def _claim(self, one: Published) -> None:
        self.published.add(one)
        self._note(one)

    def _note(self, one: Published) -> None:
        self._by_port.setdefault((one.host.family, one.host.protocol, one.host.port), []).append(one)

    def _who(self, host: HostPort) -> str:
        for one in self._by_port.get((host.family, host.protocol, host.port), ()):
            if one.host.meets(host):
                return f"the publication of port {one.port} of {one.endpoint} on {one.endpoint.bridge}"
        return "" if host in self._held else self._have.taken(host)

    @staticmethod
    def _elements(want: Wanted, port: PortSpec, number: int) -> Iterator[Published]:
        families = [family for family in _families(port) if family in want.addresses]
        if not families:
            asked = " or ".join(f"IPv{family}" for family in _families(port))
            where = f"{want.endpoint.interface} has no {asked} address on {want.endpoint.bridge}"
            raise Refused(f"ports: {port} was asked for {want.endpoint}, whose {where}; attach it with one first")
        for family in families:
            yield Published(
                HostPort(family, _address(port), port.protocol, number),
                want.addresses[family],
                port.container_port,
                want.endpoint,
            )


def _families(port: PortSpec) -> tuple[int, ...]:
    return _EVERY.get(port.host_ip) or (addresses.family(port.host_ip),)


def _address(port: PortSpec) -> str:
    return ANY if port.host_ip in _EVERY else port.host_ip


# ---- operations, in the order they are carried out


def changes(have: PublicationState, wanted: PublicationRules) -> list[Operation]:
    """Return what leads to ``wanted``, which is a ``goal`` or what is ``remaining``."""
    shown = have.ours
    add = wanted if not have.whole else wanted - shown
    remove = shown - wanted
    operations: list[Operation] = []
    name = f"net/ipv4/conf/{have.bridge}/route_localnet"
    close = (
        not wanted.loopback and have.route_localnet == "1" and (have.bridge in have.rules.opened or have.bridge_ours)
    )
    if close:
        # Before the rule goes that keeps containers from the host's loopback.
        operations.append(SetSysctl(HOST, name, "0", "1"))
    if add or remove or not have.whole:
        operations.append(
            ChangePublications(HOST, add, remove) if have.whole else ChangePublications(HOST, add, remove, True, shown)
        )
    if wanted.loopback and have.route_localnet == "0":
        operations.append(SetSysctl(HOST, name, "1", "0"))
    return operations + _hairpin_operations(have, wanted) + _firewall_operations(have, wanted)


def _hairpin_operations(have: PublicationState, wanted: PublicationRules) -> list[Operation]:
    """Return what switches the hairpin mode of the bridge's ports that are ours.

    A container that connects to its own published port: where the bridge hands its frames to the firewall, they
    are translated before they are bridged, and then have to leave by the port they came in by.
    """
    endpoints = {one.endpoint for one in wanted.published}
    operations: list[Operation] = []
    for port in have.ports:
        wants_it = port.endpoint in endpoints
        if wants_it != port.hairpin and (have.bridged_filter or not wants_it):
            operations.append(SetPortHairpin(HOST, port.name, wants_it, str(port.endpoint)))
    return operations


def _firewall_operations(have: PublicationState, wanted: PublicationRules) -> list[Operation]:
    """Return what lets published ports pass the host's firewall, or no longer does.

    On a bridge of ours container_bridge has it let them pass; on another that goes with the last that needs it.
    """
    if wanted.published:
        needless = [] if have.bridge_ours or have.linked else firewall.not_within(have.bridge, have.firewall)
        return needless + firewall.at_least(have.bridge, ("ip", "ip6"), have.firewall, within=have.bridge_ours)
    if not have.bridge_ours and not have.linked and have.ours.published:
        return firewall.no_longer(have.bridge, have.firewall)
    return []


# ---- what is told


def described_ports(rules: PublicationRules) -> dict[Endpoint, list[dict[str, Any]]]:
    """Return the ports that are published, by the interface that they are published for."""
    by_endpoint: dict[Endpoint, list[Published]] = {}
    for one in rules.published:
        by_endpoint.setdefault(one.endpoint, []).append(one)
    return {endpoint: _described_ports(by_endpoint[endpoint]) for endpoint in sorted(by_endpoint)}


def describe(rules: PublicationRules) -> list[dict[str, Any]]:
    """Return publications as entries of the list that gives them back, a container's interface each."""
    return [
        {
            endpoint.kind: int(endpoint.value) if endpoint.kind == "pid" else endpoint.value,
            "interface": endpoint.interface,
            "ports": ports,
        }
        for endpoint, ports in described_ports(rules).items()
    ]


def describe_bridges(rules: PublicationRules) -> list[dict[str, Any]]:
    """Return publications as options that give them back, a bridge each."""
    of_bridges = [
        (bridge, rules.of_bridge(bridge)) for bridge in sorted({one.endpoint.bridge for one in rules.published})
    ]
    return [
        {"bridge": bridge, "protect": bool(own.protected), "publications": describe(own)} for bridge, own in of_bridges
    ]


def _described_ports(published: Iterable[Published]) -> list[dict[str, Any]]:
    families: dict[tuple[int, str, str, int], set[int]] = {}
    for one in published:
        families.setdefault((one.host.port, one.host.protocol, one.host.address, one.port), set()).add(one.host.family)
    described = []
    for (number, protocol, address, port), held in sorted(families.items()):
        entry: dict[str, Any] = {"host_port": number, "container_port": port, "protocol": protocol}
        if address or len(held) == 1:
            entry["host_ip"] = address or ("0.0.0.0" if addresses.IPV4 in held else "::")
        described.append(entry)
    return described
