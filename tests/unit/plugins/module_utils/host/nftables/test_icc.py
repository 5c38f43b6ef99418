# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of isolated bridges as commands for nft, and as they are read back from its listing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.icc import IccTables
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.isolation import (
    isolated_bridges,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.publications import (
    Publications,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import (
    PING,
    IccFlow,
    IccRules,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import PublicationRules
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.host.nftables import simulated_nft
from hypothesis import given
from hypothesis import strategies as st

_BRIDGES = ["br0", "br1", "br-web", "lxc@2"]
_ADDRESSES = [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("fd00::1", "fd00::2")]
_NAMES = st.sampled_from(["", "container web1", "pid 77", "netns /run/netns/a b'\"%", f"container {'x' * 90}"])
_SOME = st.frozensets(st.sampled_from(_BRIDGES), max_size=3)
WEB = IccFlow("br0", "10.0.0.1", "10.0.0.2", "tcp", 80, source_name="container web", destination_name="container db")
RULES = IccRules(
    off=frozenset({"br0"}),
    neighbours=frozenset({"br1"}),
    egress_denied=frozenset({"br0"}),
    host_denied=frozenset({"br1"}),
    flows=frozenset({WEB, IccFlow("br0", "fd00::1", "fd00::2", PING, 0)}),
    former=frozenset({("net/ipv4/conf/br0/proxy_arp_pvlan", "0"), ("net/ipv6/neigh/br0/proxy_delay", "80")}),
)


@st.composite
def _flows(draw):
    source, destination = draw(st.sampled_from(_ADDRESSES))
    protocol = draw(st.sampled_from(["tcp", "udp", "sctp", PING]))
    bridge = draw(st.sampled_from(_BRIDGES))
    ingress = draw(st.sampled_from(["", *_BRIDGES]))
    port = 0 if protocol == PING else draw(st.integers(1, 65535))
    names = draw(st.one_of(st.just(("", "")), st.tuples(_NAMES, _NAMES)))
    return IccFlow(bridge, source, destination, protocol, port, "" if ingress == bridge else ingress, *names)


@st.composite
def _rules(draw):
    off = draw(_SOME)
    former = {
        (f"net/{family}/conf/{bridge}/{key}", value)
        for bridge in off
        for family, key, value in draw(
            st.lists(
                st.sampled_from(
                    [("ipv4", "send_redirects", "1"), ("ipv4", "proxy_arp", "0"), ("ipv6", "proxy_ndp", "0")]
                )
            )
        )
    }
    flows = draw(st.lists(_flows(), max_size=4, unique_by=lambda flow: flow.packets))
    rules = IccRules(off, draw(_SOME) - off, draw(_SOME), draw(_SOME), frozenset(flows), frozenset(former))
    # Without a bridge that has a policy nothing else is to be there.
    return IccRules() if rules.empty else rules


@given(_rules(), _rules())
def test_rules_are_read_back_as_they_were_written(first, second):
    with pytest.MonkeyPatch.context() as monkeypatch:
        nft = simulated_nft.SimulatedNft(monkeypatch)
        for rules in (first, second):
            IccTables().apply(rules)
            found = IccTables().read()
            assert found == rules and found.intact
            assert isolated_bridges() == rules.off
            written = len(nft.transactions)
            IccTables().apply(rules)
            assert len(nft.transactions) == written, "what is there already takes no transaction"
            assert bool(nft.tables) == (not rules.empty)


@given(_flows())
def test_names_of_containers_survive_or_are_left_out_together(flow):
    with pytest.MonkeyPatch.context() as monkeypatch:
        simulated_nft.SimulatedNft(monkeypatch)
        IccTables().apply(IccRules(off=frozenset({flow.bridge}), flows=frozenset({flow})))
        (found,) = IccTables().read().flows
        names, wanted = ((one.source_name, one.destination_name) for one in (found, flow))
        assert names in (wanted, ("", ""))
        assert names == wanted or "" in wanted or "x" * 90 in "".join(wanted)


def test_what_is_written_for_one_link(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(IccRules(off=frozenset({"br0"}), flows=frozenset({WEB})))
    (commands,) = nft.transactions
    of_ip4 = [command for command in commands if next(iter(next(iter(command.values())).values()))["family"] == "ip"]
    assert of_ip4[0] == {"add": {"table": {"family": "ip", "name": "pipefitter"}}}
    chains = [command["add"]["chain"] for command in of_ip4 if "chain" in command.get("add", {})]
    assert [(chain["name"], chain["type"], chain["hook"], chain["prio"], chain["policy"]) for chain in chains] == [
        ("icc_forward", "filter", "forward", 0, "accept"),
        ("icc_input", "filter", "input", 0, "accept"),
        ("icc_output", "filter", "output", 0, "accept"),
    ]
    link = {
        "val": {"concat": ["br0", "10.0.0.1", "10.0.0.2", "tcp", 80]},
        "comment": "br0 container web container db",
    }
    elements = {
        command["add"]["element"]["name"]: command["add"]["element"]["elem"]
        for command in of_ip4
        if "element" in command.get("add", {})
    }
    assert elements == {"icc_off": ["br0"], "icc_apart": ["br0"], "icc_links": [{"elem": link}]}


def test_nothing_is_written_into_what_is_not_needed(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(IccRules())
    assert nft.transactions == [] and IccTables().read() == IccRules() and IccTables().read().intact


@pytest.mark.parametrize(
    "drift",
    [
        "flush chain ip pipefitter icc_forward",
        "flush chain ip6 pipefitter icc_output",
        'add rule ip pipefitter icc_input accept comment "theirs"',
        "add rule ip6 pipefitter icc_forward accept",
        'delete element ip pipefitter icc_off { "br0" }',
        'delete element ip6 pipefitter icc_apart { "br1" }',
        'delete element ip pipefitter icc_inside { "br0" . "br0" }',
        'add element ip6 pipefitter icc_host_denied { "br9" }',
        "delete set ip pipefitter icc_egress_denied",
        "delete set ip pipefitter icc_pings",
        "delete table ip6 pipefitter",
    ],
)
def test_drift_in_a_listing_is_noticed_and_put_right(monkeypatch, drift):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(RULES)
    nft.tamper(drift)
    assert not IccTables().read().intact
    IccTables().apply(RULES)
    assert IccTables().read() == RULES and IccTables().read().intact


def test_chains_that_no_bridge_needs_any_more_are_noticed(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(IccRules(off=frozenset({"br0"})))
    nft.tamper(
        *(f"flush set {family} pipefitter {name}" for family in ("ip", "ip6") for name in ("icc_off", "icc_apart"))
    )
    assert IccTables().read() == IccRules() and not IccTables().read().intact
    IccTables().apply(IccRules())
    assert nft.tables == {} and IccTables().read().intact


def test_sets_of_links_that_published_ports_look_into_are_no_policy(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    published = PublicationRules(protected=frozenset({"br0"}))
    Publications().apply(published, PublicationRules())
    assert IccTables().read() == IccRules() and IccTables().read().intact
    IccTables().apply(RULES)
    IccTables().apply(IccRules())
    assert Publications().read() == (published, True)
    nft.tamper('add element ip pipefitter icc_pings { "br0" . 10.0.0.1 . 10.0.0.2 }')
    assert not IccTables().read().intact, "a link without a policy"


def test_a_link_that_somebody_took_out_is_missed(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(RULES)
    nft.tamper('delete element ip pipefitter icc_links { "br0" . 10.0.0.1 . 10.0.0.2 . tcp . 80 }')
    assert IccTables().read() == replace(RULES, flows=RULES.flows - {WEB})


def test_protocols_by_number_are_those_by_name(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(RULES)
    nft.tamper(
        "flush set ip pipefitter icc_links",
        'add element ip pipefitter icc_links { "br0" . 10.0.0.1 . 10.0.0.2 . 6 . 80 comment "br0" }',
    )
    assert IccTables().read().flows == RULES.flows


def test_what_others_have_in_our_table_keeps_it(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(RULES)
    nft.tamper("add chain ip pipefitter theirs", "add rule ip pipefitter theirs ip daddr @icc_links accept")
    IccTables().apply(IccRules())
    assert set(nft.tables) == {"ip"} and set(nft.tables["ip"]) == {"theirs", "icc_links"}


@pytest.mark.parametrize(
    "theirs",
    [
        "add set ip pipefitter icc_off { type ipv4_addr; }",
        "add map ip pipefitter icc_links { type ifname : ipv4_addr . inet_service; }",
        "add chain ip pipefitter icc_forward { type filter hook input priority 0; policy accept; }",
        "add chain ip pipefitter icc_output",
    ],
)
def test_an_object_of_our_name_and_another_layout_is_refused(monkeypatch, theirs):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    nft.tamper("add table ip pipefitter", theirs)
    with pytest.raises(Refused, match="nftables table ip pipefitter has a .* of another layout"):
        IccTables().read()
    with pytest.raises(Refused, match="delete it with `nft delete table ip pipefitter`"):
        IccTables().apply(RULES)
    assert nft.transactions == []


def test_a_link_that_is_now_of_another_bridges_policy(monkeypatch):
    simulated_nft.SimulatedNft(monkeypatch)
    policies = frozenset({"br0", "br1"})
    for flow in (WEB, replace(WEB, bridge="br1", ingress="br0")):
        rules = IccRules(off=policies, flows=frozenset({flow}))
        IccTables().apply(rules)
        assert IccTables().read() == rules


def test_the_note_of_former_sysctls_outlives_the_tables(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    IccTables().apply(RULES)
    nft.tables.clear()
    assert IccTables().read() == IccRules(former=RULES.former)
    IccTables().apply(RULES)
    nft.noted = frozenset({("net/ipv4/conf/br0/proxy_arp_pvlan", "1")})
    assert IccTables().read() == RULES, "what the tables say holds"
    IccTables().apply(IccRules())
    assert IccTables().read() == IccRules()
