# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Our nftables tables, through the program ``nft`` and its JSON. Private to the collection.

One table a family, ``ip pipefitter`` and ``ip6 pipefitter``, shared by several
concerns, a file each: ``masquerade``, ``publications`` and ``icc``; and ``bridge
pipefitter``, of ``guards`` alone. Here is how
they are read and changed: one listing, one transaction, and the care for what
others put into a table of this name. That is left alone, and keeps the table
from being deleted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import field
from typing import Any, TypeVar, cast

from ...errors import MissingFeature, PipefitterError, Refused
from ...light_dataclass import dataclass
from .. import program
from ..netlink.nf_tables import set_exists, table_exists
from .isolation import FAMILIES, TABLE

Command = dict[str, Any]

ADDRESS_TYPE = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}
ADDRESS_BITS = {"ip": 32, "ip6": 128}

LINKS, PINGS = "icc_links", "icc_pings"
"""Sets of the connections that ``icc`` lets pass; ``publications`` does not protect a container from those."""

# The kernel turns away a transaction (ERESTART) that was prepared while
# another program changed the ruleset; nothing was done then.
_ATTEMPTS = 5
_OVERTAKEN = "should be restarted"


_Change = TypeVar("_Change", bound=Callable[..., None])
_Begun = Callable[[], "program.Finished | None"]


class NotFound(MissingFeature):
    """The kernel lacks what a rule needs, or an object that was there when the tables were read: it says the same."""


def read_again_once(change: _Change) -> _Change:
    """Let a method that reads our tables and changes them do both again where the kernel then misses something.

    Another program may have flushed the ruleset in between, and nothing was done then.
    """

    @functools.wraps(change)
    def twice(*given: Any, **named: Any) -> None:
        try:
            change(*given, **named)
        except NotFound:
            change(*given, **named)

    return cast("_Change", twice)


@dataclass
class Listing:
    """What one of our tables holds: objects by name, each with its kind; rules by chain."""

    family: str
    exists: bool = False
    objects: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    rules: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def expect(self, name: str, kind: str, shape: Mapping[str, object]) -> bool:
        """Tell whether an object of ours is there; refuse one that has its name and another shape."""
        if name not in self.objects:
            return False
        found, value = self.objects[name]
        # nft 1.1.4 shows a list of one as that one.
        shown = {
            key: [item] if isinstance(shape.get(key), list) and isinstance(item, str) else item
            for key, item in value.items()
        }
        if found != kind or any(shown.get(key) != wanted for key, wanted in shape.items()):
            raise _foreign(self.family, f"has a {found} {name} of another layout")
        return True

    def elements(self, name: str) -> Iterable[Any]:
        """Return the elements of a set or map as nft's JSON has them, none of one that is not there."""
        return self.objects[name][1].get("elem", ()) if name in self.objects else ()

    def dismantle(self, chains: Iterable[str], sets: Iterable[str]) -> list[Command]:
        """Return commands that delete what is there of ``chains`` and ``sets``.

        The table goes with the last of its objects.
        A set that a rule of another chain looks into stays.
        """
        gone = frozenset(chains)
        here = [name for name in (*chains, *sets) if name in self.objects and not self._is_used(name, gone)]
        if not self.exists:
            return []
        if len(here) == len(self.objects):
            return [{"delete": {"table": {"family": self.family, "name": TABLE}}}]
        commands: list[Command] = []
        for name in here:
            kind = self.objects[name][0]
            if kind == "chain":
                commands.append({"flush": {"chain": in_table(self.family, name=name)}})
            commands.append({"delete": {kind: in_table(self.family, name=name)}})
        return commands

    def _is_used(self, name: str, gone: Container[str]) -> bool:
        others = (rule for chain, rules in self.rules.items() if chain not in gone for rule in rules)
        return any(f'"@{name}"' in json.dumps(rule) for rule in others)


def linked(family: str) -> dict[str, list[str]]:
    """Return the types of LINKS and PINGS."""
    address = ADDRESS_TYPE[family]
    return {LINKS: ["ifname", address, address, "inet_proto", "inet_service"], PINGS: ["ifname", address, address]}


def tables(
    purpose: str,
    needed: bool = True,
    shown: Mapping[str, Listing] | None = None,
    holding: str = "",
    families: Iterable[str] = FAMILIES,
) -> Mapping[str, Listing]:
    """Return what our tables hold, by family, ``shown`` where they were read already.

    ``purpose`` is who needs nft, for errors. With ``needed`` false, there are
    none where there is no nf_tables or no ``nft``, and one without a set ``holding`` is not read, for
    which nft takes 5 ms.

    :raises MissingFeature: there is no nf_tables or no ``nft``.
    """
    if shown is not None:
        return shown
    try:
        return begin_tables(purpose, needed, holding, families)()
    except MissingFeature:
        if needed:
            raise
        return {}


def begin_tables(
    purpose: str, needed: bool = True, holding: str = "", families: Iterable[str] = FAMILIES
) -> Callable[[], Mapping[str, Listing]]:
    """Start what reads our tables; what is returned waits for it and tells what ``tables`` does.

    :raises MissingFeature: there is no nf_tables or no ``nft``.
    """
    if needed and not program.installed("nft"):
        raise _no_nft(purpose)
    asked = holding if not needed else ""
    begun = {family: _begin_listing(family) for family in families if _is_there(family, asked)}

    def end() -> Mapping[str, Listing]:
        found = {family: _read(family, purpose, one) for family, one in begun.items()}
        return {family: listing for family, listing in found.items() if listing.exists}

    return end


def _is_there(family: str, holding: str) -> bool:
    return set_exists(family, TABLE, holding) if holding else table_exists(family, TABLE)


def _begin_listing(family: str) -> _Begun:
    # A process for each table: nft 1.0 loads the contents of only the last one
    # that a batch lists, and fails or shows the others empty.
    return _begin([{"list": {"table": {"family": family, "name": TABLE}}}])


def _read(family: str, purpose: str, begun: _Begun) -> Listing:
    listing = Listing(family, exists=True)
    try:
        entries = _listed(_result(lambda: _begin_listing(family), purpose, begun))
    except NotFound:
        if table_exists(family, TABLE):
            raise
        return Listing(family)  # another program has flushed the ruleset just now
    for entry in entries:
        ((kind, value),) = entry.items()
        if kind == "rule":
            listing.rules.setdefault(value["chain"], []).append(value)
        elif kind not in ("metainfo", "table"):
            listing.objects[value["name"]] = (kind, value)
    return listing


def _foreign(family: str, found: str) -> Refused:
    return Refused(
        f"the nftables table {family} {TABLE} {found}, so another tool has made it;"
        f" rename it, or delete it with `nft delete table {family} {TABLE}`"
    )


def in_table(family: str, **attributes: object) -> dict[str, object]:
    """Return the attributes of an object of our table in a family."""
    return {"family": family, "table": TABLE, **attributes}


def elements(verb: str, family: str, name: str, changed: Iterable[object]) -> list[Command]:
    """Return the command that adds or deletes elements of a set, none without elements."""
    changed = list(changed)
    return [{verb: {"element": in_table(family, name=name, elem=changed)}}] if changed else []


def prefix(subnet: str) -> dict[str, object]:
    """Return a subnet as nft's JSON has it."""
    address, _slash, length = subnet.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}}


def subnet_of(family: str, element: Any) -> str | None:
    """Return an element as the subnet that was written, ``None`` for what is none (a range, say)."""
    if isinstance(element, str):
        return f"{element}/{ADDRESS_BITS[family]}"
    shown = element.get("prefix")
    return f"{shown['addr']}/{shown['len']}" if shown else None


def local_pair(pair: tuple[str, str]) -> dict[str, object]:
    """Return an element of a set of subnets and interfaces."""
    subnet, bridge = pair
    return {"concat": [prefix(subnet), bridge]}


def read_local_pair(family: str, element: Any) -> tuple[str, str] | None:
    """Return subnet and interface of an element, ``None`` for what is no such pair."""
    concat = element.get("concat") if isinstance(element, dict) else None
    if not concat or len(concat) != 2:
        return None
    subnet = subnet_of(family, concat[0])
    return (subnet, str(concat[1])) if subnet else None


def run(commands: Collection[Command], purpose: str) -> list[dict[str, Any]]:
    """Give ``commands`` to nft as one transaction and return what it listed."""
    return _listed(_result(lambda: _begin(commands), purpose))


def run_script(lines: Collection[str], purpose: str) -> None:
    """Give lines in nft's own language to nft as one transaction.

    Its JSON up to 1.0.6 takes no map of concatenated data, though it shows one.
    """
    text = "\n".join(lines) + "\n"
    _result(lambda: program.begin(["nft", "-f", "-"], text), purpose)


def script(commands: Collection[Command]) -> list[str]:
    """Return commands about tables, chains, sets, maps and rules in nft's own language.

    Sets, maps and rules to be added have a ``text``.
    """
    lines = []
    for command in commands:
        ((verb, what),) = command.items()
        ((kind, value),) = what.items()
        words = [value[key] for key in ("family", "table", "chain", "name") if key in value]
        lines.append(" ".join([verb, kind, *words, *_body(kind, value)]))
    return lines


def _body(kind: str, value: Mapping[str, Any]) -> list[str]:
    if kind == "rule":
        return [value["text"], f'comment "{value["comment"]}"']
    if "hook" in value:
        return ["{{ type {type} hook {hook} priority {prio}; policy {policy}; }}".format(**value)]
    return [f"{{ {value['text']} }}"] if "text" in value else []


def _begin(commands: Collection[Command]) -> _Begun:
    return program.begin(["nft", "-j", "-f", "-"], json.dumps({"nftables": list(commands)}))


def _result(begin: Callable[[], _Begun], purpose: str, begun: _Begun | None = None) -> str:
    """Return what nft printed; ``begun`` is its first run. Where another program overtook it, it is begun again."""
    stderr = ""
    for _attempt in range(_ATTEMPTS):
        nft, begun = (begun or begin())(), None
        if nft is None:
            raise _no_nft(purpose)
        if nft.status == 0:
            return nft.stdout
        stderr = nft.stderr
        if _OVERTAKEN not in stderr:
            break
    raise _refusal(stderr, purpose)


def _no_nft(purpose: str) -> MissingFeature:
    return MissingFeature(f"the program nft is required for {purpose}; install the package nftables")


def _listed(output: str) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = json.loads(output)["nftables"] if output.strip() else []
    return objects


def _refusal(stderr: str, purpose: str) -> PipefitterError:
    reason = next((line.partition("Error: ")[2] for line in stderr.splitlines() if "Error: " in line), stderr.strip())
    if "JSON support not compiled-in" in stderr:
        return MissingFeature(
            f"an nft with support for JSON is required for {purpose}; this host's was built without it"
        )
    if "No such file or directory" in reason or "not supported" in reason:
        kind = NotFound if "No such file" in reason else MissingFeature
        return kind(
            f"nft could not set up {purpose} ({reason}); nf_tables with nft_chain_nat and nft_masq, and sets with"
            " concatenated intervals (Linux 5.6) are required in the kernel"
        )
    return PipefitterError(f"nft refused to change the tables {TABLE}, and nothing was changed: {reason}")
