# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MAC that one container of a fleet keeps and another is to have, or keeps too, in one VLAN is refused."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.addresses import seeded_mac
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import fleet, problem

MAC, SEED = seeded_mac("db"), "db"
A, B = {"container": "a", "vlan": "web"}, {"container": "b", "vlan": "web"}
BOTH = "is the MAC of a of hosta and also of b of hostb, in VLAN web (100); give one of them another mac or mac_seed"


def shown(name, vlan=100, mac=MAC, bridge="ovs0", **more):
    entry = {"container": name, "bridge": bridge, "interface": "eth1", "mac": mac, "addresses": [], **more}
    return {"attachments": [entry if vlan is None else {**entry, "vlan": vlan}]}


@pytest.mark.parametrize(
    ("seen", "first", "second", "where"),
    [
        ({"hostb": shown("b")}, {"mac": MAC.upper()}, {}, ".mac"),
        ({"hostb": shown("b")}, {"mac_seed": SEED}, {}, ".mac_seed"),
        # Each had it on a bridge of its own, by mac_seed; now one VLAN is over both.
        ({"hosta": shown("a", None, bridge="br0"), "hostb": shown("b", None, bridge="br0")}, {}, {}, ""),
        ({"hosta": shown("a", 200), "hostb": shown("b", None)}, {}, {}, ""),
    ],
)
def test_a_mac_that_a_container_of_another_host_keeps_is_refused(seen, first, second, where):
    said = problem(seen, hosta=[{**A, **first}], hostb=[{**B, **second}])
    assert said == f"hosta: multi_host_vlan_containers[0]{where}: {MAC} {BOTH}"


def test_so_is_one_that_is_recorded_for_a_container_that_does_not_run():
    options = {"container": "b", "interface": "eth1", "bridge": "ovs0", "vlan": 100, "mac": MAC}
    one = {"kind": "attachment", "name": "eth1 of container b", "options": options, "state": "pending"}
    seen = {"hosta": shown("a"), "hostb": {"attachments": [], "recorded": [one]}}
    assert problem(seen, hosta=[A], hostb=[B]) == f"hosta: multi_host_vlan_containers[0]: {MAC} {BOTH}"
    assert fleet({**seen, "hostb": {"recorded": [{**one, "state": "in order"}]}}, hosta=[A], hostb=[B]).problems == ()


@pytest.mark.parametrize("kind", ["attachments", "foreign_attachments"])
def test_what_no_variable_asks_for_keeps_its_mac(kind):
    seen = {"hostb": {kind: shown("b")["attachments"]}}
    said = problem(seen, hosta=[{**A, "mac": MAC}], hostb=[])
    assert said == (
        f"hosta: multi_host_vlan_containers[0].mac: {MAC} {BOTH}, or detach b of hostb (multi_host_vlan_purge does)"
    )
    for more in ({"purge": True}, {"state": "absent"}):
        more = {"hostb": more}
        assert fleet(seen, more=more, hosta=[{**A, "mac": MAC}], hostb=[]).problems == ()
        assert fleet(seen, running=["hosta"], more=more, hosta=[{**A, "mac": MAC}], hostb=[]).problems == (said,)


def test_a_mac_that_another_gives_up_in_this_run_can_be_given():
    seen = {"hostb": shown("b")}
    entries = {"hosta": [{**A, "mac": MAC}], "hostb": [{**B, "mac_seed": "b"}]}
    assert fleet(seen, **entries).problems == ()
    # Not if nobody goes to that host.
    assert len(fleet(seen, running=["hosta"], **entries).problems) == 1


@pytest.mark.parametrize(
    ("seen", "entries"),
    [
        ({"hosta": shown("a"), "hostb": shown("b", mac=seeded_mac("b"))}, {"hosta": [A], "hostb": [B]}),
        ({"hosta": shown("a"), "hostb": shown("b")}, {"hosta": [A], "hostb": [{**B, "vlan": "db"}]}),
        ({"hosta": shown("a")}, {"hosta": [{**A, "mac": MAC}]}),
        ({"hosta": shown("a"), "hostb": shown("x", 300)}, {"hosta": [A], "hostb": []}),
        ({"hosta": shown("a"), "hostb": shown("x", bridge="br0")}, {"hosta": [A], "hostb": []}),
        # Nobody asks for either: no matter of this run.
        ({"hosta": shown("x"), "hostb": shown("y")}, {"hosta": [], "hostb": []}),
        # A process whose interface the host shows by its container's name.
        ({"hosta": shown("x")}, {"hosta": [{"pid": 71, "vlan": "web", "address": "192.168.0.7", "mac": MAC}]}),
    ],
)
def test_what_is_in_nobodys_way(seen, entries):
    assert fleet(seen, **entries).problems == ()
