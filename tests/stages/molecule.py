# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage of Molecule."""

from __future__ import annotations

import os

from .bench import Bench
from .results import Result, status_problem


def molecule(bench: Bench) -> Result:
    """every scenario of extensions/molecule"""
    result = Result()
    scenarios = sorted(file.parent.name for file in bench.collection.glob("extensions/molecule/*/molecule.yml"))
    if not scenarios:
        result.fail("extensions/molecule", "no scenario is there")
    lab = f"molecule-{os.getpid()}"  # another run of this program has another
    for name in scenarios:
        bench.say(f"--- {name}")
        # One run a scenario: with --all the first failure would keep the others from running.
        status = bench.run(
            "molecule",
            "test",
            "--no-command-borders",
            "--scenario-name",
            name,
            MOLECULE_EPHEMERAL_DIRECTORY=str(bench.folder / "molecule"),
            PIPEFITTER_MOLECULE_LAB=lab,
        )
        result.check(name, status_problem(status))
        if status != 0:
            # Molecule removes it too, but not where starting it failed or took too long.
            bench.run("tests/lab/lab", "down", "--name", lab)
    return result
