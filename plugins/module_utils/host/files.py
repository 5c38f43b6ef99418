# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Files that are written whole or not at all, for whatever happens meanwhile. Private to the collection."""

from __future__ import annotations

import os
import stat

_HALF = ".pipefitter-half"


def read(path: str) -> bytes | None:
    """Return what is in a regular file, ``None`` where there is no file.

    :raises OSError: it can't be read, or is something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file", path)
        return file.read()


def write(path: str, content: bytes, mode: int = 0o600) -> None:
    """Put a file in its place, synced to the disk.

    :raises OSError: that failed; what was there is there still.
    """
    half = path + _HALF
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(half, flags, 0o600), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(half, path)
    except OSError:
        remove(half)
        raise
    sync(os.path.dirname(path))


def remove(path: str) -> None:
    """Take a file away; one that is gone already is as good.

    :raises OSError: that failed.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync(os.path.dirname(path))


def sync(folder: str) -> None:
    """See that what a folder lists is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
