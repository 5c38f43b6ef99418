# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges in zones of firewalld: what is asked of it over D-Bus, and what is noted of it in /run."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import firewalld
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.dbus import CallFailed
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.firewalld import Firewalld


class Wall:
    """A firewalld: the zone of each interface, and its name on the bus, '' while it does not run."""

    def __init__(self, note):
        self.note = note
        self.zone_of = {"eth0": "public"}
        self.owner = ":1.7"
        self.calls = []
        self.error = ""

    def restart(self, owner):
        """Forget what was set at runtime."""
        self.zone_of = {"eth0": "public"}
        self.owner = owner

    def call(self, service, path, interface, method, *strings):
        assert (service, path) == ("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1")
        assert interface == "org.fedoraproject.FirewallD1.zone" and self.owner
        if method == "getActiveZones":
            zones = sorted(set(self.zone_of.values()))
            members = {zone: [name for name, of in self.zone_of.items() if of == zone] for zone in zones}
            return [
                {zone: {"interfaces": names} for zone, names in members.items()} | {"work": {"sources": ["10.0.0.0/8"]}}
            ]
        self.calls.append((method, *strings, self.noted()))
        if self.error:
            raise CallFailed(method, self.error)
        getattr(self, method)(*strings)
        return [strings[0]]

    def noted(self):
        return self.note.read_text(encoding="utf-8").splitlines() if self.note.exists() else []

    def addInterface(self, zone, bridge):
        if bridge in self.zone_of:
            problem = "ZONE_ALREADY_SET" if self.zone_of[bridge] == zone else "ZONE_CONFLICT"
            raise CallFailed("addInterface", f"{problem}: '{bridge}' already bound to '{self.zone_of[bridge]}'")
        self.zone_of[bridge] = zone

    def removeInterface(self, zone, bridge):
        if self.zone_of.get(bridge) != zone:
            raise CallFailed(
                "removeInterface", "UNKNOWN_INTERFACE" if bridge not in self.zone_of else "ZONE_CONFLICT: x"
            )
        del self.zone_of[bridge]


@pytest.fixture(name="wall")
def fixture_wall(monkeypatch, tmp_path):
    wall = Wall(tmp_path / "run" / "firewalld-bridges")
    monkeypatch.setattr(firewalld, "_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(firewalld, "_NOTE", str(wall.note))
    monkeypatch.setattr(firewalld, "table_exists", lambda family, table: (family, table) == ("inet", "firewalld"))
    monkeypatch.setattr(firewalld.dbus, "owner", lambda _service: wall.owner)
    monkeypatch.setattr(firewalld.dbus, "call", wall.call)
    return wall


def test_a_bridge_is_lent_to_a_zone_and_taken_back(wall):
    assert Firewalld().zones() == ((("eth0", "public"),), frozenset(), frozenset())
    Firewalld().lend("br0", "trusted")
    assert Firewalld().zones() == ((("br0", "trusted"), ("eth0", "public")), frozenset({"br0"}), frozenset())
    assert wall.noted() == ["br0 trusted :1.7"] and wall.note.parent.stat().st_mode & 0o777 == 0o700
    Firewalld().lend("br1", "trusted")
    Firewalld().take_back("br0", "trusted")
    assert Firewalld().zones()[1:] == (frozenset({"br1"}), frozenset())
    Firewalld().take_back("br1", "trusted")
    assert wall.zone_of == {"eth0": "public"} and not wall.note.exists()


def test_it_is_noted_before_it_is_done(wall):
    Firewalld().lend("br0", "trusted")
    Firewalld().take_back("br0", "trusted")
    note = ["br0 trusted :1.7"]
    assert wall.calls == [("addInterface", "trusted", "br0", note), ("removeInterface", "trusted", "br0", note)]


def test_a_restarted_firewalld_has_forgotten_what_was_lent(wall):
    Firewalld().lend("br0", "trusted")
    wall.restart(":1.9")
    assert Firewalld().zones() == ((("eth0", "public"),), frozenset(), frozenset({"br0"}))
    wall.zone_of["br0"] = "trusted"  # by the administrator's hand
    assert Firewalld().zones()[1:] == (frozenset(), frozenset({"br0"}))
    Firewalld().take_back("br0", "trusted")
    assert wall.zone_of["br0"] == "trusted" and not wall.note.exists()


def test_a_bridge_that_was_moved_to_another_zone_is_left_there(wall):
    Firewalld().lend("br0", "trusted")
    wall.zone_of["br0"] = "dmz"
    assert Firewalld().zones()[1:] == (frozenset(), frozenset({"br0"}))
    Firewalld().take_back("br0", "trusted")
    assert wall.zone_of["br0"] == "dmz" and not wall.note.exists()


def test_a_bridge_that_is_there_already_is_ours_by_the_note(wall):
    """A run that was killed after the call has left both."""
    wall.zone_of["br0"] = "trusted"
    Firewalld().lend("br0", "trusted")
    assert Firewalld().zones()[1] == {"br0"}


def test_a_bridge_in_another_zone_is_refused_and_not_noted(wall):
    Firewalld().lend("br1", "trusted")
    wall.zone_of["br0"] = "dmz"
    with pytest.raises(Refused, match="br0 can't be added to firewalld's zone trusted: .* another zone"):
        Firewalld().lend("br0", "trusted")
    assert wall.noted() == ["br1 trusted :1.7"] and wall.zone_of["br0"] == "dmz"


def test_what_firewalld_refuses_is_passed_on(wall):
    wall.error = "INVALID_ZONE: trusted"
    with pytest.raises(PipefitterError, match="addInterface failed over D-Bus: INVALID_ZONE: trusted"):
        Firewalld().lend("br0", "trusted")
    assert wall.noted() == []
    wall.error = ""
    Firewalld().lend("br0", "trusted")
    wall.error = "ACCESS_DENIED"
    with pytest.raises(PipefitterError, match="ACCESS_DENIED"):
        Firewalld().take_back("br0", "trusted")
    assert wall.noted() == ["br0 trusted :1.7"], "it still is to be taken back"


@pytest.mark.parametrize("error", ["UNKNOWN_INTERFACE: br0", "NOT_ENABLED: br0", "ZONE_CONFLICT: br0"])
def test_a_bridge_that_is_out_already_is_taken_back(wall, error):
    Firewalld().lend("br0", "trusted")
    wall.error = error
    Firewalld().take_back("br0", "trusted")
    assert not wall.note.exists()


def test_without_firewalld_nothing_is_asked(wall, monkeypatch):
    Firewalld().lend("br0", "trusted")
    wall.owner = ""
    assert Firewalld().zones() == (None, frozenset(), frozenset({"br0"}))
    monkeypatch.setattr(firewalld.dbus, "owner", lambda _service: pytest.fail("no process where there are no rules"))
    monkeypatch.setattr(firewalld, "table_exists", lambda _family, _table: False)
    assert Firewalld().zones() == (None, frozenset(), frozenset({"br0"}))
    Firewalld().take_back("br0", "trusted")
    assert Firewalld().zones() == (None, frozenset(), frozenset())


def test_a_kernel_without_nf_tables_has_no_firewalld(wall, monkeypatch):
    def missing(_family, _table):
        raise MissingFeature("no nf_tables")

    monkeypatch.setattr(firewalld, "table_exists", missing)
    assert Firewalld().zones() == (None, frozenset(), frozenset())


def test_lines_of_a_note_that_say_nothing_are_passed_over(wall):
    Firewalld().lend("br0", "trusted")
    with wall.note.open("a", encoding="utf-8") as note:
        note.write("br1 trusted\n\n")
    assert Firewalld().zones()[1:] == (frozenset({"br0"}), frozenset())


def test_a_note_that_can_not_be_written_keeps_the_bridge_out(wall):
    wall.note.parent.write_text("no directory", encoding="utf-8")
    with pytest.raises(PipefitterError, match="can't be written .* see what is in its place"):
        Firewalld().lend("br0", "trusted")
    assert wall.calls == []
