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
from nic_lab import MOVE, OF_SWITCH, Session, assert_as_before, ended, moved, over_ssh, refused, whole
from wiring import until, warned

_TYPES = [pytest.param(MOVE, id="linux"), pytest.param(OF_SWITCH, id="openvswitch")]


def put_back_by_itself(host):
    """Let the time of a move that waits be over, and wait until the host has helped itself."""
    path = "/var/lib/pipefitter-nic/eth0/pending.json"
    host.run("sed", "-i", 's/"deadline": [0-9.]*/"deadline": 1/', path)
    until(lambda: host.run("test", "-e", path, check=False).returncode, lambda: host.run("cat", path).stdout)
    return ended(host)


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
        if not nic_host.module("host_nic_bridge", die_after=moment, confirm_timeout=600, **move).get("killed"):
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


_BOUND = """
import socket, sys
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
bound.bind(("0.0.0.0", 5353))
print("ready", flush=True)
sys.stdin.read()
"""
_NAMING_IT = """
set -e
ip link add br0 address 02:00:00:00:00:99 mtu 1400 type bridge stp_state 1 forward_delay 1500
ip link set eth0 group 7
ip addrlabel add prefix fd00:9::/64 dev eth0 label 9
ip xfrm policy add src 10.77.0.11/32 dst 198.51.100.0/24 dev eth0 dir out
docker network create -d macvlan -o parent=eth0 onlan
"""
_NAMING_NOTHING = """
docker network rm onlan; ip xfrm policy flush
ip addrlabel del prefix fd00:9::/64 dev eth0; ip link set eth0 group 0; ip link del br0
"""


def test_what_names_the_nic_and_will_not_name_the_bridge_is_told(nic_host):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with nic_host.start("python3", "-c", _BOUND, **pipes) as bound:
        assert bound.stdout.readline() == "ready\n"
        nic_host.run("sh", "-c", _NAMING_IT)
        mac = nic_host.ip("link", "show", "dev", "eth0")[0]["address"]
        told = warned(moved(nic_host, check_mode=True))
        nic_host.run("sh", "-c", _NAMING_NOTHING)
    assert [sentence.partition("; ")[0] for sentence in told if not sentence.startswith("persist")] == [
        "udp 0.0.0.0:5353: sockets that are bound to eth0, where their programs hear nothing after the move",
        "onlan (macvlan): networks of Docker on eth0, in which no container starts once it is a port",
        "fd00:9::/64: address labels (ip addrlabel) for eth0, which are not moved",
        "10.77.0.11/32 to 198.51.100.0/24: policies of IPsec (ip xfrm policy) for eth0 alone, past which packets go in "
        "clear text after the move",
        "eth0 is in device group 7, and br0 is not: where rules name that group (devgroup), put br0 into it (ip link "
        "set br0 group 7)",
        "10.77.0.112/24, fd00:10:77::212/64: addresses with a lifetime, and it is not known who would renew them on "
        "br0, so that they go when it is over",
        "br0 runs spanning tree, by which eth0 lets nothing pass for its first 30 s as a port, and the move is undone "
        "as nobody answers",
        "br0 is there with MTU 1400, and eth0 has 1500: the host sends as br0 has it, or as the smaller of the two",
        f"br0 is there with MAC 02:00:00:00:00:99, and eth0 has {mac}, by which others know this host: give br0 that "
        "one where a DHCP server, switch or router goes by it",
    ]


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


_REFUSALS = [
    ({"nic": "eth7"}, "nic: 'eth7' is no interface of this host; give one of eth0, eth1"),
    ({"persist": "networkmanager"}, "persist: NetworkManager does not configure eth0 on this host; set persist to"),
    ({"nic": "docker0"}, "nic: 'docker0' is a bridge itself"),
    ({"nic": "lo"}, "nic: 'lo' is the loopback of this host, which leads nowhere; give the NIC that leads to the LAN"),
    ({"bridge": "docker0"}, "bridge: 'docker0' is a bridge of Docker, which gives it other addresses as it starts"),
    ({"bridge": "br-0123456789ab"}, "bridge: 'br-0123456789ab' is a bridge of Docker, which gives it other"),
    ({"bridge": "eth1"}, "bridge: 'eth1' is an interface of kind veth; choose another name"),
    ({"bridge": "eth0"}, "bridge: 'eth0' is the NIC itself; choose another name for the bridge"),
    (
        {"bridge": "docker0", "type": "openvswitch"},
        "type: 'openvswitch' is asked for, and docker0 is a bridge of type linux",
    ),
    ({"datapath_type": "netdev"}, "datapath_type: 'netdev' is for type openvswitch alone; leave it out"),
    ({"confirm_timeout": 2}, "confirm_timeout: 2 is out of range; give 5 to 600 seconds"),
    ({"verify": ["10.0.0.1:0"]}, "verify[0]: '10.0.0.1:0' has no TCP port of 1 to 65535 after its colon"),
    ({"verify": ["my.host"]}, "verify[0]: 'my.host' is no probe; give gateway, controller, an address, or"),
    ({"state": "confirmed"}, "token: is required with state confirmed"),
    ({"token": "x", "state": "confirmed"}, "token: 'x' is none; give what the task that moved the NIC returned"),
]


_EQUAL = "default via 10.78.0.9 dev eth1"
_ON_LINK = "fd00:5::/64 dev eth0 proto kernel metric 256"
# What makes it so, what ends that, and what is said meanwhile.
_OF_A_MOMENT = [
    (
        f"ip addr add 10.78.0.1/24 dev eth1 && ip route append {_EQUAL}",
        "ip addr del 10.78.0.1/24 dev eth1",
        "nic: the route default leads through eth0 and, with the same metric, through eth1, and which of them the host "
        "uses would change with the move; give one of them another metric",
    ),
    (
        f"ip addr add 10.78.0.1/24 dev eth1 && ip route append {_EQUAL} table 100",
        f"ip route del {_EQUAL} table 100; ip addr del 10.78.0.1/24 dev eth1",
        "nic: the route default table 100 leads through eth0 and, with the same metric, through eth1, and which of",
    ),
    (
        "ip addr add fd00:6::5/64 dev eth0 nodad mngtmpaddr valid_lft 600 preferred_lft 600",
        "ip addr del fd00:6::5/64 dev eth0; ip -6 route del fd00:6::/64 dev eth0",
        "nic: 'eth0' has an address (fd00:6::5/64) that the kernel took from router advertisements (accept_ra), which",
    ),
    (
        f"ip -6 route add {_ON_LINK} expires 600",
        f"ip -6 route del {_ON_LINK}",
        "nic: 'eth0' has a subnet (fd00:5::/64) that the kernel took from router advertisements (accept_ra), which is",
    ),
    (
        "ip link property add dev eth1 altname br0",
        "ip link property del dev eth1 altname br0",
        "bridge: 'br0' is another name of eth1; choose one that nobody has",
    ),
    (
        "ip token set ::5 dev eth0",
        "ip token set :: dev eth0",
        "nic: 'eth0' has a token (ip token, ::5), of which the kernel makes addresses out of router advertisements",
    ),
]


def test_what_would_lock_somebody_out_is_refused_and_nothing_changes(nic_host):
    for options, sentence in _REFUSALS:
        assert refused(nic_host, **options).startswith(sentence), options
    if nic_host.run("test", "-d", "/sys/module/openvswitch", check=False).returncode:
        without = refused(nic_host, type="openvswitch", check_mode=True)
        assert without.startswith("datapath_type: it is left out, which is 'system', and the kernel has no module")
    nic_host.run("ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan")
    said = refused(nic_host)
    nic_host.run("ip", "link", "del", "mv0")
    assert said.startswith("nic: 'eth0' has mv0 (macvlan) on it")
    nic_host.run("ip", "addr", "add", "10.77.0.50/24", "dev", "eth1")
    assert refused(nic_host).startswith("nic: eth0 and eth1 are both in 10.77.0.0/24, and which of them the host uses")
    nic_host.run("ip", "addr", "del", "10.77.0.50/24", "dev", "eth1")
    advertised = "default via fd00:10:77::9 dev eth0 proto ra metric 9".split()
    nic_host.run("ip", "-6", "route", "add", *advertised)
    said = refused(nic_host)
    nic_host.run("ip", "-6", "route", "del", *advertised)
    assert said.startswith("nic: 'eth0' has a default route that the kernel took from router advertisements"), said
    for make, take_away, sentence in _OF_A_MOMENT:
        nic_host.run("sh", "-c", make)
        said = refused(nic_host)
        nic_host.run("sh", "-c", take_away)
        assert said.startswith(sentence), said
    nic_host.run("ip", "link", "property", "add", "dev", "eth1", "altname", "lan-port-2")
    said = refused(nic_host, nic="lan-port-2")
    nic_host.run("ip", "link", "property", "del", "dev", "eth1", "altname", "lan-port-2")
    assert said == "nic: 'lan-port-2' is another name of eth1; give eth1"
    nic_host.run("sh", "-c", "ip link add brx type bridge; ip link set eth1 master brx")
    said = refused(nic_host, nic="eth1")
    mistaken = refused(nic_host, nic="eth1", state="absent")
    nic_host.run("ip", "link", "del", "brx")
    assert mistaken.startswith("bridge: eth1 is no port of br0, but of brx; give brx, if it is that one from which")
    assert said == "nic: 'eth1' is a port of bridge brx already; take it out there, or give brx as nic"


def test_the_examples_run(nic_host):
    module = importlib.import_module("ansible_collections.pipefitter.container_network.plugins.modules.host_nic_bridge")
    name = "pipefitter.container_network.host_nic_bridge"
    # Bridges with VLANs are for test_bridge_vlans.py: this kernel has none.
    tasks = [task for task in yaml.safe_load(module.EXAMPLES) if not task[name].get("vlan_filtering")]
    done = nic_host.fleet.play_tasks("hosta", *tasks).ok()
    # The second one finds all in order.
    assert done.changed == {"hosta": len(tasks) - 1}
    moved(nic_host, state="confirmed", token=moved(nic_host, state="absent")["token"])
