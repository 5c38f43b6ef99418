# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said at the end of a run."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.tests.stages.results import Result, count_junit
from ansible_collections.pipefitter.container_network.tests.stages.summary import show

# As ansible-test's pytest, pytest in a lab and ansible-test sanity write them.
REPORTS = {
    "units": """<testsuites><testsuite>
        <testcase classname="tests.unit.host.test_a.TestX" name="x" file="tests/unit/host/test_a.py" time="0.500" />
        <testcase classname="tests.unit.host.test_a" name="y" file="tests/unit/host/test_a.py" time="1.000">
          <skipped message="no use" /></testcase></testsuite></testsuites>""",
    "integration": """<testsuites><testsuite>
        <testcase classname="tests.integration.test_b" name="x" time="62.1" />
        <testcase classname="tests.integration.test_b.TestX" name="y[1.5]" time="2.1">
          <failure message="assert 1 == 2&#10;and more" /></testcase></testsuite></testsuites>""",
    "sanity": '<testsuites><testsuite><testcase classname="sanity" name="pep8" /></testsuite></testsuites>',
}


def counted(tmp_path, stage, text):
    report = tmp_path / f"{stage}.xml"
    report.write_text(text)
    result = Result()
    count_junit(result, stage, [report], 0)
    return result


@pytest.fixture
def results(tmp_path):
    return {stage: counted(tmp_path, stage, text) for stage, text in REPORTS.items()}


def test_the_last_line_counts_all(results, capsys):
    assert show(results) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 passed, 1 failed, 1 skipped"
    assert lines[-2] == "failed: y[1.5]: assert 1 == 2"


def test_the_slowest_files_are_named(results, capsys):
    show(results)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("slowest test files, in seconds")
    assert [line.split() for line in lines[at + 1 : at + 3]] == [
        ["64.2", "tests/integration/test_b.py"],
        ["1.5", "tests/unit/host/test_a.py"],
    ]
    assert "sanity" not in "".join(lines[at:])


def test_no_more_than_ten_are_named(capsys):
    files = {f"tests/unit/test_{number}.py": float(number) for number in range(20)}
    show({"units": Result(passed=20, files=files)})
    said = capsys.readouterr().out
    assert said.count("tests/unit/") == 10 and "test_10.py" in said and "test_9.py" not in said


def test_nothing_is_said_of_files_where_no_test_ran(capsys):
    show({"lint": Result(passed=7)})
    assert "slowest" not in capsys.readouterr().out
