# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What netplan is told of a NIC that is a bridge's port: texts to texts, no files. Private to the collection.

The NIC's entry keeps what is of the device, where it stands; what stood there before is kept above it as a comment,
from which it is restored, and the rest of the file as it is, comments included. All else of the entry is the bridge's
in a file of ours. netplan reads all values as texts, and so does this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Union

from ...model.nic_move import NicMove
from .replaced_lines import block

Value = Union[str, list["Value"], dict[str, "Value"]]


_KINDS = ("ethernets", "bonds", "vlans")
_OF_THE_DEVICE = {
    *("match", "set-name", "wakeonlan", "wakeonwlan", "macaddress", "mtu", "emit-lldp", "ignore-carrier"),
    *("virtual-function-count", "embedded-switch-mode", "delay-virtual-functions-rebind", "infiniband-mode"),
    *("interfaces", "parameters", "id", "link", "renderer", "openvswitch"),
}
_OF_BOTH = {"renderer", "optional"}
_PLAIN = re.compile(r"[A-Za-z0-9_./][\w./:+-]*")


class Entry(NamedTuple):
    """What a file says of a NIC; ``lines`` are the first, and the one after the last, of its text."""

    kind: str
    lines: tuple[int, int]
    indent: str
    said: dict[str, Value]
    whole_lines: bool


def _value(node: Any) -> Value:
    if node.id == "mapping":
        return {str(key.value): _value(value) for key, value in node.value}
    if node.id == "sequence":
        return [_value(item) for item in node.value]
    return "" if node.tag.endswith(":null") else str(node.value)


def _network(text: str) -> Any:
    """Return the node of a file's network, ``None`` where it has none.

    :raises ValueError: it is no YAML.
    """
    import yaml  # only hosts with netplan need it, and these have it

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if root is None or root.id != "mapping":
        return None
    return next((value for key, value in root.value if key.value == "network" and value.id == "mapping"), None)


def entry(text: str, name: str) -> Entry | None:
    """Return what a file says of a NIC, by the name that it has in netplan."""
    network = _network(text)
    for kind, of_kind in network.value if network is not None else ():
        if kind.value not in _KINDS or of_kind.id != "mapping":
            continue
        for key, value in of_kind.value:
            if key.value == name:
                said = _value(value)
                end = value.end_mark.line + (0 if value.id == "mapping" and not value.flow_style else 1)
                lines = _without_end(text.splitlines(), key.start_mark.line, end, key.start_mark.column)
                indent = " " * key.start_mark.column
                return Entry(kind.value, lines, indent, said if isinstance(said, dict) else {}, not of_kind.flow_style)
    return None


def _without_end(lines: Sequence[str], first: int, end: int, column: int) -> tuple[int, int]:
    """Leave blank lines, and comments that are not below it, out of an entry."""
    while end > first + 1:
        last = lines[end - 1]
        comment = last.lstrip().startswith("#") and len(last) - len(last.lstrip()) <= column
        if last.strip() and not comment:
            break
        end -= 1
    return first, end


def merged(said: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """Return an entry of several files as netplan sees it: mappings are one, lists are longer, others are replaced."""
    whole: dict[str, Value] = {}
    for part in said:
        for key, value in part.items():
            before = whole.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                whole[key] = merged([before, value])
            elif isinstance(before, list) and isinstance(value, list):
                whole[key] = before + [item for item in value if item not in before]
            else:
                whole[key] = value
    return whole


def refusal(texts: Mapping[str, str], name: str, move: NicMove) -> str:
    """Return what in the files, as they were before this bridge, is not understood well enough to change it."""
    found = []
    for path, text in texts.items():
        try:
            network = _network(text)
            own = entry(text, name)
        except ValueError as error:
            return f"{path} can't be read: {error}"
        if own and not own.whole_lines:
            return f"{path} has {name} within braces; write {own.kind} in lines of their own"
        if own:
            found.append(own)
        for kind, of_kind in network.value if network is not None else ():
            for key, value in of_kind.value if of_kind.id == "mapping" else ():
                said = _value(value)
                ports = said.get("interfaces", []) if isinstance(said, dict) else []
                if name in ports and (kind.value, key.value) != ("bridges", move.bridge):
                    return f"{path} makes {name} part of {key.value}; take that out, or bridge {key.value} in its place"
                if key.value == move.bridge:
                    return f"{path} has {move.bridge} already; remove it, or take another name for the bridge"
    if not found:
        return f"no file of netplan has {name} under {', '.join(_KINDS)}; write an entry for it"
    if "auth" in merged([own.said for own in found]):
        return f"{name} has 802.1X (auth), by which a switch opens its port for the NIC alone; ask for one without it"
    return ""


def port(text: str, name: str, move: NicMove) -> str:
    """Return a file with the NIC as the bridge's port; as it is where it doesn't have the NIC."""
    own = entry(text, name)
    if own is None:
        return text
    lines = text.splitlines(keepends=True)
    first, end = own.lines
    before = [line if line.endswith("\n") else f"{line}\n" for line in lines[first:end]]
    said: dict[str, Value] = {"dhcp4": "false", "dhcp6": "false", "accept-ra": "false", "link-local": []}
    said |= {key: value for key, value in own.said.items() if key in _OF_THE_DEVICE or key == "optional"}
    now = [f"{own.indent}{_scalar(name)}:\n", *(f"{own.indent}  {line}\n" for line in written(said))]
    return "".join([*lines[:first], *block(before, now, move), *lines[end:]])


def bridge(move: NicMove, texts: Sequence[str], name: str) -> str:
    """Return the file of the bridge: what the NIC's entries say, of the bridge."""
    own = merged([found.said for text in texts if (found := entry(text, name))])
    moved = {key: value for key, value in own.items() if key not in _OF_THE_DEVICE or key in _OF_BOTH}
    if move.openvswitch:
        # One that is there: netplan would have Open vSwitch make it.
        said: dict[str, Value] = {"ethernets": {move.bridge: moved}}
    else:
        made: dict[str, Value] = {"interfaces": [name], "macaddress": move.mac, "mtu": str(move.mtu)}
        made["parameters"] = {"stp": "false", "forward-delay": "0"}
        said = {"bridges": {move.bridge: {**made, **moved}}}
    lines = written({"network": {"version": "2", **said}})
    return "# Written by pipefitter (host_nic_bridge).\n" + "".join(f"{line}\n" for line in lines)


def written(value: Mapping[str, Value]) -> list[str]:
    """Return a mapping as lines of YAML."""
    lines: list[str] = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{_scalar(key)}:", *(f"  {line}" for line in written(item))]
        elif isinstance(item, list) and item:
            lines.append(f"{_scalar(key)}:")
            for one in item:
                inner = written(one) if isinstance(one, dict) and one else [_flow(one)]
                lines += [f"{'- ' if at == 0 else '  '}{line}" for at, line in enumerate(inner)]
        else:
            lines.append(f"{_scalar(key)}: {_flow(item)}")
    return lines


def _flow(value: Value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(text: str) -> str:
    # Within quotes whatever means something to YAML; a text that ends in a colon, or has one, may.
    return text if _PLAIN.fullmatch(text) and ":" not in text else json.dumps(text)
