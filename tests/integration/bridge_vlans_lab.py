# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers in VLANs of a Linux bridge, and what the bridge then has of its ports."""

from __future__ import annotations

from wiring import make_namespaces, pings

NAMES = ("web1", "web2", "db1", "db2")
TRUNK = {"port": "up0", "mode": "trunk", "trunks": "100,200-210"}


def shown(host, port):
    """Return a port's VLANs as iproute2 shows them: ``100 PVID Egress Untagged``."""
    entries = next((entry["vlans"] for entry in host.ip_bridge("-compressvlans", "vlan", "show", "dev", port)), [])
    return [
        " ".join(
            [f"{entry['vlan']}{'-' + str(entry['vlanEnd']) if 'vlanEnd' in entry else ''}", *entry.get("flags", [])]
        )
        for entry in entries
    ]


def access(vlan):
    return [f"{vlan} PVID Egress Untagged"]


def containers(host, *vlans, bridge="br0", **options):
    make_namespaces(host, *NAMES[: len(vlans)])
    held = [[f"192.168.5.{number}/24", f"fd00:5::{number}/64"] for number in range(1, 5)]
    entries = [{"netns": name, "addresses": addresses, **vlan} for name, addresses, vlan in zip(NAMES, held, vlans)]
    return {"bridge": bridge, "attachments": entries, **options}


def reached(host, source, count=4):
    """Return the numbers of the containers that answer; each is in the same subnet."""
    others = [number for number in range(1, count + 1) if NAMES[number - 1] != source]
    answered = pings(host, source, *(f"192.168.5.{number}" for number in others))
    return {number for number, answers in zip(others, answered) if answers}


def outer(done, place=0):
    return done["attachments"][place]["host_interface"]
