# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of container_bridge against the real kernel and nftables: made, refused, undone and removed at once."""

from __future__ import annotations

import re

import pytest
from lab_hosts import ModuleFailed
from wiring import assert_same, everything, held, link, make_bridge, refused, warned

FULL = {
    "ip_forward": True,
    "masquerade": True,
    "mtu": 1400,
    "bridges": [
        {"name": "front", "addresses": ["192.168.11.1/24", "fd00:11::1/64"]},
        {"name": "back", "addresses": ["192.168.12.1/24"], "mtu": 9000, "members": ["port0"]},
        {"name": "db", "addresses": ["auto"], "ip_forward": False, "masquerade": False},
    ],
}
NAMES = {"state": "absent", "bridges": [{"name": "front"}, {"name": "back"}, {"name": "db"}]}


def make_port(host):
    host.run("ip", "link", "add", "port0", "up", "type", "veth", "peer", "name", "peer0")


def switch_off(host):
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")


def forwards(host, name):
    return host.run("sysctl", "-n", f"net.ipv4.conf.{name}.forwarding").stdout.strip()


def test_makes_all_says_so_before_and_changes_nothing_when_run_again(host):
    make_port(host)
    switch_off(host)
    before = everything(host)
    checked = host.module("container_bridge", check_mode=True, diff=True, **FULL)
    assert_same(before, everything(host))
    done = host.module("container_bridge", diff=True, **FULL)
    again = host.module("container_bridge", diff=True, **FULL)

    assert (checked["operations"], checked["diff"]) == (done["operations"], done["diff"])
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert [one["name"] for one in done["bridges"]] == ["front", "back", "db"]
    assert again["bridges"] == done["bridges"]
    assert "bridge" not in done
    assert held(host, "front") == {"192.168.11.1/24", "fd00:11::1/64"}
    assert [link(host, name)["mtu"] for name in ("front", "back", "db")] == [1400, 9000, 1400]
    assert link(host, "port0")["master"] == "back"
    assert [forwards(host, name) for name in ("front", "back", "db")] == ["1", "1", "0"]
    assert [one["masquerade"] for one in done["bridges"]] == [True, True, False]
    (auto,) = done["bridges"][2]["addresses"]
    assert re.fullmatch(r"172\.\d+\.0\.1/16", auto)
    assert len([told for told in warned(done) if told.startswith("net.ipv4.ip_forward is switched on")]) == 1


def test_removes_all_of_them(host):
    make_port(host)
    before = {entry["ifname"] for entry in host.ip("link", "show")}
    host.module("container_bridge", **FULL)
    checked = host.module("container_bridge", check_mode=True, **NAMES)
    done = host.module("container_bridge", diff=True, **NAMES)

    assert checked["operations"] == done["operations"]
    assert (done["bridges"], done["diff"]["after"]) == ([], "bridges: []\n")
    assert {entry["ifname"] for entry in host.ip("link", "show")} == before
    assert host.module("container_bridge", **NAMES)["changed"] is False


def test_corrects_what_differs_and_nothing_else(host):
    make_port(host)
    host.module("container_bridge", **FULL)
    host.run("ip", "link", "set", "back", "mtu", "1300")
    host.run("ip", "addr", "del", "192.168.11.1/24", "dev", "front")
    assert host.module("container_bridge", **FULL)["operations"] == [
        "add address 192.168.11.1/24 to front",
        "set back mtu 9000",
    ]


def test_one_name_gives_both_results(host):
    done = host.module("container_bridge", name="br0")
    assert done["bridges"] == [done["bridge"]]
    assert host.module("container_bridge", name="br0", state="absent")["bridges"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ("name", "give a list of them in bridges")),
        ({"name": "br0", "bridges": []}, ("name", "mutually exclusive with bridges")),
        ({"bridges": [{"name": "br0"}, {"name": "br1"}, {"name": "br2", "mtu": 5}]}, ("bridges[2].mtu", "68 to 65535")),
        ({"bridges": [{"name": "br0"}, {"name": "br0"}]}, ("bridges[1].name", "bridges[0]")),
        ({"bridges": [{"name": "br0"}, {"name": "eth0"}]}, ("bridges[1].name", "eth0", "not a Linux bridge")),
        ({"bridges": [{"name": "br0"}, {"name": "br1", "members": ["nope"]}]}, ("bridges[1].members[0]", "nope")),
        (
            {"bridges": [{"name": "br0"}, {"name": "br1", "members": ["eth0"]}]},
            ("bridges[1].members[0]", "lock you out"),
        ),
        ({"bridges": [{"name": "br0"}, {"name": "br1", "addresses": ["10.77.0.200/25"]}]}, ("bridge br1", "overlaps")),
        ({"bridges": [{"name": "br0"}, {"name": "other", "state": "absent"}]}, ("state",)),
        ({"state": "absent", "bridges": [{"name": "br0"}, {"name": "eth0"}]}, ("bridges[1].name", "eth0")),
    ],
)
def test_refuses_the_whole_list_and_changes_nothing(hosta, options, words):
    said = refused(hosta, "container_bridge", **options)
    for word in words:
        assert word in said


def test_a_bridge_of_others_keeps_the_whole_list_from_being_removed(host):
    make_bridge(host, "other")
    host.module("container_bridge", name="br0")
    with pytest.raises(ModuleFailed, match="bridge other was not made by this collection"):
        host.module("container_bridge", state="absent", bridges=[{"name": "br0"}, {"name": "other"}])
    assert link(host, "br0") and link(host, "other")
    host.module("container_bridge", state="absent", force=True, bridges=[{"name": "br0"}, {"name": "other"}])
    assert {"br0", "other"}.isdisjoint(entry["ifname"] for entry in host.ip("link", "show"))


def test_an_operation_that_fails_undoes_those_of_all_bridges(host):
    make_port(host)
    switch_off(host)
    before = everything(host)
    for failing in range(0, 40, 3):
        try:
            host.module("container_bridge", fail_after=failing, **FULL)
            break
        except ModuleFailed as failure:
            assert "a fault that the test injected while trying to" in str(failure)
        assert_same(before, everything(host))
    assert failing > 9  # or the loop proved nothing


def test_a_run_killed_on_the_way_is_completed_by_the_next(host):
    make_port(host)
    for killed_after in (2, 5, 9, 12):
        assert host.module("container_bridge", die_after=killed_after, **FULL).get("killed")
        host.module("container_bridge", **FULL)
        assert host.module("container_bridge", **FULL)["changed"] is False
        host.module("container_bridge", **NAMES)
    assert not [entry["ifname"] for entry in host.ip("link", "show") if entry["ifname"].startswith("pfb")]


def test_a_hundred_bridges_settle(host):
    items = [{"name": f"many{n}", "addresses": [f"10.{100 + n}.0.1/24"]} for n in range(100)]
    done = host.module("container_bridge", bridges=items, masquerade=True)
    assert len(done["bridges"]) == 100
    assert host.module("container_bridge", bridges=items, masquerade=True)["changed"] is False
    gone = host.module("container_bridge", state="absent", bridges=[{"name": item["name"]} for item in items])
    assert [line for line in gone["operations"] if line.startswith("delete")] == [
        f"delete bridge many{n}" for n in range(100)
    ]
