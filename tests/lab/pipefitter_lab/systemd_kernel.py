# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host with systemd sees of the kernel: /sys, /dev and /proc/sys, made so that systemd can't reach the machine.

systemd as PID 1 sets up a computer: it makes device nodes, sets sysctls, mounts control groups. Called in the host's
own mount, network and cgroup namespaces.
"""

from __future__ import annotations

import os
import uuid

from . import cgroups, syscalls

_NOTHING_RUNS = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC

# Not kmsg: what a host's systemd says would stand in the machine's kernel log.
_DEVICES = ("fuse", "full", "net/tun", "null", "random", "tty", "urandom", "zero")
_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "core": "/proc/kcore",
    "ptmx": "pts/ptmx",
}


def mount_sys(staging: str) -> None:
    """/sys of this network namespace with the host's own control groups.

    Read-only, by which systemd's parts know that there is no udev to wait for.
    """
    hierarchies = cgroups.hierarchies()
    links = {entry.name: os.readlink(entry) for entry in os.scandir(cgroups.MOUNT) if entry.is_symlink()}
    syscalls.mount("sysfs", staging, "sysfs", _NOTHING_RUNS)
    # Of this mount alone: a container's own sysfs shares the file system with it.
    syscalls.mount("none", staging, flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | _NOTHING_RUNS)
    _mount_groups(f"{staging}/fs/cgroup", hierarchies, links)
    syscalls.unmount("/sys")
    syscalls.mount(staging, "/sys", flags=syscalls.MS_MOVE)


def _mount_groups(top: str, hierarchies: list[str], links: dict[str, str]) -> None:
    if hierarchies == [cgroups.MOUNT]:
        syscalls.mount("cgroup", top, "cgroup2", _NOTHING_RUNS)
        return
    syscalls.mount("tmpfs", top, "tmpfs", _NOTHING_RUNS, "mode=0755")
    for root in hierarchies:
        name = os.path.basename(root)
        if name == "unified":
            continue
        os.mkdir(f"{top}/{name}")
        if name == "systemd" and f"{cgroups.MOUNT}/unified" in hierarchies:
            # systemd tells by it when a service has ended, which v1 says only to the machine. At the other place
            # where it looks, unified, Podman's crun would see it, and that refuses v1 with a v2 hierarchy beside it.
            syscalls.mount("cgroup", f"{top}/{name}", "cgroup2", _NOTHING_RUNS)
        else:
            options = "none,name=systemd" if name == "systemd" else name
            syscalls.mount("cgroup", f"{top}/{name}", "cgroup", _NOTHING_RUNS, options)
    for name, target in links.items():
        os.symlink(target, f"{top}/{name}")


def mount_dev(staging: str) -> None:
    """/dev of its own, as systemd makes links and sockets there."""
    syscalls.mount("tmpfs", staging, "tmpfs", syscalls.MS_NOSUID, "mode=0755")
    for folder in ("net", "pts", "shm"):
        os.mkdir(f"{staging}/{folder}")
    for name in _DEVICES:
        if os.path.exists(f"/dev/{name}"):
            with open(f"{staging}/{name}", "w", encoding="ascii"):
                pass
            syscalls.bind(f"/dev/{name}", f"{staging}/{name}")
    for name, target in _LINKS.items():
        os.symlink(target, f"{staging}/{name}")
    syscalls.unmount("/dev")
    syscalls.mount(staging, "/dev", flags=syscalls.MS_MOVE)


def guard_proc(boot_id: str) -> None:
    """The settings of the kernel but for the network's are the machine's; `boot_id` is the file with this boot's."""
    with open(boot_id, "w", encoding="ascii") as file:
        file.write(f"{uuid.uuid4()}\n")
    syscalls.bind("/proc/sys", "/proc/sys")
    syscalls.bind("/proc/sys/net", "/proc/sys/net")
    syscalls.bind(boot_id, "/proc/sys/kernel/random/boot_id")
    for path in ("/proc/sys", "/proc/sys/kernel/random/boot_id"):
        syscalls.mount("none", path, flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)


def share_mounts() -> None:
    """As systemd does on a computer: what Docker mounts appears in a service with mounts of its own, too."""
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_SHARED)
