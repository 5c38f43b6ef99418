# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""One change of a host's network at a time. Private to the collection."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import PipefitterError

_DIRECTORY = "/run/pipefitter"
_PAUSE = 0.02


_held = False


@contextmanager
def held(reading: bool = False, timeout: float | None = 120.0) -> Iterator[None]:
    """Hold the host's lock; it goes with the process, however that ends.

    With ``reading``, nothing is locked: check mode leaves not even a lock's file. Within a run that holds it already,
    nothing is done. A ``timeout`` of ``None`` waits for as long as it takes.

    :raises PipefitterError: another run held it for ``timeout`` seconds.
    """
    global _held  # noqa: PLW0603 # pylint: disable=global-statement
    if reading or _held:
        yield
        return
    try:
        os.makedirs(_DIRECTORY, mode=0o700, exist_ok=True)
        descriptor = os.open(f"{_DIRECTORY}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        from .unwritable import advice

        raise PipefitterError(f"{_DIRECTORY}/lock can't be opened ({error.strerror}); {advice(error)}") from None
    try:
        deadline = time.monotonic() + timeout if timeout is not None else None
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline is not None and time.monotonic() > deadline:
                    raise PipefitterError(
                        f"timed out after {timeout or 0:g} s waiting for another run that changes this host's network;"
                        " run this again when that has finished"
                    ) from None
                time.sleep(_PAUSE)
        _held = True
        yield
    finally:
        _held = False
        os.close(descriptor)
