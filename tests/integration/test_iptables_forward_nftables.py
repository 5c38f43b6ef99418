# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of nftables that drops forwarded traffic and has no place for others.

It is left alone, and named in a warning.
"""

from __future__ import annotations

import pytest
from filtering import BRIDGE, bridge, without_docker
from publishing import ruleset

_OWN = """
table inet mine {
    chain forward {
        type filter hook forward priority 5; policy drop;
    }
}
"""
_ASKED = """
add rule inet mine forward iifname "br0" accept
add rule inet mine forward oifname "br0" ct state established,related accept
add rule inet mine forward ct status dnat accept
"""


@pytest.fixture(name="own_table")
def fixture_own_table(hosta):
    with without_docker(hosta):
        yield hosta
        hosta.run("nft", "delete", "table", "inet", "mine", check=False)


def test_a_chain_of_others_is_named_in_one_warning_and_left_alone(own_table, walled_in):
    walled = walled_in(own_table)
    walled.all_pass()
    own_table.run("nft", "-f", "-", text=_OWN)
    closed = ruleset(own_table)
    walled.none_pass()
    for module, options in (
        ("container_bridge", BRIDGE),
        ("port_publish", {"bridge": "br0", **walled.publishes}),
        ("icc_policy", walled.links),
    ):
        for check_mode in (True, False):
            done = own_table.module(module, check_mode=check_mode, **options)
            (warning,) = map(str, done["warnings"])
            assert "nftables chain inet mine forward drops forwarded traffic (policy drop)" in warning
            assert "iifname" in warning and "br0" in warning
            assert done["changed"] is False
    assert ruleset(own_table) == closed

    # What the warning says helps.
    own_table.run("nft", "-f", "-", text=_ASKED)
    walled.all_pass()
    walled.taken_away()


def test_a_bridge_that_forwards_nothing_needs_no_warning(own_table):
    own_table.run("nft", "-f", "-", text=_OWN)
    assert not own_table.module("container_bridge", name="br0", addresses=["192.168.5.1/24"]).get("warnings")
    own_table.run("nft", "delete", "table", "inet", "mine")
    assert not any("nftables" in str(one) for one in bridge(own_table).get("warnings", []))
