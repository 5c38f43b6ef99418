# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker that systemd would start when it is asked is left alone by the service."""

from __future__ import annotations

import os

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import docker, lookup


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setattr(docker, "_SOCKET_UNIT", str(tmp_path / "invocation:docker.socket"))
    monkeypatch.setattr(docker, "_PID_FILE", str(tmp_path / "docker.pid"))
    return tmp_path


def test_docker_is_asleep_only_where_systemd_listens_in_its_place(host):
    assert not docker.is_asleep()
    (host / "invocation:docker.socket").symlink_to("0123")  # as systemd makes it: it leads nowhere
    assert docker.is_asleep()
    (host / "docker.pid").write_text("no number", encoding="ascii")
    assert docker.is_asleep()
    (host / "docker.pid").write_text("4194305", encoding="ascii")  # above the highest PID there is
    assert docker.is_asleep()
    (host / "docker.pid").write_text(f"{os.getpid()}", encoding="ascii")
    assert not docker.is_asleep()


def test_the_service_does_not_wake_it(host, monkeypatch):
    (host / "invocation:docker.socket").symlink_to("0123")
    asked = []
    monkeypatch.setattr(docker.Docker, "find", lambda self, names, known: asked.append(names) or {})
    monkeypatch.setattr(lookup, "wakes_docker", False)
    with pytest.raises(MissingFeature, match="not started"):
        lookup.find(["web1"], "docker")
    assert asked == []
    monkeypatch.setattr(lookup, "wakes_docker", True)
    assert lookup.find(["web1"], "docker") == {"web1": None}
    assert asked == [["web1"]]
