# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is running: the processes of a lab, written down by "lab up" and read by everything else."""

from __future__ import annotations

import json
import os

from .errors import LabError
from .layout import Layout, existing_labs
from .processes import Process


class Record:
    """The init processes of a lab, PIDs as the machine sees them."""

    def __init__(self, init: Process, hosts: dict[str, Process], ready: bool) -> None:
        self.init = init
        self.hosts = hosts
        self.ready = ready

    @property
    def processes(self) -> list[Process]:
        return [self.init, *self.hosts.values()]

    def save(self, layout: Layout) -> None:
        content = {
            "init": [self.init.pid, self.init.started],
            "hosts": {name: [process.pid, process.started] for name, process in self.hosts.items()},
            "ready": self.ready,
        }
        with open(layout.record + ".new", "w", encoding="ascii") as file:
            json.dump(content, file)
        os.replace(layout.record + ".new", layout.record)

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
        raise LabError(f"{host} of the lab {layout.name} has died: see {layout.log}, then 'lab down' and 'lab up'")
    return process
