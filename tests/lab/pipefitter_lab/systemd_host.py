# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose PID 1 is systemd: which units it has, and how its init becomes it. Called in the host."""

from __future__ import annotations

import os
import shutil
import signal
import sys

from . import systemd_kernel
from .commands import run
from .environment import ROOT_LOGIN
from .spec import Spec

PROGRAM = "/lib/systemd/systemd"
_UNITS = "/etc/systemd/system"
_STUBS = "/usr/local/lib/pipefitter-lab"

# Units that Debian's packages start on their own, by a link in /lib/systemd/system.
_MASKED = [
    # There are no devices of the host's own, so no udev and nothing that belongs to one.
    *("systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket"),
    *("systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-tmpfiles-setup-dev.service"),
    *("systemd-random-seed.service", "systemd-pstore.service", "systemd-repart.service"),
    # There are no terminals. logind stays: "shutdown -r", and with it Ansible's module reboot, asks it.
    *("getty.target", "getty-static.service", "getty@.service", "console-getty.service"),
    *("systemd-ask-password-console.path", "systemd-ask-password-wall.path"),
    # The kernel, its modules and what is mounted of it are the machine's.
    *("systemd-modules-load.service", "kmod-static-nodes.service", "modprobe@.service", "systemd-binfmt.service"),
    *("proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount", "systemd-journald-audit.socket"),
    *("sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount"),
    *("dev-mqueue.mount", "sys-fs-fuse-connections.mount", "systemd-remount-fs.service", "systemd-timesyncd.service"),
    # Would wait two minutes for links that networkd does not manage, and Docker would wait for it.
    "systemd-networkd-wait-online.service",
    # Work on a disk or on packages, at a time when a test runs.
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("man-db.timer", "systemd-tmpfiles-clean.timer", "packagekit-offline-update.service"),
]

_STRAYS_UNIT = "lab-strays.service"
_STRAYS = """\
# Written by the test lab. What "lab exec" runs has its parent, an nsenter, outside of this PID namespace. systemd's
# last step stops all processes for a moment; nsenter takes that for Ctrl-Z, stops too, and never takes note of its
# child's end, for which the kernel waits. So such processes go before that.
[Unit]
Description=Ends at shutdown what entered this host from outside

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=-/usr/bin/pkill --signal KILL --parent 0

[Install]
WantedBy=multi-user.target
"""
_MANAGER = """\
# Written by the test lab.
[Manager]
# What ignores SIGTERM would hold a reboot up for 90 s. Docker itself gives its containers 10 s.
DefaultTimeoutStopSec=30s
"""
_JOURNAL = """\
# Written by the test lab. Kept, so that "journalctl --boot=-1" shows what was before a reboot.
[Journal]
Storage=persistent
SystemMaxUse=64M
"""
_TMP = """\
# Written by the test lab. Debian's own line empties /tmp at each boot; here the machine's lies below it.
d /tmp 1777 root root -
"""
_SWITCH = f"""\
# Written by the test lab. ovs-ctl wants to load the kernel's datapath; where the machine has none, bridges have
# datapath_type=netdev, and the switch runs without.
[Service]
Environment=PATH={_STUBS}:{ROOT_LOGIN["PATH"]}
"""


def configure(spec: Spec, host: str) -> None:
    """Write the host's units and settings, before its first boot."""
    # What is enabled on the machine is somebody's choice for the machine.
    shutil.rmtree(_UNITS)
    os.mkdir(_UNITS)
    for unit in _MASKED:
        os.symlink(os.devnull, f"{_UNITS}/{unit}")
    os.symlink("/lib/systemd/system/multi-user.target", f"{_UNITS}/default.target")
    _mask_generators()
    _write("/etc/fstab", "")
    _write("/etc/systemd/system.conf.d/lab.conf", _MANAGER)
    _write("/etc/systemd/journald.conf.d/lab.conf", _JOURNAL)
    _write("/etc/tmpfiles.d/tmp.conf", _TMP)
    _write(f"{_UNITS}/{_STRAYS_UNIT}", _STRAYS)
    units = ["ssh.service", _STRAYS_UNIT]
    if spec.docker:
        units += ["containerd.service", "docker.socket", "docker.service"]
    if spec.openvswitch:
        units += ["openvswitch-switch.service"]
        _configure_switch(host)
    if shutil.which("podman", path=ROOT_LOGIN["PATH"]):
        units += ["podman.socket", "podman-restart.service"]
    run(["systemctl", "--root=/", "--quiet", "enable", *units])


def _mask_generators() -> None:
    """Those that make units of what the machine has in /etc/init.d or of a package's own, and of terminals."""
    folder = "/etc/systemd/system-generators"
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir("/lib/systemd/system-generators"):
        if not name.startswith("systemd-") or name in ("systemd-sysv-generator", "systemd-getty-generator"):
            os.symlink(os.devnull, f"{folder}/{name}")


def _configure_switch(host: str) -> None:
    _write(f"{_UNITS}/ovs-vswitchd.service.d/lab.conf", _SWITCH)
    _write(f"{_STUBS}/modprobe", "#!/bin/sh\n# Of the test lab: says that it has loaded what is not there.\n", 0o755)
    _write("/etc/openvswitch/system-id.conf", f"{host}\n")


def _write(path: str, content: str, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(path, mode)


def become() -> None:
    """Go on as systemd."""
    systemd_kernel.share_mounts()
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    sys.stdout.flush()
    sys.stderr.flush()
    # The word says which control groups: v1, and v2 only where it is mounted already.
    words = [PROGRAM, "--system", "systemd.legacy_systemd_cgroup_controller=1"]
    os.execve(PROGRAM, words, {"container": "lab", "LANG": ROOT_LOGIN["LANG"], "PATH": ROOT_LOGIN["PATH"]})
