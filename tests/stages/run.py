# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages, and which of them run beside each other."""

from __future__ import annotations

import concurrent.futures
import pathlib
import shutil
import subprocess
import tempfile
import time
import traceback
import typing as t

from .ansible_test import sanity, units
from .bench import COLLECTION, ROOT, Asked, Bench
from .clock import Clock
from .lint import lint
from .molecule import molecule
from .pytest_in_lab import integration, vm
from .results import Result

STAGES: dict[str, t.Callable[[Bench], Result]] = {
    stage.__name__: stage for stage in (lint, sanity, units, integration, molecule, vm)
}

# Takes long and packages of its own: runs where that is asked for, by --deep or by its name.
DEEP = frozenset({"vm"})


# The tests in labs wait for packets and timers half of their time, which is where the others run.
LANES = (("integration", "vm"), ("lint", "sanity", "units", "molecule"))


def side_by_side(names: t.Collection[str]) -> list[list[str]]:
    """The stages to run, in lanes that run beside each other."""
    lanes = [[name for name in lane if name in names] for lane in LANES]
    return [lane for lane in lanes if lane]


def wanted(stages: list[str], chosen: dict[str, list[str]], deep: bool) -> list[str]:
    """The stages to run: those of the tests that were chosen, or those that were named, or all that are usual."""
    usual = [name for name in STAGES if deep or name not in DEEP]
    return [name for name in STAGES if name in (chosen or stages or usual)]


def run_stage(name: str, bench: Bench) -> Result:
    bench.say(f"\n=== {name}: {STAGES[name].__doc__}")
    start = time.monotonic()
    try:
        result = STAGES[name](bench)
    except Exception:
        # Whatever broke, the other stages still have something to say.
        bench.say(traceback.format_exc())
        result = Result()
        result.fail(name, "the stage broke; see above")
    result.seconds = time.monotonic() - start
    for note in result.notes:
        bench.say(note)
    counted = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
    bench.say(f"=== {name}: {counted} in {result.seconds:.0f} s")
    return result


def run_held(name: str, bench: Bench) -> Result:
    """Runs a stage beside others, whose output stays whole: this one's comes at its end."""
    with tempfile.TemporaryFile("w+", dir=bench.folder, encoding="utf-8", errors="replace") as output:
        result = run_stage(name, bench.writing_to(output))
        output.seek(0)
        bench.say(output.read())
    return result


def run_lanes(lanes: list[list[str]], bench: Bench) -> dict[str, Result]:
    """Runs lanes beside each other, a lane's stages one after the other; what the first lane says is seen at once."""
    results: dict[str, Result] = {}

    def run_lane(stages: list[str]) -> None:
        for name in stages:
            results[name] = (run_stage if stages is lanes[0] else run_held)(name, bench)

    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        try:
            for future in concurrent.futures.as_completed([pool.submit(run_lane, lane) for lane in lanes]):
                future.result()
        except BaseException:  # a signal's, too: the other threads wait for what they run
            bench.stop()
            raise
    return {name: results[name] for name in STAGES if name in results}


def prepare(names: t.Collection[str]) -> pathlib.Path | None:
    """The Python environment that scripts/prepare.sh made, or None where it could not."""
    command = [ROOT / "scripts/prepare.sh", *(f"--{name}" for name in names if name in DEEP)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    return pathlib.Path(done.stdout.strip()) if done.returncode == 0 else None


def run_stages(names: list[str], asked: Asked) -> dict[str, Result]:
    clock = Clock()  # what prepares the machine counts, too
    venv = prepare(names)
    if venv is None:
        problem = "the machine could not be prepared"
        return {name: Result(failed=1, notes=[f"failed: {name}: {problem}"]) for name in names}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pipefitter-")).resolve()
    try:
        bench = Bench(venv, folder, clock, asked)
        bench.copy_tree()
        return run_lanes(side_by_side(names), bench)
    finally:
        if asked.keep:
            print(f"\nkept: {folder / COLLECTION}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
