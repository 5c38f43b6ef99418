# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of nftables that drop what is forwarded, told apart from those of iptables; and hosts without iptables."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import program
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import iptables_forward
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import DroppingChain
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from iptables_lab import shown
from own_namespaces import in_own_namespaces, needs_root, run

pytestmark = needs_root


@in_own_namespaces
def test_a_host_without_iptables_is_read_without_a_process(monkeypatch):
    monkeypatch.setattr(iptables_forward, "_run", None)
    assert IptablesForward().read() == FirewallState()
    with open("/proc/thread-self/net/ip_tables_names", encoding="ascii") as names:
        assert names.read() == "", "looking made a legacy table"


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
            "add table ip6 theirs; add chain ip6 theirs in { type filter hook input priority 0; policy drop; }; "
            "add chain ip6 theirs unhooked",
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
            "add table inet firewalld; add chain inet firewalld filter_FORWARD "
            "{ type filter hook forward priority 10; policy drop; }",
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
            "add table ip filter; add chain ip filter FORWARD "
            f"{{ type filter hook forward priority 0; policy {policy}; }}",
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
