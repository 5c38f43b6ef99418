# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which filters of iptables our chain joins, in both kinds, and where in them the jump to it stands."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from iptables_lab import BR0, BR0_V6, BR1, KINDS, PROGRAM, chain, docker_starts, everything, saved, shown
from own_namespaces import in_own_namespaces, needs_root, run

pytestmark = needs_root

# Filters as people write them, and whether what nobody thought of is dropped.
FILTERS = {
    "nothing": ("", False),
    "policy": (":FORWARD DROP", True),
    "trailing drop": ("-A FORWARD -i lo -j ACCEPT\n-A FORWARD -j DROP", True),
    "trailing reject": ('-A FORWARD -m comment --comment "no more" -j REJECT --reject-with icmp-host-prohibited', True),
    "new connections": ("-A FORWARD -m conntrack --ctstate INVALID,NEW -j DROP", True),
    "reject in a chain": (":last -\n-A last -p tcp -j REJECT\n-A last -j REJECT\n-A FORWARD -j last", True),
    "a chain gone to": (":last -\n-A last -j DROP\n-A FORWARD -g last", True),
    "one who is not let in": ("-A FORWARD -s 203.0.113.0/24 -j DROP", False),
    "one who is let out": (":FORWARD DROP\n-A FORWARD -s 203.0.113.0/24 -j ACCEPT", True),
    "invalid packets": ("-A FORWARD -m conntrack --ctstate INVALID -j DROP", False),
    "accepted before": (":FORWARD DROP\n-A FORWARD -j ACCEPT\n-A FORWARD -j DROP", False),
    "a chain that returns": (":last -\n-A last -j RETURN\n-A last -j DROP\n-A FORWARD -j last", False),
    "a chain for one interface": (":last -\n-A last -j DROP\n-A FORWARD -i eth9 -j last", False),
    "a chain nobody jumps to": (":last -\n-A last -j DROP", False),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_filter_is_joined_where_it_drops_what_nobody_thought_of(kind, name):
    rules, drops = FILTERS[name]
    for family in PROGRAM:
        text = (
            rules.replace("icmp-host-prohibited", "icmp6-adm-prohibited").replace("203.0.113.0/24", "2001:db8::/32")
            if family == "ip6"
            else rules
        )
        policy = "" if ":FORWARD" in rules else ":FORWARD ACCEPT\n"
        run(f"{PROGRAM[family]}-{kind}-restore", text=f"*filter\n{policy}{text}\nCOMMIT\n")
    before = everything()
    assert shown() == (frozenset(PROGRAM) if drops else frozenset(), frozenset())
    if not drops:
        with pytest.raises(Refused, match="filter of iptables, which drops nothing"):
            IptablesForward().apply(add=[BR0])
        return
    IptablesForward().apply(add=[BR0, BR0_V6])
    assert shown() == ({"ip", "ip6"}, {BR0, BR0_V6})
    # After all rules for certain packets: the policy drops, or the last rule.
    place = -1 if ":FORWARD DROP" in rules else -2
    assert [number for number, rule in enumerate(chain("FORWARD", kind)) if rule == "-A FORWARD -j PIPEFITTER"] == [
        len(chain("FORWARD", kind)) + place
    ]
    IptablesForward().apply(remove=[BR0, BR0_V6])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_filter_that_was_opened_keeps_our_rules_until_the_last_goes(kind):
    run(f"iptables-{kind} -P FORWARD DROP")
    IptablesForward().apply(add=[BR0])
    run(f"iptables-{kind} -P FORWARD ACCEPT")
    assert shown() == ({"ip"}, {BR0})
    IptablesForward().apply(remove=[BR0])
    assert shown() == (frozenset(), frozenset())
    assert "PIPEFITTER" not in saved(kind)


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_once_docker_is_there_the_jump_moves_to_its_chain(kind):
    run(f"iptables-{kind} -P FORWARD DROP")
    without = everything()
    IptablesForward().apply(add=[BR0])
    # As Docker does when it starts: its own rules in front, and all else left.
    run(
        f"iptables-{kind}-restore --noflush",
        text="*filter\n:DOCKER-USER -\n-A DOCKER-USER -j RETURN\n-I FORWARD 1 -j DOCKER-USER\nCOMMIT\n",
    )
    assert shown() == ({"ip"}, frozenset())
    assert IptablesForward().read().remains == {BR0}
    IptablesForward().apply(add=[BR0])
    assert shown() == ({"ip"}, {BR0})
    assert (chain("FORWARD", kind), chain("DOCKER-USER", kind)[0]) == (
        ["-A FORWARD -j DOCKER-USER"],
        "-A DOCKER-USER -j PIPEFITTER",
    )
    # And when its rules are flushed, back.
    run(f"iptables-{kind} -F FORWARD")
    assert shown() == ({"ip"}, frozenset())
    IptablesForward().apply(add=[BR0])
    assert (chain("FORWARD", kind), chain("DOCKER-USER", kind)) == (
        ["-A FORWARD -j PIPEFITTER"],
        ["-A DOCKER-USER -j RETURN"],
    )
    IptablesForward().apply(remove=[BR0])
    run(f"iptables-{kind}-restore --noflush", text="*filter\n:DOCKER-USER -\n-X DOCKER-USER\nCOMMIT\n")
    assert everything() == without


@in_own_namespaces
def test_one_family_may_filter_alone():
    docker_starts("nft")
    assert shown() == ({"ip"}, frozenset())
    with pytest.raises(Refused, match="filter of ip6tables"):
        IptablesForward().apply(add=[BR0, BR0_V6])
    assert not chain("PIPEFITTER")


@in_own_namespaces
def test_where_both_kinds_have_the_chain_both_must_accept():
    for kind in KINDS:
        docker_starts(kind)
    before = everything()
    IptablesForward().apply(add=[BR0])
    assert shown() == ({"ip"}, {BR0})
    run("iptables-legacy -F PIPEFITTER")
    assert shown() == ({"ip"}, frozenset())
    IptablesForward().apply(add=[BR0])
    assert shown() == ({"ip"}, {BR0})
    IptablesForward().apply(remove=[BR0])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_rules_of_the_administrator_stay_as_they_are_and_in_front(kind):
    docker_starts(kind)
    run(f"iptables-{kind} -I DOCKER-USER 1 -s 203.0.113.0/24 -m comment --comment mine -j DROP")
    before = everything()
    IptablesForward().apply(add=[BR0])
    run(f"iptables-{kind} -I DOCKER-USER 1 -s 198.51.100.0/24 -j DROP")
    IptablesForward().apply(add=[BR1])
    assert [line.split()[2:4] for line in chain("DOCKER-USER", kind)] == [
        ["-s", "198.51.100.0/24"],
        ["-s", "203.0.113.0/24"],
        ["-j", "PIPEFITTER"],
        ["-j", "RETURN"],
    ]
    run(f"iptables-{kind} -D DOCKER-USER 1")
    IptablesForward().apply(remove=[BR0, BR1])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_chain_of_docker_that_does_not_return_has_the_jump_last(kind):
    docker_starts(kind)
    run(f"iptables-{kind} -F DOCKER-USER")
    run(f"iptables-{kind} -A DOCKER-USER -s 203.0.113.0/24 -j DROP")
    IptablesForward().apply(add=[BR0])
    run(f"iptables-{kind} -A DOCKER-USER -s 198.51.100.0/24 -j DROP")
    assert shown()[1] == {BR0}
    IptablesForward().apply(add=[BR1])
    assert [line.split()[3] for line in chain("DOCKER-USER", kind)] == [
        "203.0.113.0/24",
        "PIPEFITTER",
        "198.51.100.0/24",
    ]


# What ufw has in FORWARD, with a rule of `ufw route deny`; and its policy by chains that decide for all, or for new
# connections.
UFW = """\
*filter
:FORWARD {policy}
:ufw-before-forward -
:ufw-user-forward -
:ufw-after-forward -
:ufw-reject-forward -
:ufw-track-forward -
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A FORWARD -j ufw-reject-forward
-A FORWARD -j ufw-track-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-user-forward -d 10.0.0.9/32 -j DROP
{reject}
COMMIT
"""


@pytest.mark.parametrize(
    ("policy", "reject", "place"), [("DROP", "", 4), ("ACCEPT", "-A ufw-reject-forward -j REJECT", 2)]
)
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_chains_that_decide_for_certain_packets_come_before_the_jump(kind, policy, reject, place):
    run(f"iptables-{kind}-restore", text=UFW.format(policy=policy, reject=reject))
    before = everything()
    IptablesForward().apply(add=[BR0])
    assert chain("FORWARD", kind).index("-A FORWARD -j PIPEFITTER") == place
    # A jump that stands elsewhere before what drops all stays there; one that comes too late is made anew.
    run(f"iptables-{kind} -D FORWARD -j PIPEFITTER")
    run(f"iptables-{kind} -I FORWARD 2 -j PIPEFITTER")
    IptablesForward().apply(add=[BR1])
    assert (shown()[1], chain("FORWARD", kind).index("-A FORWARD -j PIPEFITTER")) == ({BR0, BR1}, 1)
    if reject:
        run(f"iptables-{kind} -D FORWARD -j PIPEFITTER")
        run(f"iptables-{kind} -A FORWARD -j PIPEFITTER")
        assert shown()[1] == frozenset()
        IptablesForward().apply(add=[BR0])
        assert (shown()[1], chain("FORWARD", kind).index("-A FORWARD -j PIPEFITTER")) == ({BR0, BR1}, place)
    IptablesForward().apply(remove=[BR0, BR1])
    assert everything() == before
