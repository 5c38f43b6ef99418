# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach, run so that check mode and a second run are looked at, too, and what a host shows of it."""

from __future__ import annotations

import json

import pytest
from lab_hosts import ModuleFailed


def whole(host):
    """Return what the host and a container show of links, addresses and routes, but for indexes."""
    dump = """
    for where in "" web1 web2; do
        for what in link addr route "-6 route"; do echo "$where $what"; ip ${where:+-n $where} -j -d $what show; done
    done
    """
    lines = host.run("sh", "-c", dump).stdout.splitlines()
    return {of: _without_indexes(json.loads(text)) for of, text in zip(lines[::2], lines[1::2])}


def _without_indexes(value):
    """What is deleted and made again has another index; link-local addresses come some time after a link is up."""
    if isinstance(value, dict):
        return {key: _without_indexes(item) for key, item in value.items() if key not in _MOVING}
    if isinstance(value, list):
        return [_without_indexes(item) for item in value if not _comes_later(item)]
    return value


_MOVING = ("ifindex", "link_index", "operstate", "valid_life_time", "preferred_life_time", "label")


def _comes_later(item):
    if not isinstance(item, dict):
        return item == "NO-CARRIER"
    return item.get("dst") == "fe80::/64" or str(item.get("local")).startswith("fe80:")


def attach(host, **options):
    """Attach; check mode must have told the operations and what comes of them, and a second run finds nothing to do."""
    told = host.module("nic_attach", check_mode=True, diff=True, **options)
    done = host.module("nic_attach", diff=True, **options)
    assert told["operations"] == done["operations"]
    assert told["diff"] == done["diff"]
    again = host.module("nic_attach", **options)
    assert not again["changed"] and again["attachments"] == done["attachments"], again["operations"]
    return done


def absent(host, **options):
    return attach(host, state="absent", **options)["operations"]


def refused(host, **options):
    """Return why the module fails, which it says in check mode too."""
    said = []
    for check_mode in (True, False):
        with pytest.raises(ModuleFailed) as failure:
            host.module("nic_attach", check_mode=check_mode, **options)
        said.append(str(failure.value))
    assert said[0] == said[1]
    return said[0]


def shown(host, netns, name="eth1"):
    """Return kind, mode, MTU and the interface that one is on."""
    (entry,) = host.ip("link", "show", "dev", name, netns=netns)
    info = entry["linkinfo"]
    under = next(each["ifname"] for each in host.ip("link", "show") if each["ifindex"] == entry["link_index"])
    return info["info_kind"], info["info_data"]["mode"], entry["mtu"], under


def vlans(host):
    return {
        entry["ifname"]: (entry["linkinfo"]["info_data"]["id"], entry["mtu"], "UP" in entry["flags"])
        for entry in host.ip("link", "show")
        if entry.get("linkinfo", {}).get("info_kind") == "vlan"
    }
