# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook asks the service, and does its work itself where that doesn't answer."""

from __future__ import annotations

import socket
import stat
import threading

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import (
    hook_client,
    hook_server,
    starting,
    state_file,
)


class Server:
    """The service's end, and in ``asked`` what came to it; a container named ``bad`` must not start."""

    def __init__(self, path):
        self.path = path
        self.listening = hook_server.listen()
        self.asked = []

    def answer(self):
        hook_server.answer(self.listening, self._attach)

    def _attach(self, told, say):
        self.asked.append(told)
        say("attached", False)
        if told == b"bad":
            say("not attached\n as it is", True)
        return int(told == b"bad")

    def close(self):
        self.listening.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture(name="server")
def fixture_server(monkeypatch, tmp_path):
    path = tmp_path / "run" / "hook.sock"
    for module in (hook_client, hook_server):
        monkeypatch.setattr(module, "SOCKET", str(path))
    monkeypatch.setattr(hook_client, "_PATIENCE", 20.0)
    monkeypatch.setattr(state_file, "note", lambda _line, _cause: None)
    server = Server(path)
    yield server
    server.close()


def in_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_the_service_did_and_warns_of_comes_back(server):
    for told, answer in ((b"good" * 100_000, (0, "")), (b"bad", (1, "pipefitter: not attached\n as it is"))):
        thread = in_background(server.answer)
        assert hook_client.ask(told) == answer
        thread.join(20)
    assert server.asked == [b"good" * 100_000, b"bad"]


def test_a_service_that_is_busy_is_not_waited_for_and_does_nothing_later(server, monkeypatch):
    monkeypatch.setattr(hook_client, "_PATIENCE", 0.001)
    assert hook_client.ask(b"good") is None
    server.answer()
    assert server.asked == []


def test_without_a_service_the_hook_does_it_itself(server):
    server.close()
    assert hook_client.ask(b"good") is None


@pytest.mark.parametrize("answer", [b"", b"x", b"?", b"?2 lines"])
def test_a_service_that_ends_in_the_middle_has_not_done_it(server, answer):
    server.close()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(server.path))
        other.listen()

        def end():
            connection, _address = other.accept()
            with connection:
                connection.sendall(answer)

        thread = in_background(end)
        assert hook_client.ask(b"good") is None
        thread.join(20)


def test_the_socket_is_roots_alone_and_takes_the_place_of_an_old_one(server):
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as old:
        server.path.unlink()
        old.bind(str(server.path))
    hook_server.listen().close()


def test_its_process_serves_until_the_service_ends_it(server, monkeypatch):
    server.close()
    monkeypatch.setattr(starting, "attach", lambda told, _say: int(told == b"bad"))
    hooks = hook_server.HookServer()
    try:
        assert [hook_client.ask(told) for told in (b"good", b"bad", b"good")] == [(0, ""), (1, ""), (0, "")]
    finally:
        hooks.close()
    assert not server.path.exists() and hook_client.ask(b"good") is None


def test_another_user_is_not_served(server, monkeypatch):
    monkeypatch.setattr(hook_server.os, "geteuid", lambda: 12345)
    thread = in_background(server.answer)
    assert hook_client.ask(b"good") is None
    thread.join(20)
    assert server.asked == []
