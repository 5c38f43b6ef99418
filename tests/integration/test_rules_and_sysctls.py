# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing rules and sysctls of containers: by packets, by what differs, by faults and by what is refused."""

from __future__ import annotations

from itertools import count

import pytest
from lab_hosts import ModuleFailed
from service import Service, states
from wiring import (
    attach,
    attach_thoroughly,
    make_bridge,
    make_containers,
    make_namespaces,
    make_others_interface,
    ping,
    refused,
    until,
)

_STRICT = {"net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.IFNAME.rp_filter": 1}
_FAR = {
    "attachments": [
        {"bridge": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64", "10.7.7.7/32"]},
        {"bridge": "br1", "addresses": ["192.168.6.1/24", "fd00:6::1/64"], "interface": "eth2"},
    ],
    "netns": "far",
    "sysctls": _STRICT,
}


def rules(host, netns="probe", family="-4"):
    """Return the rules that are not the kernel's, as ip tells them."""
    shown = host.run("ip", "-n", netns, family, "rule", "show").stdout.splitlines()
    every = [" ".join(line.split()) for line in shown]
    return [line for line in every if "proto kernel" not in line and line.split(":")[0] not in ("0", "32766", "32767")]


def in_both(host, netns="probe"):
    return sorted([*rules(host, netns), *rules(host, netns, "-6")])


def sysctl(host, name, netns="probe"):
    return host.run("ip", "netns", "exec", netns, "cat", f"/proc/sys/{name}").stdout.strip()


def test_a_container_with_two_uplinks_answers_by_the_one_it_was_asked_on(host):
    for bridge in ("br0", "br1"):
        host.module("container_bridge", name=bridge)
    make_namespaces(host, "probe", "far")
    far = [{**entry, "netns": "far", "sysctls": _STRICT} for entry in _FAR["attachments"]]
    attach_thoroughly(host, attachments=far)
    first = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    second = {"netns": "probe", "bridge": "br1", "addresses": ["192.168.6.10/24", "fd00:6::10/64"], "interface": "eth2"}
    ways = [
        {"destination": "0.0.0.0/0", "gateway": "192.168.6.1", "table": "102"},
        {"destination": "::/0", "gateway": "fd00:6::1", "table": "102"},
    ]
    both = [{**first, "gateway": "192.168.5.1", "gateway6": "fd00:5::1"}, {**second, "routes": ways}]
    attach(host, attachments=both)
    asking = ("-I", "10.7.7.7")
    assert ping(host, "far", "192.168.5.10", *asking)
    # The answer goes by the other uplink, where far takes nothing that comes from the wrong side (rp_filter).
    assert not ping(host, "far", "192.168.6.10", *asking)

    both[1]["rules"] = [{"from": "192.168.6.10", "table": 102}, {"from": "fd00:6::10", "table": 102}]
    done = attach_thoroughly(host, attachments=both)

    assert ping(host, "far", "192.168.6.10", *asking) and ping(host, "far", "192.168.5.10", *asking)
    assert [line for line in done["operations"] if "rule" in line] == [
        "set rule 1000: from 192.168.6.10/32 lookup 102 in netns /run/netns/probe",
        "set rule 1001: from fd00:6::10/128 lookup 102 in netns /run/netns/probe",
    ]
    assert done["attachments"][1]["rules"] == [
        {"priority": 1000, "from": "192.168.6.10/32", "table": "102"},
        {"priority": 1001, "from": "fd00:6::10/128", "table": "102"},
    ]
    assert "rules" not in done["attachments"][0]
    way = host.run("ip", "-n", "probe", "route", "get", "fd00:99::1", "from", "fd00:6::10").stdout
    assert "dev eth2 table 102" in way
    # The other attachment's own task, and one that says nothing of rules, leave them.
    assert attach(host, **both[0])["operations"] == []
    assert attach(host, **second, routes=ways)["operations"] == []
    assert ping(host, "far", "192.168.6.10", *asking)
    # They go with it.
    assert attach(host, netns="probe", interface="eth2", state="absent")["changed"]
    assert in_both(host) == []


def test_a_container_routes_between_two_bridges(hosta):
    for bridge in ("br0", "br1"):
        hosta.module("container_bridge", name=bridge)
    make_namespaces(hosta, "left", "right", "probe")
    router = [
        {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"]},
        {"netns": "probe", "bridge": "br1", "addresses": ["192.168.6.1/24", "fd00:6::1/64"], "interface": "eth2"},
    ]
    sides = [
        {"netns": "left", "bridge": "br0", "addresses": ["192.168.5.2/24", "fd00:5::2/64"]},
        {"netns": "right", "bridge": "br1", "addresses": ["192.168.6.2/24", "fd00:6::2/64"]},
    ]
    for number, one in zip((5, 6), sides):
        one.update(gateway=f"192.168.{number}.1", gateway6=f"fd00:{number}::1")
    of_host = hosta.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout
    off = {"net.ipv4.ip_forward": False, "net.ipv6.conf.all.forwarding": False}
    attach(hosta, attachments=[{**router[0], "sysctls": off}, router[1], *sides])
    assert not ping(hosta, "left", "192.168.6.2") and not ping(hosta, "left", "fd00:6::2")

    on = {"net.ipv4.ip_forward": True, "net/ipv6/conf/all/forwarding": 1, "net.ipv4.conf.eth1.send_redirects": 0}
    done = attach_thoroughly(hosta, attachments=[{**router[0], "sysctls": on}, router[1]])

    assert ping(hosta, "left", "192.168.6.2") and ping(hosta, "left", "fd00:6::2")
    assert done["operations"] == [
        "set sysctl net.ipv4.ip_forward from 0 to 1 in netns /run/netns/probe",
        "set sysctl net.ipv6.conf.all.forwarding from 0 to 1 in netns /run/netns/probe",
        "set sysctl net.ipv4.conf.eth1.send_redirects from 1 to 0 in netns /run/netns/probe",
    ]
    assert done["attachments"][0]["sysctls"] == {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv4.conf.IFNAME.send_redirects": "0",
    }
    # The host's own stay as they are; the container's stay with it when the attachment goes.
    assert hosta.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == of_host
    attach(hosta, netns="probe", state="absent")
    assert sysctl(hosta, "net/ipv4/ip_forward") == "1"


_RULES = [
    {"from": "192.168.5.10", "table": 100},
    {"to": "10.20.0.0/16", "iif": "eth2", "table": "main", "priority": 500},
    {"fwmark": 16, "family": "both", "table": 4000000000},
    {"fwmark": "0x20/0xf0", "family": "ipv6", "type": "unreachable", "priority": 500},
    {"from": "fd00:66::/48", "type": "blackhole"},
    {"to": "10.66.0.0/16", "type": "prohibit", "iif": "lo"},
    {"from": "0.0.0.0/0", "table": "default", "priority": 4294967295},
]
_SHOWN = [
    "1000: from 192.168.5.10 lookup 100 proto 112",
    "1002: from all fwmark 0x10 lookup 4000000000 proto 112",
    "1002: from all fwmark 0x10 lookup 4000000000 proto 112",
    "1004: from fd00:66::/48 blackhole proto 112",
    "1005: from all to 10.66.0.0/16 iif lo prohibit proto 112",
    "4294967295: from all lookup default proto 112",
    "500: from all fwmark 0x20/0xf0 unreachable proto 112",
    "500: from all to 10.20.0.0/16 iif eth2 [detached] lookup main proto 112",
]


def test_rules_are_those_that_were_asked_for_and_no_others(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    one = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    two = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.6.10/24"], "interface": "eth3"}
    # Somebody else's says the same as one of ours, and stays whatever becomes of that.
    others = ("from 192.168.5.10 lookup 100 priority 1000", "from 10.1.0.0/16 lookup 7")
    for words in others:
        host.run("ip", "-n", "probe", "rule", "add", *words.split())
    foreign = in_both(host)
    assert len(foreign) == 2

    attach_thoroughly(host, **one, rules=_RULES)

    assert in_both(host) == sorted([*_SHOWN, *foreign])
    shown = host.module("container_network_info")["attachments"]
    assert host.module("veth_attach", attachments=shown)["operations"] == []
    # Those of another attachment have their own mark.
    attach_thoroughly(host, **two, rules=_RULES[:1])
    assert "1000: from 192.168.5.10 lookup 100 proto 113" in in_both(host)
    attach_thoroughly(host, **two, rules=[])
    assert in_both(host) == sorted([*_SHOWN, *foreign])
    # Lost, changed, one too many, twice: all is put right, by one operation each where that is enough.
    for words, least in (
        ("del priority 1000 proto 112", 1),
        ("add from 10.8.0.0/16 lookup 8 priority 1000 proto 112", 3),
        ("add from 10.8.0.0/16 lookup 8 priority 8 proto 112", 1),
        ("-6 del priority 500 proto 112", 1),
        ("add from 10.8.0.0/16 lookup 8 priority 8 proto 119", 1),
        ("add from all to 10.20.0.0/16 lookup main iif eth2 priority 500 tos 0x10 proto 112", 3),
    ):
        family = words.split()[0] if words.startswith("-6") else "-4"
        host.run("ip", "-n", "probe", family, "rule", *words.removeprefix("-6 ").split())
        done = attach_thoroughly(host, **one, rules=_RULES)
        assert len(done["operations"]) == least, (words, done["operations"])
        assert in_both(host) == sorted([*_SHOWN, *foreign]), words
    # In place: the new one is in before the old one goes.
    changed = [{**_RULES[0], "table": 101}, *_RULES[1:5]]
    before = in_both(host)
    for done in count():
        try:
            attach(host, fail_after=done, **one, rules=changed)
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert in_both(host) == before, done
        else:
            break
    assert done == 4
    told = attach(host, **one, rules=_RULES)["operations"]
    assert told[0] == (
        "set rule 1000: from 192.168.5.10/32 lookup 100 in place of rule 1000: from 192.168.5.10/32 lookup 101 "
        "in netns /run/netns/probe"
    )
    # They come back where taking the attachment away is undone.
    for done in count():
        try:
            host.module("veth_attach", fail_after=done, state="absent", netns="probe")
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert in_both(host) == before, done
        else:
            break
    assert done == 9 and in_both(host) == foreign
    # Those of an interface that somebody deleted are nobody's, and go with the next task of that container.
    attach(host, **one, rules=_RULES)
    host.run("ip", "-n", "probe", "link", "del", "eth1")
    assert in_both(host) == before
    attach_thoroughly(host, **two, rules=[])
    assert in_both(host) == foreign
    # A purge takes them along.
    attach(host, **one, rules=_RULES)
    attach(host, bridge="br0", purge=True, attachments=[{**two, "rules": _RULES[:1]}])
    assert in_both(host) == sorted([*foreign, "1000: from 192.168.5.10 lookup 100 proto 113"])


def test_nic_attach_sets_them_as_veth_attach_does(host):
    host.run(
        "sh",
        "-c",
        "ip link add spare0 type veth peer name far-spare0; ip link set spare0 up; ip link set far-spare0 up",
    )
    make_bridge(host)
    make_namespaces(host, "probe")
    attach(host, netns="probe", bridge="br0", addresses=["192.168.5.10/24"], interface="eth5", rules=_RULES[:1])
    own = {"net.ipv4.conf.IFNAME.rp_filter": 2, "net.ipv4.conf.all.log_martians": 1}
    one = {"netns": "probe", "nic": "spare0", "kind": "macvlan", "addresses": ["192.168.9.10/24"], "sysctls": own}
    for mode in ("bridge", "passthru"):  # which makes it anew
        told = host.module("nic_attach", check_mode=True, diff=True, **one, mode=mode, rules=_RULES)
        done = host.module("nic_attach", diff=True, **one, mode=mode, rules=_RULES)
        assert told["operations"] == done["operations"] and told["diff"] == done["diff"]
        assert not host.module("nic_attach", **one, mode=mode, rules=_RULES)["changed"]
        assert sysctl(host, "net/ipv4/conf/eth1/rp_filter") == "2"
        marked = sorted(line.replace("112", "113") for line in _SHOWN)
        assert in_both(host) == sorted([*marked, _SHOWN[0]])
    host.module("nic_attach", **one, mode="bridge")  # says nothing of rules
    assert len(in_both(host)) == len(_RULES) + 2
    assert attach(host, netns="probe", bridge="br0", interface="eth5", rules=_RULES[:1])["operations"] == []
    host.module("nic_attach", netns="probe", state="absent")
    assert in_both(host) == [_SHOWN[0]]


def test_sysctls_come_back_where_a_run_fails(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    words = ("addr add 10.9.0.2/24 dev eth0", "link set eth0 up", "route add default via 10.9.0.1")
    make_others_interface(host, "probe", *words)
    one = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    one["gateway"] = "192.168.5.1"  # so that there is something to do once it is away
    start = {
        "net.ipv4.ip_forward": 0,
        "net.ipv6.conf.all.forwarding": 0,
        "net.ipv4.conf.all.accept_redirects": 0,
        "net.ipv4.conf.eth0.forwarding": 1,
        "net.ipv6.conf.eth0.forwarding": 1,
        "net.ipv4.conf.IFNAME.forwarding": 1,
        "net.ipv4.tcp_rmem": "4096  131072\t6291456",
    }
    attach_thoroughly(host, **one, sysctls=start)
    before = _all_sysctls(host)
    assert before["net/ipv4/conf/eth1/forwarding"] == before["net/ipv4/conf/eth0/forwarding"] == "1"
    assert before["net/ipv4/conf/lo/forwarding"] == "0" and before["net/ipv4/conf/all/accept_redirects"] == "0"
    turned = {
        "net.ipv4.ip_forward": 1,
        "net/ipv6/conf/all/forwarding": 1,
        "net.ipv6.conf.eth1.forwarding": 0,
        "net.ipv4.conf.IFNAME.forwarding": 0,
        "net.ipv4.neigh.IFNAME.gc_stale_time": 17,
        "net.ipv4.tcp_rmem": "4096 131072 6000000",
    }
    for done in count():
        try:
            attach(host, fail_after=done, **one, sysctls=turned)
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert _all_sysctls(host) == before, done
        else:
            break
    assert done == 7  # with what only undoing does
    after = _all_sysctls(host)
    assert after["net/ipv4/conf/eth1/forwarding"] == "0" and after["net/ipv4/conf/eth0/forwarding"] == "1"
    assert after["net/ipv4/neigh/eth1/gc_stale_time"] == "17"
    attach_thoroughly(host, **one, sysctls=turned)
    attach_thoroughly(host, **one, sysctls=start)
    assert {**after, **_all_sysctls(host)} == {**before, "net/ipv4/neigh/eth1/gc_stale_time": "17"}
    now = _all_sysctls(host)
    # What the kernel takes no such value for is a failure, and nothing stays of it.
    with pytest.raises(ModuleFailed) as failure:
        attach(host, **one, sysctls={**start, "net.ipv4.ip_forward": 1, "net.ipv4.ip_default_ttl": 777})
    assert "sysctl net.ipv4.ip_default_ttl rejects the value '777' (Invalid argument)" in str(failure.value)
    assert _all_sysctls(host) == now
    # Where taking it away is undone, it has those that were named.
    with pytest.raises(ModuleFailed) as failure:
        attach(host, fail_after=1, netns="probe", state="absent", sysctls=turned)
    assert _all_sysctls(host) == now and "the change made before it was undone" in str(failure.value)
    # A new interface has them before it is up, whatever new ones have.
    attach(host, netns="probe", state="absent")
    new = {
        "net.ipv4.conf.default.rp_filter": 1,
        "net.ipv4.conf.IFNAME.rp_filter": 1,
        "net.ipv6.conf.IFNAME.accept_ra": 0,
    }
    done = attach_thoroughly(host, **one, sysctls=new)["operations"]
    up = done.index("set eth1 up in netns /run/netns/probe")
    assert max(done.index(line) for line in done if line.startswith("set sysctl")) < up


def _all_sysctls(host):
    """Return those that runs touch, and all that the kernel may write along."""
    script = (
        "cd /proc/sys; for name in net/ipv[46]/conf/*/forwarding net/ipv4/ip_forward net/ipv4/tcp_rmem "
        "net/ipv[46]/conf/*/accept_redirects net/ipv4/neigh/eth1/gc_stale_time; do echo $name $(cat $name); done"
    )
    shown = host.run("ip", "netns", "exec", "probe", "sh", "-c", script).stdout.splitlines()
    return dict(line.split(" ", 1) for line in shown)


_WRONG = {
    "no such one": ({"net.ipv4.nosuch": 1}, "sysctls: netns /run/netns/probe has no net.ipv4.nosuch; see whether"),
    "of the interface": ({"net.ipv4.conf.IFNAME.nosuch": 1}, "has no net.ipv4.conf.eth1.nosuch; see whether"),
    "of the host alone": ({"net.ipv4.neigh.default.gc_thresh3": 1}, "has no net.ipv4.neigh.default.gc_thresh3; see"),
    "a folder": ({"net.ipv4.conf": 1}, "sysctls: net.ipv4.conf can't be both read and set in netns /run/netns/probe"),
    "read only": ({"net.ipv4.tcp_available_congestion_control": "cubic"}, "can't be both read and set in"),
    "write only": ({"net.ipv4.route.flush": 1}, "sysctls: net.ipv4.route.flush can't be both read and set in"),
    "a word for a number": ({"net.ipv4.ip_forward": "yes"}, "is a number (0 in netns /run/netns/probe), and 'yes' is"),
    "too few": ({"net.ipv4.tcp_rmem": 4096}, "is 3 numbers (4096"),
}


def test_sysctls_that_can_not_be_set_are_refused(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    one = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24"]}
    hosta.run("ip", "netns", "exec", "probe", "sysctl", "-qw", "net.ipv4.ip_forward=0")
    for asked, said in _WRONG.values():
        assert said in refused(hosta, **one, sysctls=asked), asked
    two = {**one, "interface": "eth2", "addresses": []}
    both = [{**one, "sysctls": {"net.ipv4.ip_forward": 1}}, {**two, "sysctls": {"net/ipv4/conf/all/forwarding": 0}}]
    assert refused(hosta, attachments=both) == (
        "sysctls: net.ipv4.ip_forward is one for all of netns /run/netns/probe, and eth1 of netns /run/netns/probe "
        "asks for 1, eth2 of netns /run/netns/probe for 0; give it to one of the two"
    )


def test_the_service_sets_them_again_after_a_restart(hosta):
    with Service(hosta):
        make_bridge(hosta)
        make_containers(hosta, "web1")
        options = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "rules": _RULES[:3]}
        options["sysctls"] = {"net.ipv4.ip_forward": 1, "net.ipv4.conf.eth1.rp_filter": 2}
        assert attach(hosta, **options)["recorded"]
        hosta.run("docker", "restart", "-t", "0", "web1")
        show = ("docker", "exec", "web1", "cat", "/proc/sys/net/ipv4/conf/eth1/rp_filter")
        until(lambda: hosta.run(*show, check=False).stdout.strip() == "2", lambda: states(hosta))
        until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))
        assert not attach(hosta, **options)["changed"]
        (entry,) = hosta.module("container_network_info")["attachments"]
        assert [rule["priority"] for rule in entry["rules"]] == [500, 1000, 1002, 1002]
