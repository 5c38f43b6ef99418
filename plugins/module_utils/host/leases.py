# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What DHCP servers gave to attachments, a small file each, for root alone. Private to the collection.

Below /run: after a reboot, servers know who had which address. The service's clients write them, and whoever waits for
an address, or takes an attachment away, reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..light_dataclass import dataclass
from . import files

FOLDER = "/run/pipefitter/dhcp"

CLIENT = "udhcpc"
"""The client that is run, by the name of its process."""

_PATIENCE = 1.0  # seconds for a client to tell its server
_PAUSE = 0.02


@dataclass(frozen=True)
class Lease:
    """``address`` with its prefix length, '' while there is none; ``until`` and ``since`` are seconds of the epoch.

    ``pid`` is the client's, 0 where none runs. ``router``, ``routes`` (destination and gateway), ``dns``, ``domain``
    and ``server`` are what the server told. ``released`` is one that was given back, or is to be.
    """

    pid: int = 0
    address: str = ""
    since: float = 0.0
    until: float = 0.0
    server: str = ""
    router: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    domain: str = ""
    released: bool = False

    @property
    def holds(self) -> bool:
        """Tell whether its address may be used."""
        return bool(self.address) and not self.released and self.until > time.time()

    def shown(self) -> dict[str, Any]:
        """Return what there is to know of it, for programs."""
        told = {
            "address": self.address,
            "until": _when(self.until),
            "since": _when(self.since),
            "server": self.server,
            "router": self.router,
            "routes": [{"destination": destination, "gateway": gateway} for destination, gateway in self.routes],
            "dns": list(self.dns),
            "domain": self.domain,
        }
        return {name: value for name, value in told.items() if value}

    def told(self) -> str:
        """Return it as a sentence for people."""
        if self.holds:
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.until))
            return f"{self.address} is leased{f' by {self.server}' if self.server else ''} until {until}"
        return "asks for a lease; no DHCP server has answered" if runs(self.pid) else "has no lease yet"


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(moment))


def path_of(kind: str, value: str, interface: str) -> str:
    """Return the file for an attachment, of a container or namespace that ``kind`` and ``value`` name."""
    digest = hashlib.sha256("\0".join((kind, value, interface)).encode()).hexdigest()[:24]
    return f"{FOLDER}/{digest}.json"


def read(path: str) -> Lease:
    """Return what is in a file, an empty one where there is none, or none of this version."""
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
        return _of_json(held)
    except (OSError, ValueError, TypeError, KeyError):
        return Lease()


def _of_json(held: Mapping[str, Any]) -> Lease:
    routes = tuple((str(destination), str(gateway)) for destination, gateway in held["routes"])
    return Lease(**{**held, "routes": routes, "dns": tuple(held["dns"])})


def write(path: str, lease: Lease) -> None:
    """Write a file, whole or not at all.

    :raises OSError: it can't be written.
    """
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    files.write(path, json.dumps(asdict(lease)).encode())


def remove(path: str) -> None:
    """Take a file away; one that is gone already is as good."""
    with contextlib.suppress(OSError):
        files.remove(path)


def release(path: str, client: int = 0) -> None:
    """Have the client tell its server that an address is free, and take it off, while its interface is there.

    ``client`` is its process where that is known; one that has just begun to ask is not in the file yet.
    """
    lease = read(path)
    pid = client or lease.pid
    if not lease.holds or not runs(pid):
        return
    with contextlib.suppress(OSError):
        write(path, replace(lease, released=True))
        os.kill(pid, signal.SIGUSR2)
        deadline = time.monotonic() + _PATIENCE
        while read(path).address and time.monotonic() < deadline:
            time.sleep(_PAUSE)


def runs(pid: int) -> bool:
    """Tell whether a process is a client, and not another that has its number by now."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return CLIENT.encode() in file.read().split(b"\0") if pid > 0 else False
    except OSError:
        return False
