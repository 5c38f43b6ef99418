# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""iptables-save's table ``filter``: what its rules do with forwarded traffic. Private to the collection."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from ...model.firewall import DroppingRule

OURS = "PIPEFITTER"
_JUMP = ["-j", OURS]
FORWARD = "FORWARD"
DOCKER_USER = "DOCKER-USER"

_ACCEPT, _DROP, _RETURN = "ACCEPT", "DROP", "RETURN"
_VERDICTS = {"ACCEPT": _ACCEPT, "DROP": _DROP, "REJECT": _DROP, "RETURN": _RETURN}

# A rule with other matches than these, and with one turned around, is for packets that somebody had in mind.
_WHERE = {"-s": "source", "-d": "destination", "-i": "ingress", "-o": "egress"}
_OF_NEW = ("-p", "-m", "--ctstate", "--state", "--tcp-flags", "--reject-with", "-j", "-g")
_MANY_PORTS = 30_000


class Saved:
    """A table as iptables-save prints it: policies by chain ('-' for one of a user), and rules."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.policies: dict[str, str] = {}
        self.rules: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith(":"):
                name, policy = line[1:].split()[:2]
                self.policies[name] = policy
            elif line.startswith("-A "):
                self.rules.setdefault(line.split(" ", 2)[1], []).append(line)

    def words(self, chain: str) -> Iterator[list[str]]:
        """Yield the words of each rule, without ``-A CHAIN`` and comments."""
        for rule in self.rules.get(chain, ()):
            words = (shlex.split(rule) if '"' in rule else rule.split())[2:]
            while "--comment" in words:
                position = words.index("--comment")
                words = words[:position] + words[position + 2 :]
                if words[position - 2 : position] == ["-m", "comment"]:
                    words = words[: position - 2] + words[position:]
            yield words

    @cached_property
    def has_docker(self) -> bool:
        """Whether Docker has put its chain for others to work."""
        return DOCKER_USER in self.policies and any(
            _target(words) == DOCKER_USER and _is_of_all(words) for words in self.words(FORWARD)
        )

    def returns_to_others(self) -> bool:
        """Tell whether what ``DOCKER-USER`` leaves open is decided by others than Docker, or where it sends it back."""
        if self._verdict(DOCKER_USER, set()) is not None:
            return False
        sent_back = any(
            _VERDICTS.get(_target(words)) == _RETURN and not _is_of_all(words) for words in self.words(DOCKER_USER)
        )
        return sent_back or any(self._is_of_others(words) for words in self.words(FORWARD))

    def _is_of_others(self, words: Sequence[str]) -> bool:
        target = _target(words)
        if target == OURS or target.startswith("DOCKER"):
            return False
        # As Docker has it within a network, with enable_icc=false.
        within = words[:1] == ["-i"] and words[2:3] == ["-o"] and words[1] == words[3]
        return target in self.policies or (_VERDICTS.get(target) == _DROP and not within and not _is_of_all(words))

    def dropping_before(self, family: str, hook: str) -> list[DroppingRule]:
        """Return the rules for certain packets of no certain service that drop them before our jump in ``hook``.

        Where there is none yet, those before its place. In the hook itself, a rule that sends packets back is one.
        """
        found: list[DroppingRule] = []
        self._drop_before(FORWARD, hook, family, [], found, set())
        return found

    def _drop_before(
        self, chain: str, hook: str, family: str, let: list[str], found: list[DroppingRule], passed: set[str]
    ) -> bool:
        """Add what drops in a chain, and what was let pass until then; tell whether our jump was met."""
        if chain in passed:
            return False
        passed.add(chain)
        place = None if _JUMP in self.words(hook) else self.position(hook)
        for position, words in enumerate(self.words(chain), 1):
            target = _target(words)
            if chain == hook and (words == _JUMP or position == place):
                return True
            if words[:1] == ["-o"] and is_jump(words):
                let.append(f"-o {words[1]}")  # to its published ports, before what follows
            if target in self.policies and _is_of_all(words):
                if self._drop_before(target, hook, family, let, found, passed):
                    return True
                continue
            verdict = _VERDICTS.get(target) or (self._verdict(target, set()) if target in self.policies else None)
            if verdict == _ACCEPT:
                let += [f"{side} {name}" for side, name in zip(words, words[1:]) if side in ("-i", "-o")]
            elif verdict == _DROP or (verdict == _RETURN and chain == hook):
                where = _where(words)
                if where is not None:
                    rule = f"-A {chain} {' '.join(words)}"
                    found.append(DroppingRule(family, rule, chain, let=frozenset(let), **where))
        return False

    def drops(self) -> bool:
        """Tell whether what no rule for certain packets accepts is dropped."""
        return (self._verdict(FORWARD, set()) or self.policies[FORWARD]) == _DROP

    def position(self, hook: str) -> int | None:
        """Return the place of the first rule that decides for all packets, ``None`` where none does.

        Jumps to our chain are not counted.
        """
        others = (words for words in self.words(hook) if not is_jump(words))
        return next(
            (position for position, words in enumerate(others, 1) if self._of_rule(words, {hook}) is not None), None
        )

    def reaches(self, hook: str, jumps: Iterable[str]) -> bool:
        """Tell whether no rule for all packets keeps them from these jumps; one that accepts them does no harm."""
        missing = set(jumps)
        for words in self.words(hook):
            missing.discard(" ".join(words))
            if not missing:
                return True
            if self._of_rule(words, set()) in (_DROP, _RETURN):
                return False
        return False

    def _verdict(self, chain: str, passed: set[str]) -> str | None:
        """Return what rules for all packets decide, ``None`` where they leave it open."""
        if chain in passed:
            return None
        for words in self.words(chain):
            verdict = self._of_rule(words, passed | {chain})
            if verdict == _RETURN:
                return None
            if verdict is not None:
                return verdict
        return None

    def _of_rule(self, words: list[str], passed: set[str]) -> str | None:
        target = _target(words)
        verdict = _VERDICTS.get(target)
        if target == OURS or not (_is_of_all(words) or (verdict == _DROP and _is_of_the_new(words))):
            return None
        if verdict is not None:
            return verdict
        found = self._verdict(target, passed) if target in self.policies else None
        # Who was sent by -g doesn't come back.
        return _RETURN if found is None and words[0] == "-g" else found


def jumps_of(bridge: str) -> tuple[str, str]:
    """Return the jumps to our chain for one bridge alone: to its published ports, and replies from there."""
    return f"-o {bridge} -j {OURS}", f"-i {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j {OURS}"


def is_jump(words: Sequence[str]) -> bool:
    """Tell whether a rule is a jump to our chain as we make them."""
    return words == _JUMP or (len(words) > 3 and " ".join(words) in jumps_of(words[1]))


def _target(words: Sequence[str]) -> str:
    for option in ("-j", "-g"):
        if option in words[:-1]:
            return words[words.index(option) + 1]
    return ""


def _is_of_all(words: Sequence[str]) -> bool:
    return words[:1] in (["-j"], ["-g"])


def _is_of_the_new(words: Sequence[str]) -> bool:
    """Tell whether a rule is for whatever opens a connection."""
    return (
        words[:1] == ["-m"]
        and words[2:3] in (["--ctstate"], ["--state"])
        and "NEW" in words[3].split(",")
        and words[4:5] == ["-j"]
    )


def _where(words: Sequence[str]) -> dict[str, str] | None:
    """Return which addresses and interfaces a rule is for, ``None`` of one that is for certain services or states."""
    where: dict[str, str] = {}
    for option, value in zip(words, words[1:]):
        if option == "!":
            return None
        if option in _WHERE:
            where[_WHERE[option]] = value
        elif option in ("--ctstate", "--state"):
            if "NEW" not in value.split(","):
                return None
        elif option in ("--dport", "--sport"):
            first, _colon, last = value.partition(":")
            if int(last or first) - int(first) < _MANY_PORTS:
                return None
        elif option.startswith("-") and option not in _OF_NEW:
            return None
    return where
