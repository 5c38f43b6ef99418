# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld, as Debian has it, on a host of the lab.

It rejects what is forwarded, but for the interfaces of zones that accept it.
"""

from __future__ import annotations

import subprocess

import pytest
from filtering import BRIDGE, bridge, bridge_thoroughly, without_docker
from lab_hosts import ModuleFailed
from publishing import publish, ruleset
from service import Service
from wiring import attach, make_bridge, make_namespaces, until


@pytest.fixture(name="firewalld")
def fixture_firewalld(hosta):
    """Run firewalld with a bus of the host's own; it takes its rules away when it ends."""
    hosta.run("mkdir", "-p", "/run/dbus")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with without_docker(hosta):
        bus = hosta.start("dbus-daemon", "--system", "--nofork", "--nopidfile", **quiet)
        socket = ("test", "-S", "/run/dbus/system_bus_socket")
        until(lambda: hosta.run(*socket, check=False).returncode == 0, "there is no bus")
        daemon = hosta.start("firewalld", "--nofork", "--nopid", **quiet)
        state = ("firewall-cmd", "--state")
        until(
            lambda: hosta.run(*state, check=False).stdout.strip() == "running", "firewalld does not start", seconds=15
        )
        yield hosta
        for process in (daemon, bus):
            process.terminate()
            process.wait(timeout=60)
        hosta.run("nft", "delete", "table", "inet", "firewalld", check=False)
        hosta.run("rm", "-f", "/run/dbus/system_bus_socket")


def zones(host):
    """Return the zone of each interface, as firewalld's own program tells it."""
    found, zone = {}, ""
    for line in host.run("firewall-cmd", "--get-active-zones").stdout.splitlines():
        words = line.split()
        if not line.startswith(" "):
            zone = words[0]
        elif words[0] == "interfaces:":
            found.update(dict.fromkeys(words[1:], zone))
    return found


def test_what_firewalld_rejects_passes_for_our_bridges(firewalld, walled_in):
    before = ruleset(firewalld)
    walled = walled_in(firewalld)
    assert zones(firewalld) == {"br0": "trusted"}
    walled.all_pass()
    walled.unchanged()

    # A reload forgets what was set at runtime.
    firewalld.run("firewall-cmd", "--reload")
    assert zones(firewalld) == {}
    seen = walled.passes()
    assert not (seen["out 4"] or seen["out 6"] or seen["linked 4"] or seen["linked 6"]), seen
    done = bridge_thoroughly(firewalld)
    assert done["operations"] == ["put br0 into firewalld's zone trusted, at runtime"]
    walled.all_pass()

    walled.taken_away()
    assert zones(firewalld) == {}
    assert "br0" not in str(ruleset(firewalld))
    # firewalld makes a zone's chains when its first interface comes, and keeps them when the last goes, until it
    # reloads.
    firewalld.run("firewall-cmd", "--reload")
    assert ruleset(firewalld) == before
    assert firewalld.run("ls", "/run/pipefitter").stdout.split() == ["changing", "lock"]
    assert not firewalld.run("sh", "-c", "ls /etc/firewalld/zones").stdout


def test_a_zone_of_the_administrators_is_left(firewalld):
    firewalld.run("firewall-cmd", "--zone=internal", "--add-interface=br0")
    assert not any("zone" in line for line in bridge(firewalld)["operations"])
    assert zones(firewalld) == {"br0": "internal"}
    bridge(firewalld)
    firewalld.module("container_bridge", name="br0", state="absent")
    assert zones(firewalld) == {"br0": "internal"}
    firewalld.run("firewall-cmd", "--zone=internal", "--remove-interface=br0")

    # The same zone as ours would be, by somebody else's hand.
    firewalld.run("firewall-cmd", "--zone=trusted", "--add-interface=br0")
    assert not any("zone" in line for line in bridge(firewalld)["operations"])
    firewalld.module("container_bridge", name="br0", state="absent")
    assert zones(firewalld) == {"br0": "trusted"}


def test_a_run_that_fails_or_dies_leaves_no_zone(firewalld):
    planned = firewalld.module("container_bridge", check_mode=True, **BRIDGE)["operations"]
    assert planned[-1] == "put br0 into firewalld's zone trusted, at runtime"
    assert zones(firewalld) == {}
    for number in range(len(planned)):
        try:
            firewalld.module("container_bridge", fail_after=number, **BRIDGE)
        except ModuleFailed as failure:
            assert "a fault that the test injected" in str(failure)
            assert zones(firewalld) == {}
            continue
        break
    assert number > 5
    firewalld.module("container_bridge", name="br0", state="absent")
    firewalld.module("container_bridge", die_after=number, **BRIDGE)
    assert zones(firewalld) == {"br0": "trusted"}
    assert bridge(firewalld)["changed"] is False
    firewalld.module("container_bridge", name="br0", state="absent")
    assert zones(firewalld) == {}


def test_a_bridge_of_another_tool_is_in_the_zone_while_something_is_published(firewalld):
    make_bridge(firewalld, "br0", address="192.168.5.1/24")
    make_namespaces(firewalld, "web1")
    attach(firewalld, bridge="br0", netns="web1", addresses=["192.168.5.11/24"])
    assert zones(firewalld) == {}
    publish(firewalld, netns="web1", ports=["8080:80"])
    assert zones(firewalld) == {"br0": "trusted"}
    publish(firewalld, state="absent")
    assert zones(firewalld) == {}


def test_a_host_whose_firewalld_was_stopped(firewalld):
    bridge(firewalld)
    pid = firewalld.run(
        "sh", "-c", "for one in /proc/[0-9]*; do grep -qs bin/[f]irewalld $one/cmdline && basename $one; done; true"
    ).stdout.split()[0]
    firewalld.run("kill", pid)
    until(lambda: "not running" in firewalld.run("firewall-cmd", "--state", check=False).stderr, "firewalld goes on")
    assert bridge(firewalld)["changed"] is False
    firewalld.module("container_bridge", name="br0", state="absent")
    assert firewalld.run("ls", "/run/pipefitter").stdout.split() == ["changing", "lock"]


def test_the_service_puts_back_what_a_reload_forgets(firewalld):
    with Service(firewalld):
        bridge(firewalld)
        assert zones(firewalld) == {"br0": "trusted"}
        firewalld.run("firewall-cmd", "--reload")
        until(lambda: zones(firewalld) == {"br0": "trusted"}, lambda: zones(firewalld))
