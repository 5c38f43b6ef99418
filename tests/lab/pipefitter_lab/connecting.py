# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the machine's ordinary network namespace to a port on the LAN: the proxy for ssh."""

from __future__ import annotations

import array
import os
import socket
import sys
import threading

from . import syscalls
from .errors import LabError
from .layout import Layout
from .record import running
from .spec import Spec


def _connect(layout: Layout, host: str, port: int) -> socket.socket:
    """A connection to `host` (a name such as hosta, or an address) that was opened in the LAN's network namespace."""
    pid = running(layout).init.pid
    spec = Spec.load(layout)
    address = spec.address(host) if host in spec.host_names else host
    syscalls.setns(f"/proc/{pid}/ns/net")
    try:
        connection = socket.create_connection((address, port), timeout=10)
    except OSError as error:
        raise LabError(f"{host} port {port}: {error}") from None
    connection.settimeout(None)
    return connection


def pass_socket(layout: Layout, host: str, port: int) -> None:
    """Connect, and hand the socket over stdout to ssh (its ProxyUseFdpass)."""
    connection = _connect(layout, host, port)
    with socket.socket(fileno=os.dup(sys.stdout.fileno())) as ssh:
        rights = array.array("i", [connection.fileno()])
        ssh.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def relay(layout: Layout, host: str, port: int) -> None:
    """Connect, and carry stdin there and what comes back to stdout, until the other end closes."""
    connection = _connect(layout, host, port)

    def send() -> None:
        while data := os.read(0, 65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := connection.recv(65536):
        while data:
            data = data[os.write(1, data) :]
