# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without engines, and the engines that a test starts on it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import podman
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_engines import (
    POD1,
    FakeDocker,
    FakePodman,
    podman_container,
)


@pytest.fixture(name="host")
def fixture_host(tmp_path, monkeypatch):
    """A host without engines; its sockets are where no real engine can be found by accident."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path}/podman.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(podman, "STORAGE", str(tmp_path / "storage"))
    monkeypatch.setattr(podman, "RUN_STORAGE", str(tmp_path / "run-storage"))
    return tmp_path


@pytest.fixture(name="start")
def fixture_start(host):
    started = []

    def start(kind, path):
        engine = kind(host / path)
        started.append(engine)
        return engine

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture(name="docker_engine")
def fixture_docker_engine(start):
    return start(FakeDocker, "docker.sock")


@pytest.fixture(name="podman_engine")
def fixture_podman_engine(start):
    return start(FakePodman, "podman.sock")


@pytest.fixture(name="podman_program")
def fixture_podman_program(host):
    """A podman that notes each of its runs and prints what the file says."""
    printed = host / "printed"
    printed.write_text(json.dumps([podman_container(POD1, "pod1")], indent=2))
    program = host / "podman"
    program.write_text(f'#!/bin/sh\necho "$@" >> {host}/runs\n. {host}/before\nexec /bin/cat {printed}\n')
    (host / "before").write_text("")
    program.chmod(0o755)
    return program
