# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An nft in memory: it takes what ours writes, in both of its languages, and lists what is there as its JSON does."""

from __future__ import annotations

import json
import re
import shlex

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import (
    former_sysctls,
    isolation,
    tables,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.program import Finished

_LINE = re.compile(
    r"(?P<verb>add|create|flush|delete) (?P<kind>\w+) (?P<family>ip6?) (?P<table>\w+)"
    r"(?: (?P<name>\w+))?(?: (?P<body>.+))?"
)
_HOOK = re.compile(r"\{ type (?P<type>\w+) hook (?P<hook>\w+) priority (?P<prio>-?\d+); policy (?P<policy>\w+); \}")
_TYPES = re.compile(r"\{ type (?P<type>[\w .]+?)(?: : [\w .]+)?;(?P<flags> flags interval;)? \}")


class SimulatedNft:
    """``transactions`` are those that changed something, as lists of commands or lines."""

    def __init__(self, monkeypatch) -> None:
        self.tables = {}
        self.transactions = []
        self.noted = frozenset()
        monkeypatch.setattr(former_sysctls, "noted", lambda: self.noted)
        monkeypatch.setattr(former_sysctls, "note", lambda former: setattr(self, "noted", frozenset(former)))
        monkeypatch.setattr(tables, "table_exists", lambda family, _table: family in self.tables)
        monkeypatch.setattr(isolation, "set_exists", lambda family, _table, name: name in self.tables.get(family, {}))
        monkeypatch.setattr(tables.program, "installed", lambda _name: True)
        monkeypatch.setattr(tables.program, "begin", self._begin)

    def _begin(self, argv, text=None):
        finished = self._run(argv, text)
        return lambda: finished

    def _run(self, argv, text):
        before = {
            family: {name: _copied(one) for name, one in objects.items()} for family, objects in self.tables.items()
        }
        commands = json.loads(text)["nftables"] if "-j" in argv else text.splitlines()
        try:
            listed = [entry for command in commands for entry in self._command(command)]
        except LookupError as error:
            self.tables = before
            return Finished(1, "", f"Error: Could not process rule: {error}\n")
        if not listed:
            self.transactions.append(commands)
        return Finished(0, json.dumps({"nftables": [{"metainfo": {"version": "1"}}, *listed]}), "")

    def tamper(self, *lines):
        """Change what is there as another tool does."""
        for line in lines:
            self._command(line)

    def _command(self, command):
        if isinstance(command, str):
            command = _parsed(command)
        ((verb, what),) = command.items()
        ((kind, value),) = what.items()
        if verb == "list":
            return self._listed(kind, value)
        getattr(self, f"_{verb}_{'set' if kind == 'map' else kind}")(kind, value)
        return ()

    def _listed(self, kind, value):
        objects = self.tables[value["family"]]
        if kind == "set":
            yield {"set": _shown(objects[value["name"]])}
            return
        yield {"table": value}
        for one in objects.values():
            yield {one["kind"]: _shown(one)}
            yield from ({"rule": rule} for rule in one.get("rules", ()))

    def _add_table(self, _kind, value):
        self.tables.setdefault(value["family"], {})

    def _delete_table(self, _kind, value):
        del self.tables[value["family"]]

    def _add_set(self, kind, value):
        self.tables[value["family"]].setdefault(value["name"], {**value, "kind": kind, "elements": {}})

    def _delete_set(self, kind, value):
        found = self.tables[value["family"]].pop(value["name"])
        assert found["kind"] == kind

    def _flush_set(self, _kind, value):
        self.tables[value["family"]][value["name"]]["elements"].clear()

    def _add_chain(self, kind, value):
        self.tables[value["family"]].setdefault(value["name"], {**value, "kind": kind, "rules": []})

    def _flush_chain(self, _kind, value):
        self.tables[value["family"]][value["name"]]["rules"].clear()

    def _delete_chain(self, _kind, value):
        found = self.tables[value["family"]].pop(value["name"])
        assert not found["rules"], "nft deletes no chain that has rules"

    def _add_rule(self, _kind, value):
        self.tables[value["family"]][value["chain"]]["rules"].append(value)

    def _add_element(self, _kind, value):
        for element in value["elem"]:
            self._elements(value).setdefault(_key(element), element)

    def _create_element(self, _kind, value):
        for element in value["elem"]:
            if _key(element) in self._elements(value):
                raise LookupError("File exists")
            self._elements(value)[_key(element)] = element

    def _delete_element(self, _kind, value):
        for element in value["elem"]:
            del self._elements(value)[_key(element)]

    def _elements(self, value):
        return self.tables[value["family"]][value["name"]]["elements"]


def _copied(one):
    return {key: value.copy() if key in ("elements", "rules") else value for key, value in one.items()}


def _key(element):
    value = element[0] if isinstance(element, list) else element
    return json.dumps(value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value, sort_keys=True)


def _shown(one):
    shown = {key: value for key, value in one.items() if key not in ("kind", "elements", "rules", "text")}
    return {**shown, "elem": list(one["elements"].values())} if one.get("elements") else shown


def _parsed(line):
    """Return a line of nft's own language as a command of its JSON."""
    words = _LINE.fullmatch(line).groupdict()
    verb, kind, body = words["verb"], words["kind"], words["body"] or ""
    value = {key: words[key] for key in ("family", "table", "name") if words[key]}
    if kind == "table":
        value = {"family": value["family"], "name": value["table"]}
    elif kind == "element":
        value["elem"] = [_element(text) for text in body[2:-2].split(", ")]
    elif kind == "rule":
        text, _comment, comment = body.partition(" comment ")
        looked_up = [{"match": {"right": word}} for word in re.findall(r"@\w+", text)]
        value = {"family": value["family"], "table": value["table"], "chain": value["name"], "expr": looked_up}
        value.update({"comment": comment.strip('"')} if comment else {})
    elif body and kind == "chain":
        value.update(_HOOK.fullmatch(body).groupdict())
        value["prio"] = int(value["prio"])
    elif body:
        types = _TYPES.fullmatch(body)["type"].split(" . ")
        value["type"] = types if len(types) > 1 else types[0]
    return {verb: {kind: value}}


def _element(text):
    words = shlex.split(text)
    target = None
    if words[-4:-3] == [":"]:
        target = {"concat": [words[-3], int(words[-1])]}
        words = words[:-4]
    comment = words[-1] if words[-2:-1] == ["comment"] else ""
    parts = [_value(word) for word in (words[:-2] if comment else words)[::2]]
    key = {"concat": parts} if len(parts) > 1 else parts[0]
    key = {"elem": {"val": key, "comment": comment}} if comment else key
    return key if target is None else [key, target]


def _value(word):
    address, slash, length = word.partition("/")
    if slash:
        return {"prefix": {"addr": address, "len": int(length)}}
    return int(word) if word.isdigit() else word
