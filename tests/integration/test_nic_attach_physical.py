# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach with kind physical: the NIC itself in a container, by packets, by faults, and back as it was.

The lab's NICs are veths, which the kernel deletes with the namespace that they are in. What it does with real ones then
is done by hand here (``_given_back``).
"""

from __future__ import annotations

from itertools import count

import pytest
from lab_hosts import ModuleFailed
from service import Service, states
from wiring import (
    assert_same,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    name_namespace,
    routes,
    until,
    warned,
)

_ONE = {
    "netns": "probe",
    "nic": "spare0",
    "kind": "physical",
    "interface": "lan0",
    "addresses": ["192.168.9.10/24", "fd00:9::10/64"],
    "gateway": "192.168.9.1",
    "gateway6": "fd00:9::1",
    "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.9.254"}],
    "mac": "02:00:00:00:09:01",
    "mtu": 1400,
}
_OTHER = {
    "netns": "probe",
    "nic": "spare1",
    "kind": "physical",
    "interface": "lan0",
    "addresses": ["192.168.8.10/24"],
    "gateway": "192.168.8.1",
    "routes": [],
}
_KEPT = "/run/pipefitter-nics"


def _nics(host):
    """Two further NICs of the host, one with much that has to come back, one that is down."""
    script = """
    for name in spare0 spare1; do
        ip link add $name type veth peer name far-$name; ip link set far-$name up
        ip link set $name up; ip link set $name down
    done
    ip link set spare0 address 02:00:00:00:50:00 mtu 1450 alias "to the LAN"; ip link set spare0 up
    ip address add 192.168.70.2/24 dev spare0; ip address add 192.168.70.3/24 dev spare0
    ip address add fd00:70::2/64 dev spare0 nodad
    ip route add 10.70.0.0/16 via 192.168.70.1 dev spare0 metric 77
    ip route add 10.71.0.0/16 via 192.168.70.1 dev spare0 table 70
    ip route add fd00:71::/64 via fd00:70::1 dev spare0
    ip neigh add 192.168.70.9 lladdr 02:00:00:00:00:09 dev spare0 nud permanent
    echo 1 > /proc/sys/net/ipv4/conf/spare0/arp_filter
    """
    host.run("sh", "-e", "-c", script)


def _kept(host):
    return host.run("sh", "-c", f"ls {_KEPT} 2>/dev/null || true").stdout.split()


def _without_indexes(value):
    """All but what the kernel makes anew: an index that was taken meanwhile, the queues of a NIC that is down."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ("ifindex", "qdisc")}
        return {key: _without_indexes(item) for key, item in kept.items()}
    return [_without_indexes(item) for item in value] if isinstance(value, list) else value


def _picture(host):
    # A link that is up has its carrier a little later.
    shown = "for name in spare0 spare1; do ip route show dev $name; ip -6 route show dev $name; done 2>&1"
    until(lambda: "linkdown" not in host.run("sh", "-c", shown).stdout, "no carrier")
    shown = _without_indexes(everything(host))
    shown["sysctl"] = [host.run("cat", "/proc/sys/net/ipv4/conf/spare0/arp_filter", check=False).stdout]
    shown["neighbours"] = [host.run("ip", "neigh", "show", "nud", "permanent").stdout]
    return shown


def _attach(host, **options):
    """Attach; a second run must find nothing to do, and check mode must have told the first one's operations."""
    told = host.module("nic_attach", check_mode=True, **options)
    done = host.module("nic_attach", **options)
    assert told["operations"] == done["operations"] and told.get("diff") == done.get("diff")
    again = host.module("nic_attach", **options)
    assert not again["changed"] and again["attachments"] == done["attachments"], again["operations"]
    return done


def _is(host, state, mac, mtu):
    inner = link(host, "lan0", "probe")
    assert (inner["address"], inner["mtu"], inner["ifalias"]) == (
        mac,
        mtu,
        f"pipefitter lan0 netns /run/netns/probe @{state['nic']}",
    )
    assert "UP" in inner["flags"] and inner["linkinfo"]["info_kind"] == "veth"
    assert held(host, "lan0", "probe") == set(state["addresses"])
    assert routes(host, "probe") == {
        f"default gateway {state['gateway']} dev lan0",
        *(f"{entry['destination']} gateway {entry['gateway']} dev lan0" for entry in state["routes"]),
    }
    assert {entry["ifname"] for entry in host.ip("link", "show", netns="probe")} <= {"lo", "lan0"}
    assert state["nic"] not in {entry["ifname"] for entry in host.ip("link", "show")}


def _given_back(host, netns, name):
    """Do what the kernel does as a real NIC's namespace ends: it is on the host, down, and has lost what it had."""
    host.run("ip", "-n", netns, "link", "set", name, "down")
    script = f'read pid _rest < /proc/self/stat; ip -n {netns} link set {name} netns "$pid"'
    host.run("sh", "-e", "-c", script)


def test_a_container_has_the_nic_itself_and_other_machines_reach_it(hosts):
    hosta, hostb = hosts["hosta"], hosts["hostb"]
    make_namespaces(hosta, "probe")
    hostb.run("ip", "address", "add", "192.168.9.1/24", "dev", "eth1")
    before = everything(hosta)
    mac = link(hosta, "eth1")["address"]
    try:
        wanted = {"netns": "probe", "kind": "physical", "addresses": ["192.168.9.10/24"], "gateway": "192.168.9.1"}
        done = _attach(hosta, nic=mac.upper(), **wanted)
        assert done["operations"][0] == "move NIC eth1 into netns /run/netns/probe as eth1"
        assert any("deletes as the container ends" in warning for warning in warned(done))
        entry = done["attachments"][0]
        assert (entry["nic"], entry["kind"], entry["mac"]) == ("eth1", "physical", mac) and "mode" not in entry
        hosta.run("ip", "netns", "exec", "probe", "ping", "-c", "1", "-W", "5", "192.168.9.1")
        hostb.run("ping", "-c", "1", "-W", "5", "192.168.9.10")
        assert not hosta.module("nic_attach", nic="eth1", **wanted)["changed"]
        gone = hosta.module("nic_attach", netns="probe", nic="eth1", state="absent")
        assert gone["operations"] == ["give NIC eth1 of netns /run/netns/probe back to the host as eth1, up"]
        assert not hosta.module("nic_attach", netns="probe", state="absent")["changed"]
        assert_same(_without_indexes(before), _without_indexes(everything(hosta)))
        # Nor does the kernel give it an address that it was not to make itself, as it comes up.
        assert hosta.run("cat", "/proc/sys/net/ipv6/conf/eth1/addr_gen_mode").stdout == "1\n"
        assert hosta.run("ip", "-6", "address", "show", "dev", "eth1").stdout == ""
    finally:
        hosta.module("nic_attach", netns="probe", state="absent")
        hostb.run("ip", "address", "flush", "dev", "eth1")


def test_it_comes_back_with_all_that_it_had(host):
    make_namespaces(host, "probe")
    _nics(host)
    before = _picture(host)
    done = _attach(host, **_ONE)
    assert any("leaves this host with 192.168.70.2/24, 192.168.70.3/24, fd00:70::2/64" in one for one in warned(done))
    _is(host, _ONE, "02:00:00:00:09:01", 1400)
    assert _kept(host) == ["spare0.json"]
    assert not host.module("nic_attach", netns="probe", interface="lan0", nic="spare1", state="absent")["changed"]
    drift = "ip link set lan0 down; ip link set lan0 mtu 1300; ip address add 192.168.77.1/24 dev lan0"
    host.run("ip", "netns", "exec", "probe", "sh", "-e", "-c", drift)
    _attach(host, **_ONE)
    _is(host, _ONE, "02:00:00:00:09:01", 1400)
    # Another NIC in its place: that one comes back first.
    _attach(host, **_OTHER)
    _is(host, _OTHER, link(host, "lan0", "probe")["address"], 1500)
    assert link(host, "spare0")["mtu"] == 1450 and held(host, "spare0") >= {"192.168.70.2/24", "fd00:70::2/64"}
    # And a macvlan in the place of a NIC.
    _attach(host, netns="probe", interface="lan0", nic="eth1", kind="macvlan", addresses=["192.168.8.10/24"])
    _attach(host, **_ONE)
    told = host.module("nic_attach", check_mode=True, netns="probe", interface="lan0", state="absent")
    gone = host.module("nic_attach", netns="probe", interface="lan0", state="absent")
    assert told["operations"] == gone["operations"] and len(gone["operations"]) == 1
    host.run("ip", "link", "set", "spare1", "down")
    assert _kept(host) == []
    assert_same(before, _picture(host))


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_run_killed_anywhere_is_completed_by_the_next(host, state):
    make_namespaces(host, "probe")
    _nics(host)
    before = _picture(host)
    absent = {"netns": "probe", "interface": "lan0", "state": "absent"}
    for done in count():
        if state == "absent":
            host.module("nic_attach", **_ONE)
        killed = host.module("nic_attach", die_after=done, **(_ONE if state == "present" else absent)).get("killed")
        if state == "present":
            host.module("nic_attach", **_ONE)
            _is(host, _ONE, "02:00:00:00:09:01", 1400)
        host.module("nic_attach", **absent)
        assert_same(before, _picture(host))
        assert _kept(host) == []
        if not killed:
            break
    assert done >= (5 if state == "present" else 2)


def test_a_killed_run_and_then_none_for_it_leaves_the_nic_to_the_host(host):
    make_namespaces(host, "probe", "two")
    _nics(host)
    before = _picture(host)
    for done in count():
        killed = host.module("nic_attach", die_after=done, **_ONE).get("killed")
        host.module("nic_attach", netns="probe", interface="lan0", state="absent")
        assert_same(before, _picture(host))
        if not killed:
            break


def test_what_a_failed_run_did_is_undone(host):
    make_namespaces(host, "probe")
    _nics(host)
    absent = {"netns": "probe", "interface": "lan0", "state": "absent"}
    for first, then in ((None, _ONE), (_ONE, _OTHER), (_ONE, absent)):
        host.module("nic_attach", **absent)
        if first:
            host.module("nic_attach", **first)
        before = _picture(host)
        for done in count():
            try:
                host.module("nic_attach", fail_after=done, **then)
            except ModuleFailed as failure:
                assert "a fault that the test injected" in str(failure) and "could not be undone" not in str(failure)
                assert_same(before, _picture(host))
                continue
            break
        assert done >= 1


def test_one_that_came_back_by_itself_is_put_back_as_it_was_or_moved_in_again(host):
    make_namespaces(host, "probe", "two")
    _nics(host)
    before = _picture(host)
    host.module("nic_attach", **_ONE)
    _given_back(host, "probe", "lan0")
    assert link(host, "lan0")["address"] == "02:00:00:00:09:01" and not held(host, "lan0")
    again = _attach(host, **_ONE)
    assert again["operations"][0] == "move NIC spare0 into netns /run/netns/probe as lan0"
    _is(host, _ONE, "02:00:00:00:09:01", 1400)
    for ended in (False, True):
        _given_back(host, "probe", "lan0")
        if ended:
            host.run("ip", "netns", "delete", "probe")
        # Whatever the next run is for.
        other = {"netns": "two", "nic": "spare1", "kind": "macvlan"} if not ended else {"netns": "probe", **_absent()}
        told = host.module("nic_attach", check_mode=True, **other)
        done = host.module("nic_attach", **other)
        assert told["operations"] == done["operations"]
        (line,) = [line for line in done["operations"] if line.startswith("put NIC")]
        assert line.startswith("put NIC spare0, which came back as lan0, back as it was: spare0, up, address 192.168.")
        host.module("nic_attach", netns="two", state="absent")
        host.run("ip", "link", "set", "spare1", "down")
        assert _kept(host) == []
        if ended:
            make_namespaces(host, "probe")
        assert_same(before, _picture(host))
        if not ended:
            host.module("nic_attach", **_ONE)


def _absent():
    return {"interface": "lan0", "state": "absent"}


def test_the_service_gives_back_what_nobody_recorded(hosts):
    host = hosts["hosta"]
    make_namespaces(host, "probe")
    _nics(host)
    before = _picture(host)
    with Service(host):
        assert not host.module("nic_attach", persistent="false", **_ONE)["recorded"]
        _given_back(host, "probe", "lan0")
        until(lambda: _kept(host) == [], "it is not back")
        assert states(host) == {}
    assert_same(before, _picture(host))


def test_the_service_moves_it_in_again_after_a_restart_and_gives_it_back_meanwhile(hosts):
    host = hosts["hosta"]
    name = "lan0 of container web1, from NIC spare0"
    _nics(host)
    before = _picture(host)
    with Service(host):
        make_containers(host, "web1")
        wanted = {**_ONE, "container": "web1"}
        del wanted["netns"]
        asked = host.module("nic_attach", **wanted)
        assert asked["recorded"] and states(host) == {name: "in order"}
        name_namespace(host, "web1")
        _given_back(host, "web1", "lan0")
        there = ("docker", "exec", "web1", "ip", "address", "show", "dev", "lan0")
        until(lambda: "192.168.9.10/24" in host.run(*there, check=False).stdout, lambda: states(host))
        host.run("ip", "-n", "web1", "link", "set", "lan0", "down")
        host.run("docker", "kill", "web1", check=False)
        _given_back(host, "web1", "lan0")
        host.run("ip", "netns", "delete", "web1")
        until(lambda: "192.168.70.2/24" in host.run("ip", "address", "show").stdout, lambda: states(host))
        until(lambda: _kept(host) == [], "it is not back whole")
        assert link(host, "spare0")["address"] == "02:00:00:00:50:00"
        host.run("docker", "start", "web1")
        until(lambda: "192.168.9.10/24" in host.run(*there, check=False).stdout, lambda: states(host))
        again = host.module("nic_attach", **wanted)
        assert not again["changed"] and again["attachments"] == asked["attachments"], again["operations"]
        gone = host.module("nic_attach", container="web1", interface="lan0", nic="spare0", state="absent")
        assert gone["operations"][-1] == f"take {name} out of the record" and states(host) == {}
        host.run("docker", "rm", "-f", "web1")
    assert_same(before, _picture(host))


def test_refuses_with_a_sentence_and_changes_nothing(hosta):
    make_namespaces(hosta, "probe", "two")
    make_bridge(hosta, "br0")
    _nics(hosta)
    script = """
    ip link add spare2 type veth peer name far-spare2; ip link set spare2 master br0
    ip link add mine link spare1 type macvlan mode bridge
    """
    hosta.run("sh", "-e", "-c", script)
    hosta.module("nic_attach", **_ONE)
    default = next(entry["dev"] for entry in hosta.ip("route", "show", "default"))
    before = everything(hosta)
    for changes, sentence in (
        ({"nic": default}, f"{default} would leave this host, and it carries this host's default route"),
        ({"nic": "spare2"}, "spare2 is a port of bridge br0, and would leave it"),
        ({"nic": "spare1"}, "spare1 would leave this host, and mine, of kind macvlan, is on it"),
        ({"nic": "mine"}, "mine is a macvlan on another NIC"),
        ({"nic": "br0"}, "br0 is a bridge, which the kernel keeps in its network namespace.*veth_attach"),
        ({"nic": "lo"}, "lo is the loopback"),
        ({"nic": "spare0"}, "spare0 was moved into netns /run/netns/probe as lan0.*take it out there first"),
        ({"nic": "nosuch"}, "nic: 'nosuch' is no interface of this host"),
        ({"mode": "bridge"}, "mode: 'bridge' is of kinds macvlan and ipvlan"),
        ({"vlan": 100}, "vlan: 100 is not for kind physical, which is the NIC itself"),
        ({"netns": "probe", "interface": "lan0", "nic": "eth1", "mode": "vepa"}, "mode: 'vepa'"),
    ):
        with pytest.raises(ModuleFailed, match=sentence):
            hosta.module("nic_attach", **{"netns": "two", "nic": "eth1", "kind": "physical", **changes})
    with pytest.raises(ModuleFailed, match="a NIC that moves into a container is that one's alone"):
        entries = [{"netns": "probe"}, {"netns": "two", "kind": "macvlan"}]
        hosta.module("nic_attach", nic="eth1", kind="physical", attachments=entries)
    assert_same(before, everything(hosta))
    hosta.run("ip", "link", "add", "spare0", "type", "bridge")
    with pytest.raises(ModuleFailed, match="spare0 there has that name by now; rename that one first"):
        hosta.module("nic_attach", netns="probe", interface="lan0", state="absent")
    hosta.run("ip", "link", "delete", "spare0")
    hosta.module("nic_attach", netns="probe", interface="lan0", state="absent")
    assert_same({"kept": []}, {"kept": _kept(hosta)})
