# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""``pipefitter hook``: attaches a container before its first instruction. Private to the collection.

An OCI runtime runs it as hook ``createRuntime`` for each container, most of which are none of ours: so this looks
first, by names of files and without loading anything (``json`` alone takes as long as Python's start), whether
something may be recorded for this one. Where it can't tell, it may be.
"""

from __future__ import annotations

import os
import sys

from .output import complain

RECORD = "/var/lib/pipefitter"
DOCKER = "/var/lib/docker/containers"


def main() -> int:
    """Attach the container whose state the runtime gives on stdin; return 1 where it must not start, else 0."""
    try:
        told = sys.stdin.buffer.read()
        if not may_be_recorded(told):
            return 0
        from . import hook_client

        answer = hook_client.ask(told)
        if answer is not None:
            status, lines = answer
            if lines:
                complain(lines)
            return status
        from . import starting

        return starting.attach_alone(told)
    except Exception as error:  # whatever it is, the container is to start
        complain(f"pipefitter: the container is left to the service: {error}")
        return 0


def may_be_recorded(told: bytes) -> bool:
    """Tell whether there is an attachment that names the container by its id, or perhaps by its name."""
    try:
        files = os.listdir(f"{RECORD}/attachment")
    except OSError:  # nothing is recorded; a user's own Podman
        return False
    container_id = _text_after(told, b'"id":')
    if not files or not container_id:
        return bool(files)
    name = _dockers_name(container_id)
    if not name:
        return True  # Podman's names are in one file for all containers
    begins = (f"container-{name}-"[:50], f"container-{container_id[:12]}")
    return any(word in file for file in files for word in begins)


def _dockers_name(container_id: str) -> str:
    """Return the container's name as Docker writes it, with a slash before it; '' where that is not to be found."""
    try:
        with open(f"{DOCKER}/{container_id}/config.v2.json", "rb") as file:
            return _text_after(file.read(), b'"Name":"/', quoted=False)
    except (OSError, ValueError):
        return ""


def _text_after(document: bytes, key: bytes, quoted: bool = True) -> str:
    """Return the text of a key in JSON that a program wrote, '' where it is not as such programs write it."""
    _before, found, rest = document.partition(key)
    if quoted:
        rest = rest.lstrip()
        if not rest.startswith(b'"'):
            return ""
        rest = rest[1:]
    text, end, _after = rest.partition(b'"')
    return text.decode(errors="replace") if found and end and b"\\" not in text and b"/" not in text else ""
