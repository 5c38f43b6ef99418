# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages, one after the other."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import typing as t

from .ansible_test import sanity, units
from .bench import COLLECTION, ROOT, Asked, Bench
from .clock import Clock
from .lint import lint
from .molecule import molecule
from .pytest_in_lab import integration
from .results import Result

STAGES: dict[str, t.Callable[[Bench], Result]] = {
    stage.__name__: stage for stage in (lint, sanity, units, integration, molecule)
}


def wanted(stages: list[str], chosen: dict[str, list[str]]) -> list[str]:
    """The stages to run: those of the tests that were chosen, or those that were named, or all."""
    return [name for name in STAGES if name in (chosen or stages or STAGES)]


def run_stage(name: str, bench: Bench) -> Result:
    print(f"\n=== {name}: {STAGES[name].__doc__}")
    start = time.monotonic()
    try:
        result = STAGES[name](bench)
    except Exception:
        # Whatever broke, the other stages still have something to say.
        traceback.print_exc(file=sys.stdout)
        result = Result()
        result.fail(name, "the stage broke; see above")
    result.seconds = time.monotonic() - start
    for note in result.notes:
        print(note)
    counted = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
    print(f"=== {name}: {counted} in {result.seconds:.0f} s")
    return result


def prepare() -> pathlib.Path | None:
    """The Python environment that scripts/prepare.sh made, or None where it could not."""
    command = [ROOT / "scripts/prepare.sh"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    return pathlib.Path(done.stdout.strip()) if done.returncode == 0 else None


def run_stages(names: list[str], asked: Asked) -> dict[str, Result]:
    clock = Clock()  # what prepares the machine counts, too
    venv = prepare()
    if venv is None:
        problem = "the machine could not be prepared"
        return {name: Result(failed=1, notes=[f"failed: {name}: {problem}"]) for name in names}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pipefitter-")).resolve()
    try:
        bench = Bench(venv, folder, clock, asked)
        bench.copy_tree()
        return {name: run_stage(name, bench) for name in names}
    finally:
        if asked.keep:
            print(f"\nkept: {folder / COLLECTION}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
