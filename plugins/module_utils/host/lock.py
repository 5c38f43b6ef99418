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

# The second is held with the lock, except while it is lent.
_LOCK, _CHANGING = "lock", "changing"

_held = False
_changing = -1


@contextmanager
def held(reading: bool = False, timeout: float | None = 120.0) -> Iterator[None]:
    """Hold the host's lock; it goes with the process, however that ends.

    With ``reading``, nothing is locked: check mode leaves not even a lock's file. Within a run that holds it already,
    nothing is done. A ``timeout`` of ``None`` waits for as long as it takes.

    :raises PipefitterError: another run held it for ``timeout`` seconds.
    """
    global _held, _changing  # noqa: PLW0603 # pylint: disable=global-statement
    if reading or _held:
        yield
        return
    deadline = time.monotonic() + timeout if timeout is not None else None
    taken: list[int] = []
    try:
        for name in (_LOCK, _CHANGING):
            taken.append(_opened(name))
            _take(taken[-1], deadline, timeout)
        _held, _changing = True, taken[-1]
        yield
    finally:
        _held, _changing = False, -1
        for descriptor in reversed(taken):
            os.close(descriptor)


@contextmanager
def lent() -> Iterator[None]:
    """Let containers start while this run waits for an engine's answer, in which it changes nothing.

    An engine may answer only when the container that it starts has started, and that waits for the hook that attaches
    it (``held_at_start``), which would wait for this run.
    """
    if _changing < 0:
        yield
        return
    fcntl.flock(_changing, fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(_changing, fcntl.LOCK_EX)


@contextmanager
def held_at_start(timeout: float) -> Iterator[None]:
    """Hold the host's lock for a container that is starting; also while another run has lent it.

    :raises PipefitterError: others changed the network for ``timeout`` seconds.
    """
    global _held  # noqa: PLW0603 # pylint: disable=global-statement
    descriptor = _opened(_CHANGING)
    try:
        _take(descriptor, time.monotonic() + timeout, timeout)
        _held = True
        yield
    finally:
        _held = False
        os.close(descriptor)


def _opened(name: str) -> int:
    path = f"{_DIRECTORY}/{name}"
    try:
        os.makedirs(_DIRECTORY, mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        from .unwritable import advice

        raise PipefitterError(f"{path} can't be opened ({error.strerror}); {advice(error)}") from None


def _take(descriptor: int, deadline: float | None, timeout: float | None) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if deadline is not None and time.monotonic() > deadline:
                raise PipefitterError(
                    f"timed out after {timeout or 0:g} s waiting for another run that changes this host's network;"
                    " run this again when that has finished"
                ) from None
            time.sleep(_PAUSE)
