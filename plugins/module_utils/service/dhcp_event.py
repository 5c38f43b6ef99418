# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a DHCP client was told, set on its interface: udhcpc runs the program for it, in the container's namespace.

Private to the collection. ``dhcp_clients`` says by variables which attachment it is for; what the server told is in
variables, too (busybox: networking/udhcp/dhcpc.c). Files are the host's, and no resolv.conf is among those written.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

from ..errors import PipefitterError
from ..host import leases
from ..host.leases import Lease
from ..host.netlink.leased_addresses import LeasedAddresses
from ..model.addresses import IPV4
from ..model.route import DEFAULT
from . import state_file

LEASE, NAME, GATEWAY = "PIPEFITTER_LEASE", "PIPEFITTER_NAME", "PIPEFITTER_GATEWAY"
"""Variables: the lease's file, the attachment's name, and its own gateway where it has one."""

_LONGEST = 2**32 - 2  # seconds; one more is for ever
_PATIENCE = 3600  # seconds of a lease of which the server does not say how long it is


def main() -> int:
    """Do what follows from an event of the client whose child this is."""
    return follow(sys.argv[1], os.environ)


def follow(event: str, told: Mapping[str, str]) -> int:
    """Do what follows from an event, with what the client ``told`` of it; return 0 where that could be done."""
    path = told[LEASE]
    former = leases.read(path)
    try:
        link = LeasedAddresses(told["interface"])
    except OSError:
        return 1  # it is gone, and its addresses with it
    with contextlib.closing(link):
        if event in ("bound", "renew"):
            return _bound(link, former, path, told)
        given_up = former.released or former.until <= time.time()
        if event == "nak" or (event == "deconfig" and given_up):
            _take_off(link, former)
            leases.write(path, Lease(pid=os.getppid(), released=former.released))
            if former.address:
                why = "given back" if former.released else "refused by its server" if event == "nak" else "ended"
                state_file.note(f"lease of {former.address} for {told[NAME]} {why}", "DHCP")
    return 0


def _bound(link: LeasedAddresses, former: Lease, path: str, told: Mapping[str, str]) -> int:
    now = time.time()
    seconds = min(int(told.get("lease") or _PATIENCE), _LONGEST)
    lease = Lease(
        pid=os.getppid(),
        address=f"{told['ip']}/{told.get('mask') or 32}",
        since=former.since if former.holds else now,
        until=now + seconds,
        server=told.get("serverid", ""),
        router=(told.get("router", "").split() or [""])[0],
        dns=tuple(told.get("dns", "").split()),
        domain=told.get("domain", ""),
    )
    try:
        if former.address and former.address != lease.address:
            _take_off(link, former)
            former = Lease()
        link.set(lease.address, seconds)
        wanted = _routes(told, lease.router)
        for route in former.routes:
            if route not in wanted:
                link.remove_route(*route)
        there = [route for route in wanted if link.add_route(*route) or route in former.routes]
        leases.write(path, replace(lease, routes=tuple(there)))
    except (PipefitterError, OSError) as error:
        state_file.note(f"lease of {lease.address} for {told[NAME]} could not be set: {error}", "DHCP")
        return 1
    if former.address != lease.address:
        state_file.note(f"lease of {lease.address} for {told[NAME]}", f"DHCP server {lease.server or 'unknown'}")
        for destination, gateway in wanted:
            if (destination, gateway) not in there:
                left = f"route {destination} via {gateway} of the lease for {told[NAME]} is left out: "
                state_file.note(f"{left}another is there", "DHCP")
    return 0


def _routes(told: Mapping[str, str], router: str) -> list[tuple[str, str]]:
    """Return destinations and gateways; where there are classless ones, the router is none (RFC 3442)."""
    default = DEFAULT[IPV4]
    words = told.get("staticroutes", "").split()
    found = list(zip(words[::2], words[1::2])) if words else [(default, router)] if router else []
    found = [(destination if "/" in destination else f"{destination}/32", gateway) for destination, gateway in found]
    return [route for route in found if route[0] != default] if told.get(GATEWAY) else found


def _take_off(link: LeasedAddresses, lease: Lease) -> None:
    for route in lease.routes:
        link.remove_route(*route)
    if lease.address:
        link.remove(lease.address)
