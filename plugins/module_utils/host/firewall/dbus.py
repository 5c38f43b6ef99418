# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Calling methods over the system's D-Bus, by systemd's own program for it. Private to the collection."""

from __future__ import annotations

import json
from typing import Any

from ...errors import MissingFeature, PipefitterError
from .. import program

_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_CALLING = ("busctl", "--system", "--json=short", "--auto-start=no", "call")
_FAILED = "Call failed: "


class CallFailed(PipefitterError):
    """The service answered with an error, and ``said`` what went wrong; or there is no such service, or no bus."""

    def __init__(self, method: str, said: str) -> None:
        super().__init__(f"{method} failed over D-Bus: {said}")
        self.said = said


def owner(service: str) -> str:
    """Return the name that the bus itself gave to a service, '' where it does not run.

    It is another one after a restart.

    :raises MissingFeature: this host has no ``busctl``.
    """
    try:
        return str(call(*_BUS, "GetNameOwner", service)[0])
    except CallFailed:
        return ""


def call(service: str, path: str, interface: str, method: str, *strings: str) -> list[Any]:
    """Call a method with strings and return its answer; the service is not started for it.

    :raises CallFailed: the service answered with an error, or does not run.
    :raises MissingFeature: this host has no ``busctl``.
    """
    signature = ["s" * len(strings), *strings] if strings else []
    done = program.run([*_CALLING, service, path, interface, method, *signature])
    if done is None:
        raise MissingFeature(
            f"the program busctl is required for {service}, which runs on this host; install the package systemd"
        )
    if done.status != 0:
        said = done.stderr.strip()
        raise CallFailed(f"{interface}.{method}", said[len(_FAILED) :] if said.startswith(_FAILED) else said)
    answer: list[Any] = json.loads(done.stdout)["data"] if done.stdout.strip() else []
    return answer
