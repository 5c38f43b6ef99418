# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_nic_bridge with the NIC through which Ansible comes: there and back, and every way in which it can fail."""

from __future__ import annotations

import importlib
import json
import re
import subprocess

import pytest
import yaml
from ansible_collections.pipefitter.container_network.tests.effort import DEEP
from lab_hosts import ModuleFailed
from nic_lab import (
    MOVE,
    OF_SWITCH,
    Session,
    assert_as_before,
    ended,
    moved,
    over_ssh,
    put_back_by_itself,
    refused,
    whole,
)
from wiring import until, warned

_TYPES = [pytest.param(MOVE, id="linux"), pytest.param(OF_SWITCH, id="openvswitch")]


@pytest.mark.parametrize("move", _TYPES)
def test_there_and_back_over_the_nic_itself(nic_host, move):
    order = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]]
    session = Session(nic_host)
    assert session.goes_on()
    checked = nic_host.module("host_nic_bridge", check_mode=True, **move)
    done = over_ssh(nic_host, **move).ok()
    assert done.changed == {"hosta": 1}
    assert session.goes_on()
    assert not nic_host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]
    held = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "br0")[0]["addr_info"]]
    assert held == order
    left = nic_host.ip("route", "show", "table", "all", "dev", "eth0")
    left += nic_host.ip("-6", "route", "show", "dev", "eth0")
    assert not [route for route in left if route.get("type") != "multicast"]
    assert {rule.get("iif", rule.get("oif")) for rule in nic_host.ip("rule") if rule["priority"] in (1000, 1001)} == {
        "br0"
    }
    of_bridge = ("ipv4.conf.br0.log_martians", "ipv6.conf.br0.mtu", "ipv6.conf.br0.stable_secret")
    shown = nic_host.run("sysctl", "-n", *(f"net.{name}" for name in of_bridge)).stdout.split()
    assert shown == ["1", "1400", "2001:0db8:0000:0000:0000:0000:0000:0001"]
    for address in ("10.77.0.11", "10.77.0.111", "fd00:10:77::11", "fd00:10:77::212"):
        asked = [*nic_host.way_to_lan, "ping", "-n", "-c", "1", "-W", "5", address]
        answer = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False, timeout=60)
        assert answer.returncode == 0 and "DUP" not in answer.stdout, answer.stdout
    if move is MOVE:
        with pytest.raises(ModuleFailed, match="bridge br0 carries this host's default route, which would go with it"):
            nic_host.module("container_bridge", name="br0", state="absent")
    again = nic_host.module("host_nic_bridge", **move)
    assert (again["operations"], again["pending"]) == ([], False)
    back = over_ssh(nic_host, **move, state="absent").ok()
    assert back.changed == {"hosta": 1}
    assert session.goes_on()
    session.close()
    assert checked["operations"][0].startswith(f"create {'Open vSwitch ' if move is OF_SWITCH else ''}bridge br0")
    assert not nic_host.module("host_nic_bridge", **move, state="absent")["changed"]


def test_what_is_told_beforehand_is_what_is_done(nic_host):
    checked = nic_host.module("host_nic_bridge", check_mode=True, diff=True, **MOVE)
    done = nic_host.module("host_nic_bridge", diff=True, **MOVE)
    assert (done["operations"], done["diff"]) == (checked["operations"], checked["diff"])
    assert done["pending"] and not checked["pending"]
    ended = moved(nic_host, state="rolled_back", token=done["token"])
    assert (ended["left"], ended["pending"]) == ([], False)
    assert moved(nic_host, state="rolled_back", token=done["token"])["operations"] == []


# Of some eighty steps, here and there.
_MOMENTS = range(70) if DEEP else (0, 1, 2, 5, 17, 33, 50)


@pytest.mark.parametrize("move", _TYPES)
def test_a_module_that_is_killed_is_undone_by_itself(nic_host, move):
    before = whole(nic_host)
    for moment in _MOMENTS:
        done = nic_host.module("host_nic_bridge", die_after=moment, confirm_timeout=600, **move)
        if not done.get("killed"):
            moved(nic_host, state="rolled_back", token=done["token"])
            break
        ended = put_back_by_itself(nic_host)
        assert (ended["how"], ended["left"]) == ("rolled_back", []), moment
        assert_as_before(before, whole(nic_host), moment)


def test_a_step_that_fails_undoes_the_others_at_once(nic_host):
    before = whole(nic_host)
    for moment in (0, 3, 30):
        said = refused(nic_host, fail_after=moment)
        assert "a fault that the test injected" in said
        assert said.endswith("eth0 was put back, and all is as it was before"), said
        assert_as_before(before, whole(nic_host))


def test_nobody_who_confirms_it_in_time(nic_host):
    """The controller does not come back, or comes back too late."""
    waiting = moved(nic_host, confirm_timeout=600)
    assert re.fullmatch("[0-9a-f]{32}", waiting["token"])
    assert "a move of eth0 waits for its confirmation" in refused(nic_host)
    former = refused(nic_host, state="confirmed", token="0" * 32)
    assert re.match(r"token: it is of another move of eth0 than the one that waits, for \d+ s more; give ", former)
    ended = put_back_by_itself(nic_host)
    assert (ended["how"], ended["left"]) == ("rolled_back", [])
    late = refused(nic_host, state="confirmed", token=waiting["token"])
    assert late == (
        "the move of eth0 was undone: nobody confirmed it from a new connection within 600 s; "
        "eth0 was put back, and all is as it was before"
    )
    unknown = refused(nic_host, state="confirmed", token="0" * 32)
    assert unknown.startswith("token: no move of eth0 waits, and of the one with that token it is not known any more")


def test_what_stands_by_goes_on_where_it_is_killed(nic_host):
    """Without systemd: two processes, of which each starts the other again."""

    def standing():
        return nic_host.run("pgrep", "-f", "rollback.pyz eth0", check=False).stdout.split()

    moved(nic_host, confirm_timeout=600)
    for victim in (0, -1):
        before = standing()
        assert len(before) == 2
        nic_host.run("kill", "-KILL", before[victim])
        until(lambda gone=before[victim]: len(standing()) == 2 and gone not in standing(), standing)
    assert "nobody confirmed it" in put_back_by_itself(nic_host)["why"]
    until(lambda: not standing(), standing)


def test_a_host_that_takes_no_new_connection_after_the_move(nic_host):
    """The old connection goes on, and says nothing: a firewall knows the NIC, and not the bridge."""
    deaf = "add table inet deaf; add chain inet deaf ears { type filter hook input priority 0; }; "
    nic_host.run("nft", deaf + 'add rule inet deaf ears iifname "br0" tcp dport 22 tcp flags syn drop')
    done = over_ssh(nic_host, **MOVE, confirm_timeout=5)
    nic_host.run("nft", "delete table inet deaf")
    assert done.status != 0
    assert "the move of eth0 was undone: nobody confirmed it from a new connection within 5 s" in done.said
    assert "eth0 was put back, and all is as it was before" in done.said


_TEMPORARY = """
sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.use_tempaddr=2
ip addr add fd00:8::5/64 dev eth0 nodad mngtmpaddr valid_lft 4000 preferred_lft 3000
"""
_NOT_TEMPORARY = """
ip addr del fd00:8::5/64 dev eth0
sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.use_tempaddr=0
for address in $(ip -o -6 addr show dev eth0 to fd00:8::/64 | awk '{print $4}'); do ip addr del $address dev eth0; done
ip -6 route del fd00:8::/64 dev eth0
"""


def test_what_answered_before_has_to_answer_after(nic_host):
    """A switch that drops what comes from the bridge, or a gateway that is dead after the move."""
    drop = "add table bridge deaf; add chain bridge deaf ears { type filter hook prerouting priority 0; policy drop; }"
    nic_host.run("nft", drop)
    said = refused(nic_host)
    nic_host.run("nft", "delete table bridge deaf")
    assert "after the move there is no answer any more from gateway 10.77.0.1, gateway" in said
    assert said.endswith("eth0 was put back, and all is as it was before")
    nic_host.run("nft", 'add table inet deaf; add chain inet deaf ears; add rule inet deaf ears iifname "eth0" accept')
    nic_host.run("sh", "-c", _TEMPORARY)
    told = warned(moved(nic_host, verify=["10.77.0.99", "10.77.0.1"], check_mode=True))
    nic_host.run("nft", "delete table inet deaf")
    nic_host.run("sh", "-c", _NOT_TEMPORARY)
    temporary = told.pop(1)
    assert temporary.startswith("fd00:8::") and ": temporary addresses (RFC 8981), which go along as" in temporary, told
    assert told[0].startswith('the host\'s firewall has a rule that names eth0 (`iifname "eth0" accept`), and what')
    assert told[1].startswith("verify: 10.77.0.99 did not answer before the move either")


def test_a_bridge_that_somebody_makes_meanwhile_stays(nic_host):
    said = refused(nic_host, meanwhile=(0, "ip link add br0 type bridge"))
    kept = nic_host.ip("link", "show", "dev", "br0")
    nic_host.run("ip", "link", "del", "br0")
    assert "br0" in said and "kind of br0 is linux, and was to be none" in said
    assert kept[0]["ifname"] == "br0"


def test_a_disk_that_is_full_changes_nothing(nic_host):
    mount = "mkdir -p /var/lib/pipefitter-nic && mount -t tmpfs -o size=4k none /var/lib/pipefitter-nic"
    nic_host.run("sh", "-c", mount)
    before = whole(nic_host)
    said = refused(nic_host)
    assert whole(nic_host) == before
    nic_host.run("umount", "/var/lib/pipefitter-nic")
    assert "No space left on device" in said and "free some space there" in said


def test_two_runs_at_once_make_one_move(nic_host):
    request = {**MOVE, "confirm_timeout": 600}
    running = [nic_host._modules.start("host_nic_bridge", text=nic_host._request(request)) for _number in range(2)]
    said = [json.loads(one.wait(120).stdout) for one in running]
    assert sorted(bool(one.get("failed")) for one in said) == [False, True], said
    (first,) = [one for one in said if not one.get("failed")]
    assert moved(nic_host, state="rolled_back", token=first["token"])["left"] == []


def test_the_session_that_asks_for_it_is_killed_with_all_that_it_started(nic_host):
    """Whoever comes back by a new connection finds it half done, and puts it back; nobody else has to."""
    killing = (
        "until [ -e /sys/class/net/br0 ]; do :; done; "
        "kill -9 $(pgrep -f 'sshd: root@') $(pgrep -f AnsiballZ) 2>/dev/null; true"
    )
    killer = nic_host.start("sh", "-c", killing)
    done = over_ssh(nic_host, **MOVE)
    killer.wait(60)
    waits = ("test", "-e", "/var/lib/pipefitter-nic/eth0/pending.json")
    until(lambda: nic_host.run(*waits, check=False).returncode, "the host does not help itself")
    if done.status == 0:  # it was through before the kill came
        over_ssh(nic_host, **MOVE, state="absent").ok()
    else:
        assert "eth0 was put back, and all is as it was before" in done.said, done.said


def test_a_host_that_was_left_half_way_is_completed(nic_host):
    """Somebody's own attempt: the address on both, the default route and the rest on the NIC."""
    nic_host.run(
        "sh",
        "-c",
        "ip link add br0 type bridge forward_delay 0; ip link set br0 up; ip addr add 10.77.0.11/24 brd + dev br0",
    )
    nic_host.run("ip", "link", "set", "eth0", "master", "br0")
    waiting = moved(nic_host)
    shown = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "br0")[0]["addr_info"]]
    assert shown.count("10.77.0.11") == 1 and "10.77.0.111" in shown
    assert {entry["dev"] for entry in nic_host.ip("route", "show", "default")} == {"br0"}
    moved(nic_host, state="confirmed", token=waiting["token"])
    assert ended(nic_host)["why"] == "moved into br0"
    assert refused(nic_host, state="rolled_back", token=waiting["token"]).endswith("take it back with state absent")
    assert not moved(nic_host)["changed"]
    back = moved(nic_host, state="absent")
    moved(nic_host, state="confirmed", token=back["token"])
    assert ended(nic_host)["why"] == "moved back out of br0"
    assert refused(nic_host, state="rolled_back", token=back["token"]).endswith("take it back with state present")
    nic_host.run("sh", "-c", "ip link del br0")


@pytest.mark.parametrize("move", _TYPES)
def test_a_bridge_that_had_to_stay_goes_once_nothing_is_in_it(nic_host, move):
    """Taken back beside another port, moved once more, taken back again, the port gone: the bridge was made for it."""

    def moves(state, *told):
        done = nic_host.module("host_nic_bridge", **move, state=state)
        assert all(any(one in line for line in warned(done)) for one in told), warned(done)
        if done["pending"]:
            moved(nic_host, state="confirmed", token=done["token"])
        return done["bridge_type"]

    kind = move.get("type", "linux")
    assert moves("present") == kind
    nic_host.run("sh", "-c", "ip link add px type veth peer name py; ip link set px up")
    nic_host.run(
        *(["ovs-vsctl", "add-port", "br0", "px"] if move is OF_SWITCH else "ip link set px master br0".split())
    )
    assert moves("absent", "br0 stays as long as px is in it", "with state absent), then run this once more") == kind
    assert moves("present") == kind
    assert moves("absent") == kind
    assert moves("absent") == kind
    nic_host.run("sh", "-c", "ovs-vsctl --if-exists del-port px; ip link del px")
    assert moves("absent") is None
    assert not nic_host.module("host_nic_bridge", **move, state="absent")["changed"]


def test_an_address_that_comes_while_the_others_go_is_not_lost(nic_host):
    """A secondary one, which the kernel drops with the first of its subnet; onto the NIC, and later onto the bridge."""
    assert nic_host.run("sysctl", "-n", "net.ipv4.conf.eth0.promote_secondaries").stdout == "0\n"
    order = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]]
    comes = "ip addr add 10.77.0.113/24 dev eth0"
    said = refused(nic_host, meanwhile=(3, comes), fail_after=30)
    assert said.endswith("eth0 was put back, and all is as it was before"), said
    nic_host.run("ip", "addr", "del", "10.77.0.113/24", "dev", "eth0")
    there = moved(nic_host, meanwhile=(3, comes))
    held = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "br0")[0]["addr_info"]]
    assert set(held) == {*order, "10.77.0.113"}
    assert "add address 10.77.0.113/24 on br0" in there["operations"]
    moved(nic_host, state="confirmed", token=there["token"])
    nic_host.run("ip", "addr", "del", "10.77.0.113/24", "dev", "br0")
    back = moved(nic_host, state="absent", meanwhile=(3, "ip addr add 10.77.0.113/24 dev br0"))
    held = [entry["local"] for entry in nic_host.ip("addr", "show", "dev", "eth0")[0]["addr_info"]]
    assert set(held) == {*order, "10.77.0.113"}
    moved(nic_host, state="confirmed", token=back["token"])
    nic_host.run("ip", "addr", "del", "10.77.0.113/24", "dev", "eth0")


def test_open_vswitch_that_dies(nic_host):
    """Without ovs-vswitchd nothing is moved, and what it leaves half done is put back."""
    before = whole(nic_host)
    said = refused(nic_host, **OF_SWITCH, meanwhile=(1, "pkill -STOP ovs-vswitchd"))
    nic_host.run("pkill", "-CONT", "ovs-vswitchd")
    assert "ovs-vswitchd" in said or "Open vSwitch" in said, said
    until(lambda: whole(nic_host) == before, lambda: said)


def test_the_examples_run(nic_host):
    module = importlib.import_module("ansible_collections.pipefitter.container_network.plugins.modules.host_nic_bridge")
    name = "pipefitter.container_network.host_nic_bridge"
    # Bridges with VLANs are for test_bridge_vlans.py: this kernel has none.
    tasks = [task for task in yaml.safe_load(module.EXAMPLES) if not task[name].get("vlan_filtering")]
    done = nic_host.fleet.play_tasks("hosta", *tasks).ok()
    # The second one finds all in order.
    assert done.changed == {"hosta": len(tasks) - 1}
    moved(nic_host, state="confirmed", token=moved(nic_host, state="absent")["token"])
