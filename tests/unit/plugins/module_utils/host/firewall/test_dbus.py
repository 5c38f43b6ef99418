# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of busctl, and what is made of its answers."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import dbus
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.program import Finished

CALL = ("org.example.Wall", "/org/example/Wall", "org.example.Wall.zone")


@pytest.fixture(name="busctl")
def fixture_busctl(monkeypatch):
    """Let busctl end as the test says, and note its words."""
    asked = []

    def ending(*answers):
        left = list(answers)
        monkeypatch.setattr(dbus.program, "run", lambda argv: asked.append(list(argv)) or left.pop(0))
        return asked

    return ending


def test_strings_go_as_words_of_their_own_and_the_answer_is_read(busctl):
    asked = busctl(Finished(0, '{"type":"a{sa{sas}}","data":[{"trusted":{"interfaces":["br0"]}}]}\n', ""))
    assert dbus.call(*CALL, "addInterface", "trusted", "br0 -x") == [{"trusted": {"interfaces": ["br0"]}}]
    assert asked == [
        [
            "busctl",
            "--system",
            "--json=short",
            "--auto-start=no",
            "call",
            *CALL,
            "addInterface",
            "ss",
            "trusted",
            "br0 -x",
        ]
    ]


def test_an_answer_without_a_value(busctl):
    busctl(Finished(0, "", ""))
    assert dbus.call(*CALL, "reload") == []


def test_an_error_says_what_the_service_said(busctl):
    busctl(Finished(1, "", "Call failed: ZONE_CONFLICT: 'br0' already bound to 'public'\n"))
    with pytest.raises(dbus.CallFailed) as failed:
        dbus.call(*CALL, "addInterface", "trusted", "br0")
    assert failed.value.said == "ZONE_CONFLICT: 'br0' already bound to 'public'"
    assert (
        str(failed.value)
        == "org.example.Wall.zone.addInterface failed over D-Bus: ZONE_CONFLICT: 'br0' already bound to 'public'"
    )


@pytest.mark.parametrize(
    "said",
    [
        "Call failed: Could not get owner of name 'org.example.Wall': no such name",
        "Failed to connect to bus: No such file",
    ],
)
def test_a_service_that_does_not_run_has_no_owner(busctl, said):
    busctl(Finished(1, "", said), Finished(0, '{"type":"s","data":[":1.7"]}', ""))
    assert dbus.owner("org.example.Wall") == ""
    assert dbus.owner("org.example.Wall") == ":1.7"


def test_a_host_without_busctl_names_the_package(busctl):
    busctl(None)
    with pytest.raises(
        MissingFeature,
        match="busctl is required for org.example.Wall, which runs on this host; install the package systemd",
    ):
        dbus.call(*CALL, "getActiveZones")
