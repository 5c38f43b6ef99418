# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a play against a host of the lab, and tells what each of its tasks took. For the scripts beside it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

_HERE = pathlib.Path(__file__).resolve().parent
_TIMEOUT = 1800


def timed_play(
    inventory: pathlib.Path, host: str, tasks: list[dict[str, Any]], collections: str, pipelining: bool = True
) -> list[dict[str, Any]]:
    """Return for each task, in the order of the play, its name (``task``), its ``seconds``, and whether it ``changed``.

    ``collections`` are the folders that hold ansible_collections, with a colon between them.
    """
    with tempfile.TemporaryDirectory(prefix="play-") as name:
        folder = pathlib.Path(name)
        (folder / "play.yml").write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": tasks}]))
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))},
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_seconds",
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "BENCH_TASK_SECONDS": str(folder / "seconds"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        words = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)]
        for variable in ("ansible_pipelining", "ansible_ssh_pipelining"):
            words += ["-e", f"{variable}={str(pipelining).lower()}"]
        done = subprocess.run(
            [*words, str(folder / "play.yml")],
            env=environment,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            sys.exit(f"ansible-playbook ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return [json.loads(line) for line in (folder / "seconds").read_text().splitlines()]
