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


# What https://github.com/chaifeng/ufw-docker adds to /etc/ufw/after.rules.
UFW_DOCKER = """
*filter
:ufw-user-forward - [0:0]
:ufw-docker-logging-deny - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -j ufw-user-forward
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP
-A DOCKER-USER -i docker0 -o docker0 -j ACCEPT
-A DOCKER-USER -j RETURN -s 10.0.0.0/8
-A DOCKER-USER -j RETURN -s 172.16.0.0/12
-A DOCKER-USER -j RETURN -s 192.168.0.0/16
-A DOCKER-USER -j ufw-docker-logging-deny -m conntrack --ctstate NEW -d 192.168.0.0/16
-A DOCKER-USER -j RETURN
-A ufw-docker-logging-deny -j DROP
COMMIT
"""


@pytest.fixture(name="docker_and_ufw")
def fixture_docker_and_ufw(hosta):
    """Docker as it runs there, and ufw with the block for Docker."""
    kept = hosta.run("iptables-nft-save", "-t", "filter").stdout
    with without_docker(hosta):
        hosta.run("iptables-nft-restore", text=kept)
        hosta.run("ufw", "allow", "proto", "tcp", "to", "any", "port", "22")
        hosta.run("cp", "/etc/ufw/after.rules", "/etc/ufw/after.rules.kept")
        hosta.run("tee", "-a", "/etc/ufw/after.rules", text=UFW_DOCKER)
        hosta.run("ufw", "--force", "default", "deny", "routed")
        yield hosta
        hosta.run("mv", "/etc/ufw/after.rules.kept", "/etc/ufw/after.rules")
        hosta.run("ufw", "--force", "reset")
        hosta.run("sh", "-c", "rm -f /etc/ufw/*.rules.20*")


def test_beside_docker_what_ufw_denies_passes_and_what_ufw_route_denies_does_not(docker_and_ufw, walled_in):
    walled = walled_in(docker_and_ufw)
    docker_and_ufw.run("ufw", "--force", "enable")
    assert "-A DOCKER-USER -s 192.168.0.0/16 -j RETURN" in docker_and_ufw.run("iptables-nft-save").stdout
    done = bridge_thoroughly(docker_and_ufw)
    walled.all_pass()
    (warning,) = done["warnings"]
    assert "the rule `-A DOCKER-USER -d 192.168.0.0/16 -m conntrack --ctstate NEW -j ufw-docker-logging-deny`" in str(
        warning
    )
    for family in (4, 6):
        docker_and_ufw.run("ufw", "route", "deny", "proto", "tcp", "to", LAN[family], "port", "7000")
    bridge_thoroughly(docker_and_ufw)
    seen = walled.passes()
    assert [what for what, passes in seen.items() if not passes and not what.startswith("not linked")] == [
        "out 4",
        "out 6",
    ]
    docker_and_ufw.run("ufw", "route", "delete", "deny", "proto", "tcp", "to", LAN[4], "port", "7000")
    assert walled.passes()["out 4"]


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
