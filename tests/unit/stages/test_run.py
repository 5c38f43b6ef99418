# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that run beside each other."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.pipefitter.container_network.tests.stages import run
from ansible_collections.pipefitter.container_network.tests.stages.bench import Asked, Bench
from ansible_collections.pipefitter.container_network.tests.stages.clock import Clock
from ansible_collections.pipefitter.container_network.tests.stages.results import Result


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "venv", tmp_path, Clock(), Asked({}, False, False))
    made.collection.mkdir(parents=True)
    return made


def test_each_stage_is_in_one_lane():
    assert sorted(name for lane in run.LANES for name in lane) == sorted(run.STAGES)
    assert run.side_by_side(["units", "lint"]) == [["lint", "units"]]
    assert run.side_by_side(["molecule", "integration"]) == [["integration"], ["molecule"]]


def test_lanes_run_at_once_and_their_output_stays_whole(bench, monkeypatch, capfd):
    together = threading.Barrier(2, timeout=60)

    def long(bench):
        """one"""
        bench.say("long begins")
        together.wait()  # comes back only where the other one runs too
        together.wait()
        bench.say("long ends")
        return Result(passed=1)

    def short(bench):
        """two"""
        together.wait()
        bench.run("sh", "-c", "echo first; echo second >&2")
        result = Result()
        result.fail("third", "is wrong")
        return result

    def last(bench):
        """three"""
        together.wait()
        raise ValueError("broken")

    monkeypatch.setattr(run, "STAGES", {"last": last, "long": long, "short": short})
    results = run.run_lanes([["long"], ["short", "last"]], bench)
    assert {name: (result.passed, result.failed) for name, result in results.items()} == {
        "last": (0, 1),
        "long": (1, 0),
        "short": (0, 1),
    }
    said = capfd.readouterr().out
    assert "=== short: two\nfirst\nsecond\nfailed: third: is wrong\n=== short: 0 passed, 1 failed" in said
    assert "ValueError: broken" in said


def test_what_ends_the_run_ends_all_that_runs(bench, monkeypatch):
    begun = threading.Event()
    ended = []

    def breaks(bench):
        """one"""
        begun.wait(60)
        raise KeyboardInterrupt  # as in the main thread

    def sleeps(bench):
        """two"""
        threading.Timer(0.1, begun.set).start()
        ended.append(bench.run("sleep", "600"))
        ended.append(bench.run("sleep", "600"))
        return Result()

    monkeypatch.setattr(run, "STAGES", {"breaks": breaks, "sleeps": sleeps})
    with pytest.raises(KeyboardInterrupt):
        run.run_lanes([["breaks"], ["sleeps"]], bench)
    assert ended == [-2, 124]
