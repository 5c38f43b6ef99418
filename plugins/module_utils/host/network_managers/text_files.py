# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Files of those who manage a host's network, and what the kernel says of links by name. Private to the collection."""

from __future__ import annotations

import contextlib
import os

from ...errors import PipefitterError
from .. import files, program


def read(path: str) -> str | None:
    """Return a file's text, ``None`` where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")


def listed(folder: str, ending: str) -> list[str]:
    """Return the paths of a folder's files with names that end so, sorted."""
    try:
        return sorted(f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_if_there(path: str) -> str | None:
    """Return a file's text, ``None`` where there is none or it goes while it is read, as those of processes do."""
    try:
        return read(path)
    except (ProcessLookupError, PermissionError):
        return None


def write(path: str, text: str) -> None:
    """Write a small file, whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write(path, encoded(text), 0o644)


def remove(path: str) -> bool:
    """Remove a file, and tell whether there was one."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
        return True
    return False


def ifindex(link: str) -> str | None:
    """Return the number of a link, ``None`` where there is no such link."""
    text = read(f"/sys/class/net/{link}/ifindex")
    return text and text.strip()


def tell(*argv: str) -> str:
    """Run a manager's program that is there, and return what it says.

    :raises PipefitterError: it failed.
    """
    done = program.run(argv)
    if done is None:
        raise PipefitterError(f"{argv[0]} is not installed any more, but this host's network is managed by it")
    if done.status:
        said = (done.stderr or done.stdout).strip() or f"status {done.status}"
        raise PipefitterError(f"{' '.join(argv)} failed: {said}")
    return done.stdout
