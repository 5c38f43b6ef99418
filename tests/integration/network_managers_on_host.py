# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host: moves many NICs into bridges and back, each as host_nic_bridge does it. They come in as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import lookup
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import NicMove
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import host_nic
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import nic_guard


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


def _options(move: NicMove, **more) -> dict:
    kind = {"type": "openvswitch", "datapath_type": "netdev"} if move.openvswitch else {"type": "linux"}
    asked = {"verify": ["gateway"], "confirm": "manual", "confirm_timeout": 600, "persist": "auto", **more}
    return {"nic": move.nic, "bridge": move.bridge, **kind, **asked}


def _waiting(move: NicMove, state: str) -> str:
    """Begin a move, and return its token."""
    done = host_nic.converge(_options(move, state=state), False)
    assert done.values["pending"], done
    return done.values["token"]


def _owner(move: NicMove) -> str:
    manager = lookup.owner(move.nic)
    assert manager is not None, move
    return manager.name


def _moved(moves: list[NicMove], state: str) -> dict:
    """Move all NICs, confirm that, and return who owned them; what comes after it changes nothing."""
    owned = {move.nic: _owner(move) for move in moves}
    for move in moves:
        host_nic.converge(_options(move, state="confirmed", token=_waiting(move, state)), False)
        again = host_nic.converge(_options(move, state=state), True).operations
        assert again == [], (move, again)
    return owned


def bridge(moves: list[NicMove]) -> dict:
    return _moved(moves, "present")


def unbridge(moves: list[NicMove]) -> dict:
    return _moved(moves, "absent")


def roll_back(moves: list[NicMove]) -> dict:
    """Move all NICs and put them back before anything is written; return in what they are not as before."""
    told = {}
    for move in moves:
        done = host_nic.converge(_options(move, state="rolled_back", token=_waiting(move, "present")), False)
        told[move.nic] = done.values["left"]
    return told


def _wrong_at_second_look(verify):
    """Return what sees that all is well once, and then no more."""
    looks = []

    def look(kept, links):
        verify(kept, links)
        looks.append(kept)
        if len(looks) > 1:
            raise PipefitterError("a fault that the test injected")

    return look


def fail(moves: list[NicMove]) -> dict:
    """Move all NICs; what is seen when their managers have taken that up is not as it was to be."""
    told = {}
    verify = host_nic._verify
    for move in moves:
        token = _waiting(move, "present")
        host_nic._verify = _wrong_at_second_look(verify)
        try:
            host_nic.converge(_options(move, state="confirmed", token=token), False)
        except PipefitterError as error:
            told[move.nic] = str(error)
        host_nic._verify = verify
    return told


def begin(moves: list[NicMove]) -> dict:
    """Move all NICs, and leave them waiting."""
    return {move.nic: _waiting(move, "present") for move in moves}


def settled(moves: list[NicMove]) -> dict:
    """Return what would be done to NICs that are ports already, by NIC."""
    return {move.nic: host_nic.converge(_options(move, state="present"), True).operations for move in moves}


def owners(moves: list[NicMove]) -> dict:
    found = {move.nic: lookup.owner(move.nic) for move in moves}
    return {nic: manager and manager.name for nic, manager in found.items()}


def refusals(moves: list[NicMove]) -> dict:
    return {move.nic: lookup.owner(move.nic).refusal(move) for move in moves}


del nic_guard  # of which what stands by is made


def main() -> None:
    asked = json.load(sys.stdin)
    moves = [NicMove(**move) for move in asked["moves"]]
    does = {"bridge": bridge, "unbridge": unbridge, "roll back": roll_back, "settled": settled}
    does |= {"owners": owners, "refusals": refusals, "begin": begin, "fail": fail}
    does["shown"] = lambda _moves: {link: shown(link) for link in asked["links"]}
    json.dump(does[asked["do"]](moves), sys.stdout)


main()
