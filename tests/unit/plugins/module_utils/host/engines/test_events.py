# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines tell of their containers, as Docker 20.10 and Podman 4.3 say it, in whatever parts it comes."""

from __future__ import annotations

import json
import socket
import time

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines.events import (
    EngineEvents,
    PodmanProgram,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.notices import Notice

ID = "4e6f51fa327e4ec017b5dc2f4c26cd8b333fb1f2a20f5cf3fd28ecfbf196c662"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(action, kind="container", **attributes):
    told = {"Type": kind, "Action": action, "Actor": {"ID": ID, "Attributes": {"name": "web1", **attributes}}}
    if kind == "container":
        told.update(status=action, id=ID)
    return json.dumps({**told, "scope": "local", "time": 1}).encode() + b"\n"


def chunk(body):
    return b"%x\r\n%s\r\n" % (len(body), body)


@pytest.fixture(name="events")
def fixture_events(host):
    """Events of Docker, and the end at which the test tells them."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(host / "docker.sock"))
        listener.listen(1)
        source = EngineEvents("Docker")
        told, _peer = listener.accept()
        with told:
            told.sendall(HEAD)
            yield source, told
        source.close()


def test_what_happened_to_which_container(events):
    source, told = events
    whole = b"".join(
        map(chunk, (event("start"), event("die"), event("connect", "network", name="bridge"), event("exec_create: ls")))
    )
    found = []
    for part in (whole[:90], whole[90:91], whole[91:300], whole[300:]):
        told.sendall(part)
        assert source.read()
        found += source.taken()
    assert found == [
        Notice("container web1 started", "web1"),
        Notice("container web1 ended", "web1"),
        Notice("network bridge connected to a container"),
    ]
    assert source.taken() == []
    told.close()
    assert not source.read()


@pytest.mark.parametrize(
    "line", [b"{", b'{"Type": 1}', b'{"Actor": []}', b'{"Action": []}', b'{"Actor": {"Attributes": 1}}']
)
def test_what_is_not_understood_is_no_more_than_an_event(events, line):
    source, told = events
    told.sendall(chunk(line + b"\n") + chunk(event("start")))
    assert source.read()
    assert source.taken() == [Notice("container web1 started", "web1")]


def test_a_line_without_end_takes_no_more_memory_than_a_long_one(events):
    source, told = events
    told.setblocking(False)
    for _part in range(100):
        told.sendall(b"{" * 10000)
        assert source.read()
    assert len(source._lines._rest) <= 1 << 16


def test_the_program_of_podman(host):
    line = {"ID": ID, "Image": "localhost/bb:latest", "Name": "pod1", "Status": "died", "Type": "container"}
    (host / "podman").write_text(f"#!/bin/sh\necho '{json.dumps(line)}'\nexec /bin/cat\n")
    (host / "podman").chmod(0o755)
    source = PodmanProgram()
    try:
        while source.read():
            time.sleep(0.01)
        assert source.taken() == [Notice("container pod1 ended", "pod1")]
    finally:
        source.close()
