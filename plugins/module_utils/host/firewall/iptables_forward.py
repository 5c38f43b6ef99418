# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Living beside iptables rules that drop forwarded traffic: one chain of ours in its filter. Private to the collection.

No accept in a table of ours overrules a drop of another. So where the table
``filter`` of iptables drops what is forwarded, one jump leads from it to one
chain of ours, which accepts what our bridges need::

    -A FORWARD -j PIPEFITTER
    -A PIPEFITTER -i br0 -o br0 -j ACCEPT
    -A PIPEFITTER -i br0 -o eth0 -j ACCEPT
    -A PIPEFITTER -o br0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
    -A PIPEFITTER -i br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A PIPEFITTER -i br0 -o br1 -j ACCEPT

The jump stands in ``DOCKER-USER`` where Docker has put that chain to work: it is
the place that Docker keeps for others, and has first whenever Docker starts.
Where others than Docker decide in ``FORWARD``, too (ufw), or ``DOCKER-USER`` sends
certain packets back there, it stands in ``FORWARD`` behind all of these, as without
Docker. A bridge of Docker's own whose ports are published needs the former in any
case: Docker 28 drops what comes to it from elsewhere. Beside bridges of ours,
``DOCKER-USER`` then has jumps for that bridge alone.

Elsewhere the jump stands in ``FORWARD``, if that has the policy DROP, or comes
to a DROP or REJECT of all (ufw's policies are of either sort). Rules that drop
certain addresses, ports or interfaces are none of that: they are the
administrator's decision, and those that are there when the jump is made stay in
front of it, as do chains that decide for certain packets only (those of ``ufw
route``). The jump comes before the first rule that decides for all packets, such
as the RETURN at the end of ``DOCKER-USER``, or last. Once made it doesn't move, as
long as no such rule precedes it.

On a bridge of another tool, whose ports are published, the rule ``-i br0 -o br0`` is
left out: it would come before the isolation that Docker has within a bridge
(``enable_icc``).

A bare ``-i br0`` would open all of Docker's networks to br0, unpublished ports
and internal networks too: what is accepted here never gets to Docker's own
isolation. Bridges of ours that are let out are let to each other, as on a host
that filters nothing. These rules follow from the set of all, so a bridge that
comes changes nothing for those that are there.

New connections from elsewhere to a container stay subject to what follows, but
for those to published ports (their destination was translated).

Both kinds of iptables can be in use at once, and a drop of either is final; so
each that drops is served. Where the kernel says without a process that there is
no such table, none is started. The rules then are read in the format that
iptables itself saves and restores: nft's JSON shows a conntrack match of
iptables as opaque, and one ``iptables -C`` a bridge would be a process each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from ...errors import MissingFeature, PipefitterError, Refused
from ...light_dataclass import dataclass
from ...model.firewall import AcceptedBridge, DroppingChain, DroppingRule
from ...model.firewall_safe_name import firewall_safe_name
from ...state.firewall import FirewallState
from .. import program
from ..netlink.nf_tables import chain_exists, dropping_chains
from .iptables_save import DOCKER_USER, FORWARD, Saved, is_jump, jumps_of
from .iptables_save import OURS as _CHAIN

_HOOKS = (FORWARD, DOCKER_USER)
_TABLE = "filter"
_PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
# thread-self: a thread may have entered another network namespace than the process.
_LEGACY_TABLES = {
    "ip": "/proc/thread-self/net/ip_tables_names",
    "ip6": "/proc/thread-self/net/ip6_tables_names",
}
_LOCK_WAIT = "5"  # seconds for the xtables lock, which Docker and kube-proxy take too

# Tables of nftables whose chains let our traffic pass by other means, or are ours.
_SERVED_TABLES = ("firewalld", "pipefitter")


class IptablesForward:
    """What iptables drops of forwarded traffic, and the bridges of ours that it lets pass."""

    def read(self) -> FirewallState:
        """Return in which families (``ip``, ``ip6``) iptables drops forwarded traffic, and what we have accepted there.

        A bridge counts as accepted where its rules and the jump to them are in
        place in every iptables of the family that drops.
        """
        filters = list(_filters())
        families = frozenset(each.family for each in filters)
        common = (
            frozenset.intersection(*(each.in_effect() for each in filters if each.family == family))
            for family in families
        )
        accepted: frozenset[AcceptedBridge] = frozenset().union(*common)
        found = frozenset(one for each in filters for one in each.found)
        # A chain of this name may be nft's own, and then iptables doesn't show it.
        served = {DroppingChain(each.family, _TABLE, FORWARD) for each in filters if each.kind == "nft"}
        barriers = frozenset(one for one in dropping_chains() - served if one.table not in _SERVED_TABLES)
        ahead = tuple(one for each in filters for one in each.dropping_ahead())
        return FirewallState(families, accepted, found - accepted, barriers, ahead=ahead)

    def apply(self, add: Iterable[AcceptedBridge] = (), remove: Iterable[AcceptedBridge] = ()) -> None:
        """Accept the bridges ``add`` and no longer accept ``remove``; each may be so already.

        One atomic ``iptables-restore`` for a family; if that of the second
        family fails, the first is put back. Chain and jump go with the last
        bridge.

        :raises InvalidOption: iptables would not take a name literally.
        :raises Refused: a bridge is to be accepted in a family that drops nothing.
        """
        added, removed = frozenset(add), frozenset(remove)
        for accepted in added:
            for name in (accepted.bridge, *accepted.uplinks):
                firewall_safe_name(name)
        filters = list(_filters())
        _refuse_unfiltered(added, frozenset(each.family for each in filters))
        done: list[_Filter] = []
        try:
            for each in filters:
                changed = {one.bridge for one in added | removed if one.family == each.family}
                kept = {one for one in each.found if one.bridge not in changed}
                wanted = frozenset(kept | {one for one in added if one.family == each.family})
                if each.differs(wanted):
                    each.restore(each.rewrite(wanted))
                    done.append(each)
        except PipefitterError:
            for each in reversed(done):
                each.undo()
            raise


@dataclass
class _Filter:
    """The table ``filter`` of one family in one kind of iptables, as far as it matters to us.

    ``saved`` is all of it. ``jumps`` are those to our chain in each chain, with their positions, counted from 1.
    ``rules`` are those of our chain.
    """

    family: str
    kind: str  # "nft" or "legacy"
    saved: Saved
    has_chain: bool
    jumps: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    rules: Sequence[str] = ()

    def hook(self, accepted: Collection[AcceptedBridge]) -> str:
        """Return the chain that has the jump to ours for all packets, or is to have it, with these bridges accepted."""
        if not self.saved.has_docker or not self.saved.returns_to_others():
            return FORWARD if not self.saved.has_docker else DOCKER_USER
        return FORWARD if not accepted or any(one.within for one in accepted) else DOCKER_USER

    def wanted_jumps(self, accepted: Collection[AcceptedBridge]) -> dict[str, list[str]]:
        """Return the jumps to our chain by the chain that is to have them, with these bridges accepted."""
        hook = self.hook(accepted)
        wanted = {hook: [f"-j {_CHAIN}"]}
        theirs = sorted(one.bridge for one in accepted if not one.within)
        if theirs and hook == FORWARD and self.saved.has_docker:
            wanted[DOCKER_USER] = [jump for bridge in theirs for jump in jumps_of(bridge)]
        return wanted

    def reached(self, accepted: Collection[AcceptedBridge]) -> bool:
        """Tell whether our chain is reached from those from which it is to be, and from no others."""
        wanted = self.wanted_jumps(accepted)
        there = {(hook, jump) for hook, placed in self.jumps.items() for _position, jump in placed}
        astray = any(jump not in wanted.get(hook, ()) for hook, jump in there)
        return self.has_chain and not astray and all(self.saved.reaches(hook, jumps) for hook, jumps in wanted.items())

    def dropping_ahead(self) -> list[DroppingRule]:
        """Return the rules that drop certain packets before they come to our chain."""
        return self.saved.dropping_before(self.family, self.hook(self.found))

    @property
    def found(self) -> frozenset[AcceptedBridge]:
        """Return the bridges that have rules here, whether or not all are left."""
        ways: dict[str, set[str]] = {}
        for bridge, out in (read for rule in self._own_rules() if (read := _bridge_and_ways(rule)) is not None):
            ways.setdefault(bridge, set()).update(out)
        return frozenset(
            AcceptedBridge(self.family, bridge, tuple(sorted(out - {bridge})), bridge in out)
            for bridge, out in ways.items()
        )

    def _own_rules(self) -> Sequence[str]:
        """Return the rules of each bridge by itself: the ways from one to another stand behind them."""
        replies = [position for position, rule in enumerate(self.rules, 1) if " -m conntrack " in rule]
        return self.rules[: replies[-1]] if replies else self.rules

    def in_effect(self) -> frozenset[AcceptedBridge]:
        """Return the bridges whose rules are all there, and reached; none beside a rule that is not ours."""
        found, here = self.found, set(self.rules)
        if not self.reached(found) or not here <= set(_rules(found)):
            return frozenset()
        return frozenset(one for one in found if {*_own(one), *_from_here(one, found)} <= here)

    def differs(self, wanted: frozenset[AcceptedBridge]) -> bool:
        if not wanted:
            return self.has_chain
        return not self.reached(wanted) or list(self.rules) != _rules(wanted)

    def rewrite(self, wanted: frozenset[AcceptedBridge]) -> list[str]:
        """Return lines for iptables-restore that make our part hold ``wanted`` and leave all else.

        ``:CHAIN -`` creates a chain or, under ``--noflush``, empties that one alone.
        """
        if not wanted:
            return [f":{_CHAIN} - [0:0]", *self._without_jumps(), f"-X {_CHAIN}"]
        jumps: list[str] = []
        if not self.reached(wanted):
            new = [line for hook, specs in self.wanted_jumps(wanted).items() for line in self._new_jumps(hook, specs)]
            jumps = [*self._without_jumps(), *new]
        return [f":{_CHAIN} - [0:0]", *jumps, *_rules(wanted)]

    def _new_jumps(self, hook: str, jumps: Sequence[str]) -> list[str]:
        position = self.saved.position(hook)
        if position is None:
            return [f"-A {hook} {jump}" for jump in jumps]
        return [f"-I {hook} {place} {jump}" for place, jump in enumerate(jumps, position)]

    def _without_jumps(self) -> list[str]:
        return [f"-D {hook} {jump}" for hook, placed in self.jumps.items() for _position, jump in placed]

    def undo(self) -> None:
        """Put back what was read, after ``rewrite`` has changed it."""
        now = _read(self.family, self.kind)
        if now is None:
            return
        if not self.has_chain:
            now.restore(now.rewrite(frozenset()))
            return
        back = [f"-I {hook} {position} {jump}" for hook, placed in self.jumps.items() for position, jump in placed]
        now.restore([f":{_CHAIN} - [0:0]", *now._without_jumps(), *back, *self.rules])

    def restore(self, lines: list[str]) -> None:
        restoring = f"{_PROGRAM[self.family]}-{self.kind}-restore"
        text = "\n".join([f"*{_TABLE}", *lines, "COMMIT", ""])
        _run([restoring, "--noflush", "-w", _LOCK_WAIT], text)


def _filters() -> Iterator[_Filter]:
    """Yield the filters that drop forwarded traffic, or would without us."""
    for family in _PROGRAM:
        for kind, in_use in (("nft", _nft_in_use), ("legacy", _legacy_in_use)):
            if in_use(family):
                try:
                    found = _read(family, kind)
                except MissingFeature:
                    if kind == "legacy" or chain_exists(family, _TABLE, _CHAIN):
                        raise
                    continue  # a table of the name that iptables has, on a host that does without iptables
                if found is not None:
                    yield found


def _nft_in_use(family: str) -> bool:
    try:
        return chain_exists(family, _TABLE, FORWARD) or chain_exists(family, _TABLE, _CHAIN)
    except MissingFeature:
        return False


def _legacy_in_use(family: str) -> bool:
    """Tell whether the legacy table ``filter`` is loaded in this network namespace; to list it would load it."""
    try:
        with open(_LEGACY_TABLES[family], encoding="ascii") as names:
            return _TABLE in names.read().split()
    except OSError:
        return False


def _read(family: str, kind: str) -> _Filter | None:
    """Return the filter as it is, ``None`` where it drops nothing that is forwarded and has nothing of ours."""
    saved = Saved(_run([f"{_PROGRAM[family]}-{kind}-save", "-t", _TABLE]).splitlines())
    if FORWARD not in saved.policies:
        return None  # it is a table of nft, which iptables doesn't show
    has_chain = _CHAIN in saved.policies
    if not (saved.has_docker or has_chain or saved.drops()):
        return None
    jumps = {
        each: [(position, " ".join(words)) for position, words in enumerate(saved.words(each), 1) if is_jump(words)]
        for each in _HOOKS
    }
    return _Filter(family, kind, saved, has_chain, jumps, saved.rules.get(_CHAIN, ()))


def _bridge_and_ways(rule: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the bridge that a rule of ours is for, and where it lets its traffic go."""
    words = rule.split()
    if words[2::2] == ["-i", "-o", "-j"] and words[-1] == "ACCEPT":
        return words[3], (words[5],)
    return (words[3], ()) if len(words) > 3 and rule in _replies(words[3]) else None


def _rules(accepted: Iterable[AcceptedBridge]) -> list[str]:
    """Return our rules, spelled as iptables-save prints them."""
    bridges = sorted(accepted)
    return [rule for one in bridges for rule in _own(one)] + [
        rule for one in bridges for rule in _from_here(one, bridges)
    ]


def _own(one: AcceptedBridge) -> list[str]:
    return [
        *(
            f"-A {_CHAIN} -i {one.bridge} -o {out} -j ACCEPT"
            for out in (*([one.bridge] if one.within else []), *one.uplinks)
        ),
        *_replies(one.bridge),
    ]


def _replies(bridge: str) -> list[str]:
    return [
        f"-A {_CHAIN} -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        f"-A {_CHAIN} -i {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]


def _from_here(one: AcceptedBridge, accepted: Iterable[AcceptedBridge]) -> list[str]:
    """Return the rules from one bridge to the others, where both are let out."""
    others = sorted(other.bridge for other in accepted if other.uplinks and other.bridge != one.bridge)
    return [f"-A {_CHAIN} -i {one.bridge} -o {other} -j ACCEPT" for other in others] if one.uplinks else []


def _refuse_unfiltered(added: frozenset[AcceptedBridge], families: frozenset[str]) -> None:
    for accepted in sorted(added):
        if accepted.family not in families:
            raise Refused(
                f"traffic of bridge {accepted.bridge} was to be accepted in the filter of {_PROGRAM[accepted.family]},"
                " which drops nothing that is forwarded (any more): its rules were changed in the meantime;"
                " run this again"
            )


def _run(command: list[str], text: str | None = None) -> str:
    # Before iptables 1.8 there was one kind, and its programs have no kind in their names.
    spellings = [command[0]] + ([command[0].replace("-legacy", "")] if "-legacy" in command[0] else [])
    for name in spellings:
        finished = program.run([name, *command[1:]], text)
        if finished is None:
            continue
        if finished.status != 0:
            raise PipefitterError(f"{name} failed for the chain {_CHAIN}: {_reason(finished.stderr)}")
        return finished.stdout
    raise MissingFeature(
        f"the program {command[0]} is required for letting bridges through the iptables rules of this host;"
        " install the package iptables"
    )


def _reason(stderr: str) -> str:
    # Warnings about the other kind of iptables come first and begin with '#'.
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("#")]
    return "; ".join(lines[:2]) or "no reason given"
