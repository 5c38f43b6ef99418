# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What service_on_host.py and restarts_on_host.py do alike: run a module, look at the program."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

PROGRAM = "/usr/local/sbin/pipefitter"


def resident(pid: int) -> int:
    """Return KiB of the service: what its process has, and what that for hooks has for itself."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return _of(pid, "Rss:") + sum(_of(int(child), "Private_Clean:", "Private_Dirty:") for child in children)


def _of(pid: int, *names: str) -> int:
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))


def module(request: dict, name: str, options: dict) -> None:
    environment = {**os.environ, "PYTHONPATH": request["python_path"]}
    asked = json.dumps({"options": options})
    runner = [sys.executable, request["runner"], name]
    subprocess.run(runner, input=asked.encode(), env=environment, check=True, stdout=subprocess.DEVNULL)
