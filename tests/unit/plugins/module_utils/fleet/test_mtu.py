# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers get an MTU that fits through the links of all hosts."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import (
    VLANS,
    fleet,
    problem,
    shown,
    tunnelled,
)


def test_an_mtu_that_does_not_fit_through_the_links_is_told():
    def said(uplink=1500, entry=None, **given):
        containers = [{"container": "a", "vlan": "web", **({"mtu": entry} if entry else {})}]
        variables = {
            host: {"uplink": "eth1", "vlans": VLANS, "containers": containers if host == "hosta" else [], **given}
            for host in ("hosta", "hostb")
        }
        link = {"name": "eth1", "mtu": uplink, "management": "", "bridge": None}
        return vlan_fleet.read(
            variables, {host: {"attachments": [], "interfaces": [link]} for host in variables}
        ).warnings

    assert said() == said(mtu=1500) == said(entry=1500) == said(mtu=9000, uplink=9000) == ()
    words = (
        "9000 is more than the 1500 bytes that fit through the uplinks of all hosts; "
        "larger packets to other hosts are lost"
    )
    assert said(mtu=9000) == (f"hosta: multi_host_vlan_mtu: {words}", f"hostb: multi_host_vlan_mtu: {words}")
    assert said(entry="9000") == (f"hosta: multi_host_vlan_containers[0].mtu: {words}",)


def mtus(links, there=(), running=None, more=None):
    """By container, the MTU that it gets where hosts have uplinks of these MTUs and containers are attached with those.

    Hosts without an uplink did not answer.
    """
    entries = {"hosta": ["a1", "a2"], "hostb": ["b1"]}
    attached = [
        {"container": name, "bridge": "ovs0", "interface": "eth1", "vlan": 100, "addresses": [], "mtu": mtu}
        for name, mtu in dict(there).items()
    ]
    shown = {
        host: {
            "attachments": [entry for entry in attached if entry["container"][0] == host[-1]],
            "interfaces": [
                {"name": name, "mtu": mtu, "management": "", "bridge": None}
                for name, mtu in (("eth1", size), ("eth0", 600))
            ],
        }
        for host, size in links.items()
    }
    found = fleet(
        shown,
        running=running,
        more=more,
        **{host: [{"container": name, "vlan": "web"} for name in names] for host, names in entries.items()},
    )
    assert found.problems == ()
    given = {entry["container"]: entry.get("mtu") for host in entries for entry in vlan_fleet.attachments(found, host)}
    return given, [warning for warning in found.warnings if "MTU" in warning]


def test_the_mtu_of_containers_is_what_fits_through_the_uplinks_of_all_hosts():
    def those(*sizes, **given):
        found, warnings = mtus(dict(zip(("hosta", "hostb"), sizes)), more={"hosta": given})
        return [found["a1"], found["b1"]], warnings

    assert those() == ([None, None], [])
    assert those(9000, 1500) == ([1500, 1500], [])
    # What one host is told to give, the others can't go beyond.
    assert those(9000, 9000, mtu=1400) == ([1400, 1400], [])
    assert those(1400, 1500, mtu="9000") == ([9000, 1400], [])
    assert those(1400, 9000, state="absent", mtu=1300)[0][1] == 9000


def test_no_container_gets_a_larger_mtu_while_a_host_does_not_say_what_fits():
    low = {"a1": 1500, "a2": 1500, "b1": 1500}
    assert mtus({"hosta": 9000, "hostb": 9000}, low) == ({"a1": 9000, "a2": 9000, "b1": 9000}, [])
    given, (said,) = mtus({"hosta": 9000}, {"a1": 1500, "a2": 1600})
    assert given == {"a1": 1500, "a2": 1600, "b1": 1500}
    assert said.startswith("hostb: the MTU of the links there is not known, ") and said.endswith(
        "or set multi_host_vlan_mtu for all hosts"
    )
    # A new one gets no more than the others, and nothing keeps them from getting less.
    assert mtus({"hosta": 9000}, {"a2": 1500})[0]["a1"] == 1500
    assert mtus({"hosta": 1400}, {"a2": 1500})[0] == {"a1": 1400, "a2": 1400, "b1": 1400}
    assert mtus({"hosta": 9000})[0]["a1"] == 9000
    # So it is where --limit leaves a host out of the variables.
    given, (said,) = mtus({"hosta": 9000, "hostb": 9000}, low, more={"hosta": {"limited": True, "left_out": ["hostc"]}})
    assert given == low and said.startswith("hostc: the MTU of the links there")
    # What needs no reckoning, and a host that shares nothing any more.
    both = {host: {"mtu": 8000} for host in ("hosta", "hostb")}
    assert mtus({"hosta": 9000}, {"a1": 1500}, more=both) == ({"a1": 8000, "a2": 8000, "b1": 8000}, [])
    given, warnings = mtus({"hosta": 9000}, {"a1": 1500}, more={"hostb": {"state": "absent"}})
    assert given["a1"] == 9000 and warnings == []


def test_an_mtu_that_one_entry_asks_for_is_no_measure_for_others():
    entries = [{"container": "a1", "vlan": "web", "mtu": 1300}, {"container": "a2", "vlan": "web"}]
    seen = shown(hosta=[("a1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["mtu"] = 1300
    seen["hosta"]["interfaces"] = [{"name": "eth1", "mtu": 9000, "management": "", "bridge": None}]
    found = fleet(seen, hosta=entries, hostb=[])
    assert [entry["mtu"] for entry in vlan_fleet.attachments(found, "hosta")] == [1300, 9000]


@pytest.mark.parametrize("wrong", ["jumbo", 67, "65536", True, [1500]])
def test_an_mtu_that_is_none(wrong):
    assert (
        problem(more={"hosta": {"mtu": wrong}}, hosta=[])
        == f"hosta: multi_host_vlan_mtu: {wrong!r} is not an MTU; give 68 to 65535 bytes"
    )


def test_the_mtu_of_containers_leaves_room_for_the_tunnels_of_all_hosts():
    common = {
        "hosta": {"ansible_host": "10.77.0.11"},
        "hostb": {"underlay_address": "10.9.0.2", "ansible_host": "10.77.0.12"},
    }

    def seen(**mtu):
        links = {"hosta": ["10.77.0.11/24", "fd00::11/64"], "hostb": ["10.9.0.2/24", "fd00::12/64"]}
        other = {"name": "x", "addresses": ["192.0.2.1/24"], "mtu": 600}
        return {
            host: {"attachments": [], "interfaces": [other, {"name": "u", "addresses": links[host], "mtu": size}]}
            for host, size in mtu.items()
        }

    def mtu(shown, **hosts):
        variables = tunnelled(**(hosts or common))
        fleet = vlan_fleet.read(variables, shown)
        assert fleet.problems == ()
        (found,) = {vlan_fleet.attachments(fleet, host)[0]["mtu"] for host in variables}
        return found

    assert mtu({}) == 1450
    assert mtu(seen(hosta=1400)) == mtu(seen(hosta=1400, hostb=1500)) == mtu(seen(hosta=9000, hostb=1400)) == 1350
    assert mtu(seen(hosta=9000, hostb=9000)) == 8950
    assert (
        mtu(seen(hosta=1400, hostb=1400), hosta={"ansible_host": "fd00::11"}, hostb={"ansible_host": "fd00:0::12"})
        == 1330
    )
