# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What lines of a script that call pipework wire, as tasks of this collection. Private to the collection.

The order of a line's words, and what a first word means where no such interface is there, is that of pipework's script.
A line that has no counterpart is told of with what to do; nothing is left out silently.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from ..model.pipework import DHCP_CLIENT

_COLLECTION = "pipefitter.container_network."
_LINUX, _OVS = "linux", "openvswitch"
_LEADING_NOWHERE = ("blackhole", "unreachable", "prohibit", "throw")
# What may stand before it in a line: a shell's keywords, who it is run as, and variables.
_BEFORE = re.compile(r"sudo|exec|then|do|else|nohup|\w+=\S*")

Entry = dict[str, Any]


class Left(NamedTuple):
    """A line without counterpart, and what to do about it."""

    number: int
    line: str
    advice: str


class Translation(NamedTuple):
    tasks: list[Entry]
    left: list[Left]


class _Untold(Exception):
    """This collection has nothing that a line would be; says what to do."""


class _Attachment(NamedTuple):
    """What one line wires: the task that does it, without the entry, and the entry."""

    module: str
    common: tuple[tuple[str, Any], ...]
    entry: Entry


def translated(text: str, bridges: Collection[str] = (), ovs_bridges: Collection[str] = ()) -> Translation:
    """Return the tasks that wire what the pipework lines of ``text`` wire; lines of other commands are passed over.

    ``bridges`` and ``ovs_bridges`` are names of bridges that don't begin as pipework expects of one it makes itself.
    """
    found: list[_Attachment] = []
    left: list[Left] = []
    inside: list[tuple[int, str, list[str]]] = []
    types = {**dict.fromkeys(bridges, _LINUX), **dict.fromkeys(ovs_bridges, _OVS)}
    for number, line in _lines(text):
        try:
            words = _words(line)
            if words is None:
                continue
            if words[:1] and words[0] in ("route", "rule", "tc"):
                inside.append((number, line, words))
            else:
                found.append(_attachment(words, types))
        except _Untold as error:
            left.append(Left(number, line, str(error)))
    for number, line, words in inside:
        try:
            _add_inside(words, found)
        except _Untold as error:
            left.append(Left(number, line, str(error)))
    return Translation(_tasks(found), sorted(left))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, those that end in a backslash with the next."""
    kept, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun if kept else number
        if line.endswith("\\"):
            kept += line[:-1] + " "
            continue
        yield begun, (kept + line).strip()
        kept = ""
    if kept:
        yield begun, kept.strip()


def _words(line: str) -> list[str] | None:
    """Return the words after pipework, ``None`` for a line that calls something else."""
    if "pipework" not in line or line.startswith("#"):
        return None
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise _Untold("has a quote that is not closed; close it") from error
    while words and _BEFORE.fullmatch(words[0]):
        del words[0]
    if not words or os.path.basename(words[0]) not in ("pipework", "pipework.sh"):
        return None
    for word in words:
        if "$" in word or "`" in word:
            raise _Untold(f"names something by an expression of the shell ({word}); put in what it stands for")
        if word in (";", "&&", "||", "|", "&") or word.endswith(";"):
            raise _Untold("has more than one command; give each a line of its own")
    return words[1:]


def _attachment(words: list[str], types: dict[str, str]) -> _Attachment:
    direct = words[:1] == ["--direct-phys"]
    if direct:
        del words[0]
    if words[:1] == ["--wait"]:
        raise _Untold(
            "waits in the container; run 'pipefitter wait --container NAME --interface eth1' on the host, or the "
            "entrypoint wait.sh of the role host_setup in it"
        )
    if not words:
        raise _Untold("has no arguments; nothing is wired by it")
    lower, rest = words[0], words[1:]
    options: dict[str, str] = {}
    while len(rest) > 1 and rest[0] in ("-i", "-l", "-a"):
        options[rest[0]] = rest[1]
        rest = rest[2:]
    if len(rest) < 2:
        raise _Untold("has no address; pipework takes INTERFACE [-i NAME] CONTAINER ADDRESS/LENGTH[@GATEWAY]")
    if len(rest) > 3:
        raise _Untold(f"has words that pipework does not take ({' '.join(rest[3:])}); leave them out")
    entry: Entry = {"container": rest[0]}
    if "-i" in options:
        entry["interface"] = options["-i"]
    entry.update(_addresses(rest[1]))
    mac, vlan = _mac_and_vlan(rest[2] if len(rest) > 2 else "")
    entry.update(mac)
    kind = types.get(lower) or _kind_of(lower)
    if kind in (_LINUX, _OVS):
        return _on_bridge(lower, kind, entry, vlan, options.get("-l"))
    if "-l" in options:
        raise _Untold("names a host veth (-l), which only bridges have; leave it out")
    return _on_nic(lower.removeprefix("mac:"), entry, vlan, direct)


def _kind_of(lower: str) -> str:
    if lower.startswith(("br", "docker", "virbr")):
        return _LINUX
    if lower.startswith("ovs"):
        return _OVS
    if lower.startswith("dummy"):
        raise _Untold("asks for a dummy interface, which nothing leads to; give its address to lo in the image")
    if re.fullmatch(r"ib\d+", lower):
        raise _Untold("asks for InfiniBand (IPoIB), which this collection does not do")
    return ""


def _on_bridge(bridge: str, kind: str, entry: Entry, vlan: int | None, host_veth: str | None) -> _Attachment:
    if vlan is not None and kind == _LINUX:
        raise _Untold(
            f"asks for a VLAN on a Linux bridge, which pipework refuses; give {bridge} vlan_filtering with "
            f"container_bridge, and the attachment vlan: {vlan}"
        )
    if vlan is not None:
        entry["vlan"] = vlan
    if host_veth is not None:
        entry["host_interface"] = host_veth
    return _Attachment("veth_attach", (("bridge", bridge), ("type", kind)), entry)


def _on_nic(nic: str, entry: Entry, vlan: int | None, direct: bool) -> _Attachment:
    if vlan is not None and direct:
        raise _Untold(
            f"asks for VLAN {vlan} of a NIC as an interface of the host that moves (--direct-phys); leave that out, or "
            "make the interface with the host's network configuration, and give it as nic to nic_attach"
        )
    if vlan is not None:
        entry["vlan"] = vlan
    return _Attachment("nic_attach", (("nic", nic), ("kind", "physical" if direct else "macvlan")), entry)


def _addresses(text: str) -> Entry:
    if re.fullmatch(DHCP_CLIENT, text):
        return {"addresses": ["dhcp"]}  # which client, and how long it stays, is the service's business
    if text == "0/0":
        return {"addresses": []}
    address, _at, gateway = text.partition("@")
    gateway = gateway.partition("@")[0]
    if "/" not in address:
        raise _Untold(f"has an address without the length of its prefix ({address}); pipework refuses it, too")
    version = _parsed(ipaddress.ip_interface, address).version
    entry: Entry = {"addresses": [address]}
    if gateway:
        _parsed(ipaddress.ip_address, gateway)
        entry["gateway" if version == 4 else "gateway6"] = gateway
    return entry


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise _Untold(f"has {text}, which is no address; correct it") from error


def _mac_and_vlan(text: str) -> tuple[Entry, int | None]:
    mac, at, tag = text.partition("@")
    tag = tag.partition("@")[0]
    if at and not (tag.isascii() and tag.isdigit()):
        raise _Untold(f"has {tag or 'nothing'} after @, where a VLAN's number is; correct it")
    entry: Entry = {}
    if mac.startswith("U:"):
        entry["mac_seed"] = mac[2:]
    elif mac:
        entry["mac"] = mac
    return entry, int(tag) if at else None


def _add_inside(words: list[str], found: Sequence[_Attachment]) -> None:
    """Add a route or rule of a container to the attachment that it is for."""
    what, rest = words[0], words[1:]
    if what == "tc":
        raise _Untold("sets traffic control with tc, which this collection does not do; run it in the container")
    if len(rest) < 2:
        raise _Untold(f"has no command for ip {what}; leave it out")
    container, command, arguments = rest[0], rest[1], rest[2:]
    if command in ("del", "delete", "flush"):
        raise _Untold(f"takes a {what} away; leave it out of {what}s, whose list is complete")
    if command not in (("add",) if what == "rule" else ("add", "replace", "change", "append", "prepend")):
        raise _Untold(f"runs ip {what} {command}, which wires nothing; leave it out")
    if what == "rule":
        rule = _rule(arguments)
        _holder_of(rule, _of_container(found, container, None, what)).setdefault("rules", []).append(rule)
    else:
        _add_route(_route(arguments), container, found)


def _add_route(route: Entry, container: str, found: Sequence[_Attachment]) -> None:
    interface = route.pop("interface", None)
    entries = _of_container(found, container, interface, "route")
    entry = _nearest(entries, route.get("gateway"))
    if route["destination"] in ("0.0.0.0/0", "::/0") and set(route) <= {"destination", "gateway"}:
        if "gateway" not in route:
            raise _Untold("sets a default route without a gateway, which an attachment has not; add one")
        entry["gateway6" if ":" in route["gateway"] else "gateway"] = route["gateway"]
    else:
        entry.setdefault("routes", []).append(route)


def _of_container(found: Sequence[_Attachment], container: str, interface: str | None, what: str) -> list[Entry]:
    """Return the attachments of a container, or the one of its interface."""
    entries = [
        one.entry
        for one in found
        if one.entry["container"] == container and interface in (None, one.entry.get("interface", "eth1"))
    ]
    if not entries:
        which = f"{interface} of {container}" if interface else container
        raise _Untold(f"is for {which}, which no other line attaches; add it to {what}s of the task that does")
    return entries


def _rule(arguments: list[str]) -> Entry:
    rule: Entry = {}
    if arguments[:1] and arguments[0] in ("blackhole", "unreachable", "prohibit"):
        rule["type"] = arguments[0]
        arguments = arguments[1:]
    values = _pairs(list(arguments))
    for word in ("from", "to"):
        text = values.pop(word, "all")
        if text not in ("all", "any", "default"):
            rule[word] = str(_parsed(lambda given: ipaddress.ip_network(given, strict=False), text))
    for word in ("iif", "fwmark"):
        if word in values:
            rule[word] = values.pop(word)
    for word in ("table", "lookup"):
        if word in values:
            value = values.pop(word)
            rule["table"] = int(value) if value.isdigit() else value
    for word in ("priority", "preference", "pref", "order", "prio"):
        if word in values:
            rule["priority"] = _number(word, values.pop(word))
    if values:
        raise _Untold(f"has {' '.join(values)}, which rules of an attachment do not take; leave it out")
    if "from" not in rule and "to" not in rule:
        rule["family"] = "ipv4"  # what ip rule is about where nothing tells it
    return rule


def _holder_of(rule: Entry, entries: Sequence[Entry]) -> Entry:
    """Return the attachment that has the address which a rule is for, the first where none has."""
    source = str(rule.get("from", "")).partition("/")[0]
    return next((one for one in entries for text in one["addresses"] if text.partition("/")[0] == source), entries[0])


def _route(arguments: list[str]) -> Entry:
    route: Entry = {}
    if arguments[:1] and arguments[0] in ("unicast", *_LEADING_NOWHERE):
        if arguments[0] != "unicast":
            route["type"] = arguments[0]
        arguments = arguments[1:]
    if not arguments:
        raise _Untold("has no destination; add it")
    destination, words = arguments[0], list(arguments[1:])
    values = _pairs(words)
    gateway = values.pop("via", None)
    if gateway is not None:
        _parsed(ipaddress.ip_address, gateway)
        route["gateway"] = gateway
    if destination == "default":
        destination = "::/0" if ":" in (gateway or "") else "0.0.0.0/0"
    # As text of what the kernel keeps: it takes no destination with bits behind the prefix.
    route["destination"] = str(_parsed(lambda text: ipaddress.ip_network(text, strict=False), destination))
    if "dev" in values:
        route["interface"] = values.pop("dev")
    for word, option in (("metric", "metric"), ("preference", "metric"), ("mtu", "mtu")):
        if word in values:
            route[option] = _number(word, values.pop(word))
    for word in ("table", "src", "scope"):
        if word in values:
            value = values.pop(word)
            route[word] = int(value) if value.isdigit() else value
    if values.pop("onlink", None) is not None:
        route["onlink"] = True
    values.pop("proto", None)  # ours have one of their own
    if values:
        raise _Untold(f"has {' '.join(values)}, which routes of an attachment do not take; leave it out")
    return {"destination": route.pop("destination"), **route}


def _pairs(words: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "onlink":
            values[word] = ""
        elif words:
            values[word] = words.pop(0)
        else:
            raise _Untold(f"has {word} without a value; add it")
    return values


def _number(word: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _Untold(f"has {word} {text}, which is no number; correct it")
    return int(text)


def _nearest(entries: Sequence[Entry], gateway: str | None) -> Entry:
    """Return the attachment in whose subnet a gateway is, the first where none is told."""
    if gateway is not None:
        hop = ipaddress.ip_address(gateway)
        for entry in entries:
            held = [ipaddress.ip_interface(address).network for address in entry["addresses"] if address != "dhcp"]
            if any(hop in network for network in held):
                return entry
    return entries[0]


def _tasks(found: Sequence[_Attachment]) -> list[Entry]:
    """Return a task for each bridge and NIC, in the order of the lines, after those that make the bridges."""
    grouped: dict[tuple[str, tuple[tuple[str, Any], ...]], list[Entry]] = {}
    for one in found:
        grouped.setdefault((one.module, one.common), []).append(one.entry)
    making, wiring = [], []
    for (module, common), entries in grouped.items():
        values = dict(common)
        kind = values.pop("type", None)
        lower = values.get("bridge") or values["nic"]
        if kind is not None:
            making.append(
                _task(f"Make {lower}", "container_bridge", {"name": lower})
                if kind == _LINUX
                else _task(f"Make {lower}", "ovs_vlan_port", {"bridge": lower, "create_bridge": True, "ports": []})
            )
        if len(entries) == 1:
            name = f"Attach {entries[0]['container']} to {lower}"
            wiring.append(_task(name, module, {**values, **entries[0]}))
        else:
            wiring.append(_task(f"Attach containers to {lower}", module, {**values, "attachments": entries}))
    return making + wiring


def _task(name: str, module: str, options: Entry) -> Entry:
    return {"name": name, _COLLECTION + module: options}
