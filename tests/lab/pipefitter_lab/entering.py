# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways into a running lab: into a host, into the LAN, and through the LAN to a host's port."""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn, Sequence

from .commands import ENVIRONMENT
from .errors import LabError
from .layout import Layout
from .processes import LAB_VARIABLE
from .record import running, running_host


def nsenter(pid: int) -> list[str]:
    """The command that enters every namespace of the host whose init is `pid`."""
    return ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid"]


def host_environment(layout: Layout) -> dict[str, str]:
    """The caller's environment with what a root login on the host has; the caller's PATH means nothing there."""
    return {**os.environ, **ENVIRONMENT, LAB_VARIABLE: layout.root}


def execute(layout: Layout, host: str, command: Sequence[str]) -> NoReturn:
    """Become `command` in `host`."""
    host_init = running_host(layout, host)
    sys.stdout.flush()
    os.execvpe("nsenter", [*nsenter(host_init.pid), "--", *command], host_environment(layout))


def run_on_lan(layout: Layout, command: Sequence[str]) -> NoReturn:
    """Become `command` in the LAN's network namespace, with the machine's files and processes as they are."""
    from . import syscalls  # ctypes costs the start of "lab exec" more than the rest of it

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


def _connect(layout: Layout, address: str, port: int) -> socket.socket:
    from . import syscalls

    pid = running(layout).init.pid
    syscalls.setns(f"/proc/{pid}/ns/net")
    try:
        return socket.create_connection((address, port), timeout=10)
    except OSError as error:
        raise LabError(f"{address} port {port}: {error}") from None


def pass_socket(layout: Layout, address: str, port: int) -> None:
    """Connect, and hand the socket over stdout to ssh (its ProxyUseFdpass)."""
    import array

    connection = _connect(layout, address, port)
    connection.setblocking(True)
    with socket.socket(fileno=os.dup(sys.stdout.fileno())) as ssh:
        rights = array.array("i", [connection.fileno()])
        ssh.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def relay(layout: Layout, address: str, port: int) -> None:
    """Connect, and carry stdin there and what comes back to stdout, until the other end closes."""
    import threading

    connection = _connect(layout, address, port)
    connection.settimeout(None)

    def send() -> None:
        while True:
            data = os.read(0, 65536)
            if not data:
                connection.shutdown(socket.SHUT_WR)
                return
            connection.sendall(data)

    threading.Thread(target=send, daemon=True).start()
    while True:
        data = connection.recv(65536)
        if not data:
            return
        while data:
            data = data[os.write(1, data) :]
