# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw, as Debian has it, on a host of the lab: enabled, and denying what is routed, which is its default."""

from __future__ import annotations

import pytest
from filtering import bridge_thoroughly, without_docker
from publishing import LAN, ruleset


@pytest.fixture(name="ufw")
def fixture_ufw(hosta):
    with without_docker(hosta):
        hosta.run("ufw", "allow", "proto", "tcp", "to", "any", "port", "22")
        yield hosta
        hosta.run("ufw", "--force", "reset")
        hosta.run("sh", "-c", "rm -f /etc/ufw/*.rules.20*")


def files(host):
    return host.run("sh", "-c", "find /etc/ufw /etc/default/ufw -type f | sort | xargs sha256sum").stdout


@pytest.mark.parametrize("policy", ["deny", "reject"])
def test_what_ufw_denies_passes_for_our_bridges(ufw, walled_in, policy):
    walled = walled_in(ufw)
    walled.all_pass()
    ufw.run("ufw", "--force", "default", policy, "routed")
    ufw.run("ufw", "--force", "enable")
    closed, status, kept = ruleset(ufw), ufw.run("ufw", "status", "verbose").stdout, files(ufw)
    assert f"{policy} (routed)" in status
    walled.none_pass()

    operations = bridge_thoroughly(ufw)["operations"]
    assert operations == [
        f"let {family} traffic within br0 and from it to eth0 pass the host's iptables filter"
        for family in ("IPv4", "IPv6")
    ]
    walled.all_pass()
    walled.unchanged()
    assert (ufw.run("ufw", "status", "verbose").stdout, files(ufw)) == (status, kept)

    ufw.run("ufw", "reload")
    bridge_thoroughly(ufw)
    walled.all_pass()
    walled.unchanged()

    walled.taken_away()
    assert (ufw.run("ufw", "status", "verbose").stdout, files(ufw)) == (status, kept)
    assert ruleset(ufw) == closed


@pytest.mark.parametrize("policy", ["deny", "reject"])
def test_what_ufw_route_denies_stays_denied(ufw, walled_in, policy):
    """Whether the rule was there before our bridges, or comes later."""
    walled = walled_in(ufw)
    ufw.run("ufw", "--force", "default", policy, "routed")
    ufw.run("ufw", "route", "deny", "proto", "tcp", "to", LAN[4], "port", "7000")
    ufw.run("ufw", "--force", "enable")
    bridge_thoroughly(ufw)
    seen = walled.passes()
    assert [what for what, passes in seen.items() if not passes and not what.startswith("not linked")] == ["out 4"]
    ufw.run("ufw", "route", "deny", "proto", "tcp", "to", LAN[6], "port", "7000")
    seen = walled.passes()
    assert [what for what, passes in seen.items() if not passes and not what.startswith("not linked")] == [
        "out 4",
        "out 6",
    ]
    ufw.run("ufw", "reload")
    bridge_thoroughly(ufw)
    seen = walled.passes()
    assert [what for what, passes in seen.items() if not passes and not what.startswith("not linked")] == [
        "out 4",
        "out 6",
    ]
