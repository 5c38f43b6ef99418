# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""ISC dhclient, moved from an interface to another one with its lease. Private to the collection.

It is asked to end by SIGKILL: all other ways make it give its lease back, or take addresses away by its script. The new
one finds the old one's lease as its own, with the same DUID, and asks the server for it again. That script adds an
address which is there already, fails at that, and goes on; so the address has its old lifetime until the lease is
renewed, and is made to last until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import NamedTuple

from .. import program
from . import ifupdown_files as files
from . import text_files

PROGRAM = "dhclient"
_LEASES = "/var/lib/dhcp"
_ENDS = 5  # seconds that a killed process may take


class Client(NamedTuple):
    """A dhclient that runs for an interface."""

    pid: int
    argv: list[str]


def running(interface: str) -> list[Client]:
    """Return the dhclients of an interface, which is a word of theirs."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        argv = (text_files.read_if_there(f"/proc/{entry}/cmdline") or "").split("\0")[:-1]
        if argv and os.path.basename(argv[0]) == PROGRAM and interface in argv[1:]:
            found.append(Client(int(entry), argv))
    return found


def pause(interface: str) -> None:
    """Let them do nothing, until ``go_on``."""
    _signal(interface, signal.SIGSTOP)


def go_on(interface: str) -> None:
    _signal(interface, signal.SIGCONT)


def _signal(interface: str, number: int) -> None:
    for client in running(interface):
        with contextlib.suppress(ProcessLookupError):
            os.kill(client.pid, number)


def move(source: str, target: str) -> None:
    """Let those of one interface be another's, which has the addresses already.

    :raises PipefitterError: one can't be started.
    """
    for client in running(source):
        argv = files.command_of(client.argv, source, target)
        for before, after in zip(client.argv, argv):
            if before != after and before.startswith(f"{_LEASES}/"):
                _copy(before, after, source, target)
        with contextlib.suppress(ProcessLookupError):
            os.kill(client.pid, signal.SIGKILL)
        _wait_for_end(client.pid)
        _last_for_now(target)
        start(argv, target)
    go_on(target)


def _copy(source_path: str, target_path: str, source: str, target: str) -> None:
    if (text := text_files.read(source_path)) is not None:
        text_files.write(target_path, files.lease_of(text, source, target))


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + _ENDS
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        # One that has ended and is waited for by nobody yet has no words.
        if not text_files.read_if_there(f"/proc/{pid}/cmdline"):
            return
        time.sleep(0.01)


def _last_for_now(interface: str) -> None:
    """Give leased addresses no end: dhclient renews or removes them."""
    said = text_files.tell("ip", "-j", "-4", "address", "show", "dev", interface, "dynamic")
    for link in json.loads(said or "[]"):
        for entry in link.get("addr_info", ()):
            words = [f"{entry['local']}/{entry['prefixlen']}", "dev", interface, "label", entry["label"]]
            words += ["broadcast", entry["broadcast"]] if "broadcast" in entry else []
            words += ["noprefixroute"] if entry.get("noprefixroute") else []
            text_files.tell("ip", "-4", "address", "change", *words, "valid_lft", "forever", "preferred_lft", "forever")


def start(argv: list[str], interface: str) -> None:
    """Start a dhclient that lives on when whoever asked for it has gone, without waiting for an answer."""
    words = [argv[0], "-nw", *[word for word in argv[1:] if word not in ("-nw", "-1", "-d")]]
    if program.installed("systemd-run") and os.path.isdir("/run/systemd/system"):
        # Not in the session, or the service, of whoever moves the NIC.
        family = "6" if "-6" in argv else ""
        unit = f"pipefitter-dhclient{family}-{interface}-{time.monotonic_ns()}"
        words = ["systemd-run", "--quiet", "--collect", "--property=Type=forking", f"--unit={unit}", *words]
    text_files.tell(*words)
