# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that commands of the lab start with."""

from __future__ import annotations

# What a root login on Debian has. The caller's own PATH can hold anything, and means nothing in a host.
ROOT_LOGIN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
}

# Would lead a client in a host to a server outside of it.
OF_THE_MACHINE = ("CONTAINER_HOST", "DOCKER_CONTEXT", "DOCKER_HOST", "OVS_RUNDIR", "XDG_RUNTIME_DIR")

LAB_VARIABLE = "PIPEFITTER_LAB"  # in everything that "lab run" and "lab exec" start: the lab's folder
