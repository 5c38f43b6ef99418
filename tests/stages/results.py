# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stages come to: tests that passed, failed or were skipped."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import textwrap
import typing as t
import xml.etree.ElementTree

# Characters of a line of the summary; the whole message stands further up.
NOTE = 240


@dataclasses.dataclass
class Result:
    """What a stage came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    notes: list[str] = dataclasses.field(default_factory=list)
    # Seconds that their tests took.
    files: dict[str, float] = dataclasses.field(default_factory=dict)

    def check(self, name: str, problem: str | None) -> None:
        if problem is None:
            self.passed += 1
        else:
            self.fail(name, problem)

    def fail(self, name: str, problem: str) -> None:
        self.failed += 1
        self.notes.append(textwrap.shorten(f"failed: {name}: {problem}", NOTE))

    def skip(self, name: str, reason: str) -> None:
        self.skipped += 1
        self.notes.append(textwrap.shorten(f"skipped: {name}: {reason}", NOTE))


def status_problem(status: int) -> str | None:
    return None if status == 0 else f"ended with status {status}"


def count_junit(result: Result, name: str, reports: t.Iterable[pathlib.Path], status: int) -> None:
    """Adds up JUnit reports. A command that failed without a failed test counts as one."""
    before = dataclasses.replace(result)
    for report in reports:
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            count_case(result, case)
            count_seconds(result, case)
    if status != 0 and result.failed == before.failed:
        result.fail(name, f"ended with status {status} and no test that failed")
    elif (result.passed, result.failed, result.skipped) == (before.passed, before.failed, before.skipped):
        result.fail(name, "no test ran")


def count_case(result: Result, case: xml.etree.ElementTree.Element) -> None:
    name = case.get("name", "?")
    for kind in ("error", "failure", "skipped"):
        found = case.find(kind)
        if found is not None:
            reason = (found.get("message") or found.text or "").strip()
            count = result.skip if kind == "skipped" else result.fail
            count(name, reason.splitlines()[0] if reason else kind)
            return
    result.passed += 1


def count_seconds(result: Result, case: xml.etree.ElementTree.Element) -> None:
    # pytest names files as modules, and what else reports (ansible-test sanity) has none.
    named = re.match(r"(?:\w+\.)*test_\w+", case.get("classname", ""))
    if named:
        file = named[0].replace(".", "/") + ".py"
        result.files[file] = result.files.get(file, 0.0) + float(case.get("time", 0))
