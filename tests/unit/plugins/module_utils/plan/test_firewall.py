# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passing the host's firewall: who is let out by which interfaces, and what is said of chains that can't be passed."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge import Bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import (
    AcceptedBridge,
    DroppingChain,
    DroppingRule,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import firewall
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.firewall import ChangeIptablesForward
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.bridge import BridgeState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState

IPTABLES = frozenset({"ip"})


def test_a_bridge_is_let_out_by_interfaces_that_lead_somewhere():
    """Not by a port of another bridge, whose only route is the link-local one that each interface has."""
    kinds = {"br0": "bridge", "docker0": "bridge", "eth0": "", "veth1": "veth", "wan": "bridge"}
    links = {
        name: Link(index, name, kind, "02:00:00:00:00:05", 1500, True, True, alias=MARK if name == "br0" else "")
        for index, (name, kind) in enumerate(kinds.items(), 1)
    }
    routes = (
        Route("10.0.0.0/8", None, "eth0", 0),
        Route("172.17.0.0/16", None, "docker0", 0),
        Route("fe80::/64", None, "veth1", 0),
        Route("0.0.0.0/0", "192.0.2.1", "wan", 0),
    )
    have = BridgeState(NetworkState(links, routes=routes), firewall=FirewallState(IPTABLES))
    (change,) = [
        one for one in plan.present(Bridge("br0", masquerade=True), have) if isinstance(one, ChangeIptablesForward)
    ]
    assert change.add == (AcceptedBridge("ip", "br0", ("eth0", "wan")),)


def test_what_is_accepted_with_more_than_is_needed_stays():
    accepted = frozenset({AcceptedBridge("ip", "br0", ("eth0",))})
    assert firewall.at_least("br0", ("ip", "ip6"), FirewallState(IPTABLES, accepted), within=True) == []
    assert firewall.at_least("br0", (), FirewallState(IPTABLES, zones=()), within=True) == []


def test_all_chains_that_can_not_be_passed_are_in_one_warning():
    chains = frozenset({DroppingChain("inet", "mine", "forward"), DroppingChain("ip6", "site", "fwd")})
    (said,) = firewall.warnings("br0", FirewallState(barriers=chains))
    assert said.startswith(
        "the nftables chains inet mine forward, ip6 site fwd drop forwarded traffic (policy drop) "
        "and may block that of br0;"
    )
    assert firewall.warnings("br0", FirewallState(families=IPTABLES)) == []


def test_a_rule_is_told_of_that_drops_all_of_a_bridge():
    told = {
        DroppingRule("ip", "a", "FORWARD", destination="192.168.0.0/16"): "-I FORWARD -o br0 ",
        DroppingRule("ip", "b", "FORWARD", ingress="eth0", egress="br0"): "-I FORWARD -o br0 ",
        DroppingRule("ip", "c", "FORWARD", source="192.168.5.0/24", egress="eth0"): "-I FORWARD -i br0 ",
        DroppingRule("ip6", "d", "DOCKER-USER", source="fd00::/8"): "ip6tables -I DOCKER-USER -i br0 ",
        DroppingRule("ip", "e", "FORWARD", ingress="br0", let=frozenset({"-o br0"})): "-I FORWARD -i br0 ",
    }
    others = (
        DroppingRule("ip", "one client", "FORWARD", source="203.0.113.0/24"),
        DroppingRule("ip", "one client of ours", "FORWARD", source="203.0.113.0/24", destination="192.168.0.0/16"),
        DroppingRule("ip", "one container", "FORWARD", destination="192.168.5.9/32"),
        DroppingRule("ip", "another interface", "FORWARD", ingress="eth0"),
        DroppingRule("ip", "another bridge", "FORWARD", ingress="br1", source="192.168.0.0/16"),
        DroppingRule("ip", "accepted before", "FORWARD", egress="br0", let=frozenset({"-o br0"})),
    )
    subnets = ["192.168.5.1/24", "fd00:5::1/64", "fe80::1/64"]
    said = firewall.warnings("br0", FirewallState(IPTABLES, ahead=(*others, *told)), subnets)
    assert len(said) == len(told)
    for one, (rule, added) in zip(said, told.items()):
        assert f"the rule `{rule.rule}` of" in one and added in one


def test_what_stays_on_a_bridge_is_accepted_where_it_is_needed():
    both = frozenset({AcceptedBridge("ip", "br0", within=False), AcceptedBridge("ip6", "br0")})
    seen = FirewallState(frozenset({"ip", "ip6"}), both)
    assert firewall.at_least("br0", ("ip", "ip6"), seen, within=False) == []
    (change,) = firewall.at_least("br0", ("ip", "ip6"), seen, within=True)
    assert change.add == (AcceptedBridge("ip", "br0"),) and change.remove == (
        AcceptedBridge("ip", "br0", within=False),
    )
    assert change.lines() == [
        "no longer let IPv4 traffic to published ports of br0 pass the host's iptables filter",
        "let IPv4 traffic within br0 pass the host's iptables filter",
    ]
    assert firewall.not_within("br0", seen, ("ip6",)) == []
    (change,) = firewall.not_within("br0", seen)
    assert change.add == (AcceptedBridge("ip6", "br0", within=False),) and change.remove == (
        AcceptedBridge("ip6", "br0"),
    )
