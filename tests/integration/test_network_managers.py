# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever manages a host's network keeps a NIC in its bridge over a reboot, and out of it again.

The tests build on each other: there, a reboot, back, a reboot.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from lab_hosts import LAB
from managers_lab import NICS, PACKAGES, Host, Nic
from service import states
from wiring import until


@pytest.fixture(scope="module")
def host(python_path):
    if not PACKAGES.exists():
        pytest.skip(f"{PACKAGES} is not there: scripts/prepare.sh could not fetch it")
    lab = f"managers-{os.getpid()}"
    subprocess.run([LAB, "up", "--name", lab, "--hosts", "1", "--systemd", "hosta"], check=True, timeout=300)
    try:
        host = Host(lab, python_path)
        host.set_up()
        yield host
    finally:
        subprocess.run([LAB, "down", "--name", lab], check=True, timeout=120)


def _owners(host) -> dict:
    return {name: nic.manager for name, nic in NICS.items()}


def _bridges() -> dict[str, Nic]:
    return {f"br-{name}": nic for name, nic in NICS.items()}


def _is_bridged(host) -> None:
    """The bridges have what the NICs had, and the NICs nothing."""
    up = host.run("ifquery", "--state").split()
    assert {f"{bridge}={bridge}" for bridge, nic in _bridges().items() if nic.manager == "ifupdown"} <= set(up)
    shown = host.shown(*NICS, *_bridges())
    for name in NICS:
        assert shown[f"br-{name}"] == host.before[name], name
        assert (shown[name]["addresses"], shown[name]["routes"]) == ([], []), name
        if NICS[name].switch:
            assert host.run("ovs-vsctl", "port-to-br", name).strip() == f"br-{name}"
            continue
        assert host.lab.ip("link", "show", "dev", name)[0]["master"] == f"br-{name}"
        assert host.lab.ip("link", "show", "dev", f"br-{name}")[0]["linkinfo"]["info_data"]["stp_state"] == 0
    host.reaches_lan()


def test_who_manages_a_nic(host):
    asked = [*NICS, "eth1", "none"]
    moves = [{"nic": name, "bridge": "br9", "mac": "02:50:00:00:00:99", "mtu": 1500} for name in asked]
    assert host.does("owners", moves) == {**_owners(host), **dict.fromkeys(["eth1", "none"])}


@pytest.mark.parametrize(
    ("nic", "path", "text", "said"),
    [
        ("nd0", "/etc/systemd/network/70-br9.network", "[Match]\nName=br9\n", "70-br9.network configures br9 already"),
        ("if1", "/etc/network/interfaces.d/br9", "iface br9 inet manual\n bridge_ports if1\n", "iface br9 already"),
        ("if1", "/etc/dhcp/dhclient.conf", 'interface "if1" { }\n', "has settings for if1 alone"),
        (
            "nm0",
            "/etc/NetworkManager/system-connections/v.nmconnection",
            "[connection]\nid=v\n[vlan]\nparent=11111111-1111-4111-8111-111111111111\n",
            "the profile 'v' stands on",
        ),
        ("np0", "/etc/netplan/60-more.yaml", "network: {ethernets: {np0: {mtu: 1400}}}\n", "within braces"),
        ("np0", "/etc/netplan/60-more.yaml", "network: {renderer: none}\n", "netplan does not accept np0 as a port"),
    ],
)
def test_what_can_not_be_kept_is_refused(host, nic, path, text, said):
    move = {"nic": nic, "bridge": "br9", "mac": host.before[nic]["mac"], "mtu": 1400}
    assert host.does("refusals", [move]) == {nic: ""}
    before = host.run("sh", "-c", 'cat "$1" 2>/dev/null || true', "sh", path)
    host.put(path, before + text)
    try:
        assert said in host.does("refusals", [move])[nic]
    finally:
        host.put(path, before) if before else host.run("rm", path)


def test_a_move_that_is_rolled_back_leaves_the_managers_as_they_were(host):
    assert host.with_sessions("roll back") == dict.fromkeys(NICS, [])
    assert host.shown(*NICS) == host.before
    assert host.files() == host.files_before
    host.reaches_lan()


def test_what_stands_by_to_undo_a_move_is_started_again_where_it_is_killed(host):
    host.does("begin", host.moves[:1])
    nic = host.moves[0]["nic"]
    host.run("sh", "-ec", f"kill -9 $(cat /var/lib/pipefitter-nic/{nic}/guard)")
    host.run("sed", "-i", 's/"deadline": [0-9.]*/"deadline": 1/', f"/var/lib/pipefitter-nic/{nic}/pending.json")
    waits = ("test", "-e", f"/var/lib/pipefitter-nic/{nic}/pending.json")
    until(lambda: host.lab.run(*waits, check=False).returncode, "nobody undoes it")
    assert "nobody confirmed it" in host.run("cat", f"/var/lib/pipefitter-nic/{nic}/ended.json")
    until(lambda: host.shown(*NICS) == host.before, lambda: host.shown(*NICS))


def test_a_move_that_its_manager_makes_wrong_is_undone_with_its_files(host):
    said = host.does("fail", host.moves)
    ended = "a fault that the test injected; {0} was put back, and all is as it was before"
    assert said == {name: ended.format(name) for name in NICS}
    until(lambda: host.shown(*NICS) == host.before, lambda: host.shown(*NICS))
    assert host.files() == host.files_before
    host.reaches_lan()


def test_a_reboot_before_a_move_is_confirmed_undoes_it(host):
    host.does("begin", host.moves)
    host.reboot(list(NICS))
    until(lambda: host.shown(*NICS) == host.before, lambda: host.shown(*NICS))
    assert host.files() == host.files_before
    host.reaches_lan()
    until(lambda: not host.run("ovs-vsctl", "list-br"), lambda: host.run("ovs-vsctl", "show"))
    assert not set(_bridges()) & set(host.run("ls", "/sys/class/net").split())
    ended = host.run("sh", "-c", "cat /var/lib/pipefitter-nic/*/ended.json")
    assert not host.run("sh", "-c", "ls /etc/systemd/system/*/pipefitter-nic* || true")
    assert ended.count("the host was booted before it was confirmed") == len(NICS), ended


def test_bridges_have_what_the_nics_had_now_and_after_a_reboot(host):
    assert host.with_sessions("bridge") == _owners(host)
    _is_bridged(host)
    # The service knows them too, and may make them before their managers do as the host boots.
    host.record_bridges()
    recorded = {f"bridge {name}": "in order" for name, nic in _bridges().items() if not nic.switch}
    assert states(host.lab) == recorded
    host.reboot(list(_bridges()))
    _is_bridged(host)
    until(lambda: states(host.lab) == recorded, lambda: states(host.lab))
    assert host.does("settled", host.moves) == dict.fromkeys(NICS, [])


def test_nics_have_it_again_now_and_after_a_reboot(host):
    """The last of this file."""
    assert host.with_sessions("unbridge") == _owners(host)
    assert states(host.lab) == {}
    assert host.shown(*NICS) == host.before
    assert host.files() == host.files_before
    host.reaches_lan()
    host.reboot(list(NICS))
    assert host.shown(*NICS) == host.before
    host.reaches_lan()
    assert not set(_bridges()) & set(host.run("ls", "/sys/class/net").split())
