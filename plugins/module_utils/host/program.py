# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Programs of the firewall, run by their words and without a shell. Private to the collection."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import PipefitterError

_TIMEOUT = 30  # seconds; a transaction of ten thousand elements takes one
_AT_ONCE = 1024  # characters that a pipe takes in any case, before the program reads any


class Finished(NamedTuple):
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


def installed(name: str) -> bool:
    """Tell whether this host has a program, without running it."""
    return any(os.access(f"{folder}/{name}", os.X_OK) for folder in path().split(":") if folder)


def path() -> str:
    """Return where programs are looked for."""
    # sudo and cron may leave out the folders of the administrator's programs.
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def run(argv: Sequence[str], text: str | None = None) -> Finished | None:
    """Run a program with ``text`` as its input; ``None`` where it is not installed.

    :raises PipefitterError: it did not end in time.
    """
    return begin(argv, text)()


def begin(argv: Sequence[str], text: str | None = None) -> Callable[[], Finished | None]:
    """Start a program; what is returned waits for its end and tells what ``run`` does. It has to be called."""
    import subprocess  # 10 ms that a host without rules of ours need not spend

    environment = {**os.environ, "LC_ALL": "C", "PATH": path()}
    pipe = subprocess.PIPE
    given = None if text is None else pipe
    try:
        process = subprocess.Popen(argv, stdin=given, stdout=pipe, stderr=pipe, encoding="utf-8", env=environment)
    except FileNotFoundError:
        return lambda: None
    pipe_in = process.stdin
    if pipe_in is not None and text is not None and len(text) < _AT_ONCE:
        # So that it works on it while the caller starts another.
        with contextlib.suppress(BrokenPipeError):
            pipe_in.write(text)
            pipe_in.close()
        process.stdin = text = None

    def end() -> Finished:
        with process:
            try:
                stdout, stderr = process.communicate(text, timeout=_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise PipefitterError(
                    f"timed out after {_TIMEOUT} s waiting for {argv[0]}; "
                    "see what else changes firewall rules on this host"
                ) from None
            except BaseException:
                process.kill()
                raise
        return Finished(process.returncode, stdout, stderr)

    return end
