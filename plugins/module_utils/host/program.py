# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Programs of the firewall, run by their words and without a shell. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import PipefitterError

_TIMEOUT = 30  # seconds; a transaction of ten thousand elements takes one


class Finished(NamedTuple):
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


def installed(name: str) -> bool:
    """Tell whether this host has a program, without running it."""
    return any(os.access(f"{folder}/{name}", os.X_OK) for folder in _path().split(":") if folder)


def _path() -> str:
    # sudo and cron may leave out the folders of the administrator's programs.
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def run(argv: Sequence[str], text: str | None = None) -> Finished | None:
    """Run a program with ``text`` as its input; ``None`` where it is not installed.

    :raises PipefitterError: it did not end in time.
    """
    import subprocess  # 10 ms that a host without rules of ours need not spend

    environment = {**os.environ, "LC_ALL": "C", "PATH": _path()}
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, encoding="utf-8", timeout=_TIMEOUT, env=environment, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise PipefitterError(
            f"timed out after {_TIMEOUT} s waiting for {argv[0]}; see what else changes firewall rules on this host"
        ) from None
    return Finished(done.returncode, done.stdout, done.stderr)
