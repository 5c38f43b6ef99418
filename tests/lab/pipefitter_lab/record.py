# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is running: the processes of a lab, written down by "lab up" and read by everything else."""

from __future__ import annotations

import json
import os

from .errors import LabError
from .layout import Layout, existing_labs
from .processes import Process, children_by_inner_pid


class PowerState:
    """Of a host with systemd, as the lab's init tells it."""

    def __init__(self, changes: int, pid: int | None, why: str) -> None:
        self.changes = changes  # how often it was switched on, or off
        self.pid = pid  # of its init, in the lab's PID namespace; None where it is off
        self.why = why

    def save(self, layout: Layout, host: str) -> None:
        _replace(layout.power(host), [self.changes, self.pid, self.why])

    @classmethod
    def load(cls, layout: Layout, host: str) -> PowerState | None:
        """None where the host is one without systemd."""
        try:
            with open(layout.power(host), encoding="utf-8") as file:
                return cls(*json.load(file))
        except FileNotFoundError:
            return None


def _replace(path: str, content: object) -> None:
    unfinished = f"{path}.{os.getpid()}"  # "lab exec" may save, and several may run at once
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(unfinished, path)


class Record:
    """The init processes of a lab, PIDs as the machine sees them."""

    def __init__(self, init: Process, hosts: dict[str, Process], ready: bool) -> None:
        self.init = init
        self.hosts = hosts
        self.ready = ready

    @property
    def processes(self) -> list[Process]:
        return [self.init, *self.hosts.values()]

    def find_booted(self, layout: Layout) -> None:
        """Look for the new init of each host whose init has ended: one with systemd may have rebooted."""
        ended = [host for host, process in self.hosts.items() if not process.alive]
        powers = {host: PowerState.load(layout, host) for host in ended}
        pids = {host: power.pid for host, power in powers.items() if power is not None}
        if pids and self.init.alive:
            children = children_by_inner_pid(self.init)
            found = {host: children[pid] for host, pid in pids.items() if pid in children}
            if found:
                self.hosts.update(found)
                self.save(layout)

    def save(self, layout: Layout) -> None:
        content = {
            "init": [self.init.pid, self.init.started],
            "hosts": {name: [process.pid, process.started] for name, process in self.hosts.items()},
            "ready": self.ready,
        }
        _replace(layout.record, content)

    @classmethod
    def load(cls, layout: Layout) -> Record | None:
        try:
            with open(layout.record, encoding="ascii") as file:
                content = json.load(file)
        except FileNotFoundError:
            return None
        except PermissionError:
            raise LabError("labs belong to root: run this as root") from None
        hosts = {name: Process(*process) for name, process in content["hosts"].items()}
        return cls(Process(*content["init"]), hosts, content["ready"])


def running(layout: Layout) -> Record:
    """The record of a lab that is up; LabError where it is not."""
    record = Record.load(layout)
    if record is None or not record.ready:
        others = [name for name in existing_labs() if name != layout.name and _is_up(Layout(name))]
        advice = (
            f"up are: {', '.join(others)}; name one with --name" if others else f"start it with 'lab up{layout.option}'"
        )
        raise LabError(f"no lab named {layout.name} is up: {advice}")
    if not record.init.alive:
        raise LabError(f"the lab {layout.name} has died: remove it with 'lab down{layout.option}'")
    return record


def _is_up(layout: Layout) -> bool:
    record = Record.load(layout)
    return record is not None and record.ready and record.init.alive


def running_host(layout: Layout, host: str) -> Process:
    record = running(layout)
    try:
        process = record.hosts[host]
    except KeyError:
        raise LabError(f"the lab {layout.name} has no {host}, only {', '.join(record.hosts)}") from None
    if not process.alive:
        record.find_booted(layout)
        process = record.hosts[host]
    if not process.alive:
        power = PowerState.load(layout, host)
        if power is not None:
            what = "boots just now" if power.pid else f"{power.why}, 'lab reboot{layout.option} {host}' switches it on"
            raise LabError(f"{host} of the lab {layout.name} {what}")
        raise LabError(f"{host} of the lab {layout.name} has died: see {layout.log}, then 'lab down' and 'lab up'")
    return process
