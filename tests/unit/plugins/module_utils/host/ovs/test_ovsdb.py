# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol against a server on a unix socket that says what a test tells it to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import types

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs import session
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs.ovsdb import Ovsdb
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import (
    OvsBridge,
    OvsChange,
    OvsPort,
    missing_device,
)

NONE = ["set", []]


def uuid(name):
    return ["uuid", name]


def port_row(name, **columns):
    row = {"tag": NONE, "trunks": NONE, "vlan_mode": NONE, "external_ids": ["map", []], "protected": False}
    return {"_uuid": uuid(f"port-{name}"), "name": name, "interfaces": uuid(f"if-{name}"), **row, **columns}


def interface_row(name, **columns):
    row = {"ofport": 1, "error": NONE, "type": "", "options": ["map", []], "mtu_request": NONE, "mtu": NONE}
    return {"_uuid": uuid(f"if-{name}"), "name": name, **row, **columns}


def rows(ports=("br0",), **columns):
    """The three answers to a read: bridge br0 with these ports; ``columns`` go to the last interface."""
    members = ["set", [uuid(f"port-{name}") for name in ports]] if len(ports) != 1 else uuid(f"port-{ports[0]}")
    bridge = {
        "_uuid": uuid("bridge"),
        "name": "br0",
        "datapath_type": "",
        "ports": members,
        "external_ids": ["map", []],
        "fail_mode": NONE,
    }
    bridge.update(stp_enable=False, rstp_enable=False, mcast_snooping_enable=False, other_config=["map", []])
    interfaces = [interface_row(name) for name in ports]
    interfaces[-1].update(columns)
    return [{"rows": [bridge]}, {"rows": [port_row(name) for name in ports]}, {"rows": interfaces}]


def added(config):
    """The answers to the addition of one port: two inserts, wait, mutate, counter and its value."""
    return [
        {"uuid": uuid("if-v1")},
        {"uuid": uuid("port-v1")},
        {},
        {"count": 1},
        {"count": 1},
        {"rows": [{"next_cfg": config}]},
    ]


def config(value):
    return {"Open_vSwitch": {"row": {"new": {"cur_cfg": value}}}}


class Server:
    """Answers each request with the next of ``answers``; a callable answer writes to the socket itself."""

    def __init__(self, path, answers):
        self.requests = []
        self._answers = iter(answers)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError, StopIteration):
            while True:
                connection, _address = self._listening.accept()
                with connection:
                    self._talk(connection)

    def _talk(self, connection):
        decoder, text = json.JSONDecoder(), ""
        while received := connection.recv(1 << 20):
            text += received.decode()
            while text:
                try:
                    request, end = decoder.raw_decode(text)
                except ValueError:
                    break
                text = text[end:]
                self.requests.append(request)
                if "method" in request:
                    self._answer(connection, request, next(self._answers))

    def _answer(self, connection, request, answer):
        if callable(answer):
            answer(connection, request)
        else:
            connection.sendall(json.dumps({"id": request["id"], "result": answer, "error": None}).encode())

    def close(self):
        self._listening.close()


@pytest.fixture(name="serve")
def fixture_serve(tmp_path):
    with contextlib.ExitStack() as stack:

        def serve(*answers, timeout=5.0):
            path = str(tmp_path / "db.sock")
            server = Server(path, answers)
            stack.callback(server.close)
            return server, Ovsdb(path, timeout=timeout)

        yield serve


def silence(_connection, _request):
    pass


def hang_up(connection, _request):
    connection.shutdown(socket.SHUT_RDWR)


def test_sets_of_none_one_and_many_are_read(serve):
    answers = rows(("br0", "v1"))
    answers[1]["rows"][1].update(
        tag=5, trunks=["set", [30, 10]], vlan_mode="trunk", external_ids=["map", [["b", "2"], ["a", "1"]]]
    )
    answers[2]["rows"][0].update(type="internal", mtu_request=1400)
    _server, database = serve(answers)
    bridges, ports = database.read()
    assert bridges == {"br0": OvsBridge("br0", "system", ("br0", "v1"), devices=("v1",), mtu_request=1400)}
    assert ports["br0"] == OvsPort("br0", "br0")
    assert ports["v1"] == OvsPort("v1", "br0", 5, (10, 30), "trunk", (("a", "1"), ("b", "2")))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"type": "dpdk", "mtu": 9000, "mtu_request": 9100}, (9000,)),
        ({"type": "dpdk", "mtu_request": 9000}, (9000,)),
        ({"type": "dpdk"}, ()),
        ({"type": "dpdkvhostuserclient", "mtu": 1400}, (1400,)),
        ({"type": "afxdp-nonpmd", "mtu": 3000}, (3000,)),
        ({"type": "internal", "mtu": 1400}, ()),
        ({"type": "patch", "mtu_request": 1400}, ()),
        ({"type": "vxlan", "mtu": 1400}, ()),
        ({"type": "", "mtu": 9000}, ()),
    ],
)
def test_only_the_row_says_the_mtu_of_a_port_that_the_kernel_does_not_drive(serve, columns, found):
    _server, database = serve(rows(("br0", "p0"), **columns))
    assert database.read()[0]["br0"].driven_mtus == found


def test_an_answer_in_many_pieces_with_a_probe_in_front(serve):
    def dribble(connection, request):
        answer = json.dumps({"id": request["id"], "result": rows(("br0", "grün}")), "error": None}, ensure_ascii=False)
        message = json.dumps({"method": "echo", "id": "echo", "params": []}) + answer
        for byte in message.encode():
            connection.sendall(bytes([byte]))

    server, database = serve(dribble)
    assert "grün}" in database.read()[1]
    assert [request["method"] for request in server.requests[:1]] == ["transact"]


def test_a_probe_is_answered(serve):
    answered = threading.Event()

    def probe(connection, request):
        connection.sendall(json.dumps({"method": "echo", "id": "echo", "params": [1]}).encode())
        assert json.loads(connection.recv(4096)) == {"result": [1], "error": None, "id": "echo"}
        answered.set()
        connection.sendall(json.dumps({"id": request["id"], "result": rows(), "error": None}).encode())

    _server, database = serve(probe)
    assert "br0" in database.read()[0]
    assert answered.wait(5)


def test_confirmation_may_come_later_and_piece_by_piece(serve):
    def update(connection, request):
        connection.sendall(json.dumps({"id": request["id"], "result": config(1), "error": None}).encode())
        for value in (2, 3):
            connection.sendall(json.dumps({"method": "update", "id": None, "params": [None, config(value)]}).encode())

    server, database = serve(rows(), added(3), update, rows(("br0", "v1")))
    database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))
    assert [request["method"] for request in server.requests] == ["transact", "transact", "monitor", "transact"]


def test_a_vswitchd_that_never_confirms_is_named_and_the_change_taken_back(serve):
    server, database = serve(rows(), added(3), config(2), [{"count": 1}], timeout=1.0)
    with pytest.raises(
        PipefitterError, match="timed out after 1.05 s waiting for ovs-vswitchd to .*nothing of this change was kept"
    ):
        database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))
    _database, undo = server.requests[-1]["params"]
    assert undo["where"] == [["name", "==", "br0"]]
    assert undo["mutations"] == [["ports", "delete", ["set", [uuid("port-v1")]]]]


def test_a_change_that_can_not_be_read_after_its_confirmation_is_taken_back(serve):
    server, database = serve(rows(), added(3), config(3), silence, [{"count": 1}], timeout=1.0)
    with pytest.raises(PipefitterError, match="waiting for ovsdb-server to answer .*; nothing of this change was kept"):
        database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))
    _database, undo = server.requests[-1]["params"]
    assert undo["mutations"] == [["ports", "delete", ["set", [uuid("port-v1")]]]]


def test_a_late_confirmation_leaves_time_to_read(serve, monkeypatch):
    now = [0.0]
    wait_for_config = session.Session.wait_for_config

    def confirmed_late(*arguments):
        confirmed = wait_for_config(*arguments)
        now[0] += 60  # more than all the time there was
        return confirmed

    monkeypatch.setattr(session, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(session.Session, "wait_for_config", confirmed_late)
    server, database = serve(rows(), added(3), config(3), rows(("br0", "v1")), timeout=30.0)
    database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))
    assert len(server.requests) == 4


def test_an_undoing_that_fails_is_told_with_the_reason_for_it(serve):
    _server, database = serve(rows(), added(3), config(2), hang_up, timeout=1.0)
    with pytest.raises(PipefitterError, match="waiting for ovs-vswitchd.*undoing .* failed too: ovsdb-server closed"):
        database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        ({"ofport": -1, "error": "could not open network device v1 (No such device)"}, "No such device"),
        ({"ofport": -1}, "no port number"),
        ({"ofport": NONE}, "datapath_type=netdev does not"),
    ],
)
def test_a_port_that_did_not_come_up_says_why(serve, reported, reason):
    _server, database = serve(rows(), added(3), config(3), rows(("br0", "v1"), **reported), [{"count": 1}])
    with pytest.raises(PipefitterError, match=f"port v1 into bridge br0: .*{reason}.*nothing of this change was kept"):
        database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))


def test_a_change_that_is_overtaken_each_time_gives_up(serve):
    overtaken = [{}, {"error": "timed out", "details": '"where" clause test failed'}, None]
    server, database = serve(*[rows(), overtaken] * 3)
    with pytest.raises(Refused, match="gave up after 3 attempts: another program changed"):
        database.apply(OvsChange(add=(OvsPort("v1", "br0"),)))
    assert len(server.requests) == 6


def test_what_the_server_objects_to_is_passed_on(serve):
    _server, database = serve(rows(), [{}, {"error": "constraint violation", "details": "4096 is not in the range"}])
    with pytest.raises(PipefitterError, match="constraint violation: 4096 is not in the range"):
        database.apply(OvsChange(add=(OvsPort("v1", "br0", tag=4096),)))


def test_a_database_of_another_kind(serve):
    def refuse(connection, request):
        error = {"error": "unknown database", "details": "Open_vSwitch"}
        connection.sendall(json.dumps({"id": request["id"], "result": None, "error": error}).encode())

    _server, database = serve(refuse)
    with pytest.raises(PipefitterError, match="refused transact: unknown database: Open_vSwitch"):
        database.read()


def test_a_server_that_says_nothing(serve):
    _server, database = serve(silence, timeout=0.1)
    with pytest.raises(PipefitterError, match="timed out after 0.1 s waiting for ovsdb-server to answer"):
        database.read()


def test_no_change_needs_no_server(tmp_path):
    Ovsdb(str(tmp_path / "db.sock")).apply(OvsChange())


def test_no_socket(tmp_path):
    database = Ovsdb(str(tmp_path / "db.sock"))
    assert not database.available()
    with pytest.raises(MissingFeature, match="does not run on this host .*systemctl start openvswitch-switch"):
        database.read()


@pytest.mark.parametrize(
    ("datapath_type", "links", "sentence"),
    [
        ("system", {"br0"}, None),
        (
            "system",
            {"lo"},
            "datapath_type is system, which needs the kernel module openvswitch; load that module, or give the bridge"
            " datapath_type=netdev",
        ),
        ("netdev", {"lo"}, "log of ovs-vswitchd"),
    ],
)
def test_a_bridge_without_a_device(datapath_type, links, sentence):
    found = missing_device(OvsBridge("br0", datapath_type, ("br0",)), links)
    assert found is None if sentence is None else sentence in found
