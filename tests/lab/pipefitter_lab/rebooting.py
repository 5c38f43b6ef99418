# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with systemd from outside: wait until one has booted, reboot it."""

from __future__ import annotations

import os
import signal
import subprocess

from . import cgroups, entering
from .environment import ROOT_LOGIN
from .errors import LabError
from .layout import Layout
from .processes import Process, wait_until
from .record import PowerState, running, running_host
from .spec import Spec

TIMEOUT = 180.0  # seconds; 1 to 3 are usual for a boot, a container that has to be stopped adds its own


def wait_booted(layout: Layout, host: str, process: Process) -> str:
    """Wait until systemd, which is `process`, has started what it starts at boot; in words, how that went."""
    manager = f"/proc/{process.pid}/root/run/systemd/private"  # where systemctl asks it
    if not wait_until(lambda: os.path.exists(manager) or not process.alive, TIMEOUT) or not process.alive:
        raise LabError(f"{host}: systemd does not start, or ended at once: see {layout.log}")
    state = _systemctl(process, "is-system-running", "--wait")
    if state == "running":
        return "is running"
    if state == "degraded":
        return f"is degraded, these units failed: {', '.join(failed_units(process))}"
    raise LabError(f"{host} did not boot, systemctl is-system-running says {state or 'nothing'}")


def failed_units(process: Process) -> list[str]:
    lines = _systemctl(process, "list-units", "--failed", "--plain", "--no-legend").splitlines()
    return [line.split()[0] for line in lines]


def state(process: Process) -> str:
    return _systemctl(process, "is-system-running")


def _systemctl(process: Process, *words: str) -> str:
    command = [*entering.nsenter(process.pid), "systemctl", *words]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env=ROOT_LOGIN,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"systemctl {' '.join(words)}: no end after {TIMEOUT:.0f} s") from None
    return done.stdout.strip()


def reboot(layout: Layout, host: str, reset: bool) -> str:
    """Reboot `host`, or switch it on where it is off; in words, how its boot went."""
    lab = running(layout)
    if host not in Spec.load(layout).systemd:
        if host in lab.hosts:
            raise LabError(f"{host} has no systemd that could boot it: 'lab up --systemd {host}' starts it with one")
        raise LabError(f"the lab {layout.name} has no {host}, only {', '.join(lab.hosts)}")
    before = _power(layout, host)
    if before.pid is None:
        os.kill(lab.init.pid, signal.SIGUSR1)
    else:
        _end(layout, host, running_host(layout, host), reset)
    if not wait_until(lambda: _power(layout, host).changes > before.changes, TIMEOUT):
        raise LabError(f"{host} is not switched on again after {TIMEOUT:.0f} s: see {layout.log}")
    return wait_booted(layout, host, running_host(layout, host))


def _power(layout: Layout, host: str) -> PowerState:
    power = PowerState.load(layout, host)
    assert power is not None  # it has systemd
    return power


def _end(layout: Layout, host: str, process: Process, reset: bool) -> None:
    if reset:
        cgroups.thaw(layout.name, host)
        if not process.kill():
            raise LabError(f"{host} does not end: /proc/{process.pid}/stack says what its init waits for")
    elif not process.kill(TIMEOUT, signal.SIGRTMIN + 5):  # systemd(1): starts reboot.target
        raise LabError(
            f"{host} does not go down within {TIMEOUT:.0f} s: try 'lab reboot --reset{layout.option} {host}'"
        )
