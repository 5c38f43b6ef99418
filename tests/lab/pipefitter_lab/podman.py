# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's Podman: no daemon, only settings that let it run without control groups of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import busybox_image
from .commands import run

_CONTAINERS_CONF = """\
# Written by the test lab.
[containers]
# The machine's control groups are Docker's here.
cgroups = "disabled"
# Podman's own list plus NET_RAW, without which ping fails.
default_capabilities = [
  "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP",
  "SETUID", "SYS_CHROOT",
]

[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def configure() -> None:
    os.makedirs("/etc/containers", exist_ok=True)
    os.makedirs("/run/podman", mode=0o700, exist_ok=True)
    with open("/etc/containers/containers.conf", "w", encoding="utf-8") as file:
        file.write(_CONTAINERS_CONF)


def import_image(tar: str, enter: Sequence[str] = ()) -> None:
    """Give Podman the lab's image: in this host, or in the one that the command `enter` enters."""
    name = f"{busybox_image.NAME}:{busybox_image.TAG}"
    run([*enter, "podman", "import", "--quiet", "--change", "CMD=sh", tar, name], timeout=60)
