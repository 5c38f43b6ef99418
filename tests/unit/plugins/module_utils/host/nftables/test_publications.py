# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports as lines for nft, and as they are read back from its listing."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.publications import (
    Publications,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import (
    Hairpin,
    HostPort,
    PublicationRules,
    Published,
    endpoint,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.host.nftables import simulated_nft
from hypothesis import given
from hypothesis import strategies as st

NOTHING = PublicationRules()
_ENDPOINTS = [endpoint("br0", "eth1", "container", "web"), endpoint("br1", "eth0", "netns", "/run/netns/a b")]
_HOST = {4: ["", "10.0.0.5", "127.0.0.1"], 6: ["", "fd00::5"]}
_CONTAINER = {4: "192.168.5.", 6: "fd00:5::"}
_SUBNETS = ["192.168.5.0/24", "fd00:5::/64", "10.0.0.0/8"]
WEB = Published(HostPort(4, "", "tcp", 8080), "192.168.5.2", 80, _ENDPOINTS[0])
RULES = PublicationRules(
    frozenset({WEB, Published(HostPort(6, "fd00::5", "udp", 53), "fd00:5::2", 53, _ENDPOINTS[0])}),
    frozenset({Hairpin("br0", "192.168.5.0/24"), Hairpin("br0", "fd00:5::/64")}),
    protected=frozenset({"br0"}),
    loopback=frozenset({"br0"}),
    opened=frozenset({"br0"}),
)


@st.composite
def _published(draw):
    family = draw(st.sampled_from([4, 6]))
    host = HostPort(
        family,
        draw(st.sampled_from(_HOST[family])),
        draw(st.sampled_from(["tcp", "udp", "sctp"])),
        draw(st.integers(8000, 8003)),
    )
    address = f"{_CONTAINER[family]}{draw(st.integers(2, 4))}"
    return Published(host, address, draw(st.integers(80, 81)), draw(st.sampled_from(_ENDPOINTS)))


_bridges = st.frozensets(st.sampled_from(["br0", "br1", "docker_gwbridge"]), max_size=2)
_hairpins = st.builds(Hairpin, st.sampled_from(["br0", "br1"]), st.sampled_from(_SUBNETS))
_rules = st.builds(
    PublicationRules,
    st.lists(_published(), max_size=5, unique_by=lambda one: one.host).map(frozenset),
    st.frozensets(_hairpins, max_size=3),
    _bridges,
    _bridges,
    _bridges,
)


@given(_rules, _rules)
def test_rules_are_read_back_as_they_were_written(first, second):
    with pytest.MonkeyPatch.context() as monkeypatch:
        nft = simulated_nft.SimulatedNft(monkeypatch)
        for add, remove, wanted in ((first, NOTHING, first), (second - first, first - second, second)):
            Publications().apply(add, remove)
            assert Publications().read() == (wanted, True)
            written = len(nft.transactions)
            Publications().apply(wanted, remove)
            assert len(nft.transactions) == written, "what is there already takes no transaction"
            assert bool(nft.tables) == (wanted != NOTHING)
        Publications().apply(NOTHING, second)
        assert nft.tables == {}


def test_what_is_written_for_one_port(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    Publications().apply(PublicationRules(frozenset({WEB}), protected=frozenset({"br0"})), NOTHING)
    (lines,) = nft.transactions
    assert lines[0] == "add table ip pipefitter"
    assert "add map ip pipefitter publish_any { type inet_proto . inet_service : ipv4_addr . inet_service; }" in lines
    hook = "{ type nat hook prerouting priority -100; policy accept; }"
    assert f"add chain ip pipefitter publish_prerouting {hook}" in lines
    assert [line for line in lines if " element ip " in line] == [
        'create element ip pipefitter publish_any { tcp . 8080 comment "br0 eth1 container web" : 192.168.5.2 . 80 }',
        'create element ip pipefitter publish_protected { "br0" }',
        'create element ip pipefitter publish_within { "br0" . "br0" }',
    ]
    assert not any("127.0.0.0" in line for line in lines if " ip6 " in line)


def test_a_port_is_led_elsewhere_in_one_transaction(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    moved = Published(WEB.host, "192.168.5.3", 81, _ENDPOINTS[1])
    for one, before in ((WEB, frozenset()), (moved, frozenset({WEB}))):
        Publications().apply(PublicationRules(frozenset({one})), PublicationRules(before))
    assert nft.transactions[1:] == [
        [
            "delete element ip pipefitter publish_any { tcp . 8080 }",
            'create element ip pipefitter publish_any { tcp . 8080 comment "br1 eth0 netns '
            f'{_ENDPOINTS[1].value}" : 192.168.5.3 . 81 }}',
        ]
    ]


@pytest.mark.parametrize(
    "drift",
    [
        "flush chain ip pipefitter publish_prerouting",
        "flush chain ip6 pipefitter publish_forward",
        "add rule ip pipefitter publish_raw accept",
        'add rule ip6 pipefitter publish_output accept comment "theirs"',
        "delete set ip pipefitter publish_opened",
        "delete set ip pipefitter icc_links",
        "delete map ip6 pipefitter publish_any",
        'delete element ip pipefitter publish_within { "br0" . "br0" }',
        'delete element ip6 pipefitter publish_protected { "br0" }',
        "delete table ip6 pipefitter",
    ],
)
def test_drift_in_a_listing_is_noticed_and_put_right(monkeypatch, drift):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    Publications().apply(RULES, NOTHING)
    nft.tamper(drift)
    _found, whole = Publications().read()
    assert not whole
    Publications().apply(RULES, NOTHING)
    assert Publications().read() == (RULES, True)


def test_an_element_that_somebody_took_out_is_missed(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    Publications().apply(RULES, NOTHING)
    nft.tamper(
        "delete element ip pipefitter publish_any { tcp . 8080 }",
        'delete element ip6 pipefitter publish_hairpin { fd00:5::/64 . "br0" }',
    )
    gone = PublicationRules(frozenset({WEB}), frozenset({Hairpin("br0", "fd00:5::/64")}))
    assert Publications().read() == (RULES - gone, True)


@pytest.mark.parametrize("element", ['publish_protected { "br0" }', 'publish_within { "br0" . "br0" }'])
def test_half_a_protection_is_one_that_can_be_taken_away(monkeypatch, element):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    Publications().apply(RULES, NOTHING)
    nft.tamper(f"delete element ip pipefitter {element}", f"delete element ip6 pipefitter {element}")
    assert Publications().read() == (RULES, False)
    Publications().apply(NOTHING, RULES)
    assert nft.tables == {}


def test_an_element_of_another_is_left_and_in_the_way(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    other = PublicationRules(frozenset({Published(HostPort(4, "", "tcp", 9090), "192.168.5.2", 90, _ENDPOINTS[0])}))
    Publications().apply(other, NOTHING)
    nft.tamper("add element ip pipefitter publish_any { tcp . 8080 : 10.9.9.9 . 9 }")
    assert Publications().read() == (other, True)
    with pytest.raises(PipefitterError, match="nothing was changed: .*File exists"):
        Publications().apply(PublicationRules(frozenset({WEB})), NOTHING)
    Publications().apply(NOTHING, other)
    assert "publish_any" in nft.tables["ip"], "their element goes with no table of ours"


def test_protocols_by_number_are_those_by_name(monkeypatch):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    Publications().apply(RULES, NOTHING)
    nft.tamper(
        "flush set ip pipefitter publish_any",
        f'add element ip pipefitter publish_any {{ 6 . 8080 comment "{WEB.endpoint.comment}" : 192.168.5.2 . 80 }}',
    )
    assert Publications().read() == (RULES, True)


@pytest.mark.parametrize(
    "theirs",
    [
        "add set ip6 pipefitter publish_protected { type ipv6_addr; }",
        "add set ip6 pipefitter publish_any { type inet_proto . inet_service; }",
        "add chain ip6 pipefitter publish_forward { type filter hook forward priority 1; policy accept; }",
        "add chain ip6 pipefitter publish_output",
    ],
)
def test_an_object_of_our_name_and_another_layout_is_refused(monkeypatch, theirs):
    nft = simulated_nft.SimulatedNft(monkeypatch)
    nft.tamper("add table ip6 pipefitter", theirs)
    with pytest.raises(Refused, match="nftables table ip6 pipefitter has a .* of another layout"):
        Publications().read()
    with pytest.raises(Refused):
        Publications().apply(RULES, NOTHING)
    assert nft.transactions == []
