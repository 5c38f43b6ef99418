# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the programs that the lab is made with."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from .environment import ROOT_LOGIN
from .errors import LabError


def run(
    command: Sequence[str],
    stdin: str | None = None,
    timeout: float = 30.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run `command`, in the environment of a root login if none is given.

    Its output, or a LabError with what it said.
    """
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=ROOT_LOGIN if environment is None else environment,
            timeout=timeout,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise LabError(f"{command[0]} is not installed: 'lab doctor' says which package has it") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(command)}: no end after {timeout:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise LabError(f"{' '.join(command)}: {said}")
    return done.stdout
