# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, for a person to read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from . import docker_engine, openvswitch, rebooting
from .errors import LabError
from .layout import Layout
from .processes import Process
from .record import PowerState, Record
from .spec import Spec


def lines(layout: Layout) -> Iterator[str]:
    """One line for the lab, one for each host; LabError where it is not in order."""
    record = Record.load(layout)
    if not os.path.isdir(layout.root):
        raise LabError("not up")
    if record is None or not record.ready:
        raise LabError(f"being started; if not, remove it with 'lab down{layout.option}'")
    if not record.init.alive:
        raise LabError(f"died, remove it with 'lab down{layout.option}'")
    spec = Spec.load(layout)
    yield f"{layout.name}: up, init {record.init.pid}, LAN {spec.subnet} and {spec.lan_ipv6}/64, files {layout.root}"
    record.find_booted(layout)
    for host, process in record.hosts.items():
        state = _state(layout, host, process, host in spec.systemd)
        yield f"  {host}  {spec.address(host):15}  {spec.ipv6(host):20}  init {process.pid}  {state}"


def _state(layout: Layout, host: str, process: Process, systemd: bool) -> str:
    if process.alive:
        return f"systemd {rebooting.state(process)}, {_services(process)}" if systemd else _services(process)
    power = PowerState.load(layout, host)
    if power is None:
        return "died"
    return power.why or "boots"


def _services(host: Process) -> str:
    root = f"/proc/{host.pid}/root"
    services = []
    api = docker_engine.Api(root + docker_engine.SOCKET)
    if api.answers():
        running = len(json.loads(api.request("GET", "/containers/json")))
        services.append(f"Docker ({running} container{'' if running == 1 else 's'})")
    if os.path.exists(f"{root}{openvswitch.RUN}/db.sock"):
        services.append("Open vSwitch")
    return ", ".join(services) or "no services but SSH"
