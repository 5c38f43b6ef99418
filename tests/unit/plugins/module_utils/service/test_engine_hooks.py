# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines' settings, as our hooks come and go: they are as they were, and nothing is left beside them."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import engine_hooks


class _Docker:
    """The settings of a Docker that doesn't run."""

    def __init__(self, folder) -> None:
        self.file, self.kept = folder / "daemon.json", folder / "daemon.json.before-pipefitter"

    def set(self, want: bool) -> list[str]:
        hooks = engine_hooks.wanted({"state": "present", "docker_runtime": want}, "/usr/bin/python3")
        hooks.apply()
        return hooks.lines

    @property
    def settings(self):
        return json.loads(self.file.read_text("utf-8"))


@pytest.fixture
def docker(tmp_path, monkeypatch):
    made = _Docker(tmp_path)
    for name, path in {"DAEMON": made.file, "KEPT": made.kept, "RUNTIME": tmp_path / "runtime"}.items():
        monkeypatch.setattr(engine_hooks, name, str(path))
    monkeypatch.setattr(engine_hooks, "_PID_FILE", str(tmp_path / "docker.pid"))
    monkeypatch.setattr(engine_hooks, "_CONTAINERS", str(tmp_path))
    monkeypatch.setattr(engine_hooks, "_hook_folder", lambda: str(tmp_path))
    return made


def _ours():
    return {"pipefitter": {"path": engine_hooks.RUNTIME}}


@pytest.mark.parametrize(
    "before", [None, "", "{}\n", '{"debug":true}', '{"runtimes": {}}', '{"runtimes": {"crun": {"path": "/crun"}}}']
)
def test_all_is_as_it_was(docker, before):
    if before is not None:
        docker.file.write_text(before, "utf-8")
        docker.file.chmod(0o640)
    assert len(docker.set(True)) == 2
    assert docker.settings["runtimes"].items() >= _ours().items()
    assert docker.kept.exists() == (before is not None)
    assert docker.set(True) == []

    docker.set(False)

    assert not docker.kept.exists()
    assert docker.file.exists() == (before is not None)
    if before is not None:
        assert docker.file.read_text("utf-8") == before
        assert docker.file.stat().st_mode & 0o777 == 0o640
    assert docker.set(False) == []


@pytest.mark.parametrize("before", [None, '{"icc": false}'])
def test_what_somebody_wrote_meanwhile_stays_and_so_does_the_original(docker, before):
    if before is not None:
        docker.file.write_text(before, "utf-8")
    docker.set(True)
    docker.file.write_text(json.dumps({**docker.settings, "debug": True}), "utf-8")
    docker.set(False)
    assert docker.settings == {**json.loads(before or "{}"), "debug": True}
    assert (docker.kept.read_text("utf-8") if docker.kept.exists() else None) == before


def test_the_original_is_what_was_before_the_last_time(docker):
    docker.file.write_text('{"icc": false}', "utf-8")
    docker.set(True)
    docker.file.write_text(json.dumps({**docker.settings, "debug": True}), "utf-8")
    docker.set(False)
    docker.set(True)
    assert json.loads(docker.kept.read_text("utf-8")) == {"icc": False, "debug": True}
    docker.set(False)
    assert docker.settings == {"icc": False, "debug": True} and not docker.kept.exists()


def test_an_original_that_can_not_be_read_is_left(docker):
    docker.file.write_text("{}", "utf-8")
    docker.set(True)
    docker.kept.write_text("{,", "utf-8")
    docker.set(False)
    assert docker.settings == {} and docker.kept.read_text("utf-8") == "{,"


def test_settings_that_docker_does_not_take_leave_nothing_behind(docker, monkeypatch):
    monkeypatch.setattr(engine_hooks, "_daemon", lambda: 1)
    monkeypatch.setattr(os, "kill", lambda *_pid_and_signal: None)
    monkeypatch.setattr(engine_hooks, "_has_runtime", lambda: False)
    monkeypatch.setattr(engine_hooks, "_RELOAD", -1.0)
    for before in (None, '{"icc": false}'):
        if before is not None:
            docker.file.write_text(before, "utf-8")
        with pytest.raises(engine_hooks.PipefitterError, match="Docker did not take the runtimes"):
            docker.set(True)
        assert not docker.kept.exists()
        assert (docker.file.read_text("utf-8") if docker.file.exists() else None) == before


@pytest.fixture
def podman(tmp_path, monkeypatch):
    """What switches Podman's hook on and off, in a folder that may not be there yet."""
    monkeypatch.setattr(engine_hooks, "_hook_folder", lambda: str(tmp_path / "oci" / "hooks.d"))
    monkeypatch.setattr(engine_hooks, "HOOK_FOLDERS_MADE", str(tmp_path / "program" / "folders"))
    for name in ("DAEMON", "KEPT", "RUNTIME"):
        monkeypatch.setattr(engine_hooks, name, str(tmp_path / name))

    def switch(on):
        hooks = engine_hooks.wanted({"state": "present", "podman_hook": str(on).lower()}, "/usr/bin/python3")
        hooks.apply()
        return hooks.lines

    return switch


@pytest.mark.parametrize("there", ["", "oci", "oci/hooks.d"])
def test_folders_that_were_made_for_podmans_hook_go_with_it(podman, tmp_path, there):
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    hook = tmp_path / "oci" / "hooks.d" / "pipefitter.json"
    for _time in range(2):
        assert podman(True) == [f"write {hook}"] and podman(True) == []
        hook.write_text("{}", "utf-8")
        assert podman(True) == [f"write {hook}"], "what is written again makes no folder"
        gone = [hook, hook.parent, hook.parent.parent][: 3 - len(there.split("/")) if there else 3]
        assert podman(False) == [f"remove {path}" for path in gone] and podman(False) == []
        assert not hook.exists() and (tmp_path / there).is_dir()
        assert not any(path.exists() for path in gone)
        assert not list((tmp_path / "program").glob("*"))


def test_a_folder_with_hooks_of_others_stays(podman, tmp_path):
    podman(True)
    folder = tmp_path / "oci" / "hooks.d"
    (folder / "theirs.json").touch()
    assert podman(False) == [f"remove {folder / 'pipefitter.json'}"]
    assert [path.name for path in folder.iterdir()] == ["theirs.json"]


def test_folders_go_where_somebody_removed_the_hook_by_hand(podman, tmp_path):
    podman(True)
    (tmp_path / "oci" / "hooks.d" / "pipefitter.json").unlink()
    assert podman(False) == [f"remove {tmp_path / 'oci' / 'hooks.d'}", f"remove {tmp_path / 'oci'}"]
