# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for a container's interface, as ``pipefitter wait`` does. Private to the collection."""

from __future__ import annotations

import sys
import time

from ..errors import PipefitterError
from ..host.machine import Machine
from ..model.attachment import container as container_target
from ..observe.containers import pin_targets

_PAUSE = 0.05


def wait(container: str, interface: str, timeout: float) -> int:
    """Return 0 once the interface is up and has an address, 1 when that didn't come within ``timeout`` seconds.

    :raises PipefitterError: no such container can be.
    """
    target = container_target("--container", container)
    deadline = time.monotonic() + timeout
    missing = ""
    while True:
        with Machine() as machine:
            netns = pin_targets(machine, {target}, must_run=True, patience=0, may_come=True)[0][target][0]
            missing = _missing(machine, netns, interface) if netns is not None else f"{target} is not running"
        if not missing:
            return 0
        if time.monotonic() > deadline:
            print(f"pipefitter: timed out after {timeout:g} s waiting: {missing}", file=sys.stderr)
            return 1
        time.sleep(_PAUSE)


def _missing(machine: Machine, netns: str, interface: str) -> str:
    """Return what the interface lacks yet, '' when nothing."""
    try:
        netlink = machine.netlink(netns)
        link = netlink.links().get(interface)
        if link is None:
            return f"{netns} has no {interface}"
        if not link.up:
            return f"{interface} of {netns} is down"
        if not netlink.addresses([link], leased=True)[interface]:
            return f"{interface} of {netns} has no address"
    except PipefitterError as error:
        return str(error)
    return ""
