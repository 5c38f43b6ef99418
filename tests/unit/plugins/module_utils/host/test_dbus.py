# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of D-Bus, against bytes laid out by the specification, and a bus that is not what it should be."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import dbus
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.dbus import Bus, CallFailed, NoBus


def string(text):
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def padded(data, to):
    return data + b"\0" * (-len(data) % to)


def message(kind, serial, signature="", body=b"", error=""):
    fields = b"\x05\x01u\0" + struct.pack("<I", serial)
    if error:
        fields = padded(fields, 8) + b"\x04\x01s\0" + string(error)
    if signature:
        fields = padded(fields, 8) + b"\x08\x01g\0" + bytes((len(signature),)) + signature.encode() + b"\0"
    return padded(struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), 77, len(fields)) + fields, 8) + body


@pytest.fixture(name="served")
def fixture_served(tmp_path, monkeypatch):
    """Answer a client with given bytes: to its greeting, then to each of its calls. Returns what it sent."""
    path = str(tmp_path / "bus")
    monkeypatch.setattr(dbus, "_SOCKET", path)
    monkeypatch.setattr(dbus, "_TIMEOUT", 2)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    threads = []

    def serve(*answers, greeting=b"OK 1234\r\n"):
        sent = []

        def answer():
            client, _address = listening.accept()
            with client:
                client.recv(4096)
                client.sendall(greeting)
                for each in (message(2, 1, "s", string(":1.7")), *answers):
                    said = client.recv(4096)
                    sent.append(client.recv(4096) if said == b"BEGIN\r\n" else said)
                    if not sent[-1]:
                        return
                    client.sendall(each)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        return sent

    yield serve
    for thread in threads:
        thread.join(timeout=5)
    listening.close()


def test_zones_with_their_interfaces(served):
    members = string("br0")
    entry = padded(string("interfaces"), 4) + struct.pack("<I", len(members)) + members
    inner = padded(string("trusted"), 4)
    inner = inner + struct.pack("<I", len(entry)) + padded(b"", 8)
    inner = padded(inner, 8) + entry
    body = struct.pack("<I", len(inner)) + b"\0" * 4 + inner
    sent = served(message(2, 2, "a{sa{sas}}", body))
    with Bus() as bus:
        assert bus.call("a.b", "/a", "a.b.c", "zones", "x", "yz") == [{"trusted": {"interfaces": ["br0"]}}]
    call = sent[1].removeprefix(b"BEGIN\r\n")
    assert (call[:1], call[1], call[2]) == (b"l", 1, 2), "a call in little endian that starts no service"
    assert string("x") + b"\0\0" + string("yz") in call and b"\x02ss\0" in call


def test_an_error_has_its_name_and_text(served):
    served(message(3, 2, "s", string("ZONE_CONFLICT: 'br0' already bound"), error="org.x.Exception"))
    with Bus() as bus, pytest.raises(CallFailed, match="a.b.c.add failed over D-Bus: ZONE_CONFLICT") as failure:
        bus.call("a.b", "/a", "a.b.c", "add")
    assert failure.value.name == "org.x.Exception"


def test_answers_to_others_are_passed_over(served):
    served(message(4, 0) + message(2, 9, "b", struct.pack("<I", 0)) + message(2, 2, "b", struct.pack("<I", 1)))
    with Bus() as bus:
        assert bus.has("org.fedoraproject.FirewallD1") is True


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"x" * 16,
        message(2, 2, "as", struct.pack("<II", 8, 200) + b"abcd"),
        message(2, 2, "z", b"abcd"),
        message(2, 2, "a(s", b"\0" * 8),
        struct.pack("<cBBBIII", b"l", 2, 0, 1, 1 << 30, 1, 0),
    ],
)
def test_an_answer_that_is_none(served, answer):
    served(answer)
    with Bus() as bus, pytest.raises(PipefitterError, match="was not answered over D-Bus"):
        bus.call("a.b", "/a", "a.b.c", "add")


def test_a_bus_that_refuses_this_user(served):
    served(greeting=b"REJECTED EXTERNAL\r\n")
    with pytest.raises(PipefitterError, match="refused this user"):
        Bus()


def test_a_host_without_a_bus(tmp_path, monkeypatch):
    monkeypatch.setattr(dbus, "_SOCKET", str(tmp_path / "none"))
    with pytest.raises(NoBus):
        Bus()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "none"))
    left.close()
    with pytest.raises(NoBus):
        Bus()
