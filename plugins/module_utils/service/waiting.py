# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for a container's interface, as ``pipefitter wait`` does. Private to the collection."""

from __future__ import annotations

import time

from ..errors import PipefitterError
from ..host.machine import Machine
from ..model.addresses import is_link_local
from ..model.attachment import container as container_target
from ..observe.containers import pin_targets
from ..state.network import names_by_index
from .output import complain

_PAUSE = 0.05


def wait(container: str, interface: str, timeout: float, route: bool = False) -> int:
    """Return 0 once the interface can be used, 1 when that didn't come within ``timeout`` seconds.

    It is up, has a carrier, and an address that others than its neighbours can reach, and none is tentative. With
    ``route``, there is a default route too.

    :raises PipefitterError: no such container can be.
    """
    target = container_target("--container", container)
    deadline = time.monotonic() + timeout
    missing = ""
    while True:
        with Machine() as machine:
            netns = pin_targets(machine, {target}, must_run=True, patience=0, may_come=True)[0][target][0]
            missing = _missing(machine, netns, interface, route) if netns is not None else f"{target} is not running"
        if not missing:
            return 0
        if time.monotonic() > deadline:
            complain(f"pipefitter: timed out after {timeout:g} s waiting: {missing}")
            return 1
        time.sleep(_PAUSE)


def _missing(machine: Machine, netns: str, interface: str, route: bool) -> str:
    """Return what the interface lacks yet, '' when nothing."""
    try:
        netlink = machine.netlink(netns)
        links = netlink.links()
        link = links.get(interface)
        if link is None:
            return f"{netns} has no {interface}"
        if not link.up:
            return f"{interface} of {netns} is down"
        if not link.carrier:
            return f"{interface} of {netns} has no carrier"
        held = netlink.addresses([link], leased=True)[interface]
        if all(is_link_local(address) for address in held):
            return f"{interface} of {netns} has no address"
        for address in netlink.tentative_addresses(link):
            return (
                f"{address} on {interface} of {netns} is tentative: another may have it (duplicate address detection)"
            )
        if route and not any(entry.is_default for entry in netlink.routes(names_by_index(links))):
            return f"{netns} has no default route"
    except PipefitterError as error:
        return str(error)
    return ""
