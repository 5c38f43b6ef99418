# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publications converge, whatever is wanted, published before and taken by others.

Carried out, a plan leaves nothing to plan.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import (
    HostPort,
    PortSpec,
    PublicationRules,
    Published,
    PublishedFlow,
    endpoint,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import publication as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.publication import Wanted
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import SourceRule
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.publications import (
    BridgePortState,
    PublicationState,
)
from ansible_collections.pipefitter.container_network.tests.effort import EXAMPLES_OF_PUBLICATIONS
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.firewalls import firewalls
from hypothesis import given, settings
from hypothesis import strategies as st

_ENDPOINTS = [endpoint("br0", "eth1", "container", name) for name in ("one", "two", "three")]
_ADDRESSES = {4: "192.168.5.", 6: "fd00:5::"}

_ports = st.builds(
    lambda host_ip, low, width, port, protocol: PortSpec(host_ip, low, low + width, port, protocol),
    st.sampled_from(["", "", "0.0.0.0", "::", "127.0.0.1", "10.0.0.5", "fd00::5"]),
    st.integers(8000, 8006),
    st.sampled_from([0, 0, 3]),
    st.integers(80, 82),
    st.sampled_from(["tcp", "tcp", "udp"]),
)


@st.composite
def _wants(draw):
    wants = []
    for number, whose in enumerate(_ENDPOINTS):
        if draw(st.booleans()):
            families = draw(st.sampled_from([(4,), (4, 6), (4, 6)]))
            addresses = {
                family: f"{_ADDRESSES[family]}{draw(st.sampled_from([11, 21])) + number}" for family in families
            }
            wants.append(Wanted(whose, tuple(draw(st.lists(_ports, max_size=4))), addresses))
    return wants


class _Host:
    """What operations of publications change, in memory."""

    def __init__(self, have: PublicationState) -> None:
        self.have = have
        self.ended = []
        self.ends_flows = True

    def end_flows(self, flows):
        if flows and not self.ends_flows:
            raise PipefitterError("failed to list conntrack entries")
        if flows:
            self.ended.append((self.have.rules, set(flows)))

    def change_publications(self, add, remove):
        gone = replace(remove, published=remove.published - add.published)
        replaced = {one.host for one in add.published}
        kept = frozenset(one for one in (self.have.rules - gone).published if one.host not in replaced)
        rules = replace((self.have.rules - gone), published=kept) | add
        self.have = replace(self.have, rules=rules, whole=True)

    def write_sysctl(self, _netns, name, value):
        assert name == "net/ipv4/conf/br0/route_localnet"
        self.have = replace(self.have, route_localnet=value)

    def set_port_hairpin(self, port, on):
        self.have = replace(
            self.have, ports=tuple(replace(one, hairpin=on) if one.name == port else one for one in self.have.ports)
        )

    def change_iptables_forward(self, add, remove):
        seen = self.have.firewall
        accepted = (seen.accepted | set(add)) - set(remove)
        named = {(one.family, one.bridge) for one in (*add, *remove)}
        remains = frozenset(one for one in seen.remains if (one.family, one.bridge) not in named)
        self.have = replace(self.have, firewall=replace(seen, accepted=accepted, remains=remains))

    def lend_zone(self, bridge, zone, lend):
        seen = self.have.firewall
        if not lend and bridge in seen.forgotten:
            self.have = replace(self.have, firewall=replace(seen, forgotten=seen.forgotten - {bridge}))
            return
        assert seen.zone(bridge) == ("" if lend else zone)
        lent = seen.lent | {bridge} if lend else seen.lent - {bridge}
        others = [pair for pair in seen.zones if pair[0] != bridge]
        # In the order in which firewalls() makes them: given back, a zone is where it was.
        zones = tuple(sorted([*others, (bridge, zone)] if lend else others))
        self.have = replace(self.have, firewall=replace(seen, zones=zones, lent=lent))


_haves = st.builds(
    lambda ours, localnet, filtered, firewall, linked, hairpins, taken: PublicationState(
        "br0",
        bridge_ours=ours,
        subnets=("192.168.5.0/24", "fd00:5::/64"),
        route_localnet=localnet,
        bridged_filter=filtered,
        ports=tuple(
            BridgePortState(f"pf{number}", whose, on) for number, (whose, on) in enumerate(zip(_ENDPOINTS, hairpins))
        ),
        firewall=firewall,
        linked=linked,
        taken=lambda host: "a process" if host.port in taken else "",
    ),
    st.booleans(),
    st.sampled_from(["0", "1"]),
    st.booleans(),
    firewalls(("br0", "br1")).map(lambda one: replace(one, remains=frozenset(), forgotten=frozenset())),
    st.booleans(),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.frozensets(st.integers(8000, 8010), max_size=2),
)


def _present(wants, have, protect, purge):
    return plan.changes(have, plan.goal(wants, have, protect, purge))


def _absent(wants, have):
    return plan.changes(have, plan.remaining(wants, have))


def _carry_out(operations, host):
    for operation in operations:
        assert all(operation.lines())
        operation.do(host)


@given(_haves, _wants(), _wants(), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=EXAMPLES_OF_PUBLICATIONS)
def test_a_plan_leaves_nothing_to_plan_and_its_way_back_leads_back(have, before, wants, protect, purge, whole):
    host = _Host(have)
    for round_of, options in ((before, (True, False)), (wants, (protect, purge))):
        host.have = replace(host.have, whole=whole or not host.have.rules)
        try:
            operations = _present(round_of, host.have, *options)
        except Refused as refusal:
            assert str(refusal).startswith("ports: ")
            continue
        start = host.have
        _carry_out(operations, host)
        assert _present(round_of, host.have, *options) == []
        assert plan.describe(plan.goal(round_of, start, *options)) == plan.describe(host.have.ours)
        hosts = [one.host for one in host.have.rules.published]
        assert not any(one.meets(other) for number, one in enumerate(hosts) for other in hosts[:number])
        assert bool(host.have.ours.protected) == bool(host.have.ours.published and options[0])
        made = host.have
        for operation in reversed(operations):
            operation.undo(host)
        # What a repair made whole stays whole.
        assert host.have == replace(start, whole=host.have.whole)
        host.have = made
    named = [Wanted(want.endpoint, None) for want in wants]
    _carry_out(_absent(named, host.have), host)
    assert _absent(named, host.have) == []
    assert not {one.endpoint for one in host.have.rules.published} & {want.endpoint for want in wants}
    _carry_out(_absent(None, host.have), host)
    assert not host.have.rules and _absent(None, host.have) == []
    assert not any(port.hairpin for port in host.have.ports)


def test_a_repair_that_is_undone_leaves_what_was_there():
    one, two = (
        Wanted(whose, (PortSpec("", 80 + number, 80 + number, 80, "tcp"),), {4: f"192.168.5.{11 + number}"})
        for number, whose in enumerate(_ENDPOINTS[:2])
    )
    host = _Host(PublicationState("br0"))
    _carry_out(_present([one, two], host.have, True, False), host)
    host.have = replace(host.have, whole=False)
    before = host.have.rules
    moved = replace(one, addresses={4: "192.168.5.21"})
    operations = _present([moved], host.have, True, False)
    _carry_out(operations, host)
    assert host.have.rules != before
    for operation in reversed(operations):
        operation.undo(host)
    assert host.have.rules == before and host.have.whole


def test_rules_are_taken_back_where_flows_that_go_another_way_cannot_be_ended():
    one, two = (
        Wanted(whose, (PortSpec("", 53, 53, 53, "udp"),), {4: f"192.168.5.{11 + number}"})
        for number, whose in enumerate(_ENDPOINTS[:2])
    )
    for whole in (True, False):
        host = _Host(PublicationState("br0"))
        _carry_out(_present([one], host.have, True, False), host)
        assert host.ended == [(host.have.rules, {PublishedFlow(HostPort(4, "", "udp", 53))})]
        host.have = replace(host.have, whole=whole)
        before = host.have.rules
        host.ends_flows = False
        moved = _present([two], host.have, True, True)
        with pytest.raises(
            engine.OperationFailed,
            match="failed to list conntrack entries while trying to .*nothing had been changed before it",
        ):
            engine.apply(moved, host)
        assert host.have.rules == before
        host.ends_flows = True
        engine.apply(_present([two], host.have, True, True), host)
        assert host.ended[1:] == [
            (
                host.have.rules,
                {
                    PublishedFlow(HostPort(4, "", "udp", 53)),
                    PublishedFlow(HostPort(4, "", "udp", 53), "192.168.5.11", 53),
                },
            )
        ]


def test_a_connection_of_tcp_ends_with_its_publication_and_with_nothing_else():
    host_port = HostPort(4, "", "tcp", 80)
    everywhere, elsewhere = PortSpec("", 80, 80, 80, "tcp"), PortSpec("", 81, 81, 80, "tcp")
    web, db = _ENDPOINTS[:2]

    def ended(first, *then):
        host = _Host(PublicationState("br0"))
        _carry_out(_present([first], host.have, True, False), host)
        assert not host.ended, "what was there before is not of ours"
        _carry_out(_present(list(then), host.have, True, True), host)
        return {flow for _rules, flows in host.ended for flow in flows}

    one = Wanted(web, (everywhere,), {4: "192.168.5.11"})
    flow = PublishedFlow(host_port, "192.168.5.11", 80)
    assert ended(one) == {flow}
    assert ended(one, replace(one, endpoint=db, addresses={4: "192.168.5.12"})) == {flow}
    assert ended(one, replace(one, ports=(elsewhere,))) == {flow}
    assert ended(one, replace(one, ports=(everywhere, elsewhere))) == set()
    assert ended(one, replace(one, addresses={4: "192.168.5.21"})) == set(), "it may have the former one still"
    assert ended(one, replace(one, endpoint=db)) == set(), "it was renamed"
    at_one = replace(one, ports=(PortSpec("192.0.2.1", 80, 80, 80, "tcp"),))
    assert ended(one, at_one) == {replace(flow, still=(HostPort(4, "192.0.2.1", "tcp", 80),))}


def test_tells_where_not_even_the_rules_can_be_taken_back():
    class Stuck(_Host):
        def change_publications(self, add, remove):
            if self.have.rules:
                raise PipefitterError("nft refused")
            super().change_publications(add, remove)

    host = Stuck(PublicationState("br0"))
    host.ends_flows = False
    with pytest.raises(
        engine.OperationFailed,
        match="failed to list conntrack entries, and the rules could not be taken back: nft refused",
    ):
        engine.apply(
            _present(
                [Wanted(_ENDPOINTS[0], (PortSpec("", 53, 53, 53, "udp"),), {4: "192.168.5.11"})], host.have, True, False
            ),
            host,
        )


@pytest.mark.parametrize("wants", [[], [Wanted(_ENDPOINTS[0], (), {4: "192.168.5.11"})]], ids=["nobody", "no port"])
@pytest.mark.parametrize("published", [False, True])
def test_nothing_is_protected_where_nothing_is_published(wants, published):
    host = _Host(PublicationState("br0", bridge_ours=True))
    if published:
        _carry_out(
            _present(
                [Wanted(_ENDPOINTS[0], (PortSpec("", 80, 80, 80, "tcp"),), {4: "192.168.5.11"})], host.have, True, False
            ),
            host,
        )
        assert host.have.rules.protected == {"br0"}
    operations = _present(wants, host.have, True, True)
    assert bool(operations) == published
    _carry_out(operations, host)
    assert host.have.rules == PublicationRules()


@pytest.mark.parametrize(("ours", "linked", "stays"), [(True, False, True), (False, True, True), (False, False, False)])
def test_the_firewall_keeps_what_another_module_needs(ours, linked, stays):
    accepted = frozenset({AcceptedBridge("ip", "br0", within=ours or linked)})
    firewall = FirewallState(frozenset({"ip"}), accepted, zones=(("br0", "trusted"),), lent=frozenset({"br0"}))
    host = _Host(PublicationState("br0", bridge_ours=ours, firewall=firewall, linked=linked))
    _carry_out(
        _present(
            [Wanted(_ENDPOINTS[0], (PortSpec("", 80, 80, 80, "tcp"),), {4: "192.168.5.11"})], host.have, True, False
        ),
        host,
    )
    assert host.have.firewall == firewall
    _carry_out(_absent(None, host.have), host)
    assert host.have.firewall == (firewall if stays else FirewallState(frozenset({"ip"}), zones=()))


def test_what_stays_on_the_bridge_of_another_is_left_to_its_owner():
    wants = [Wanted(_ENDPOINTS[0], (PortSpec("", 80, 80, 80, "tcp"),), {4: "192.168.5.11"})]
    for accepted in (frozenset(), frozenset({AcceptedBridge("ip", "br0")})):
        host = _Host(PublicationState("br0", firewall=FirewallState(frozenset({"ip"}), accepted)))
        _carry_out(_present(wants, host.have, True, False), host)
        assert host.have.firewall.accepted == {AcceptedBridge("ip", "br0", within=False)}


def test_other_bridges_are_in_the_way_and_left_alone():
    theirs = plan.goal(
        [Wanted(endpoint("br1", "eth1", "container", "one"), (PortSpec("", 80, 80, 80, "tcp"),), {4: "10.0.0.2"})],
        PublicationState("br1"),
        True,
        False,
    )
    have = PublicationState("br0", rules=theirs)
    with pytest.raises(Refused, match="the publication of port 80 of container one on br1 has it"):
        _present(
            [Wanted(_ENDPOINTS[0], (PortSpec("10.0.0.5", 80, 80, 80, "tcp"),), {4: "192.168.5.11"})], have, True, False
        )
    assert _present([], have, False, True) == [] and _absent(None, have) == []
    assert PublicationRules() == have.ours and HostPort(4, "", "tcp", 80) in {one.host for one in theirs.published}


@pytest.mark.parametrize("containers", [2000, 1])
def test_two_thousand_ports_are_taken_away_in_one_pass(containers):
    wants = []
    for number in range(containers):
        ports = tuple(PortSpec("", port, port, port, "tcp") for port in range(10000 + number, 12000, containers))
        wants.append(Wanted(endpoint("br0", "eth1", "container", f"c{number}"), ports, {4: "192.168.5.11"}))
    have = PublicationState("br0", rules=plan.goal(wants, PublicationState("br0"), True, False))
    assert len(have.rules.published) == 2000
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        left = plan.remaining(wants[:-1] if containers > 1 else [replace(wants[0], ports=wants[0].ports[:-1])], have)
    finally:
        sys.setprofile(None)
    assert [one.host.port for one in left.published] == [11999] and calls < 200 * 2000


@pytest.mark.parametrize(
    ("at", "rules", "told"),
    [
        ("", [("198.51.100.2", 100)], ["198.51.100.2"]),
        ("198.51.100.2", [("198.51.100.0/24", 100)], ["198.51.100.2"]),
        ("198.51.100.99", [("198.51.100.99", 100)], ["198.51.100.99"]),  # of another host for now
        ("10.0.0.5", [("198.51.100.2", 100)], []),
        ("", [("198.51.100.2", 100), ("192.168.5.0/24", 100)], []),
        ("", [("198.51.100.2", 100), ("192.168.5.11", 200)], ["198.51.100.2"]),
        ("", [("2001:db8::2", 100)], []),
    ],
)
def test_rules_of_the_host_by_which_containers_do_not_answer_are_told(at, rules, told):
    here = HostPort(4, at, "tcp", 8080)
    rules = tuple(SourceRule(*rule) for rule in rules)
    have = PublicationState("br0", source_rules=rules, addresses=("198.51.100.2", "2001:db8::2", "10.0.0.5"))
    published = frozenset((Published(here, "192.168.5.11", 80, _ENDPOINTS[0]),))
    said = plan.routed_otherwise(PublicationRules(published), have)
    assert [line.split()[5] for line in said] == told
    assert all("`ip rule add from 192.168.5.11 lookup 100` for each container, by which all that" in it for it in said)
