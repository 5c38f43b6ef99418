# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of inter-container communication, from options to canonical form."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import icc_policy
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Target
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_policy import (
    IccLink,
    IccPolicy,
    IccPort,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccFlow, IccRules


def parsed(**options):
    return icc_policy.parse({"bridge": "br0", "state": "present", "icc": False, **options})


def test_links_in_all_their_forms():
    links = [
        {"from": "web1", "to": "db1", "ports": ["5432/tcp", "5432", "53/UDP", "icmp"]},
        {"from": {"netns": "web1"}, "to": {"label": "role=db"}},
        {"from": {"pid": "77"}, "to": {"container": "db1", "runtime": "podman"}, "ports": ["9899/sctp"]},
    ]
    assert parsed(links=links) == IccPolicy(
        "br0",
        False,
        (
            IccLink(
                Target("container", "web1"),
                Target("container", "db1"),
                None,
                (IccPort("tcp", 5432), IccPort("udp", 53), IccPort("icmp", 0)),
            ),
            IccLink(Target("netns", "/run/netns/web1"), None, "role=db", None),
            IccLink(Target("pid", "77"), Target("container", "db1", "podman"), None, (IccPort("sctp", 9899),)),
        ),
    )


@pytest.mark.parametrize(
    "text",
    ["0", "0/tcp", "65536", "70000/udp", "99999999999", "-1", "80/", "/tcp", "80/icmp", "icmp/8", "80-90/tcp", "٣", ""],
)
def test_ports_that_can_not_be(text):
    with pytest.raises(InvalidOption, match=r"ports\[0\]"):
        parsed(links=[{"from": "web1", "to": "db1", "ports": [text]}])


def test_absent_needs_no_more_than_a_bridge():
    assert icc_policy.parse({"bridge": "br0", "state": "absent", "icc": None}) == IccPolicy("br0")


def test_rules_of_one_bridge_are_told_from_those_of_others():
    flow, other = IccFlow("br0", "10.0.0.1", "10.0.0.2", "tcp", 80), IccFlow("br1", "10.0.0.1", "10.0.0.2", "tcp", 80)
    former = {("net/ipv4/conf/br0/proxy_arp_pvlan", "0"), ("net/ipv4/conf/br1/proxy_arp_pvlan", "0")}
    rules = IccRules(frozenset({"br0", "br1"}), flows=frozenset({flow, other}), former=frozenset(former))
    left = rules.without("br0")
    assert (left.off, left.flows) == ({"br1"}, {other})
    assert left.former_of("br1") == {"net/ipv4/conf/br1/proxy_arp_pvlan": "0"} and not left.former_of("br0")
    assert left.without("br1").empty
