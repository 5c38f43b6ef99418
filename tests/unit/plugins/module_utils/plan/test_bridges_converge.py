# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of container_bridge: what holds for one bridge holds for several in one run, however they meddle."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.masquerade import Masquerade
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import bridge as observing
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge_result
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridges as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.bridge_scenes import (
    booleans,
    hosts,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    lines,
    recovers,
    settles,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import assume, given
from hypothesis import strategies as st

NAMES = ["br0", "br2", "br1", "br3"]


@st.composite
def lists(draw: st.DrawFn) -> tuple[bridge.Bridge, ...]:
    """Wanted bridges, of which br1 (ours, without address) is on each of the hosts, and br0 on some."""
    items = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))):
        own = [f"192.168.{20 + number}.1/24", f"fd00:{20 + number}::1/64", "auto"]
        item = {
            "name": name,
            "addresses": draw(st.none() | st.lists(st.sampled_from(own), unique=True)),
            "members": draw(st.none() | st.lists(st.sampled_from(["nic1", "nic2", "tap0"]), unique=True, max_size=2)),
            "mtu": draw(st.sampled_from([None, None, 1400])),
            "ip_forward": draw(st.none() | booleans),
            "masquerade": draw(st.none() | booleans),
            "up": draw(st.sampled_from([True, True, False])),
        }
        items.append(item)
    try:
        return bridge.parse_list(items, {"ip_forward": draw(st.none() | booleans)})
    except InvalidOption:
        assume(False)
        raise


def seen(host: SimulatedHost, wants: Any) -> list[plan.Seen]:
    return list(zip(wants, observing.observe_all(host, wants)))  # type: ignore[arg-type]


def made(host: SimulatedHost, wants: Any) -> Errand:
    return Errand(host, lambda: plan.present(seen(host, wants)).operations)


def removed(host: SimulatedHost, wants: Any) -> Errand:
    def planned():
        haves = observing.observe_all(host, wants, to_remove=True)  # type: ignore[arg-type]
        return plan.absent(list(zip(wants, haves)), True).operations

    return Errand(host, planned)


@given(hosts(), lists())
def test_a_second_run_finds_nothing_to_do(host, wants):
    if settles(made(host, wants)):
        assert {want.name for want in wants} <= set(host.kernel.host.links)


@given(hosts(), lists())
def test_check_mode_predicts_what_a_run_makes(host, wants):
    errand = made(host, wants)
    if errand.planned() is None:
        return
    before = plan.present(seen(host, wants)).seen
    predicted = [bridge_result.predict(want, have) for want, have in before]
    assert [want.name for want, _have in before] == [want.name for want in wants]
    settles(errand)
    described = [bridge_result.describe(want.name, have) for want, have in seen(host, wants)]
    assert [
        {name: value for name, value in one.items() if name in foreseen} for one, foreseen in zip(described, predicted)
    ] == predicted


@given(hosts(), lists(), st.integers(0, 40))
def test_a_run_that_was_killed_is_made_good_by_the_next(host, wants, patience):
    recovers(made(host, wants), patience)


@given(hosts(), lists(), st.integers(0, 60))
def test_a_run_that_fails_leaves_the_host_as_it_was(host, wants, index):
    assert takes_back(made(host, wants), index) == []


@given(hosts(), lists(), st.integers(0, 20))
def test_absent_that_fails_brings_all_bridges_back(host, wants, index):
    assert takes_back(removed(host, wants), index) == []


@given(hosts(), lists())
def test_absent_leaves_none_of_the_bridges(host, wants):
    if settles(removed(host, wants)):
        assert not {want.name for want in wants} & set(host.kernel.host.links)


@pytest.fixture
def host():
    made_host = SimulatedHost(SimKernel())
    made_host.kernel.host.new_link("eth0", "", "52:54:00:00:00:01")
    return made_host


def of_kind(operations, name):
    return [operation for operation in operations if type(operation).__name__ == name]


def test_rules_of_all_bridges_are_one_change_of_each_kind(host):
    host.firewall = FirewallState(frozenset({"ip"}))
    items = [{"name": f"br{n}", "addresses": [f"192.168.{n}.1/24"], "masquerade": True} for n in range(20)]
    wants = bridge.parse_list(items, {})
    errand = made(host, wants)
    operations = errand.planned()
    (masquerades,) = of_kind(operations, "ChangeMasquerades")
    (accepted,) = of_kind(operations, "ChangeIptablesForward")
    assert set(masquerades.add) == {Masquerade(f"br{n}", f"192.168.{n}.0/24") for n in range(20)}
    assert set(accepted.add) == {AcceptedBridge("ip", f"br{n}") for n in range(20)}
    assert settles(errand)
    gone = removed(host, wants)
    kinds = ("ChangeMasquerades", "ChangeIptablesForward")
    assert [len(of_kind(gone.planned(), kind)) for kind in kinds] == [1, 1]
    assert settles(gone)


def test_every_new_bridge_is_kept_apart_from_isolated_ones(host):
    host.kernel.host.new_link("quiet", "bridge", alias=MARK)
    host.icc_rules = IccRules(off=frozenset({"quiet"}))
    errand = made(host, bridge.parse_list([{"name": "br0"}, {"name": "br1"}], {}))
    (change,) = of_kind(errand.planned(), "ChangeIccRules")
    assert change.new.neighbours == {"br0", "br1"}
    assert change.old.neighbours == frozenset()


def test_forwarding_is_switched_on_once_and_before_a_bridge_is_kept_from_it(host):
    host.kernel.host.write_sysctl("net/ipv4/ip_forward", "0")
    wants = bridge.parse_list(
        [{"name": "br0", "ip_forward": False}, {"name": "br1"}, {"name": "br2"}], {"ip_forward": True}
    )
    errand = made(host, wants)
    told = [line for line in lines(errand.planned()) if "sysctl" in line]
    assert told == [
        "set sysctl net.ipv4.ip_forward from 0 to 1",
        "set sysctl net.ipv4.conf.br0.forwarding from 1 to 0",
    ]
    assert settles(errand)


def test_auto_gives_each_its_own_subnet_and_stays_clear_of_those_asked_for(host):
    items = [{"name": "br0", "addresses": ["auto"]}, {"name": "br1", "addresses": ["auto"]}]
    items.append({"name": "br2", "addresses": ["172.17.0.1/16"]})
    wants = bridge.parse_list(items, {})
    assert settles(made(host, wants))
    links = host.kernel.host.links
    assert [sorted(links[name].addresses) for name in ("br0", "br1", "br2")] == [
        ["172.18.0.1/16"],
        ["172.19.0.1/16"],
        ["172.17.0.1/16"],
    ]


def test_all_bridges_are_looked_at_in_as_many_dumps_as_one(host, monkeypatch):
    dumps = []
    netlink = type(host.netlink(""))
    for name in ("links", "routes", "addresses_and_leases"):
        real = getattr(netlink, name)

        def counted(*given_to, _real=real, _name=name, **more):
            dumps.append(_name)
            return _real(*given_to, **more)

        monkeypatch.setattr(netlink, name, counted)
    observing.observe_all(host, bridge.parse_list([{"name": f"br{n}"} for n in range(50)], {}))
    assert sorted(dumps) == ["addresses_and_leases", "links", "routes"]


def test_a_list_that_is_empty_asks_for_nothing(host):
    assert engine.converge(host, lambda: seen(host, ()), lambda have: plan.present(have).operations, False).lines == []
