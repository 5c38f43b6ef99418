# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that are left out are chosen without collision, and kept; one that another has is refused."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import (
    SEVEN,
    addresses,
    fleet,
    problem,
    shown,
)
from hypothesis import given
from hypothesis import strategies as st

names = st.text("abcdefgh", min_size=1, max_size=4)


fleets = st.dictionaries(
    st.sampled_from(["hosta", "hostb", "hostc"]),
    st.lists(st.tuples(names, st.sampled_from(["web", "db"])), max_size=12, unique_by=lambda entry: entry[0]),
)


SMALL = {
    "web": {"id": 1, "subnet": ["fd00:1::/121", "10.0.0.0/25"], "gateway": "10.0.0.5"},
    "db": {"id": 2, "subnet": "fd00::/120", "pool": "fd00::10-fd00::80"},
}


def entries(asked):
    return {host: [{"container": name, "vlan": vlan} for name, vlan in members] for host, members in asked.items()}


def held(found):
    """What hosts show after ``found`` was applied."""
    return {
        host: {
            "attachments": [
                {
                    "container": one.label,
                    "bridge": "ovs0",
                    "interface": "eth1",
                    "vlan": found.vlans[one.vlan].id,
                    "addresses": list(map(str, one.addresses)),
                }
                for one in found.of(host)
            ]
        }
        for host in ("hosta", "hostb", "hostc")
    }


@given(fleets, fleets)
def test_addresses_are_chosen_without_collision_and_kept(first, second):
    before = fleet(vlans=SMALL, **entries(first))
    chosen = addresses(before)
    assert fleet(held(before), vlans=SMALL, **entries(first)).members == before.members

    merged = {host: {**dict(second.get(host, [])), **dict(first.get(host, []))}.items() for host in {**first, **second}}
    after = fleet(held(before), vlans=SMALL, **entries(merged))
    found = addresses(after)
    assert {name: found[name] for name in chosen} == chosen
    for name, vlan in after.vlans.items():
        used = [address.ip for member in after.members if member.vlan == name for address in member.addresses]
        assert len(used) == len(set(used)) == len(vlan.subnets) * sum(member.vlan == name for member in after.members)
        assert all(any(subnet.chooses(address) for subnet in vlan.subnets) for address in used)


def test_what_is_in_use_is_given_to_nobody_else():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/29"}}
    asked = [{"container": name, "vlan": "web"} for name in ("a", "b", "c")]
    seen = shown(hostb=[("x", 100, "10.0.0.2"), ("b", 100, "10.0.0.5")], hosta=[("a", 100, "10.0.0.6")])
    found = addresses(fleet(seen, vlans, hosta=asked[:1], hostb=asked[1:]))
    assert found["hosta/a"] == "10.0.0.6" and found["hostb/b"] == "10.0.0.5"
    assert found["hostb/c"] in {"10.0.0.1", "10.0.0.3", "10.0.0.4"}


def test_of_two_that_show_the_same_address_one_keeps_it():
    seen = shown(hosta=[("a", 100, "192.168.0.7")], hostb=[("b", 100, "192.168.0.7")])
    found = addresses(fleet(seen, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}]))
    assert found["hosta/a"] == "192.168.0.7" != found["hostb/b"]


def test_an_address_that_another_keeps_is_refused():
    seen = shown(hosta=[], hostb=[("m", 100, "192.168.0.7")])
    for host, entries in (
        ("hostb", {"hosta": [SEVEN], "hostb": [{"container": "m", "vlan": "web"}]}),
        ("hosta", {"hosta": [SEVEN], "hostb": []}),
    ):
        found = problem(seen, **entries)
        assert found.startswith(
            "hosta: multi_host_vlan_containers[0].address: 192.168.0.7 is in use by m of hostb in VLAN web (100), "
        )
        assert ("whose entry leaves its address out and so keeps it; give one of them another" in found) is (
            host == "hostb"
        )
        assert (
            "which no variable asks for; detach it there (multi_host_vlan_purge does), or give another" in found
        ) is (host == "hosta")
    # The interface of somebody else, which a tool of its own put there, is in use as well.
    seen["hostb"]["foreign_attachments"] = seen["hostb"].pop("attachments")
    assert "192.168.0.7 is in use by m of hostb" in problem(seen, hosta=[SEVEN], hostb=[])
    # So is one on the same host, by another interface of the same container.
    seen = shown(hosta=[("n", 100, "192.168.0.7")])
    assert "192.168.0.7 is in use by n of hosta" in problem(seen, hosta=[{**SEVEN, "interface": "eth2"}])


def test_an_address_that_another_gives_up_in_this_run_can_be_given():
    seen = shown(hosta=[("n", 100, "192.168.0.8")], hostb=[("m", 100, "192.168.0.7")])
    eight = {"container": "m", "vlan": "web", "address": "192.168.0.8"}
    elsewhere = {"container": "m", "vlan": "db"}
    for entries, more in (
        ([eight], {}),
        ([elsewhere], {}),
        ([], {"purge": True}),
        ([], {"purge": "yes"}),
        ([], {"state": "absent"}),
    ):
        found = fleet(seen, more={"hostb": more}, hosta=[SEVEN], hostb=entries)
        assert addresses(found)["hosta/n"] == "192.168.0.7"
        # Not if nobody goes to that host: it keeps what it has.
        refused = fleet(seen, more={"hostb": more}, running=["hosta"], hosta=[SEVEN], hostb=entries).problems
        assert refused == (
            "hosta: multi_host_vlan_containers[0].address: 192.168.0.7 is in use by m of hostb in VLAN web (100), "
            "and this run leaves hostb as it is; run it for hostb, too, or give another",
        )


def test_an_address_that_one_has_already_is_no_problem():
    seen = shown(hosta=[("n", 100, "192.168.0.7")], hostb=[("m", 100, "192.168.0.7")])
    # Both have it, since one host was down when the other's was given: the one that leaves it out moves.
    found = addresses(fleet(seen, hosta=[SEVEN], hostb=[{"container": "m", "vlan": "web"}]))
    assert found["hosta/n"] == "192.168.0.7" != found["hostb/m"]
    assert "192.168.0.7 is in use by m of hostb" in problem(seen, hosta=[SEVEN], hostb=[])
    assert addresses(fleet(seen, hosta=[{**SEVEN, "vlan": "db"}], hostb=[])) == {"hosta/n": "192.168.0.7"}


def test_a_process_whose_interface_is_shown_by_another_name_may_have_it():
    seen = shown(hosta=[("n", 100, "192.168.0.7")])
    by_pid = {"pid": 71, "vlan": "web", "address": "192.168.0.7"}
    assert addresses(fleet(seen, hosta=[by_pid])) == {"hosta/71": "192.168.0.7"}
    assert "192.168.0.7 is in use by n of hosta" in problem(seen, hosta=[{**by_pid, "interface": "eth2"}])


def test_an_address_that_is_given_up_on_a_host_that_is_left_out_stays_in_use():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    seen = shown(hosta=[], hostb=[("m", 100, "10.0.0.1")])
    entries = {
        "hosta": [{"container": "n", "vlan": "web"}],
        "hostb": [{"container": "m", "vlan": "web", "address": "10.0.0.2"}],
    }
    assert addresses(fleet(seen, vlans, **entries))["hosta/n"] == "10.0.0.1"
    assert "VLAN web has no free address for n of hosta" in problem(seen, vlans, ["hosta"], **entries)


@pytest.mark.parametrize(
    "named",
    [
        {"container": "web1"},
        {"container": "c0ffee"},
        {"container": "c0ffee" + "0" * 58},
        {"netns": "sandbox"},
        {"netns": "/var/run/netns/sandbox"},
    ],
    ids=["name", "start of the id", "id", "netns", "path"],
)
def test_an_address_is_kept_however_the_container_is_named(named):
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {
        "pf1": [{"container": "web1"}, {"container": "c0ffee" + "0" * 58}, {"netns": "/run/netns/sandbox"}]
    }
    (address,) = addresses(fleet(seen, hosta=[{**named, "vlan": "web"}])).values()
    assert address == "192.168.0.7"


def test_what_is_kept_goes_by_the_name_that_the_container_had_in_the_last_run():
    """README.md says so: other names of a container are shown only while it is attached."""
    by_id = {"container": "c0ffee" + "0" * 58, "vlan": "web"}
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {"pf1": [{"container": "web1"}, {"container": by_id["container"]}]}

    def restarted(entry):
        ids = vlan_fleet.external_ids(fleet(seen, hosta=[entry]), "hosta", {"hosta": {"bridge": "ovs0"}}, seen)
        return {"hosta": {"attachments": [], "ovs_bridges": [{"name": "ovs0", "external_ids": ids}]}}

    assert addresses(fleet(restarted(by_id), hosta=[by_id])) == {f"hosta/{by_id['container']}": "192.168.0.7"}
    assert addresses(fleet(restarted({**by_id, "container": "web1"}), hosta=[by_id])) != {
        f"hosta/{by_id['container']}": "192.168.0.7"
    }


def test_another_container_keeps_no_address_of_one_with_a_similar_id():
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {"pf1": [{"container": "web1"}, {"container": "c0ffee" + "0" * 58}]}
    for other in ("c0ffef", "web", "c0ffee1"):
        assert addresses(fleet(seen, hosta=[{"container": other, "vlan": "web"}])) != {f"hosta/{other}": "192.168.0.7"}
    # One that is called so goes before one whose id begins so.
    both = addresses(fleet(seen, hosta=[{"container": "web1", "vlan": "web"}, {"container": "c0ffee", "vlan": "web"}]))
    assert both["hosta/web1"] == "192.168.0.7" != both["hosta/c0ffee"]


def place(host, container):
    """The last byte of the address that a container gets in an empty VLAN."""
    (address,) = addresses(fleet(**{host: [{"container": container, "vlan": "web"}]})).values()
    return int(address.rpartition(".")[2])


def colliding():
    """A place that two containers of hostb want, these two, and one of hosta that wants the next place."""
    by_place = {}
    for number in range(400):
        by_place.setdefault(place("hostb", f"b{number}"), []).append(f"b{number}")
    at, names = next((at, names) for at, names in sorted(by_place.items()) if len(names) > 1 and at < 200)
    return (
        at,
        names[0],
        names[1],
        next(name for name in (f"a{number}" for number in range(9999)) if place("hosta", name) == at + 1),
    )


def test_what_a_host_that_is_down_may_have_is_given_to_nobody_else():
    at, first, second, newcomer = colliding()
    both = [{"container": name, "vlan": "web"} for name in sorted([first, second])]
    before = addresses(fleet(hosta=[], hostb=both))
    assert set(before.values()) == {f"192.168.0.{at}", f"192.168.0.{at + 1}"}
    up = shown(hosta=[])
    found = fleet(up, hosta=[{"container": newcomer, "vlan": "web"}], hostb=both)
    assert addresses(found).pop(f"hosta/{newcomer}") not in before.values() and {
        **addresses(found),
        **before,
    } == addresses(found)
    assert len(found.warnings) == 1 and found.warnings[0].startswith(
        "hostb: could not be asked which addresses its containers have"
    )

    # The one that came second keeps its address when the first is gone, which only its host could tell.
    found = fleet(
        up, hosta=[{"container": newcomer, "vlan": "web"}], hostb=[{"container": before_last(before), "vlan": "web"}]
    )
    assert addresses(found)[f"hosta/{newcomer}"] not in before.values()
    # What is asked for goes first, and one that is alone in knowing takes what is left.
    small = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    found = addresses(
        fleet(up, small, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}])
    )
    assert set(found.values()) == {"10.0.0.1", "10.0.0.2"}


def before_last(before):
    """Who has the higher of two addresses."""
    return max(before, key=lambda name: ipaddress.ip_address(before[name])).partition("/")[2]


def test_hosts_that_could_be_asked_need_no_warning():
    one = {"container": "a", "vlan": "web"}
    assert fleet(shown(hosta=[], hostb=[]), hosta=[one], hostb=[{**one, "container": "b"}]).warnings == ()
    # Nobody was asked yet, or the other has nothing of which one could not know.
    assert fleet(shown(hosta=[]), hosta=[one], hostb=[]).warnings == ()
    assert (
        fleet(shown(hosta=[]), hosta=[one], hostb=[{**one, "container": "b", "address": "192.168.0.9"}]).warnings == ()
    )


def test_addresses_are_kept_when_a_vlan_gets_another_id_or_name():
    seen = shown(hosta=[("a", 100, "192.168.0.7"), ("b", 100, "192.168.0.8")], hostb=[("c", 200, "192.168.0.7")])
    asked = {
        "hosta": [{"container": "a", "vlan": "web"}, {"container": "b", "vlan": "web"}],
        "hostb": [{"container": "c", "vlan": "db"}],
    }
    kept = {"hosta/a": "192.168.0.7", "hosta/b": "192.168.0.8", "hostb/c": "192.168.0.7"}
    for web, db in ((150, 200), (200, 100)):  # another id, and the id of another VLAN, which gets this one's
        vlans = {"web": {"id": web, "subnet": "192.168.0.0/24"}, "db": {"id": db, "subnet": "192.168.0.0/24"}}
        assert addresses(fleet(seen, vlans, **asked)) == kept
    # An address that is asked for would move the one that keeps it here as well.
    vlans = {"web": {"id": 150, "subnet": "192.168.0.0/24"}}
    assert "192.168.0.7 is in use by a of hosta in VLAN web (100)" in problem(
        seen, vlans, hosta=[asked["hosta"][0]], hostb=[SEVEN]
    )


def test_of_two_vlans_that_become_one_the_containers_that_were_there_keep_their_addresses():
    seen = shown(hosta=[("a", 200, "192.168.0.7")], hostb=[("b", 100, "192.168.0.7")])
    found = addresses(fleet(seen, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}]))
    assert found["hostb/b"] == "192.168.0.7" != found["hosta/a"]


def test_an_address_of_another_vlan_is_not_kept():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/24"}, "db": {"id": 200, "subnet": "10.0.1.0/24"}}
    found = addresses(fleet(shown(hosta=[("a", 200, "10.0.1.7")]), vlans, hosta=[{"container": "a", "vlan": "web"}]))
    assert ipaddress.ip_address(found["hosta/a"]) in ipaddress.ip_network("10.0.0.0/24")


def test_a_subnet_that_is_full():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    assert (
        "[2]: VLAN web has no free address for c of hosta, all 2 of its subnet are in use; make it larger"
        in problem(vlans=vlans, hosta=[{"container": name, "vlan": "web"} for name in "abc"])
    )
