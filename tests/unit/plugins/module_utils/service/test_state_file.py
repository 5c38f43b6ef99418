# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service tells of itself: kept over a reboot, however often it happened, however the host stopped."""

from __future__ import annotations

import os

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.notices import Notice
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import state_file


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(state_file, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(state_file, "LASTING", str(tmp_path / "lib"))
    (tmp_path / "lib").mkdir()
    return tmp_path


def told():
    return [entry["did"] for entry in state_file.events()]


def test_the_last_event_is_the_first(folders):
    for line in ("create", "delete"):
        state_file.note(line, "hook")
    assert told() == ["delete", "create"]
    assert not (folders / "run").exists(), "what is in /run is gone after a reboot"


def test_what_is_kept_is_bounded(folders, monkeypatch):
    monkeypatch.setattr(state_file, "_LARGEST", 1000)
    for number in range(200):
        state_file.note(f"event {number}", "hook")
        assert told()[:10] == [f"event {one}" for one in range(number, max(-1, number - 10), -1)]
        assert sum(os.path.getsize(folders / "lib" / name) for name in os.listdir(folders / "lib")) < 2200


@pytest.mark.parametrize("damage", [b'{"time": 1, "di', b"\0\0\0\n", b"[]\n", b'{"time": 1}\n', b"\xff\xfe\n"])
def test_what_a_power_cut_left_half_is_left_out(folders, damage):
    state_file.note("before", "hook")
    with open(folders / "lib" / "events.jsonl", "ab") as file:
        file.write(damage)
    assert told() == ["before"]
    state_file.note("next", "hook")
    state_file.note("after", "hook")
    assert told()[0] == "after" and told()[-1] == "before"


def test_a_host_that_can_not_keep_them_goes_without(folders):
    (folders / "lib").rmdir()
    state_file.note("lost", "hook")
    assert told() == [] and not (folders / "lib").exists()


def test_each_event_has_its_cause_and_those_of_an_earlier_version_have_none(folders):
    (folders / "lib" / "events.jsonl").write_text('{"time": 1, "did": "create"}\n{"time": "1", "did": "no time"}\n')
    state_file.keep_events(["delete"], [Notice("reconcile by hand")])
    assert [(entry["did"], entry["cause"]) for entry in state_file.events()] == [
        ("delete", "reconcile by hand"),
        ("create", ""),
    ]
    assert [entry["did"] for entry in state_file.events(2)] == ["delete"]
