# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sysctls of isolated bridges as they were before links changed them, beside our tables. Private to the collection.

Comments in the tables hold them too, and go when somebody deletes the tables. The note is below /run, so it lasts as
long as what it is of: until the host boots. A bridge that was made anew has sysctls of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Collection
from typing import Any

from .. import files

PATH = "/run/pipefitter/former-sysctls.json"


def noted() -> frozenset[tuple[str, str]]:
    """Return names and values of the bridges that are there still."""
    found: set[tuple[str, str]] = set()
    for bridge, entry in _content().items():
        with contextlib.suppress(OSError, KeyError, TypeError, AttributeError):
            if entry["index"] == socket.if_nametoindex(bridge):
                found.update((str(name), str(value)) for name, value in entry["sysctls"].items())
    return frozenset(found)


def note(former: Collection[tuple[str, str]]) -> None:
    """Note names and values, in place of those before; a host where that can't be done goes without."""
    content: dict[str, Any] = {}
    for name, value in sorted(former):
        bridge = name.split("/")[3]
        with contextlib.suppress(OSError):
            entry = content.setdefault(bridge, {"index": socket.if_nametoindex(bridge), "sysctls": {}})
            entry["sysctls"][name] = value
    if content == _content():
        return
    with contextlib.suppress(OSError):
        if not content:
            os.unlink(PATH)
            return
        os.makedirs(os.path.dirname(PATH), mode=0o700, exist_ok=True)
        files.write(PATH, json.dumps(content).encode())


def _content() -> dict[str, Any]:
    try:
        with open(os.open(PATH, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), encoding="utf-8") as file:
            held = json.load(file)
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
