# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_nic_bridge with the NIC through which Ansible comes: there and back, and every way in which it can fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
from types import SimpleNamespace

import pytest
from ansible_collections.pipefitter.container_network.tests.effort import DEEP
from fleet import COMMON, CONTAINERS, Fleet, namespaces
from lab_hosts import LAB, LabHost, ModuleFailed
from wiring import ping, until, warned

_MOVE = {"nic": "eth0", "bridge": "br0", "persist": "none"}
_OF_SWITCH = {**_MOVE, "type": "openvswitch", "datapath_type": "netdev"}
_TYPES = [pytest.param(_MOVE, id="linux"), pytest.param(_OF_SWITCH, id="openvswitch")]

# What a host of somebody else's may have on its NIC.
_DRESS = """
set -e
ip addr add 10.77.0.111/24 dev eth0 label eth0:1
ip addr add 192.0.2.9/32 dev eth0 scope link
ip addr add 10.77.0.112/24 dev eth0 valid_lft 4000 preferred_lft 3000
ip addr add fd00:10:77::211/64 dev eth0 nodad
ip addr add fd00:10:77::212/64 dev eth0 nodad valid_lft 4000 preferred_lft 3000
ip route add 198.51.100.0/24 via 10.77.0.1 metric 50 mtu 1400 src 10.77.0.111
ip route add 203.0.113.0/24 nexthop via 10.77.0.1 weight 1 nexthop via 10.77.0.12 weight 3
ip route add default via 10.77.0.12 metric 900 proto static
ip route add 192.0.2.1 dev eth0 scope link
ip route add 192.0.2.128/25 via 192.0.2.1 onlink dev eth0
ip route add default via 10.77.0.1 table 100
ip route add fd00:99::/64 via fd00:10:77::12 metric 77
ip -6 route add default via fd00:10:77::1 table 100
ip rule add iif eth0 lookup 100 priority 1000
ip rule add from 10.77.0.111 oif eth0 lookup 100 priority 1001
ip -6 rule add iif eth0 lookup 100 priority 1000
ip neigh add 10.77.0.77 lladdr 02:00:00:00:00:77 dev eth0
ip neigh add proxy 10.77.0.78 dev eth0
ip -6 neigh add proxy fd00:10:77::78 dev eth0
sysctl -qw net.ipv4.conf.eth0.accept_redirects=0 net.ipv4.conf.eth0.log_martians=1 net.ipv6.conf.eth0.hop_limit=99
"""
_UNDRESS = """
ip addr del 10.77.0.111/24 dev eth0; ip addr del 192.0.2.9/32 dev eth0; ip addr del 10.77.0.112/24 dev eth0
ip addr del fd00:10:77::211/64 dev eth0; ip addr del fd00:10:77::212/64 dev eth0
ip route flush table 100; ip -6 route flush table 100; ip rule del priority 1000; ip rule del priority 1001
ip -6 rule del priority 1000; ip neigh del 10.77.0.77 dev eth0; ip neigh del proxy 10.77.0.78 dev eth0
ip -6 neigh del proxy fd00:10:77::78 dev eth0; ip route del 198.51.100.0/24; ip route del 203.0.113.0/24
ip route del default metric 900; ip route del 192.0.2.128/25; ip route del 192.0.2.1; ip -6 route del fd00:99::/64
true
"""
# So that one test that fails is one, and not all after it.
_RECOVER = f"""
rm -rf /var/lib/pipefitter-nic; umount /var/lib/pipefitter-nic; nft delete table bridge deaf; pkill -CONT ovs-vswitchd
ovs-vsctl --if-exists del-br br0; ip link set eth0 nomaster; ip link del br0
sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth0.arp_ignore=0
{_UNDRESS}
ip addr replace 10.77.0.11/24 dev eth0; ip addr replace fd00:10:77::11/64 dev eth0 nodad
ip route replace default via 10.77.0.1; ip -6 route replace default via fd00:10:77::1
true
"""
_WHOLE = """
ip -j -d addr; ip -j -d route show table all; ip -6 -j -d route show table all; ip -j rule; ip -6 -j rule
ip -j neigh show nud permanent; ip -j neigh show proxy
"""
_SYSCTLS = "cd /proc/sys/net; for f in ipv[46]/conf/eth0/* ipv[46]/neigh/eth0/*; do echo $f $(cat $f 2>&1); done"
_SWITCH = "ovs-vsctl --format=json --columns=name,ports list Bridge; ovs-vsctl --format=json --columns=name list Port"
# What moves by itself, and what the kernel chooses anew for the same.
_MOVING = (
    "life_time",
    "tentative",
    "operstate",
    "expires",
    "txqlen",
    "cacheinfo",
    "linkinfo",
    "promiscuity",
    "ifindex",
)


def whole(host):
    """Return all of a host's network that a move touches, with the order in which the kernel has it."""
    shown = [_lasting(json.loads(line)) for line in host.run("sh", "-c", _WHOLE).stdout.splitlines() if line.strip()]
    return [*shown, host.run("sh", "-c", _SYSCTLS).stdout, host.run("sh", "-c", _SWITCH).stdout]


def assert_as_before(before, after, *told):
    """Fail with what differs, an entry a line."""
    different = []
    for old, new in zip(before, after):
        olds, news = (one.splitlines() if isinstance(one, str) else [str(entry) for entry in one] for one in (old, new))
        different += [f"gone: {entry}" for entry in olds if entry not in news]
        different += [f"new: {entry}" for entry in news if entry not in olds]
        if not different and olds != news:
            different.append(f"in another order: {news}")
    assert not different, "\n".join([*map(str, told), *different])


def _lasting(value):
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if not any(word in key for word in _MOVING)}
    if isinstance(value, list):
        kept = [_lasting(item) for item in value if not _of_switch(item)]
        # The tables of IPv6 have no order of their own among equal destinations.
        return sorted(kept, key=str) if any(isinstance(item, dict) and "dst" in item for item in kept) else kept
    return value


def _of_switch(item):
    return isinstance(item, dict) and item.get("ifname") == "ovs-netdev"


@pytest.fixture(scope="module")
def site(python_path, tmp_path_factory, playbooks):
    """A lab of two hosts; the first one's NIC eth0 is the one through which Ansible comes."""
    lab = f"nic-{os.getpid()}"
    subprocess.run([LAB, "up", "--name", lab, "--hosts", "2"], check=True, timeout=180)
    try:
        host = LabHost(lab, "hosta", python_path)
        host.keep_sent_code()
        host.fleet = Fleet(lab, tmp_path_factory.mktemp("nic"), {}, {}, playbooks)
        host.other = LabHost(lab, "hostb", python_path)
        yield host
        host.close()
    finally:
        subprocess.run([LAB, "down", "--name", lab], check=True, timeout=60)


@pytest.fixture
def hosta(site):
    """The host with a NIC that has some of everything; it must be so again after each test."""
    site.run("sh", "-c", _DRESS)
    until(lambda: not site.run("ip", "-6", "addr", "show", "tentative").stdout, "addresses stay tentative")
    before = whole(site)
    yield site
    try:
        assert_as_before(before, whole(site))
        assert not site.run("sh", "-c", "cat /var/lib/pipefitter-nic/*/pending.json", check=False).stdout
    finally:
        site.run("sh", "-c", _RECOVER)


def over_ssh(host, **options):
    """Run the module as a user does: by Ansible, over SSH, through that very NIC."""
    return host.fleet.play_tasks("hosta", {"pipefitter.container_network.host_nic_bridge": options})


def moved(host, **options):
    return host.module("host_nic_bridge", **{**_MOVE, **options})


def refused(host, **options):
    with pytest.raises(ModuleFailed) as error:
        moved(host, **options)
    return str(error.value)


def put_back_by_itself(host):
    """Let the time of a move that waits be over, and wait until the host has helped itself."""
    path = "/var/lib/pipefitter-nic/eth0/pending.json"
    host.run("sed", "-i", 's/"deadline": [0-9.]*/"deadline": 1/', path)
    until(lambda: host.run("test", "-e", path, check=False).returncode, lambda: host.run("cat", path).stdout)
    return json.loads(host.run("cat", "/var/lib/pipefitter-nic/eth0/ended.json").stdout)


class Session:
    """A TCP session from the LAN to a host's NIC, over which each line comes back."""

    _ECHO = (
        "import socketserver\n"
        "class Echo(socketserver.StreamRequestHandler):\n"
        "    def handle(self):\n"
        "        for line in self.rfile: self.wfile.write(line)\n"
        "server = socketserver.TCPServer(('0.0.0.0', 7), Echo)\n"
        "print('ready', flush=True)\n"
        "server.handle_request()\n"
    )
    _ASK = (
        "import socket, sys\n"
        "s = socket.create_connection(('10.77.0.11', 7), 60).makefile('rw')\n"
        "for line in sys.stdin:\n"
        "    s.write(line); s.flush(); print(s.readline().strip(), flush=True)\n"
    )

    def __init__(self, host):
        self._server = host.start("python3", "-c", self._ECHO, stdout=subprocess.PIPE, encoding="utf-8")
        assert self._server.stdout.readline() == "ready\n"
        words = [*host.way_to_lan, "python3", "-c", self._ASK]
        self._client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def goes_on(self):
        self._client.stdin.write("hello\n")
        self._client.stdin.flush()
        return self._client.stdout.readline() == "hello\n"

    def close(self):
        self._client.stdin.close()
        self._client.wait(60)
        self._server.kill()
        self._server.wait(60)


@pytest.mark.parametrize("move", _TYPES)
def test_there_and_back_over_the_nic_itself(hosta, move):
    order = [entry["local"] for entry in hosta.ip("addr", "show", "dev", "eth0")[0]["addr_info"]]
    session = Session(hosta)
    assert session.goes_on()
    checked = hosta.module("host_nic_bridge", check_mode=True, **move)
    done = over_ssh(hosta, **move).ok()
    assert done.changed == {"hosta": 1}
    assert session.goes_on()
    assert not hosta.ip("addr", "show", "dev", "eth0")[0]["addr_info"]
    held = [entry["local"] for entry in hosta.ip("addr", "show", "dev", "br0")[0]["addr_info"]]
    assert held == order
    left = hosta.ip("route", "show", "table", "all", "dev", "eth0") + hosta.ip("-6", "route", "show", "dev", "eth0")
    assert not [route for route in left if route.get("type") != "multicast"]
    assert {rule.get("iif", rule.get("oif")) for rule in hosta.ip("rule") if rule["priority"] in (1000, 1001)} == {
        "br0"
    }
    assert hosta.run("sysctl", "-n", "net.ipv4.conf.br0.log_martians").stdout == "1\n"
    for address in ("10.77.0.11", "10.77.0.111", "fd00:10:77::11", "fd00:10:77::212"):
        asked = [*hosta.way_to_lan, "ping", "-n", "-c", "1", "-W", "5", address]
        answer = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False, timeout=60)
        assert answer.returncode == 0 and "DUP" not in answer.stdout, answer.stdout
    again = hosta.module("host_nic_bridge", **move)
    assert (again["operations"], again["pending"]) == ([], False)
    back = over_ssh(hosta, **move, state="absent").ok()
    assert back.changed == {"hosta": 1}
    assert session.goes_on()
    session.close()
    assert checked["operations"][0].startswith(f"create {'Open vSwitch ' if move is _OF_SWITCH else ''}bridge br0")
    assert not hosta.module("host_nic_bridge", **move, state="absent")["changed"]


def test_what_is_told_beforehand_is_what_is_done(hosta):
    checked = hosta.module("host_nic_bridge", check_mode=True, diff=True, **_MOVE)
    done = hosta.module("host_nic_bridge", diff=True, **_MOVE)
    assert (done["operations"], done["diff"]) == (checked["operations"], checked["diff"])
    assert done["pending"] and not checked["pending"]
    ended = moved(hosta, state="rolled_back", token=done["token"])
    assert (ended["left"], ended["pending"]) == ([], False)
    assert moved(hosta, state="rolled_back", token=done["token"])["operations"] == []


# Of some eighty steps, here and there.
_MOMENTS = range(70) if DEEP else (0, 1, 2, 5, 17, 33, 50)


@pytest.mark.parametrize("move", _TYPES)
def test_a_module_that_is_killed_is_undone_by_itself(hosta, move):
    before = whole(hosta)
    for moment in _MOMENTS:
        if not hosta.module("host_nic_bridge", die_after=moment, confirm_timeout=600, **move).get("killed"):
            break
        ended = put_back_by_itself(hosta)
        assert (ended["how"], ended["left"]) == ("rolled_back", []), moment
        assert_as_before(before, whole(hosta), moment)


def test_a_step_that_fails_undoes_the_others_at_once(hosta):
    before = whole(hosta)
    for moment in (0, 3, 30):
        said = refused(hosta, fail_after=moment)
        assert "a fault that the test injected" in said
        assert said.endswith("eth0 was put back, and all is as it was before"), said
        assert_as_before(before, whole(hosta))


def test_nobody_who_confirms_it_in_time(hosta):
    """The controller does not come back, or comes back too late."""
    waiting = moved(hosta, confirm_timeout=600)
    assert re.fullmatch("[0-9a-f]{32}", waiting["token"])
    assert "a move of eth0 waits for its confirmation" in refused(hosta)
    ended = put_back_by_itself(hosta)
    assert (ended["how"], ended["left"]) == ("rolled_back", [])
    late = refused(hosta, state="confirmed", token=waiting["token"])
    assert late == (
        "the move of eth0 was undone: nobody confirmed it from a new connection within 600 s; "
        "eth0 was put back, and all is as it was before"
    )
    assert "no move of eth0 with that token waits" in refused(hosta, state="confirmed", token="0" * 32)


def test_what_answered_before_has_to_answer_after(hosta):
    """A switch that drops what comes from the bridge, or a gateway that is dead after the move."""
    drop = "add table bridge deaf; add chain bridge deaf ears { type filter hook prerouting priority 0; policy drop; }"
    hosta.run("nft", drop)
    said = refused(hosta)
    hosta.run("nft", "delete table bridge deaf")
    assert "after the move there is no answer any more from gateway 10.77.0.1, gateway" in said
    assert said.endswith("eth0 was put back, and all is as it was before")
    told = warned(moved(hosta, verify=["10.77.0.99", "10.77.0.1"], check_mode=True))
    assert told[0].startswith("verify: 10.77.0.99 did not answer before the move either")


def test_a_bridge_that_somebody_makes_meanwhile_stays(hosta):
    said = refused(hosta, meanwhile=(0, "ip link add br0 type bridge"))
    kept = hosta.ip("link", "show", "dev", "br0")
    hosta.run("ip", "link", "del", "br0")
    assert "br0" in said and "kind of br0 is linux, and was to be none" in said
    assert kept[0]["ifname"] == "br0"


def test_a_disk_that_is_full_changes_nothing(hosta):
    mount = "mkdir -p /var/lib/pipefitter-nic && mount -t tmpfs -o size=4k none /var/lib/pipefitter-nic"
    hosta.run("sh", "-c", mount)
    before = whole(hosta)
    said = refused(hosta)
    assert whole(hosta) == before
    hosta.run("umount", "/var/lib/pipefitter-nic")
    assert "No space left on device" in said and "free some space there" in said


def test_two_runs_at_once_make_one_move(hosta):
    request = {**_MOVE, "confirm_timeout": 600}
    running = [hosta._modules.start("host_nic_bridge", text=hosta._request(request)) for _number in range(2)]
    said = [json.loads(one.wait(120).stdout) for one in running]
    assert sorted(bool(one.get("failed")) for one in said) == [False, True], said
    (first,) = [one for one in said if not one.get("failed")]
    assert moved(hosta, state="rolled_back", token=first["token"])["left"] == []


def test_the_session_that_asks_for_it_is_killed_with_all_that_it_started(hosta):
    """Whoever comes back by a new connection finds it half done, and puts it back; nobody else has to."""
    killing = (
        "until [ -e /sys/class/net/br0 ]; do :; done; "
        "kill -9 $(pgrep -f 'sshd: root@') $(pgrep -f AnsiballZ) 2>/dev/null; true"
    )
    killer = hosta.start("sh", "-c", killing)
    done = over_ssh(hosta, **_MOVE)
    killer.wait(60)
    until(
        lambda: hosta.run("sh", "-c", "! ls /var/lib/pipefitter-nic/eth0/pending.json", check=False).returncode == 0, ""
    )
    if done.status == 0:  # it was through before the kill came
        over_ssh(hosta, **_MOVE, state="absent").ok()
    else:
        assert "eth0 was put back, and all is as it was before" in done.said, done.said


def test_a_host_that_was_left_half_way_is_completed(hosta):
    """Somebody's own attempt: the address on both, the default route and the rest on the NIC."""
    hosta.run(
        "sh",
        "-c",
        "ip link add br0 type bridge forward_delay 0; ip link set br0 up; ip addr add 10.77.0.11/24 brd + dev br0",
    )
    hosta.run("ip", "link", "set", "eth0", "master", "br0")
    waiting = moved(hosta)
    shown = [entry["local"] for entry in hosta.ip("addr", "show", "dev", "br0")[0]["addr_info"]]
    assert shown.count("10.77.0.11") == 1 and "10.77.0.111" in shown
    assert {entry["dev"] for entry in hosta.ip("route", "show", "default")} == {"br0"}
    moved(hosta, state="confirmed", token=waiting["token"])
    assert not moved(hosta)["changed"]
    back = moved(hosta, state="absent")
    moved(hosta, state="confirmed", token=back["token"])
    hosta.run("sh", "-c", "ip link del br0")


def test_open_vswitch_that_dies(hosta):
    """Without ovs-vswitchd nothing is moved, and what it leaves half done is put back."""
    before = whole(hosta)
    said = refused(hosta, **_OF_SWITCH, meanwhile=(1, "pkill -STOP ovs-vswitchd"))
    hosta.run("pkill", "-CONT", "ovs-vswitchd")
    assert "ovs-vswitchd" in said or "Open vSwitch" in said, said
    until(lambda: whole(hosta) == before, lambda: said)


def test_containers_on_the_lan_of_two_hosts_and_back(hosta):
    """The playbook, host by host; where the second one fails, the first one is as it was."""
    fleet = hosta.fleet
    for number, host in enumerate((hosta, hosta.other)):
        host.run("ip", "netns", "add", "web")
        attachment = {"netns": "web", "addresses": [f"10.77.0.5{number}/24"], "gateway": "10.77.0.1"}
        fleet.by_host[host.name] = {"host_nic_bridge_attachments": [attachment]}
    fleet.common.update(host_nic_bridge_nic="eth0", host_nic_bridge_bridge="br0", host_nic_bridge_persist="none")
    fleet.common.update(host_setup_service="absent", host_nic_bridge_fleet_rollback=True)
    done = fleet.play("host_nic_bridge").ok()
    assert set(done.changed) == {"hosta", "hostb"}
    words = [*hosta.way_to_lan, "sh", "-c", "ping -n -c 1 -W 5 10.77.0.50 && ping -n -c 1 -W 5 10.77.0.51"]
    asked = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert asked.returncode == 0, asked.stdout
    assert ping(hosta, "web", "10.77.0.51")
    again = fleet.play("host_nic_bridge").ok()
    assert again.changed == {"hosta": 0, "hostb": 0}, again.said
    assert fleet.play("host_nic_bridge", "-e", "host_nic_bridge_state=absent").ok()
    fleet.by_host["hostb"]["host_nic_bridge_nic"] = "eth9"
    failed = fleet.play("host_nic_bridge")
    assert failed.status != 0
    assert "hosta: it was taken back, as another host failed" in failed.said
    assert "hostb: nic: 'eth9' is no interface of this host" in failed.said
    for host in (hosta, hosta.other):
        host.run("ip", "netns", "del", "web")


def test_the_nic_by_which_hosts_are_reached_is_the_trunk_between_them(hosta):
    """The host's NIC into ovs0 on two hosts, their addresses on ovs0, four containers in two VLANs."""
    fleet = Fleet(hosta.lab, hosta.fleet._folder, {}, dict(COMMON), hosta.fleet._playbooks)
    fleet.common.update(multi_host_vlan_uplink="eth0", host_setup_service="absent", host_nic_bridge_persist="none")
    fleet.common.update(host_nic_bridge_nic="eth0", host_nic_bridge_bridge="ovs0", host_nic_bridge_type="openvswitch")
    fleet.common.update(host_nic_bridge_datapath_type="netdev", host_nic_bridge_serial="100%")
    hosts = {host.name: host for host in (hosta, hosta.other)}
    entries = {
        name: [{"netns": one["container"], "vlan": one["vlan"], "address": one["address"]} for one in containers]
        for name, containers in CONTAINERS.items()
    }
    namespaces(hosts, SimpleNamespace(by_host={name: {} for name in hosts}), **entries)
    fleet.by_host = {name: {"multi_host_vlan_containers": asked} for name, asked in entries.items()}
    book = [{"ansible.builtin.import_playbook": f"pipefitter.container_network.{name}"} for name in _CLASSIC]
    done = fleet.play_books(*book).ok()
    assert "12 pairs, 0 not as they should be" in done.said
    assert fleet.play_books(*book).ok().changed == {"hosta": 0, "hostb": 0}
    fleet.play("multi_host_vlan", "-e", "multi_host_vlan_state=absent").ok()
    fleet.play("host_nic_bridge", "-e", "host_nic_bridge_state=absent").ok()
    for host in hosts.values():
        host.run("sh", "-c", "ip netns list | cut -d ' ' -f 1 | xargs -n 1 ip netns delete")


_CLASSIC = ("host_nic_bridge", "multi_host_vlan", "check_connectivity")
_REFUSALS = [
    ({"nic": "eth7"}, "nic: 'eth7' is no interface of this host; give one of"),
    ({"nic": "docker0"}, "nic: 'docker0' is a bridge itself"),
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


def test_what_would_lock_somebody_out_is_refused_and_nothing_changes(hosta):
    for options, sentence in _REFUSALS:
        assert refused(hosta, **options).startswith(sentence), options
    hosta.run("ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan")
    said = refused(hosta)
    hosta.run("ip", "link", "del", "mv0")
    assert said.startswith("nic: 'eth0' has mv0 (macvlan) on it")
    hosta.run("sh", "-c", "ip link add brx type bridge; ip link set eth1 master brx")
    said = refused(hosta, nic="eth1")
    hosta.run("ip", "link", "del", "brx")
    assert said == "nic: 'eth1' is a port of bridge brx already; take it out there, or give brx as nic"
