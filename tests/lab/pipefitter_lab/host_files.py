# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system a host sees: the machine's, with everything the host writes kept apart.

An overlay of / itself is refused by the kernel, as its upper directory would lie inside its lower
one; so the directories at the top are overlaid one by one.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid

from . import syscalls, systemd_kernel
from .layout import ROOT, Layout
from .spec import Spec

OVERLAID = ("etc", "home", "opt", "root", "srv", "tmp", "usr", "var")

# Plain folders on the machine's disk instead of overlays: overlays do not stack upon overlays for
# Docker's and Podman's own use of them, and Open vSwitch's database wants real locks.
ON_DISK = ("/var/lib/docker", "/var/lib/containers", "/var/lib/openvswitch")

# Directories of / that a host gets in another way, or sees read-only.
_NOT_SHARED = {"dev", "proc", "run", "sys", "boot", "lost+found", "media", "mnt", os.path.basename(ROOT), *OVERLAID}


def prepare(layout: Layout, host: str) -> None:
    """Make the folders that `assemble` mounts, on the machine."""
    for directory in OVERLAID:
        upper = layout.overlay(host, directory)
        os.makedirs(upper, exist_ok=True)
        _copy_mode(f"/{directory}", upper)  # what the host sees as the mode of /root or /tmp
        os.makedirs(os.path.join(os.path.dirname(upper), "work"))
    for path in ON_DISK:
        os.makedirs(_disk_folder(layout, host, path), mode=0o711)
    os.makedirs(f"{layout.host(host)}/sys")
    os.makedirs(f"{layout.host(host)}/dev")


def make_upper_folder(layout: Layout, host: str, path: str) -> str:
    """Make absolute `path` in what the host has written, with the modes of the folders it hides; its place there."""
    directory, *rest = path.strip("/").split("/")
    place, seen = layout.overlay(host, directory), f"/{directory}"
    for part in rest:
        place, seen = f"{place}/{part}", f"{seen}/{part}"
        os.makedirs(place, exist_ok=True)
        if os.path.isdir(seen):
            _copy_mode(seen, place)
    return place


def _copy_mode(source: str, target: str) -> None:
    status = os.stat(source)
    os.chmod(target, status.st_mode & 0o7777)
    os.chown(target, status.st_uid, status.st_gid)


def _disk_folder(layout: Layout, host: str, path: str) -> str:
    return os.path.join(layout.host(host), "disk", path.strip("/").replace("/", "-"))


def forget_foreign_mounts() -> None:
    """Unmount what the overlays would cover anyway, and control groups at unusual places.

    runc takes the first mounted hierarchy it finds in mountinfo, even one that is covered or that
    somebody bound elsewhere. Called in the lab's own mount namespace; the machine keeps its mounts.
    """
    for point, kind in syscalls.mounts():
        covered = any(point.startswith(f"/{directory}/") for directory in OVERLAID)
        if covered or (kind.startswith("cgroup") and not f"{point}/".startswith("/sys/fs/cgroup/")):
            try:
                syscalls.unmount(point)
            except OSError as error:
                if error.errno != errno.EINVAL:  # it went away with the one above it
                    raise


def assemble(layout: Layout, host: str, systemd: bool = False) -> None:
    """Mount the host's file system; called in its own mount and network namespaces, as its PID 1."""
    syscalls.make_mounts_private()
    for directory in OVERLAID:
        upper = layout.overlay(host, directory)
        work = os.path.join(os.path.dirname(upper), "work")
        # volatile: no fsync reaches the disk; the overlay does not outlive the lab anyway. The kernel leaves a mark
        # against using it a second time after a crash; that of a host alone loses nothing, as the kernel goes on.
        shutil.rmtree(f"{work}/work/incompat", ignore_errors=True)
        options = f"lowerdir=/{directory},upperdir={upper},workdir={work},volatile"
        syscalls.mount("overlay", f"/{directory}", "overlay", options=options)
    for path in ON_DISK:
        os.makedirs(path, exist_ok=True)
        syscalls.bind(_disk_folder(layout, host, path), path)
    if systemd:
        systemd_kernel.mount_sys(f"{layout.host(host)}/sys")
        systemd_kernel.mount_dev(f"{layout.host(host)}/dev")
    else:
        _mount_sys(f"{layout.host(host)}/sys")
    syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    if systemd:
        systemd_kernel.guard_proc(layout.boot_id(host))
    syscalls.mount("tmpfs", "/dev/shm", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=1777")
    syscalls.mount("devpts", "/dev/pts", "devpts", syscalls.MS_NOSUID, "newinstance,ptmxmode=0666,mode=0620,gid=5")
    if os.path.exists("/dev/ptmx") and not os.path.islink("/dev/ptmx"):
        syscalls.bind("/dev/pts/ptmx", "/dev/ptmx")
    syscalls.mount("tmpfs", "/run", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=0755")
    os.makedirs("/run/lock", exist_ok=True)
    os.chmod("/run/lock", 0o1777)
    _share_the_rest()
    syscalls.mount("none", "/", flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)


def hide_other_hosts() -> None:
    """The other hosts' files and the lab's keys are no part of this host."""
    syscalls.mount("tmpfs", ROOT, "tmpfs", syscalls.MS_RDONLY, "size=4k,mode=0700")


def _mount_sys(staging: str) -> None:
    """/sys of this network namespace, with the machine's control groups in it.

    Binding less than the whole of the groups breaks runc, which looks for /proc/self/cgroup's paths there.
    """
    syscalls.mount("sysfs", staging, "sysfs", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    syscalls.bind("/sys/fs/cgroup", f"{staging}/fs/cgroup", recursive=True)
    # crun, Podman's runtime, refuses v1 with a v2 hierarchy beside it.
    if os.path.exists(f"{staging}/fs/cgroup/unified/cgroup.procs"):
        syscalls.unmount(f"{staging}/fs/cgroup/unified")
    syscalls.unmount("/sys")
    syscalls.mount(staging, "/sys", flags=syscalls.MS_MOVE)


def _share_the_rest() -> None:
    """What else lies at the top, such as a folder with the working tree, stays the machine's own, live and writable."""
    for entry in os.scandir("/"):
        if entry.is_dir(follow_symlinks=False) and entry.name not in _NOT_SHARED:
            syscalls.bind(entry.path, entry.path, recursive=True)


def write_identity(spec: Spec, host: str) -> None:
    """Name, peers and name server in /etc; called in the host."""
    addresses = [f"{spec.lan_address} lan", f"{spec.lan_ipv6} lan"]
    for name in spec.host_names:
        addresses += [f"{spec.address(name)} {name}", f"{spec.ipv6(name)} {name}"]
    _replace("/etc/hostname", f"{host}\n")
    _replace("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n" + "\n".join(addresses) + "\n")
    # Nothing answers there unless a test starts something; a refusal comes at once, a timeout would not.
    _replace("/etc/resolv.conf", f"nameserver {spec.lan_address}\noptions timeout:1 attempts:1\n")
    _replace("/etc/machine-id", f"{uuid.uuid4().hex}\n")
    # What the machine's own root has there runs before every command that comes by SSH. pyenv's waits up to a minute
    # for a lock that it saw on the machine, as a file that goes from under an overlay stays.
    _replace("/root/.bashrc", "")


def _replace(path: str, content: str) -> None:
    if os.path.islink(path):  # resolv.conf often points into the machine's /run
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
