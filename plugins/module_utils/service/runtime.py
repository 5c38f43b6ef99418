# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""``pipefitter runtime``: runc, to which the hook was added before it creates a container. Private to the collection.

Docker has no hooks of its own, but runtimes of whoever registers them. It must start whatever runc would start: so
nothing is loaded for it, and a container whose settings can't be read is created as it is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from .output import complain

RUNC = "runc"
"""Found as Docker finds its own."""

PROGRAM = "/usr/local/lib/pipefitter/pipefitter"
_HOOK = {"path": PROGRAM, "args": ["pipefitter", "hook"]}


def main() -> int:
    """Run runc by the words after ``runtime``; returns only where there is none."""
    words = sys.argv[2:]
    try:
        add_hook(f"{bundle(words)}/config.json")
    except Exception as error:  # whatever it is, the container is to start
        complain(f"pipefitter: the container is created without hook, and left to the service: {error}")
    try:
        os.execvp(RUNC, [RUNC, *words])
    except OSError as error:
        complain(f"pipefitter: {RUNC} can't be run: {error.strerror}")
    return 1


def bundle(words: Sequence[str]) -> str:
    """Return the bundle's folder by the words of ``runc create``."""
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--bundle", "-bundle", "-b"):
            return value if equals else words[place + 1]
    return "."


def add_hook(path: str) -> None:
    """Add the hook to a container's settings, as the last of its kind: Docker's own bring its networks."""
    with open(path, "rb") as file:
        config: dict[str, Any] = json.load(file)
    hooks = config.get("hooks") or {}
    known = hooks.get("createRuntime") or []
    if _HOOK in known:
        return
    config["hooks"] = {**hooks, "createRuntime": [*known, _HOOK]}
    half = f"{path}.pipefitter"
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file_of_ours:
        json.dump(config, file_of_ours)
        os.fchmod(file_of_ours.fileno(), os.stat(path).st_mode & 0o777)
    os.rename(half, path)
