# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in a host, and on the LAN.

"lab exec" runs a thousand times in a test suite: what this file and those above it import counts in milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .environment import LAB_VARIABLE, OF_THE_MACHINE, ROOT_LOGIN
from .errors import LabError
from .layout import Layout
from .record import running, running_host


def nsenter(pid: int) -> list[str]:
    """The command that enters every namespace of the host whose init is `pid`."""
    return ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]


def host_environment(layout: Layout) -> dict[str, str]:
    """The caller's environment with what a root login on the host has."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_THE_MACHINE}
    return {**kept, **ROOT_LOGIN, LAB_VARIABLE: layout.root}


def command(layout: Layout, host: str) -> tuple[list[str], dict[str, str]]:
    """The words to put before a command that is to run in `host`, and the environment for all of it."""
    host_init = running_host(layout, host)
    # nsenter stays as the parent outside the PID namespace; the command must not survive when only that one is
    # killed, as by a caller's timeout. What the command itself left in the background does survive.
    words = [*nsenter(host_init.pid), "--", "setpriv", "--pdeathsig", "KILL", "--"]
    return words, host_environment(layout)


def execute(layout: Layout, host: str, words: Sequence[str]) -> None:
    """Become the command `words` in `host`."""
    before, environment = command(layout, host)
    sys.stdout.flush()
    os.execvpe(before[0], [*before, *words], environment)


def lan_command(layout: Layout) -> list[str]:
    """The words to put before a command that is to run on the LAN, for one that does not look into /sys."""
    return ["nsenter", f"--net=/proc/{running(layout).init.pid}/ns/net", "--"]


def run_on_lan(layout: Layout, command: Sequence[str]) -> None:
    """Become `command` in the LAN's network namespace, with the machine's files and processes as they are."""
    from . import syscalls

    syscalls.setns(f"/proc/{running(layout).init.pid}/ns/net")
    # /sys shows the interfaces of the network namespace that mounted it.
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.make_mounts_private()
    syscalls.mount("sysfs", "/sys", "sysfs")
    sys.stdout.flush()
    try:
        os.execvpe(command[0], list(command), {**os.environ, LAB_VARIABLE: layout.root})
    except OSError as error:
        raise LabError(f"{command[0]}: {error.strerror}") from None
