# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a host shows of its network, in words that hold when something was taken away and made again."""

from __future__ import annotations

import json
import re

from wiring import assert_same, everything

# Numbers that the kernel, nftables and bridges hand out anew; MACs are chosen for the host's ends of veths, and for
# bridges of Open vSwitch.
_HANDED_OUT = (
    "ifindex",
    "link_index",
    "link_netnsid",
    "link",
    "handle",
    "id",
    "no",
    "port_id",
    "port_no",
    "root_port",
    "designated_port",
    "index",
)
_CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")


def lasting(host, rules_of_others: bool = True) -> dict:
    """Return what ``everything`` does, by names of containers and attachments; each section in an order of its own.

    Without ``rules_of_others`` only those tables of nftables are in it that are ours.
    """
    names = host.containers()
    shown = everything(host)
    ends = {
        link["ifname"]: "end of {1} of {2} {3}".format(*link["ifalias"].split())
        for link in shown["host link"][0]
        if len(link.get("ifalias", "").split()) >= 4
    }
    chosen = [
        link["address"]
        for link in shown["host link"][0]
        if link["ifname"] in ends or link.get("linkinfo", {}).get("info_kind") == "tun"
    ]
    words = {**ends, **dict.fromkeys(chosen, "a MAC")}
    result: dict = {}
    for section, content in shown.items():
        of = re.sub(r"pid (\d+)", lambda found: f"container {names.get(int(found[1]), found[1])}", section)
        entries = [entry for part in content for entry in (part if isinstance(part, list) else [part])]
        if section == "nft":
            entries = [one for one in entries if rules_of_others or _is_ours(one)]
        if section == "ovs":
            entries = [row for table in entries for row in table["data"]]
        told = [json.dumps(_named(entry), sort_keys=True) for entry in entries]
        for old, new in words.items():
            # A chain for a port is named after it.
            told = [line.replace(f'"{old}"', f'"{new}"').replace(f'/{old}"', f'/{new}"') for line in told]
        if section == "nft":
            told = [json.dumps(_in_order(json.loads(line)), sort_keys=True) for line in told]
        result[of] = sorted(_CONTAINER_ID.sub("ID", line) for line in told)
    return result


def _in_order(value):
    """Return an entry with the elements of sets, which have none, in an order of their own."""
    if isinstance(value, dict):
        kept = {key: _in_order(item) for key, item in value.items()}
        return {key: sorted(item, key=json.dumps) if key == "elem" else item for key, item in kept.items()}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def assert_nothing_left_over(before: dict, after: dict) -> None:
    assert_same(before, after)


def _is_ours(entry: dict) -> bool:
    (kind, value), *_more = entry.items()
    return kind != "metainfo" and (value["name"] if kind == "table" else value["table"]).startswith("pipefitter")


def _named(value):
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items() if key not in _HANDED_OUT}
    if isinstance(value, list) and len(value) == 2 and value[0] == "uuid":
        return "a UUID"
    return [_named(item) for item in value] if isinstance(value, list) else value
