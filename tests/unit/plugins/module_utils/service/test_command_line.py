# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command pipefitter: what it says, and to whom."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import lock
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import ATTACHMENT, Record
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import passes
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import (
    command_line,
    hook_client,
    installation,
    state_file,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.store import records

COMMANDS = ("status", "reconcile", "watch", "wait", "hook", "forget", "export", "events")
WEB1, WEB2 = (
    Record(ATTACHMENT, ("container", name, "eth1"), {"container": name, "bridge": "br0", "interface": "eth1"})
    for name in ("web1", "web2")
)
_EVENTS = """
import sys
sys.path.insert(0, sys.argv[1])
from pipefitter.service import command_line, state_file
state_file.events = lambda _since: [{"time": 0, "did": "attached", "cause": ""}] * int(sys.argv[2])
sys.exit(command_line.main(["events"]))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = tmp_path_factory.mktemp("program") / "pipefitter"
    made.write_bytes(installation.program(sys.executable)[0])
    return str(made)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_each_command_has_help(program, command, word):
    done = subprocess.run(
        [sys.executable, "-I", program, command, word], input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout.startswith(f"usage: pipefitter {command} [-h]")


@pytest.mark.parametrize("count", [1, 10000])
def test_whoever_reads_no_further_is_told_nothing(program, count):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _EVENTS, program, str(count)],  # -I: no PYTHONUNBUFFERED
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["eth1", "of", "container", "web2"],
            "'eth1' is not in the record; names have spaces and need quotes: "
            "pipefitter forget 'eth1 of container web2'",
        ),
        (["eth1", "of", "container", "web9"], "names have spaces and need quotes; pipefitter status shows what is"),
        (["eth1 of container web9"], "'eth1 of container web9' is not in the record; pipefitter status shows what is"),
    ],
)
def test_forget_says_that_names_need_quotes(monkeypatch, capsys, names, said):
    monkeypatch.setattr(command_line, "_recorded", lambda mend: [WEB1, WEB2])
    monkeypatch.setattr(lock, "held", contextlib.nullcontext)
    monkeypatch.setattr(records.Store, "change", lambda *_what: pytest.fail("something was forgotten"))
    assert command_line.main(["forget", *names]) == 1
    assert said in capsys.readouterr().err


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host whose record is in order, and of whose service nothing is there."""
    found = passes.Report(True, [passes.ObjectState(one, passes.IN_ORDER) for one in (WEB2, WEB1)])
    monkeypatch.setattr(passes, "run", lambda **_how: found)
    monkeypatch.setattr(state_file, "since", dict)
    monkeypatch.setattr(hook_client, "SOCKET", str(tmp_path / "hook.sock"))
    monkeypatch.setattr(command_line, "UNIT", str(tmp_path / "pipefitter.service"))
    monkeypatch.setattr(command_line, "PROGRAM", str(tmp_path / "pipefitter"))
    return tmp_path


_NOT_RUNNING = "warning: the service pipefitter is not running: nothing comes back by itself; "


@pytest.mark.parametrize(
    ("installed", "warning"),
    [
        ((), ""),
        (("pipefitter",), _NOT_RUNNING + "run pipefitter watch\n"),
        (("pipefitter", "pipefitter.service"), _NOT_RUNNING + "systemctl start pipefitter\n"),
    ],
)
def test_status_says_that_the_service_does_not_run(host, capsys, installed, warning):
    for name in installed:
        (host / name).touch()
    assert command_line.main(["status"]) == 0
    assert capsys.readouterr().err == warning
    assert command_line.main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["service"] == "not running"


def test_status_sees_that_the_service_runs(host, capsys):
    (host / "pipefitter").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(hook_client.SOCKET)
        listening.listen()
        assert command_line.main(["status"]) == 0
        assert capsys.readouterr().err == ""
        assert command_line.main(["status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["service"] == "running"
    assert command_line.main(["status"]) == 0
    assert _NOT_RUNNING in capsys.readouterr().err, "its socket is there still"


def test_a_diff_shows_what_changes_with_a_little_around_it(monkeypatch, capsys):
    links = {f"key{number:02}": number for number in range(30)}
    report = passes.Report(True, operations=["set it"])
    report.before, report.after = {"bridge br0": links}, {"bridge br0": {**links, "key15": 99}}
    monkeypatch.setattr(passes, "run", lambda **_how: report)
    assert command_line.main(["reconcile", "--check", "--diff"]) == 2
    first, *diff = capsys.readouterr().out.splitlines()
    assert first == "set it" and diff[:2] == ["--- before", "+++ after"] and diff[2].startswith("@@ -14,7 +14,7 @@")
    assert diff[3:] == [
        "   key12: 12",
        "   key13: 13",
        "   key14: 14",
        "-  key15: 15",
        "+  key15: 99",
        "   key16: 16",
        "   key17: 17",
        "   key18: 18",
    ]


_NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("words", "since"),
    [
        ("90s", _NOW - 90),
        ("10m", _NOW - 600),
        ("2h", _NOW - 7200),
        ("3d", _NOW - 3 * 86400),
        ("1w", _NOW - 7 * 86400),
        ("2023-11-14T22:13:20Z", _NOW),
        ("2023-11-14T23:13:20+01:00", _NOW),
        ("2023-11-14 22:13", _NOW - 20),
        ("2023-11-14", _NOW - (22 * 60 + 13) * 60 - 20),
    ],
)
def test_events_since(monkeypatch, capsys, words, since):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: _NOW)
    asked = []
    entry = {"time": _NOW, "did": "create bridge br0", "cause": "start of the service"}
    monkeypatch.setattr(state_file, "events", lambda since: asked.append(since) or [entry])
    assert command_line.main(["events", "--since", words]) == 0
    assert asked == [since]
    assert capsys.readouterr().out == "2023-11-14 22:13:20 create bridge br0 [start of the service]\n"


@pytest.mark.parametrize(
    "words", ["", "10", "10x", "-10m", "m", "1.5h", "yesterday", "2023-13-01", "9" * 12 + "d", "1h30m"]
)
def test_events_since_what_is_no_time(capsys, words):
    assert command_line.main(["events", f"--since={words}"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith(f"pipefitter: --since: {words!r} is no time; give how long ago (30s, 10m, ")


def test_what_is_done_by_hand_is_an_event(monkeypatch, capsys):
    report = passes.Report(False, operations=["create bridge br0"])
    kept = []
    monkeypatch.setattr(passes, "run", lambda **_how: report)
    monkeypatch.setattr(state_file, "_append", kept.extend)
    assert command_line.main(["reconcile", "--check"]) == 2 and not kept
    assert command_line.main(["reconcile"]) == 2
    assert [(entry["did"], entry["cause"]) for entry in kept] == [("create bridge br0", "reconcile by hand")]
