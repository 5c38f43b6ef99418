# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control groups under which the hosts' containers run.

Docker needs the whole hierarchy to be visible, so a host sees the machine's; what keeps hosts apart
is that each daemon has a parent group of its own, /lab-NAME/HOST. A host with systemd is in that group as a whole,
and by its cgroup namespace sees it as the root of the hierarchy.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator

from .processes import wait_until

MOUNT = "/sys/fs/cgroup"
_SHARES = str(32 * 1024)  # on a busy machine, as much as 32 processes get


def parent_of(lab: str, host: str) -> str:
    return f"/lab-{lab}/{host}"


def hierarchies() -> list[str]:
    """The root of each mounted hierarchy: one for v2, one for each controller for v1."""
    if os.path.exists(f"{MOUNT}/cgroup.controllers"):
        return [MOUNT]
    try:
        names = sorted(entry.name for entry in os.scandir(MOUNT) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    return [f"{MOUNT}/{name}" for name in names if os.path.exists(f"{MOUNT}/{name}/cgroup.procs")]


def create(lab: str, hosts: list[str], systemd: Collection[str]) -> None:
    """Make the groups of `hosts`; those in `systemd` hand their controllers down themselves."""
    for root in hierarchies():
        _make(root, f"lab-{lab}")
        # To the scheduler a group is one process, however many are in it; all those of a host with systemd are.
        shares = f"{root}/lab-{lab}/cpu.shares"
        if systemd and os.path.exists(shares):
            _write(shares, _SHARES)
        for host in hosts:
            _make(f"{root}/lab-{lab}", host, hand_down=host not in systemd)


def renew(lab: str, host: str) -> list[str]:
    """Make the groups of a host with systemd as they were before it booted; their folders."""
    remove(lab, host)
    create(lab, [host], [host])
    return of_host(lab, host)


def of_host(lab: str, host: str) -> list[str]:
    return [f"{root}{parent_of(lab, host)}" for root in hierarchies()]


def _make(parent: str, name: str, hand_down: bool = True) -> None:
    path = f"{parent}/{name}"
    os.makedirs(path, exist_ok=True)
    # A new v1 cpuset is empty, and nothing can run in an empty one.
    for file in ("cpuset.cpus", "cpuset.mems"):
        if os.path.exists(f"{path}/{file}") and not os.path.exists(f"{path}/cgroup.controllers"):
            _write(f"{path}/{file}", _read(f"{parent}/{file}"))
    # v2: controllers are handed down, and a group that does so has no processes
    if hand_down and os.path.exists(f"{MOUNT}/cgroup.controllers"):
        wanted = _read(f"{path}/cgroup.controllers").split()
        _write(f"{path}/cgroup.subtree_control", " ".join(f"+{controller}" for controller in wanted))


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)


def groups(lab: str, host: str = "") -> Iterator[str]:
    """The folders of `lab`, or of one of its hosts; the deepest first."""
    for root in hierarchies():
        top = f"{root}{parent_of(lab, host)}".rstrip("/")
        for folder, _subfolders, _files in os.walk(top, topdown=False):
            yield folder


def thaw(lab: str, host: str = "") -> None:
    """Let what is paused go on: in a frozen v1 group a signal waits, even SIGKILL (v2 ends what is frozen)."""
    for folder in groups(lab, host):
        if os.path.exists(f"{folder}/freezer.state"):
            with contextlib.suppress(OSError):  # gone meanwhile, as a container was that has ended
                _write(f"{folder}/freezer.state", "THAWED")


def remove(lab: str, host: str = "") -> list[str]:
    """Remove the groups of `lab`, or of one of its hosts; those that did not go away."""

    def gone() -> bool:
        for folder in groups(lab, host):
            try:
                os.rmdir(folder)
            except OSError:  # EBUSY until the kernel has buried the last process
                pass
        return not any(groups(lab, host))

    wait_until(gone, timeout=10)
    return list(groups(lab, host))
