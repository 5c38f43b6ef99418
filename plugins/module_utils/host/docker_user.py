# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Living beside Docker's filter: our chain behind DOCKER-USER. Private to the collection.

Docker sets the policy of iptables' FORWARD chain to DROP, and no accept in a
table of ours overrules that. DOCKER-USER is the place that Docker keeps for
others, so the existence of that chain, and nothing else, is what makes us think
that Docker filters here. (Docker 29 can be told to use nftables itself; it then
has no such chain, and no policy that drops what is not its own.)

Behind one jump stands one chain of ours, with three rules a bridge and one for
each uplink it may leave by::

    -A DOCKER-USER -j PIPEFITTER
    -A PIPEFITTER -i br0 -o br0 -j ACCEPT
    -A PIPEFITTER -i br0 -o eth0 -j ACCEPT
    -A PIPEFITTER -o br0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
    -A PIPEFITTER -i br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT

A bare ``-i br0`` would open all of Docker's networks to br0, unpublished ports
and internal networks too: what is accepted here never gets to Docker's own
isolation.

New connections from elsewhere to a container stay subject to what follows, but
for those to published ports (their destination was translated). A
jump that an administrator's rules precede stays where it is: those rules are
meant to come first.

Both kinds of iptables can be in use at once, and a drop of either is final; so
every one that has a DOCKER-USER chain is served. Which ones have it is asked of
the kernel without a process. The rules then are read in the format that
iptables itself saves and restores: nft's JSON shows a conntrack match of
iptables as opaque, and one ``iptables -C`` a bridge would be a process each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Iterator

from ..errors import MissingFeature, PipefitterError, Refused
from ..model.docker_user import AcceptedBridge
from ..model.literal_interface import literal_interface
from . import program
from .nfnetlink import chain_exists

_CHAIN = "PIPEFITTER"
_HOOK = "DOCKER-USER"
_JUMP = f"-A {_HOOK} -j {_CHAIN}"
_RETURN = f"-A {_HOOK} -j RETURN"
_PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
# thread-self: a thread may have entered another network namespace than the process.
_LEGACY_TABLES = {
    "ip": "/proc/thread-self/net/ip_tables_names",
    "ip6": "/proc/thread-self/net/ip6_tables_names",
}
_LOCK_WAIT = "5"  # seconds for the xtables lock, which Docker and kube-proxy take too


class DockerUser:
    """The bridges of ours that Docker's filter lets through."""

    def accepted_bridges(self) -> tuple[frozenset[str], frozenset[AcceptedBridge]]:
        """Return the families (``ip``, ``ip6``) in which Docker filters, and what we have accepted there.

        A bridge counts as accepted where its rules and the jump to them are in
        place in every iptables of the family that has a DOCKER-USER chain.
        """
        filters = list(_filters())
        families = frozenset(each.family for each in filters)
        accepted = (frozenset.intersection(*(each.in_effect() for each in filters if each.family == family)) for family in families)
        return families, frozenset().union(*accepted)

    def apply(self, add: Iterable[AcceptedBridge] = (), remove: Iterable[AcceptedBridge] = ()) -> None:
        """Accept the bridges ``add`` and no longer accept ``remove``; each may be so already.

        One atomic ``iptables-restore`` for a family; if that of the second
        family fails, the first is put back. Chain and jump go with the last
        bridge. Raises ``InvalidOption`` for a name that iptables would not take
        literally, and ``Refused`` for ``add`` in a family without DOCKER-USER.
        """
        added, removed = frozenset(add), frozenset(remove)
        for accepted in added:
            for name in (accepted.bridge, *accepted.uplinks):
                literal_interface(name)
        filters = list(_filters())
        _refuse_unfiltered(added, frozenset(each.family for each in filters))
        done: list[_Filter] = []
        try:
            for each in filters:
                wanted = each.accepted - removed | {one for one in added if one.family == each.family}
                if each.differs(wanted):
                    each.restore(each.rewrite(wanted))
                    done.append(each)
        except PipefitterError:
            for each in reversed(done):
                each.undo()
            raise


@dataclass
class _Filter:
    """The table ``filter`` of one family in one kind of iptables, as far as it matters to us."""

    family: str
    kind: str  # "nft" or "legacy"
    has_chain: bool = False
    hook: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> frozenset[AcceptedBridge]:
        """Bridges whose rules are all there, whether or not the jump is."""
        leaving: dict[str, set[str]] = {}
        for rule in self.rules:
            words = rule.split()
            if words[2::2] == ["-i", "-o", "-j"] and words[-1] == "ACCEPT":
                leaving.setdefault(words[3], set()).add(words[5])
        found = (AcceptedBridge(self.family, bridge, tuple(sorted(out - {bridge}))) for bridge, out in leaving.items())
        return frozenset(one for one in found if set(_rules((one,))) <= set(self.rules))

    @property
    def reached(self) -> bool:
        """Whether packets get to our chain: Docker ends DOCKER-USER with a bare RETURN."""
        before_return = self.hook[: self.hook.index(_RETURN)] if _RETURN in self.hook else self.hook
        return self.has_chain and _JUMP in before_return

    def in_effect(self) -> frozenset[AcceptedBridge]:
        return self.accepted if self.reached else frozenset()

    def differs(self, wanted: frozenset[AcceptedBridge]) -> bool:
        if not wanted:
            return self.has_chain or _JUMP in self.hook
        return not self.reached or self.rules != _rules(wanted)

    def rewrite(self, wanted: frozenset[AcceptedBridge]) -> list[str]:
        """Lines for iptables-restore that make our part hold ``wanted`` and leave all else.

        ``:CHAIN -`` creates a chain or, under ``--noflush``, empties that one alone.
        """
        stale = [_JUMP.replace("-A", "-D", 1)] * self.hook.count(_JUMP)
        if not wanted:
            return [f":{_CHAIN} - [0:0]", *stale, f"-X {_CHAIN}"]
        jump = [] if self.reached else [*stale, f"-I {_HOOK} 1 -j {_CHAIN}"]
        return [f":{_CHAIN} - [0:0]", *jump, *_rules(wanted)]

    def undo(self) -> None:
        """Put back what was read, after ``rewrite`` has changed it."""
        now = _read(self.family, self.kind)
        if now is None:
            return
        if not self.has_chain:
            now.restore(now.rewrite(frozenset()))
            return
        places = [place for place, rule in enumerate(self.hook, 1) if rule == _JUMP and not now.reached]
        now.restore([f":{_CHAIN} - [0:0]", *(f"-I {_HOOK} {place} -j {_CHAIN}" for place in places), *self.rules])

    def restore(self, lines: list[str]) -> None:
        program = f"{_PROGRAM[self.family]}-{self.kind}-restore"
        text = "\n".join(["*filter", *lines, "COMMIT", ""])
        _run([program, "--noflush", "-w", _LOCK_WAIT], text)


def _filters() -> Iterator[_Filter]:
    for family in _PROGRAM:
        for kind, may_have_it in (("nft", _nft_has_hook), ("legacy", _legacy_in_use)):
            if may_have_it(family):
                found = _read(family, kind)
                if found is not None:
                    yield found


def _nft_has_hook(family: str) -> bool:
    try:
        return chain_exists(family, "filter", _HOOK)
    except MissingFeature:
        return False


def _legacy_in_use(family: str) -> bool:
    """Whether the legacy table ``filter`` is loaded in this network namespace; to list it would load it."""
    try:
        with open(_LEGACY_TABLES[family], encoding="ascii") as names:
            return "filter" in names.read().split()
    except OSError:
        return False


def _read(family: str, kind: str) -> _Filter | None:
    """The filter as it is, or ``None`` where it has no DOCKER-USER chain."""
    lines = _run([f"{_PROGRAM[family]}-{kind}-save", "-t", "filter"]).splitlines()
    chains = {line[1:].split()[0] for line in lines if line.startswith(":")}
    if _HOOK not in chains:
        return None
    return _Filter(
        family,
        kind,
        has_chain=_CHAIN in chains,
        hook=[line for line in lines if line.startswith(f"-A {_HOOK} ")],
        rules=[line for line in lines if line.startswith(f"-A {_CHAIN} ")],
    )


def _rules(accepted: Iterable[AcceptedBridge]) -> list[str]:
    """Our rules, spelled as iptables-save prints them."""
    return [
        rule
        for one in sorted(accepted)
        for rule in (
            *(f"-A {_CHAIN} -i {one.bridge} -o {out} -j ACCEPT" for out in (one.bridge, *one.uplinks)),
            f"-A {_CHAIN} -o {one.bridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
            f"-A {_CHAIN} -i {one.bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        )
    ]


def _refuse_unfiltered(added: frozenset[AcceptedBridge], families: frozenset[str]) -> None:
    for accepted in sorted(added):
        if accepted.family not in families:
            raise Refused(
                f"bridge {accepted.bridge} was to be accepted in the chain {_HOOK} of"
                f" {_PROGRAM[accepted.family]}, which is not there (any more); run this again once Docker is up"
            )


def _run(command: list[str], text: str | None = None) -> str:
    # Before iptables 1.8 there was one kind, and its programs have no kind in their names.
    spellings = [command[0]] + ([command[0].replace("-legacy", "")] if "-legacy" in command[0] else [])
    for name in spellings:
        finished = program.run([name, *command[1:]], text)
        if finished is None:
            continue
        if finished.status != 0:
            raise PipefitterError(f"{name} did not do what the chain {_CHAIN} needs: {_reason(finished.stderr)}")
        return finished.stdout
    raise MissingFeature(
        f"Docker filters forwarded traffic on this host, but the program {command[0]} to let our bridges"
        " through is missing; install the package iptables"
    )


def _reason(stderr: str) -> str:
    # Warnings about the other kind of iptables come first and begin with '#'.
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("#")]
    return "; ".join(lines[:2]) or "it gave no reason"
