# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines that are not there, refuse, hang, or answer with something else than HTTP and JSON."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import api, lookup
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_engines import (
    FakeAnything,
    refusal,
)


class TestEnginesThatFail:
    def test_none_is_there(self, host):
        message = refusal(MissingFeature)
        assert f"{host}/docker.sock (no socket)" in message and f"{host}/podman.sock (no socket)" in message
        assert "systemctl start docker" in message and "podman.socket" in message
        with pytest.raises(MissingFeature):
            lookup.listing()

    @pytest.mark.parametrize("runtime", ["docker", "podman"])
    def test_the_one_asked_for_is_not_there(self, host, runtime):
        message = refusal(MissingFeature, runtime=runtime)
        assert f"{host}/{runtime}.sock" in message and "start" in message

    def test_a_socket_nobody_listens_on(self, host):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(host / "docker.sock"))
        assert "connection refused" in refusal(MissingFeature)

    @pytest.mark.parametrize("url", ["tcp://10.0.0.1:2375", "ssh://host", "/var/run/docker.sock", "unix://relative"])
    def test_another_kind_of_address(self, host, monkeypatch, url):
        monkeypatch.setenv("DOCKER_HOST", url)
        message = refusal()
        assert url in message and "unix:///" in message

    def test_no_permission(self, docker_engine, monkeypatch):
        def denied(_socket, _path):
            raise PermissionError(13, "Permission denied")

        # root is denied nothing, so the kernel can't be had to say it here.
        monkeypatch.setattr(api.socket, "socket", type("Denied", (socket.socket,), {"connect": denied}))
        assert "as root" in refusal()

    def test_no_answer(self, host):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(host / "docker.sock"))
            silent.listen(8)
            message = refusal(PipefitterError, timeout=0.2)
            # Waited for once: nothing is asked again.
            silent.setblocking(False)
            with silent.accept()[0], pytest.raises(BlockingIOError):
                silent.accept()
        assert "timed out after 0.2 s" in message and "/containers/web1/json" in message

    def test_a_full_backlog(self, host):
        with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
            busy.bind(str(host / "docker.sock"))
            busy.listen(0)
            first.connect(str(host / "docker.sock"))
            assert "timed out after 0.2 s" in refusal(PipefitterError, timeout=0.2)

    @pytest.mark.parametrize(
        "given",
        [
            (200, b"<html>hello</html>"),
            (200, b""),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"Id": 5, "Name": 7, "State": [], "Config": null}'),
            (200, b"\xff\xfe"),
        ],
    )
    def test_an_answer_that_is_not_dockers(self, start, given):
        start(FakeAnything, "docker.sock").given = given
        message = refusal(PipefitterError)
        assert "docker.sock" in message and "not a valid response of Docker" in message

    def test_an_answer_that_is_not_http(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        monkeypatch.setattr(engine, "_http", lambda *_: b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    def test_a_connection_closed_without_answer(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        engine.close_after = 1
        monkeypatch.setattr(engine, "_http", lambda *_: b"")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    def test_an_answer_cut_short(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        engine.close_after = 1
        monkeypatch.setattr(engine, "_http", lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    @pytest.mark.parametrize("body", [b'{"message": "driver failed\\nbadly."}', b"driver failed\n", b""])
    def test_an_error_of_the_engine(self, start, body):
        start(FakeAnything, "docker.sock").given = (503, body)
        message = refusal(PipefitterError)
        assert "HTTP 503" in message and (not body or "driver failed" in message)

    @pytest.mark.parametrize("given", [(200, b"{}"), (200, b'[{"Id": "a"}]'), (200, b"[1]"), (500, b"oops")])
    def test_an_answer_that_is_not_podmans(self, start, given):
        start(FakeAnything, "podman.sock").given = given
        assert "podman.sock" in refusal(PipefitterError)

    def test_a_failing_docker_is_not_passed_over(self, start, podman_engine):
        start(FakeAnything, "docker.sock").given = (500, b"oops")
        assert "Docker" in refusal(PipefitterError, names=["pod1"])
