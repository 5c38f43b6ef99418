# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of what runs in a lab, its own tests and those of modules, and in a virtual machine."""

from __future__ import annotations

import pathlib
import shlex
import tempfile
import typing as t

from .bench import Bench
from .results import Result, count_junit
from .selection import below

# Modules' tests wait for packets half of the time: three at once, each with a lab of its own. A file's tests share
# hosts, and some what a fixture of the file made: they stay with one worker.
SUITES = {"lab": (), "integration": ("--numprocesses=3", "--dist=loadfile")}


def integration(bench: Bench) -> Result:
    """the lab, and modules against a real kernel, nftables, Open vSwitch and Docker in it"""
    return run_suites(bench, "integration", SUITES)


def vm(bench: Bench) -> Result:
    """a virtual machine with a kernel of its own, which reboots and is reset"""
    return run_suites(bench, "vm", {"vm": ()})


def run_suites(bench: Bench, stage: str, suites: t.Mapping[str, tuple[str, ...]]) -> Result:
    """Runs pytest for each folder of `tests`, with the arguments that it has."""
    result = Result()
    # Not in PYTHONPATH, which would reach the hosts of the lab and go before the pyroute2 that they have.
    python_path = shlex.join([str(bench.folder), str(host_pyroute2(bench))])
    chosen = bench.chosen.get(stage, [f"tests/{name}" for name in suites])
    for name, at_once in suites.items():
        tests = [word for word in chosen if below(word, f"tests/{name}")]
        if not tests:
            continue
        bench.say(f"--- tests/{name}")
        report = bench.folder / f"{name}.xml"
        status = bench.run(
            "pytest",
            "--verbose",
            "-ra",
            "--durations=10",
            f"--override-ini=pythonpath={python_path}",
            f"--junit-xml={report}",
            *at_once,
            *tests,
            PYTHONPATH=str(bench.folder),
            PYTHONDONTWRITEBYTECODE="1",
        )
        count_junit(result, f"tests/{name}", [report] if report.exists() else [], status)
    return result


def host_pyroute2(bench: Bench) -> pathlib.Path:
    """A folder with nothing but Debian's pyroute2, which modules have on hosts; for tests that call their code."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="host-pyroute2-", dir=bench.folder))
    for pattern in ("pyroute2*", "pr2modules*"):
        for path in pathlib.Path("/usr/lib/python3/dist-packages").glob(pattern):
            (folder / path.name).symlink_to(path)
    return folder
