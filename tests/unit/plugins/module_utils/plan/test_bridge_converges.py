# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_bridge, over random bridges wanted on random hosts."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import features
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import bridge, names
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import bridge as observing
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge_deletion, bridge_result
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.bridge_operations import (
    ChangeDefaultPvid,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.bridge_scenes import (
    NAME,
    POOL,
    booleans,
    hosts,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    recovers,
    same,
    settles,
    takes_back,
    takes_back_what_was_refused,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import assume, given
from hypothesis import strategies as st

DEFAULT_VLANS = [{}, *({pvid: (True, True)} for pvid in (1, 7))]
PORT_VLANS = [
    {"port": "nic1", "tag": 7},
    {"port": "nic1", "mode": "trunk", "trunks": "1,7-9"},
    {"port": "nic2", "mode": "trunk"},
    {"port": "tap0", "mode": "native-untagged", "tag": 1, "trunks": [7]},
    {"port": "tap0", "mode": "native-tagged", "tag": 8},
    {"port": NAME, "tag": 7},
    {"port": NAME, "mode": "trunk", "trunks": [1]},
]


@st.composite
def wanted(draw: st.DrawFn) -> bridge.Bridge:
    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    options = {
        "name": NAME,
        "addresses": maybe(
            st.lists(st.sampled_from([*POOL, "auto"]), unique_by=lambda a: a.partition("/")[0], max_size=4)
        ),
        "mtu": maybe(st.sampled_from([1500, 1400, 1280, 9000, 1279, 65535])),
        "mac": maybe(st.sampled_from(["02:00:00:00:00:01", "fe:ff:ff:00:00:01"])),
        "stp": maybe(booleans),
        "forward_delay": maybe(st.sampled_from([0, 2, 4.5, 15])),
        "ageing_time": maybe(st.sampled_from([0, 300, 12.34])),
        "multicast_snooping": maybe(booleans),
        "vlan_filtering": maybe(booleans),
        "vlan_default_pvid": maybe(st.sampled_from([0, 1, 7])),
        "port_vlans": maybe(st.lists(st.sampled_from(PORT_VLANS), unique_by=lambda entry: entry["port"], max_size=3)),
        "members": maybe(st.lists(st.sampled_from(["nic1", "nic2", "tap0"]), unique=True)),
        "ip_forward": maybe(booleans),
        "masquerade": maybe(booleans),
        "up": maybe(booleans),
        "allow_overlap": draw(st.sampled_from([True, True, False])),
    }
    try:
        return bridge.parse(options)
    except InvalidOption:
        assume(False)
        raise


def observe(host: SimulatedHost, want: bridge.Bridge, to_remove: bool = False) -> plan.BridgeState:
    with mock.patch.object(features, "supports_vlan_filtering", lambda: host.kernel.vlan_filtering):
        return observing.observe(host, want, to_remove)  # type: ignore[arg-type]


def made(host: SimulatedHost, want: bridge.Bridge) -> Errand:
    return Errand(host, lambda: plan.present(want, observe(host, want)))


def removed(host: SimulatedHost, force: bool) -> Errand:
    return Errand(host, lambda: bridge_deletion.absent(NAME, observe(host, bridge.Bridge(NAME), to_remove=True), force))


def of_others(host: SimulatedHost, want: bridge.Bridge | None) -> Any:
    """All that is not the bridge's; of ports that were asked for, what they were not asked to be."""
    picture: Any = host.picture()
    here = picture["host"]
    bridge_link = here["links"].pop(NAME, None)
    members = want.members or () if want else ()
    here["routes"] = {route for route in here["routes"] if route.link not in (NAME, *members)}
    for name in members:
        here["links"][name].update(master=None, up=None, vlans=None)
    for name in dict(want.port_vlans or ()) if want else ():
        here["links"].get(name, {}).update(vlans=None)
    for link in here["links"].values():
        if want and want.vlan_default_pvid is not None and link["vlans"] in DEFAULT_VLANS:
            link["vlans"] = None
    for link in here["links"].values():
        if want is None and link["master"] == NAME:
            link.update(master="", vlans={})
        del link["sysctls"]  # the host's switch reaches all: tested by itself
    for name in ("sysctls", "defaults"):
        del here[name]
    picture["masquerades"] = {nat for nat in picture["masquerades"] if nat.bridge != NAME}
    picture["firewall"] = {one for one in picture["firewall"] if one.bridge != NAME}
    picture["zones"] = {(name, zone) for name, zone in picture["zones"] if name != NAME}
    if bridge_link and want and bridge_link["alias"] != MARK:
        # Another tool's bridge keeps its name tag and, where nobody takes it down, its addresses and ports.
        picture["foreign"] = bridge_link["alias"]
    return picture


@given(hosts(), wanted())
def test_a_second_run_finds_nothing_to_do(host, want):
    before = of_others(host, want)
    had = NAME in host.kernel.host.links
    if settles(made(host, want)):
        after = of_others(host, want)
        same(before, after)
        assert had or host.kernel.host.links[NAME].alias == MARK


@given(hosts(), wanted())
def test_check_mode_predicts_what_a_run_makes(host, want):
    errand = made(host, want)
    operations = errand.planned()
    if operations is not None:
        predicted = bridge_result.predict(want, observe(host, want))
        settles(errand)
        described = bridge_result.describe(want.name, observe(host, want))
        # Of the rest, some can't be known before the kernel chose it.
        known = {*predicted, "vlan_default_pvid", "port_vlans"}
        assert {name: described.get(name) for name in known} == {name: predicted.get(name) for name in known}


@given(hosts(), wanted(), st.integers(0, 25))
def test_a_run_that_was_killed_is_made_good_by_the_next(host, want, patience):
    recovers(made(host, want), patience)


@given(hosts(), wanted(), st.integers(0, 25))
def test_a_run_that_fails_leaves_the_host_as_it_was(host, want, index):
    assert takes_back(made(host, want), index) == []


@given(hosts(), wanted(), st.integers(0, 25))
def test_a_request_that_the_kernel_refuses_leaves_the_host_as_it_was(host, want, number):
    assert takes_back_what_was_refused(made(host, want), number) == []


@given(hosts(["foreign"]), wanted())
def test_addresses_of_another_tools_bridge_stay(host, want):
    link = host.kernel.host.links[NAME]
    assume(want.up is not False)
    held = set(link.addresses)
    if settles(made(host, want)):
        assert held <= set(link.addresses)


@given(hosts(), booleans)
def test_absent_leaves_nothing_of_ours_and_all_of_others(host, force):
    before = of_others(host, None)
    zone = host.firewall.zone(NAME)
    lent = NAME in host.firewall.lent
    if settles(removed(host, force)):
        links = host.kernel.host.links
        assert NAME not in links and names.derived_name("pfb", NAME) not in links
        assert not any(nat.bridge == NAME for nat in host.masqueraded)
        assert not host.firewall.traces(NAME) and NAME not in host.firewall.lent | host.firewall.forgotten
        assert host.firewall.zone(NAME) == ("" if lent else zone), "what the administrator put into a zone stays there"
        same(before, of_others(host, None))
    else:
        assert host.kernel.host.links[NAME].alias != MARK and not force


@given(hosts(), booleans, st.integers(0, 5))
def test_absent_that_was_killed_is_made_good_by_the_next(host, force, patience):
    recovers(removed(host, force), patience)


@given(hosts(), booleans, st.integers(0, 5))
def test_absent_that_fails_brings_the_bridge_back(host, force, index):
    assert takes_back(removed(host, force), index) == []


@pytest.mark.parametrize("filtering", [0, 1])
def test_a_bridge_whose_removal_fails_has_its_vlans_again(filtering):
    host = SimulatedHost(SimKernel())
    ns = host.kernel.host
    ns.new_link(NAME, "bridge", alias=MARK)
    ns.change_bridge(NAME, {"vlan_filtering": filtering})
    ns.new_link("nic1", "")
    ns.set("nic1", master=NAME)
    for link, vlans in ((NAME, {1: (False, False)}), ("nic1", {7: (True, True)})):
        ns.add_vlans(link, vlans)
        ns.delete_vlans(link, vlans)
    assert takes_back(removed(host, False), 1) == []


def test_a_port_with_an_address_is_no_way_out_of_its_bridge():
    """It comes up with the run, and its subnet's route with it: the next run would have let traffic leave there."""
    host = SimulatedHost(SimKernel())
    host.firewall = FirewallState(frozenset({"ip"}))
    ns = host.kernel.host
    ns.new_link(NAME, "bridge", alias=MARK)
    ns.new_link("nic1", "")
    ns.add_address("nic1", "10.66.0.1/24")
    ns.set("nic1", master=NAME)
    assert settles(made(host, bridge.parse({"name": NAME, "members": ["nic1"], "masquerade": True})))


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize(("old", "new"), [(1, 0), (0, 9), (1, 9)])
def test_a_change_of_the_default_that_is_refused_on_its_way_leaves_all_vlans_as_they_were(old, new, number):
    host = SimulatedHost(SimKernel())
    ns = host.kernel.host
    ns.new_link(NAME, "bridge", alias=MARK)
    ns.change_bridge(NAME, {"vlan_filtering": 1, "vlan_default_pvid": old})
    for port, vlans in (("nic1", {1: (True, True)}), ("nic2", {5: (True, True)}), (NAME, {1: (True, True)})):
        if port != NAME:
            ns.new_link(port, "")
            ns.set(port, master=NAME)
        ns.add_vlans(port, vlans)
        ns.delete_vlans(port, vlans)
    entries = [{"port": NAME, "tag": 1}, {"port": "nic1", "tag": 1}]
    want = bridge.parse({"name": NAME, "vlan_default_pvid": new, "port_vlans": entries})
    assert takes_back_what_was_refused(made(host, want), number) == []


@pytest.mark.parametrize(("old", "new"), [(1, 0), (0, 9), (1, 9), (0, 1)])
def test_what_stays_is_in_its_vlan_all_the_time_that_the_default_changes(old, new):
    host = SimulatedHost(SimKernel())
    ns = host.kernel.host
    ns.new_link(NAME, "bridge", alias=MARK)
    ns.change_bridge(NAME, {"vlan_filtering": 1, "vlan_default_pvid": old})
    for port, vlans in (
        ("nic1", {1: (True, True)}),
        ("nic2", {5: (True, True)}),
        ("nic3", {1: (True, True), 9: (False, False)}),
        (NAME, {1: (True, True)}),
    ):
        if port != NAME:
            ns.new_link(port, "")
            ns.set(port, master=NAME)
        ns.add_vlans(port, vlans)
        ns.delete_vlans(port, vlans)
    ns.new_link("nic4", "")
    ns.set("nic4", master=NAME)
    seen, request = [], host.kernel.request

    def watched():
        seen.append({link.name: _pvid(link.vlans) for link in ns.links.values()})
        request()

    host.kernel.request = watched
    entries = [{"port": NAME, "tag": 1}, {"port": "nic1", "tag": 1}]
    assert settles(made(host, bridge.parse({"name": NAME, "vlan_default_pvid": new, "port_vlans": entries})))
    assert len(seen) > 1
    for moment in seen:
        assert {name: moment[name] for name in ("nic1", "nic2", "nic3", NAME)} == {
            "nic1": 1,
            "nic2": 5,
            "nic3": 1,
            NAME: 1,
        }, seen
    assert _pvid(ns.links["nic4"].vlans) == new


def test_what_goes_to_the_new_default_goes_with_it_and_gets_its_other_vlans_then():
    host = SimulatedHost(SimKernel())
    ns = host.kernel.host
    ns.new_link(NAME, "bridge")
    ns.change_bridge(NAME, {"vlan_filtering": 1})
    ns.new_link("nic1", "")
    ns.set("nic1", master=NAME)
    ns.add_address(NAME, "10.8.0.1/24")
    own = {"port": NAME, "mode": "native-untagged", "tag": 9, "trunks": "5"}
    errand = made(host, bridge.parse({"name": NAME, "vlan_default_pvid": 9, "port_vlans": [own]}))
    assert [operation.kept for operation in errand.planned() if isinstance(operation, ChangeDefaultPvid)] == [()]
    assert settles(errand)


def _pvid(vlans):
    return next((vlan for vlan, flags in vlans.items() if flags == (True, True)), 0)
