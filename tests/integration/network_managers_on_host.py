# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host: moves NICs into bridges and back as host_nic_bridge does, with what their managers are to be told.

The moves come in as JSON. The kernel's part is done by a few commands of iproute2, one after the other.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import lookup
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import NicMove


def ip(*words: str):
    done = subprocess.run(["ip", "-j", "-d", *words], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return json.loads(done.stdout or "[]")


def addresses(link: str) -> list[dict]:
    return [entry for entry in ip("address", "show", "dev", link)[0]["addr_info"] if entry["scope"] != "link"]


def routes(link: str) -> list[tuple[str, dict]]:
    """Return all routes but the kernel's own; NetworkManager makes those to a link's networks itself."""
    return [
        (family, route)
        for family in ("-4", "-6")
        for route in ip(family, "route", "show", "table", "all", "dev", link)
        if route.get("table") != "local" and not route["dst"].startswith(("fe80:", "ff00:", "multicast"))
    ]


def shown(link: str) -> dict:
    """Return what a link has, as what may be compared after a boot."""
    return {
        "addresses": sorted(f"{entry['local']}/{entry['prefixlen']}" for entry in addresses(link)),
        "routes": sorted(" ".join(_words(route)) for _family, route in routes(link)),
        "mtu": ip("link", "show", "dev", link)[0]["mtu"],
        "mac": ip("link", "show", "dev", link)[0]["address"],
    }


def _words(route: dict) -> list[str]:
    # networkd gives the kernel's own of a leased address another metric where it takes the address over.
    keys = ["gateway", "table", *(["metric"] if route.get("protocol") != "kernel" else [])]
    return [route["dst"], *(f"{key} {route[key]}" for key in keys if key in route)]


def _moved(source: str, target: str) -> dict[str, list[str]]:
    """Return the commands by which what one link has becomes another's, by the family that ip is to assume."""
    commands: list[str] = []
    routes_there: dict[str, list[str]] = {"-4": [], "-6": []}
    for entry in addresses(source):
        words = [f"{entry['local']}/{entry['prefixlen']}"]
        commands.append(f"address delete {words[0]} dev {source}")
        words += [f"{key} {entry[key]}" for key in ("broadcast", "metric") if key in entry]
        if entry["valid_life_time"] < 2**32 - 1:
            words.append(f"valid_lft {entry['valid_life_time']} preferred_lft {entry['preferred_life_time']}")
        words += ["noprefixroute"] if entry.get("noprefixroute") else []
        words += ["nodad"] if entry["family"] == "inet6" else []
        commands.append(f"address add {' '.join(words)} dev {target}")
    # What is reached without a gateway comes before what is reached by one.
    for family, route in sorted(routes(source), key=lambda found: "gateway" in found[1]):
        where = [route["dst"], *(f"{key} {route[key]}" for key in ("metric", "table") if key in route)]
        if family == "-6":
            routes_there[family].append(f"route delete {' '.join(where)} dev {source}")
        how = {"via": "gateway", "src": "prefsrc", "proto": "protocol"}
        where += [f"{word} {route[key]}" for word, key in how.items() if key in route]
        where += [f"scope {route['scope']}"] if family == "-4" else []
        # To replace one would replace another link's of the same metric.
        how_to = "append" if family == "-4" else "replace"
        routes_there[family].append(f"route {how_to} {' '.join(where)} dev {target}")
    return {"-0": commands, **routes_there}


def to_bridge(move: NicMove) -> None:
    moved = _moved(move.nic, move.bridge)
    if move.openvswitch:
        settings = ("datapath_type=netdev", f"other_config:hwaddr={move.mac}", "fail_mode=standalone")
        _switch("add-br", move.bridge, "--", "set", "bridge", move.bridge, *settings)
        # What the host itself sends into a userspace datapath needs its checksums, too.
        subprocess.run(["ethtool", "-K", move.bridge, "tx", "off"], stdout=subprocess.DEVNULL, check=True)
        _switch("add-port", move.bridge, move.nic)
    else:
        _batch(
            f"link add {move.bridge} address {move.mac} mtu {move.mtu} type bridge stp_state 0 forward_delay 0",
            f"link set {move.nic} master {move.bridge}",
        )
    _batch(f"link set {move.bridge} up")
    for family, commands in moved.items():
        _batch(*commands, family=family)


def to_nic(move: NicMove) -> None:
    # Before the bridge loses its carrier, with which networkd takes its addresses away.
    moved = _moved(move.bridge, move.nic)
    if move.openvswitch:
        _switch("del-port", move.bridge, move.nic)
    else:
        _batch(f"link set {move.nic} nomaster")
    # networkd switches it off at a bridge's port.
    pathlib.Path(f"/proc/sys/net/ipv6/conf/{move.nic}/disable_ipv6").write_text("0", encoding="ascii")
    for family, commands in moved.items():
        _batch(*commands, family=family)
    if move.openvswitch:
        _switch("del-br", move.bridge)
    else:
        _batch(f"link delete {move.bridge}")


def _switch(*words: str) -> None:
    subprocess.run(["ovs-vsctl", *words], check=True)


def _batch(*commands: str, family: str = "-0") -> None:
    text = "\n".join(commands) + "\n"
    words = ["ip", *([family] if family != "-0" else []), "-force", "-batch", "-"]
    # What a manager was quicker with doesn't stop the others.
    subprocess.run(words, input=text, encoding="utf-8", check=False)


def differing(files) -> list:
    """Return those of a manager's files that aren't as they are to be."""
    return [file for file in files if _content(file.path) != file.content]


def _content(path: str) -> bytes | None:
    return pathlib.Path(path).read_bytes() if os.path.exists(path) else None


def write(files) -> None:
    for file in files:
        path = pathlib.Path(file.path)
        if file.content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)


def bridge(moves: list[NicMove], kernel=to_bridge) -> dict:
    """Move all NICs, and return who owned them."""
    owners = {}
    for move in moves:
        manager = lookup.owner(move.nic)
        assert manager is not None, move
        assert manager.refusal(move) == "", manager.refusal(move)
        owners[move.nic] = manager.name
        _hold(manager, move, move.nic)
        kernel(move)
        write(manager.present(move))
        manager.reload(move)
        assert differing(manager.present(move)) == [], differing(manager.present(move))
    return owners


def unbridge(moves: list[NicMove], kernel=to_nic) -> dict:
    owners = {}
    for move in moves:
        manager = lookup.owner(move.nic)
        assert manager is not None, move
        owners[move.nic] = manager.name
        _hold(manager, move, move.bridge)
        kernel(move)
        write(manager.absent(move))
        manager.reload(move)
        assert differing(manager.absent(move)) == [], move
    return owners


def _hold(manager, move: NicMove, link: str) -> None:
    before = shown(link)
    manager.hold(move)
    assert shown(link) == before, (move, shown(link), before)


def roll_back(moves: list[NicMove]) -> dict:
    """Move all NICs and put them back before anything is written."""
    for move in moves:
        manager = lookup.owner(move.nic)
        assert manager is not None, move
        manager.hold(move)
        to_bridge(move)
        to_nic(move)
        manager.let_go(move)
    return {}


def settled(moves: list[NicMove]) -> dict:
    """Return what would be written for NICs that are ports already, by NIC."""
    told = {}
    for move in moves:
        manager = lookup.owner(move.nic)
        assert manager is not None, move
        told[move.nic] = [file.path for file in differing(manager.present(move))]
    return told


def owners(moves: list[NicMove]) -> dict:
    found = {move.nic: lookup.owner(move.nic) for move in moves}
    return {nic: manager and manager.name for nic, manager in found.items()}


def refusals(moves: list[NicMove]) -> dict:
    return {move.nic: lookup.owner(move.nic).refusal(move) for move in moves}


def main() -> None:
    asked = json.load(sys.stdin)
    moves = [NicMove(**move) for move in asked["moves"]]
    does = {"bridge": bridge, "unbridge": unbridge, "roll back": roll_back, "settled": settled}
    does |= {"owners": owners, "refusals": refusals}
    does["shown"] = lambda _moves: {link: shown(link) for link in asked["links"]}
    json.dump(does[asked["do"]](moves), sys.stdout)


main()
