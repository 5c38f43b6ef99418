# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be typed after scripts/test.sh."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.tests.stages import run
from ansible_collections.pipefitter.container_network.tests.stages.command_line import parse

HERE = "tests/unit/stages/test_command_line.py"
LAB = "tests/lab/test_lab.py::test_podman_runs_the_same_image"


@pytest.mark.parametrize(
    ("words", "stages"),
    [
        ([], ["lint", "sanity", "units", "integration", "molecule"]),
        (["--deep", "integration", "units"], ["units", "integration"]),
        (["units", "--", HERE], ["units"]),
        (["--", LAB, HERE], ["units", "integration"]),
        (["units", "--", LAB, HERE], ["units", "integration"]),
        (["--deep"], ["lint", "sanity", "units", "integration", "molecule", "vm"]),
        (["vm"], ["vm"]),
        (["--", "tests/vm"], ["vm"]),
    ],
)
def test_stages_run_in_their_order(words, stages):
    arguments = parse(words)
    assert run.wanted(arguments.stages, arguments.chosen, arguments.deep) == stages


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["unit"], "no such stage: unit; there are lint, sanity, units, integration, molecule, vm"),
        (["lint", "--", HERE], "the tests after -- are of units; name no other stage with them"),
        (["units", "--", LAB], "the tests after -- are of integration; name no other stage with them"),
        (["units", "--"], "no test after --"),
        (["--", "tests/unit/none"], "tests/unit/none is not there"),
    ],
)
def test_what_can_not_be_meant_is_refused(words, sentence, capsys):
    with pytest.raises(SystemExit):
        parse(words)
    assert capsys.readouterr().err.splitlines()[-1] == f"scripts/test.sh: error: {sentence}"
