# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said at the end of a run."""

from __future__ import annotations

from .results import Result

SLOWEST = 10


def show(results: dict[str, Result]) -> int:
    """Prints the table and the last line, which other programs read; the number of failures."""
    print(f"\n{'stage':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for name, result in results.items():
        print(f"{name:12} {result.passed:7} {result.failed:7} {result.skipped:8} {result.seconds:8.0f}")
    name_slowest(results)
    for result in results.values():
        for note in result.notes:
            if note.startswith("failed"):
                print(note)
    passed = sum(result.passed for result in results.values())
    failed = sum(result.failed for result in results.values())
    skipped = sum(result.skipped for result in results.values())
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


def name_slowest(results: dict[str, Result]) -> None:
    files = {file: seconds for result in results.values() for file, seconds in result.files.items()}
    if files:
        print("\nslowest test files, in seconds")
    for file in sorted(files, key=lambda name: -files[name])[:SLOWEST]:
        print(f"{files[file]:8.1f}  {file}")
