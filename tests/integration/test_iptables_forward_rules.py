# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our chain in a filter that drops what is forwarded, in both kinds of iptables, and what is then let through."""

from __future__ import annotations

import fcntl
import json
import os
import re

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    InvalidOption,
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import program
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import iptables_forward
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import (
    AcceptedBridge,
    DroppingChain,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from own_namespaces import guest, in_own_namespaces, needs_root, run, seen_source, udp

pytestmark = needs_root

KINDS = ("nft", "legacy")
PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
BR0, BR1 = AcceptedBridge("ip", "br0"), AcceptedBridge("ip", "br1")
BR1_OUT = AcceptedBridge("ip", "br1", ("eth0", "tun0"))
BR0_V6 = AcceptedBridge("ip6", "br0")
BR0_PUBLISHED = AcceptedBridge("ip", "br0", within=False)

# What Docker Engine 20.10 leaves behind with one published port, as iptables-save prints it.
DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""
DOCKER_V6 = "*filter\n:FORWARD DROP\n:DOCKER-USER -\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n"


def docker_starts(kind, *, ip6=False):
    run(f"iptables-{kind}-restore", text=DOCKER)
    if ip6:
        run(f"ip6tables-{kind}-restore", text=DOCKER_V6)


def saved(kind, family="ip"):
    """The complete ruleset, without counters and the time of day."""
    text = run(f"{PROGRAM[family]}-{kind}-save")
    return re.sub(r"\[\d+:\d+\]", "[0:0]", "\n".join(line for line in text.splitlines() if line[:1] != "#"))


def everything():
    """All rulesets of the namespace, in the eyes of each tool."""
    rulesets = [saved(kind, family) for kind in KINDS for family in PROGRAM]
    listed = json.loads(run("nft -j list ruleset"))["nftables"]
    rulesets.append(re.sub(r'"(handle|packets|bytes)": \d+', r'"\1": 0', json.dumps(listed)))
    return rulesets


def shown():
    seen = IptablesForward().read()
    return seen.families, seen.accepted


def chain(name, kind="nft"):
    return [line for line in saved(kind).splitlines() if line.startswith(f"-A {name} ")]


@in_own_namespaces
def test_a_host_without_iptables_is_read_without_a_process(monkeypatch):
    monkeypatch.setattr(iptables_forward, "_run", None)
    assert IptablesForward().read() == FirewallState()
    with open("/proc/thread-self/net/ip_tables_names", encoding="ascii") as names:
        assert names.read() == "", "looking made a legacy table"


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


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_bridges_that_are_let_out_are_let_to_each_other(kind):
    docker_starts(kind)
    before = everything()
    one, other, closed = AcceptedBridge("ip", "br0", ("eth0",)), BR1_OUT, AcceptedBridge("ip", "br2")
    IptablesForward().apply(add=[one, closed])
    assert not any("-o br1" in rule for rule in chain("PIPEFITTER", kind))
    IptablesForward().apply(add=[other])
    assert shown()[1] == {one, other, closed}
    assert chain("PIPEFITTER", kind)[-2:] == [
        "-A PIPEFITTER -i br0 -o br1 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o br0 -j ACCEPT",
    ]
    run(f"iptables-{kind} -D PIPEFITTER -i br0 -o br1 -j ACCEPT")
    assert shown()[1] == {other, closed}
    IptablesForward().apply(add=[one])
    assert shown()[1] == {one, other, closed}
    IptablesForward().apply(remove=[other])
    assert shown()[1] == {one, closed}
    assert not any("br1" in rule for rule in chain("PIPEFITTER", kind))
    # A way out may itself be a bridge of ours.
    through = AcceptedBridge("ip", "br0", ("br1", "eth0"))
    IptablesForward().apply(add=[through, other], remove=[one])
    assert shown()[1] == {through, other, closed}
    IptablesForward().apply(remove=[through, other, closed])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_stays_on_a_bridge_is_accepted_or_not(kind):
    docker_starts(kind)
    before = everything()
    IptablesForward().apply(add=[BR0_PUBLISHED, BR1])
    assert shown()[1] == {BR0_PUBLISHED, BR1}
    assert [rule for rule in chain("PIPEFITTER", kind) if "br0" in rule] == [
        "-A PIPEFITTER -o br0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        "-A PIPEFITTER -i br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    IptablesForward().apply(add=[BR0], remove=[BR0_PUBLISHED])
    assert shown()[1] == {BR0, BR1}
    # One that has lost this rule is read as one that never had it.
    run(f"iptables-{kind} -D PIPEFITTER -i br0 -o br0 -j ACCEPT")
    assert shown()[1] == {BR0_PUBLISHED, BR1}
    IptablesForward().apply(remove=[BR1])
    assert shown()[1] == {BR0_PUBLISHED}
    run(f"iptables-{kind} -D PIPEFITTER 1")
    assert (shown()[1], IptablesForward().read().remains) == (frozenset(), {BR0_PUBLISHED})
    IptablesForward().apply(remove=[BR0_PUBLISHED])
    assert everything() == before


@in_own_namespaces
def test_chains_of_nft_that_drop_are_told_apart_from_those_of_iptables():
    run(["nft", "add table inet mine; add chain inet mine pass { type filter hook forward priority 10; policy drop; }"])
    run(
        [
            "nft",
            "add table ip theirs; add chain ip theirs FORWARD { type filter hook forward priority 0; policy accept; }",
        ]
    )
    run(
        [
            "nft",
            "add table ip6 theirs; add chain ip6 theirs in { type filter hook input priority 0; policy drop; }; add chain ip6 theirs unhooked",
        ]
    )
    run(
        [
            "nft",
            "add table bridge cable; add chain bridge cable out { type filter hook forward priority 0; policy drop; }",
        ]
    )
    run(
        [
            "nft",
            "add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy drop; }",
        ]
    )
    run("iptables-nft -P FORWARD DROP")
    expected = {DroppingChain("inet", "mine", "pass"), DroppingChain("bridge", "cable", "out")}
    assert IptablesForward().read().barriers == expected
    assert shown() == ({"ip"}, frozenset())


@in_own_namespaces
def test_a_table_filter_that_is_not_of_iptables_is_left_alone():
    own = """
        table ip filter {
            set allowed { type ipv4_addr; }
            chain FORWARD { type filter hook forward priority 0; policy drop; ip saddr @allowed accept; }
        }
    """
    run("nft -f -", text=own)
    before = run("nft list ruleset")
    seen = IptablesForward().read()
    assert (seen.families, seen.barriers) == (frozenset(), {DroppingChain("ip", "filter", "FORWARD")})
    assert run("nft list ruleset") == before


@pytest.mark.parametrize("policy", ["accept", "drop"])
@in_own_namespaces
def test_where_iptables_is_not_installed_a_table_filter_is_as_any_other(monkeypatch, policy):
    run(
        [
            "nft",
            f"add table ip filter; add chain ip filter FORWARD {{ type filter hook forward priority 0; policy {policy}; }}",
        ]
    )
    without_iptables = program.run
    monkeypatch.setattr(
        program, "run", lambda argv, text=None: None if argv[0].startswith("ip") else without_iptables(argv, text)
    )
    expected = frozenset({DroppingChain("ip", "filter", "FORWARD")} if policy == "drop" else ())
    assert IptablesForward().read() == FirewallState(barriers=expected)
    # But rules of ours can't be changed without it.
    run("nft add chain ip filter PIPEFITTER")
    with pytest.raises(MissingFeature, match="install the package iptables"):
        IptablesForward().read()


@in_own_namespaces
def test_hundreds_of_chains_are_read_in_one_dump():
    policies = ("accept", "drop")
    chains = "".join(
        f"chain c{number} {{ type filter hook forward priority 0; policy {policies[number % 2]}; }}\n"
        for number in range(600)
    )
    run("nft -f -", text=f"table inet many {{\n{chains}}}\n")
    assert IptablesForward().read().barriers == {
        DroppingChain("inet", "many", f"c{number}") for number in range(1, 600, 2)
    }


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_what_was_added_is_read_back_and_goes_without_a_trace(kind):
    docker_starts(kind, ip6=True)
    before = everything()
    ours = IptablesForward()
    assert shown() == ({"ip", "ip6"}, frozenset())
    ours.apply(add=[BR1_OUT, BR0, BR0_V6])
    assert shown() == ({"ip", "ip6"}, {BR0, BR1_OUT, BR0_V6})
    assert chain("DOCKER-USER", kind) == ["-A DOCKER-USER -j PIPEFITTER", "-A DOCKER-USER -j RETURN"]
    ours.apply(remove=[BR0])
    assert shown() == ({"ip", "ip6"}, {BR1_OUT, BR0_V6})
    assert chain("PIPEFITTER", kind) == [
        "-A PIPEFITTER -i br1 -o br1 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o eth0 -j ACCEPT",
        "-A PIPEFITTER -i br1 -o tun0 -j ACCEPT",
        "-A PIPEFITTER -o br1 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        "-A PIPEFITTER -i br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    ours.apply(add=[BR1], remove=[BR1_OUT])
    assert shown() == ({"ip", "ip6"}, {BR1, BR0_V6})
    ours.apply(remove=[BR1, BR0_V6])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_a_second_run_writes_nothing(kind, monkeypatch):
    docker_starts(kind)
    IptablesForward().apply(add=[BR0])
    monkeypatch.setattr(iptables_forward._Filter, "restore", None)
    IptablesForward().apply(add=[BR0], remove=[BR1])


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


@pytest.mark.parametrize(
    "damage",
    [
        "-F DOCKER-USER",
        "-D DOCKER-USER -j PIPEFITTER",
        "-F PIPEFITTER",
        "-D PIPEFITTER 2",
        "-D PIPEFITTER 3",
        "-I DOCKER-USER 1 -j RETURN",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_damaged_rules_count_as_absent_and_are_repaired(kind, damage):
    docker_starts(kind)
    IptablesForward().apply(add=[BR0])
    run(f"iptables-{kind} {damage}")
    assert shown() == ({"ip"}, frozenset())
    IptablesForward().apply(add=[BR0])
    assert shown() == ({"ip"}, {BR0})
    IptablesForward().apply(remove=[BR0])
    assert "PIPEFITTER" not in saved(kind)


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


# What ufw has in FORWARD, with a rule of `ufw route deny`; and its policy by chains that decide for all, or for new connections.
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


@pytest.mark.parametrize("name", ["br+", "br*", "a/b", "b r", 'b"r', "!br", "-i", "sixteen_bytes_xy", ""])
@in_own_namespaces
def test_a_name_that_means_more_than_itself_is_refused(name):
    docker_starts("nft")
    before = everything()
    with pytest.raises(InvalidOption):
        IptablesForward().apply(add=[AcceptedBridge("ip", name)])
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["5", "a.b_c@d-e", "br+0", "fifteen_bytes_x"])
@in_own_namespaces
def test_an_unusual_name_is_meant_literally(kind, name):
    docker_starts(kind)
    IptablesForward().apply(add=[AcceptedBridge("ip", name)])
    assert shown()[1] == {AcceptedBridge("ip", name)}


@in_own_namespaces
def test_five_hundred_bridges_are_one_transaction_each_way():
    docker_starts("nft")
    many = {AcceptedBridge("ip", f"br{number}") for number in range(500)}
    IptablesForward().apply(add=many)
    assert shown()[1] == many
    IptablesForward().apply(remove=many)
    assert not chain("PIPEFITTER")


@pytest.mark.parametrize("formerly", [[], [BR1, AcceptedBridge("ip6", "br1")]])
@in_own_namespaces
def test_a_family_that_fails_takes_the_other_back(tmp_path, monkeypatch, formerly):
    docker_starts("nft", ip6=True)
    IptablesForward().apply(add=formerly)
    before = everything()
    failing = tmp_path / "ip6tables-nft-restore"
    failing.write_text("#!/bin/sh\necho 'ip6tables-nft-restore: line 3 failed' >&2; exit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for change in ({"add": [BR0, BR0_V6]}, {"remove": formerly}):
        if any(change.values()):
            with pytest.raises(PipefitterError, match="ip6tables-nft-restore .* line 3 failed"):
                IptablesForward().apply(**change)
        assert everything() == before


@in_own_namespaces
def test_the_lock_of_iptables_is_waited_for(monkeypatch):
    monkeypatch.setattr(iptables_forward, "_LOCK_WAIT", "1")
    docker_starts("legacy")
    with open("/run/xtables.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PipefitterError, match="xtables lock"):
            IptablesForward().apply(add=[BR0])
    IptablesForward().apply(add=[BR0])
    assert shown()[1] == {BR0}


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_packets_of_our_bridge_pass_and_strangers_do_not(kind):
    run("sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("db", "br0", "192.168.5.3", "192.168.5.1")
    guest("out", None, "10.0.0.2", "10.0.0.1")
    docker_starts(kind)
    web, neighbour, outside = udp("web"), udp("db"), udp("out")
    neighbour.settimeout(0.2)
    outside.settimeout(0.2)
    assert seen_source(web, outside, "10.0.0.2") is None
    assert seen_source(web, neighbour, "192.168.5.3") is None

    IptablesForward().apply(add=[BR0])
    assert seen_source(web, neighbour, "192.168.5.3") == "192.168.5.2"
    assert seen_source(web, outside, "10.0.0.2") is None, (
        "it left by an interface that is none of its uplinks, such as Docker's networks"
    )
    IptablesForward().apply(add=[AcceptedBridge("ip", "br0", ("vout",))], remove=[BR0])
    assert seen_source(web, outside, "10.0.0.2") == "192.168.5.2"
    outside.sendto(b"reply", ("192.168.5.2", web.getsockname()[1]))
    assert web.recv(16) == b"reply"
    neighbour.settimeout(0.2)
    assert seen_source(udp("out"), neighbour, "192.168.5.3") is None, "a new connection from outside came in"


@pytest.mark.parametrize("kind", KINDS)
@in_own_namespaces
def test_ports_are_published_from_a_bridge_whose_containers_another_keeps_apart(kind):
    run("sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1")
    run("ip link add br0 type bridge")
    run("ip link set br0 up")
    run("ip address add 192.168.5.1/24 dev br0")
    guest("web", "br0", "192.168.5.2", "192.168.5.1")
    guest("db", "br0", "192.168.5.3", "192.168.5.1")
    guest("out", None, "10.0.0.2", "10.0.0.1")
    docker_starts(kind)
    run(f"iptables-{kind} -A FORWARD -i br0 -o br0 -j DROP")  # as Docker has it with enable_icc=false
    web, neighbour = udp("web"), udp("db")
    port = neighbour.getsockname()[1]
    run(f"iptables-{kind} -t nat -A PREROUTING -d 10.0.0.1 -p udp --dport {port} -j DNAT --to-destination 192.168.5.3")
    IptablesForward().apply(add=[BR0_PUBLISHED])
    neighbour.settimeout(0.2)
    assert seen_source(web, neighbour, "192.168.5.3") is None, "the other's isolation is gone"
    assert seen_source(udp("out"), neighbour, "10.0.0.1") == "10.0.0.2"
    IptablesForward().apply(add=[BR0])
    assert seen_source(web, neighbour, "192.168.5.3") == "192.168.5.2"
