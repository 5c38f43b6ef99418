# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC of an OVSDB session over a pair of sockets, of which the other end has said its part beforehand.

The pair keeps the bounds of what is sent (SOCK_SEQPACKET), so that each piece arrives by itself.
"""

from __future__ import annotations

import json
import socket

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs.session import DATABASE, Session
from hypothesis import given
from hypothesis import strategies as st

SELECT = {"op": "select", "table": "Bridge", "where": []}


class Impatient:
    """A socket on which the time to wait is over as soon as there is nothing more to receive."""

    def __init__(self, connected):
        self._connected = connected
        self.sendall, self.close = connected.sendall, connected.close

    def settimeout(self, seconds):
        assert seconds > 0, "0 would mean not to wait, and less is an error"

    def recv(self, size):
        try:
            return self._connected.recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise socket.timeout from None


class Pair:
    """A session that is connected to this end."""

    def __init__(self):
        self.session = Session("/run/db.sock", 60)
        self.session._socket.close()
        ours, self._server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.session._socket = Impatient(ours)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.session._socket.close()
        self.hang_up()

    def hang_up(self):
        self._server.close()

    def say(self, *messages):
        for message in messages:
            self.send(json.dumps(message).encode())

    def send(self, *pieces):
        for piece in pieces:
            self._server.sendall(piece)

    def heard(self):
        """Return all that the session has sent."""
        self._server.setblocking(False)
        messages = []
        try:
            while received := self._server.recv(1 << 20):
                messages.append(json.loads(received))
        except BlockingIOError:
            pass
        return messages


@pytest.fixture(name="pair")
def fixture_pair():
    with Pair() as pair:
        yield pair


def answer(number, result, error=None):
    return {"id": number, "result": result, "error": error}


def update(config):
    return {"method": "update", "id": None, "params": [None, configured(config)]}


def configured(config):
    return {DATABASE: {"row": {"new": {"cur_cfg": config}}}}


def echo(number="echo", params=()):
    return {"method": "echo", "id": number, "params": list(params)}


def test_a_call_names_method_database_and_a_new_id(pair):
    pair.say(answer(1, [{"rows": []}]), answer(2, [{"rows": [1]}]))
    assert pair.session.transact([SELECT]) == [{"rows": []}]
    assert pair.session.attempt([SELECT, SELECT]) == [{"rows": [1]}]
    assert pair.heard() == [
        {"method": "transact", "params": [DATABASE, SELECT], "id": 1},
        {"method": "transact", "params": [DATABASE, SELECT, SELECT], "id": 2},
    ]


_texts = st.text(st.sampled_from('a}{]["\\ü\n€'), max_size=8)


@given(
    st.lists(_texts, min_size=1, max_size=3), st.lists(st.integers(1, 200), max_size=12), st.booleans(), st.booleans()
)
def test_answers_arrive_in_whatever_pieces(texts, cuts, probed, escaped):
    """Also cut within a character, and several in one piece."""
    messages = [answer(number, [{"rows": [text]}]) for number, text in enumerate(texts, 1)]
    if probed:
        messages.insert(1, echo())
    stream = "\n".join(json.dumps(message, ensure_ascii=escaped) for message in messages).encode()
    bounds = sorted({cut for cut in cuts if cut < len(stream)})
    with Pair() as pair:
        pair.send(*(stream[first:last] for first, last in zip([0, *bounds], [*bounds, len(stream)])))
        for text in texts:
            assert pair.session.transact([SELECT]) == [{"rows": [text]}]


def test_a_line_break_between_messages_belongs_to_neither(pair):
    pair.send(json.dumps(answer(1, [{}])).encode(), b"\n" + json.dumps(answer(2, [{"count": 1}])).encode() + b"\n")
    assert pair.session.transact([SELECT]) == [{}]
    assert pair.session.transact([SELECT]) == [{"count": 1}]


def test_a_long_answer_is_not_parsed_anew_for_each_piece(pair, monkeypatch):
    decoders = []
    decoder = json.JSONDecoder
    monkeypatch.setattr(json, "JSONDecoder", lambda: decoders.append(1) or decoder())
    long = answer(1, [{"rows": ["x" * 1000, {"name": "y"}]}])
    stream = json.dumps(long).encode()
    pair.send(*(stream[start : start + 10] for start in range(0, len(stream), 10)))
    assert pair.session.transact([SELECT]) == long["result"]
    assert len(decoders) <= 2


def test_a_probe_is_answered_before_the_answer_is_taken(pair):
    pair.say(echo("e1", [1, "two"]), answer(1, [{}]))
    assert pair.session.transact([SELECT]) == [{}]
    asked, echoed = pair.heard()
    assert asked["method"] == "transact" and echoed == {"result": [1, "two"], "error": None, "id": "e1"}


def test_what_is_no_answer_to_the_call_is_passed_over(pair):
    pair.say(update(9), answer(99, ["stale"]), {"method": "locked", "id": 1, "params": []}, answer(1, [{"count": 1}]))
    assert pair.session.transact([SELECT]) == [{"count": 1}]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"error": "constraint violation", "details": "4096 is not in the range"},
            "violation: 4096 is not in the range",
        ),
        ({"error": "aborted"}, "refused the change to Open vSwitch: aborted"),
    ],
)
def test_an_operation_that_fails_is_an_error_with_its_details(pair, error, said):
    pair.say(answer(1, [{}, error, None]), answer(2, [{}, error, None]))
    with pytest.raises(PipefitterError, match=said):
        pair.session.transact([SELECT, SELECT])
    with pytest.raises(PipefitterError, match=said):
        pair.session.attempt([SELECT, SELECT])


@pytest.mark.parametrize(
    "error",
    [
        {"error": "timed out", "details": '"where" clause test failed'},
        {
            "error": "constraint violation",
            "details": 'Transaction causes multiple rows in "Port" to have identical values: index on column "name"',
        },
    ],
)
def test_a_change_of_others_in_between_is_told_from_other_errors(pair, error):
    pair.say(answer(1, [{}, error]), answer(2, [{}, error]))
    assert pair.session.attempt([SELECT, SELECT]) is None
    with pytest.raises(PipefitterError, match=error["error"]):
        pair.session.transact([SELECT, SELECT])


@pytest.mark.parametrize(
    ("error", "said"), [({"error": "unknown database", "details": "x"}, "unknown database: x"), ("odd", "odd")]
)
def test_a_call_that_is_refused_as_a_whole(pair, error, said):
    pair.say(answer(1, None, error))
    with pytest.raises(PipefitterError, match=f"/run/db.sock refused transact: {said}; check"):
        pair.session.transact([SELECT])


def test_a_server_that_hangs_up_in_the_midst_of_an_answer(pair):
    pair.send(json.dumps(answer(1, [{}])).encode()[:-3])
    pair._server.shutdown(socket.SHUT_WR)
    with pytest.raises(PipefitterError, match="closed the connection on /run/db.sock"):
        pair.session.transact([SELECT])


def test_a_server_that_is_gone_before_the_call(pair):
    pair.hang_up()
    with pytest.raises(MissingFeature, match="does not listen on /run/db.sock .*systemctl start openvswitch-switch"):
        pair.session.transact([SELECT])


def test_a_server_that_is_silent_or_breaks_off_ends_the_call_at_its_deadline(pair):
    with pytest.raises(PipefitterError, match="timed out after 60 s waiting for .* to answer on /run/db.sock"):
        pair.session.transact([SELECT])
    pair.send(json.dumps(answer(2, [{}])).encode()[:-1])
    with pytest.raises(PipefitterError, match="waiting for ovsdb-server to answer"):
        pair.session.transact([SELECT])


def test_a_deadline_that_is_over_is_over_until_it_is_renewed(pair):
    pair.session.renew(0)
    with pytest.raises(PipefitterError, match="waiting for ovsdb-server to answer"):
        pair.session.transact([SELECT])
    pair.session.renew(60)
    pair.say(answer(1, ["late"]), answer(2, [{}]))
    assert pair.session.transact([SELECT]) == [{}]


def test_the_configuration_is_waited_for(pair):
    pair.say(answer(1, configured(3)), echo(), update(4), update(6))
    assert pair.session.wait_for_config(5)
    assert pair.heard()[0]["params"] == [DATABASE, None, {DATABASE: {"columns": ["cur_cfg"]}}]


@pytest.mark.parametrize("shown", [configured(7), configured(8)])
def test_a_configuration_that_is_reached_is_not_waited_for(pair, shown):
    pair.say(answer(1, shown))
    assert pair.session.wait_for_config(7)


def test_a_configuration_that_does_not_come_is_not_confirmed(pair):
    pair.say(
        answer(1, {}), update(4), {"method": "update", "id": None, "params": [None, {DATABASE: {"row": {"new": {}}}}]}
    )
    assert not pair.session.wait_for_config(5)


@pytest.mark.parametrize("got_it", [True, False])
def test_a_lock_that_we_get_nobody_held(pair, got_it):
    pair.say(answer(1, {"locked": got_it}))
    assert pair.session.is_locked("ovs_vswitchd") is not got_it
    assert pair.heard() == [{"method": "lock", "params": ["ovs_vswitchd"], "id": 1}]


def test_where_no_server_is_it_says_what_to_start(tmp_path):
    path = str(tmp_path / "db.sock")
    with pytest.raises(MissingFeature, match=f"there is no {path}.; start it with"), Session(path, 60):
        pass
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(path)
    with pytest.raises(MissingFeature, match=f"does not listen on {path} .*; start it with"), Session(path, 60):
        pass


def test_a_server_that_takes_no_connections(tmp_path):
    path = str(tmp_path / "db.sock")
    with socket.socket(socket.AF_UNIX) as stopped, socket.socket(socket.AF_UNIX) as first:
        stopped.bind(path)
        stopped.listen(0)
        first.connect(path)  # the queue is full now
        with pytest.raises(PipefitterError, match=f"accepts no connections on {path}"), Session(path, 60):
            pass
