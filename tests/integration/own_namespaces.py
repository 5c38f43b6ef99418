# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a test in network and mount namespaces of its own, with a private /run. Needs root.

Namespaces belong to threads, so a test moves into them in a thread: assertions
and fixtures work as ever, everything it starts is in there, and the namespaces
go when the thread and the processes have ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces needs root")

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def in_own_namespaces(test):
    """Run a test function inside; ``/run`` is empty there, and with it the xtables lock is its own."""

    @functools.wraps(test)
    def inside(*arguments, **named):
        with ThreadPoolExecutor(1, initializer=_unshare) as thread:
            return thread.submit(test, *arguments, **named).result(timeout=60)

    return inside


def _unshare():
    _checked(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET))
    _checked(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    _checked(_libc.mount(b"none", b"/run", b"tmpfs", 0, None))
    run("ip link set lo up")


def _checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def run(command, *, text=None):
    """Run a command, by its words, and return its output."""
    argv = command.split() if isinstance(command, str) else command
    done = subprocess.run(argv, input=text, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def in_network(name):
    """Enter a namespace made by ``ip netns add``; sockets opened in it stay there."""
    with open("/proc/thread-self/ns/net", "rb") as back, open(f"/run/netns/{name}", "rb") as there:
        _checked(_libc.setns(there.fileno(), _CLONE_NEWNET))
        try:
            yield
        finally:
            _checked(_libc.setns(back.fileno(), _CLONE_NEWNET))


def guest(name, bridge, address, gateway):
    """A namespace with ``eth0`` on ``bridge``; on no bridge if that is None, and ``gateway`` on our end then."""
    prefix = "/64" if ":" in address else "/24"
    run(f"ip netns add {name}")
    run(f"ip link add v{name} type veth peer name eth0 netns {name}")
    run(["ip", "link", "set", f"v{name}", *(["master", bridge] if bridge else []), "up"])
    if bridge is None:
        run(f"ip address add {gateway}{prefix} dev v{name} nodad")
    for command in ("link set lo up", "link set eth0 up", f"address add {address}{prefix} dev eth0 nodad"):
        run(f"ip -n {name} {command}")
    run(f"ip -n {name} route add default via {gateway}")


def udp(network, address="", *, port=0, family=socket.AF_INET):
    """A UDP socket in a namespace (None: this one)."""
    with in_network(network) if network else contextlib.nullcontext():
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.settimeout(2)
        opened.bind((address or ("::" if family == socket.AF_INET6 else "0.0.0.0"), port))
        return opened


def seen_source(sender, receiver, destination):
    """The source address that the receiver sees; None where nothing arrives."""
    sender.sendto(b"?", (destination, receiver.getsockname()[1]))
    try:
        return receiver.recvfrom(16)[1][0]
    except socket.timeout:
        return None
