# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_link: links without a bridge, by packets, by faults and by what it refuses."""

from __future__ import annotations

import subprocess
from itertools import count

from lab_hosts import LAB, ModuleFailed
from service import Service, pipefitter, states
from wiring import (
    assert_same,
    container_pid,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    ping,
    refused,
    remove_podmans_containers,
    routes,
    until,
)

_IMAGE = "localhost/pipefitter/busybox:latest"

_POINT_TO_POINT = {
    "ends": [
        {"netns": "one", "interface": "to-two", "addresses": ["10.1.1.1/32", "fd00:1::1/128"]},
        {"netns": "two", "interface": "to-one", "addresses": ["10.1.1.2/32", "fd00:1::2/128"]},
    ]
}
_SUBNET = {
    "mtu": 1400,
    "ends": [
        {
            "netns": "one",
            "interface": "to-two",
            "addresses": ["10.1.2.1/30", "fd00:2::1/126"],
            "mac": "02:00:00:00:01:01",
            "routes": [{"destination": "10.20.0.0/16", "gateway": "10.1.2.2"}],
        },
        {
            "netns": "two",
            "interface": "to-one",
            "addresses": ["10.1.2.2/30", "fd00:2::2/126"],
            "mac": "02:00:00:00:01:02",
            "gateway": "10.1.2.1",
        },
    ],
}


def _link(host, **options):
    """Link; a second run must find nothing to do, and check mode must have told the first one's operations."""
    before = everything(host)
    told = host.module("veth_link", check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = host.module("veth_link", diff=True, **options)
    assert told["operations"] == done["operations"] and told["diff"] == done["diff"]
    again = host.module("veth_link", **options)
    assert not again["changed"] and again["links"] == done["links"], again["operations"]
    return done


def _is(host, state):
    for end, other in (state["ends"], state["ends"][::-1]):
        shown = link(host, end["interface"], end["netns"])
        assert shown["linkinfo"]["info_kind"] == "veth" and "UP" in shown["flags"]
        assert shown["mtu"] == state.get("mtu", 1500) and shown["address"] == end.get("mac", shown["address"])
        assert shown["ifalias"] == f"pipefitter-link {end['interface']} netns /run/netns/{end['netns']}"
        assert shown["link_index"] == link(host, other["interface"], other["netns"])["ifindex"]
        assert held(host, end["interface"], end["netns"]) == set(end["addresses"])
        dev = f"dev {end['interface']}"
        single = [text.partition("/")[0] for text in other["addresses"] if text.endswith("/32")]
        assert routes(host, end["netns"]) == {
            *(f"{address} {dev}" for address in single),
            *(f"{entry['destination']} gateway {entry['gateway']} {dev}" for entry in end.get("routes", ())),
            *(f"default gateway {gateway} {dev}" for gateway in [end.get("gateway")] if gateway),
        }
        assert {entry["ifname"] for entry in host.ip("link", "show", netns=end["netns"])} <= {"lo", end["interface"]}


def test_two_namespaces_reach_each_other_and_nothing_is_made_on_the_host(host):
    make_namespaces(host, "one", "two")
    before = host.ip("link", "show")
    _link(host, **_POINT_TO_POINT)
    _is(host, _POINT_TO_POINT)
    for netns, address in (("one", "10.1.1.2"), ("one", "fd00:1::2"), ("two", "10.1.1.1"), ("two", "fd00:1::1")):
        assert ping(host, netns, address)
    # The order in which the ends are given is no matter.
    again = host.module("veth_link", ends=_POINT_TO_POINT["ends"][::-1])
    assert not again["changed"], again["operations"]
    _link(host, **_SUBNET)
    _is(host, _SUBNET)
    assert ping(host, "one", "10.1.2.2", "-M", "do", "-s", "1372") and ping(host, "two", "fd00:2::1")
    assert [entry["ifname"] for entry in host.ip("link", "show")] == [entry["ifname"] for entry in before]


def test_each_option_of_an_end_is_so_and_a_second_run_changes_nothing(hosta):
    make_namespaces(hosta, "one", "two")
    one = {
        "netns": "one",
        "interface": "a",
        "addresses": ["10.1.5.1/32", "fd00:5::1/128"],
        "gateway": "10.1.5.2",
        "gateway6": "fe80::5",
        "routes": [
            {"destination": "0.0.0.0/0", "gateway": "10.1.5.2", "table": "100", "mtu": 1300},
            {"destination": "10.6.0.0/16", "gateway": "10.1.5.2", "metric": 7, "src": "10.1.5.1"},
            {"destination": "10.7.0.0/16", "nexthops": [{"gateway": "10.1.5.2", "weight": 2}, {"gateway": "10.1.5.3"}]},
        ],
        "mac_seed": "one",
        "mtu": 1400,
    }
    two = {"netns": "two", "interface": "b", "addresses": ["10.1.5.2/32"], "ipv6": False}
    done = _link(hosta, ends=[one, two])
    assert routes(hosta, "one") == {
        "10.1.5.2 dev a",
        "10.1.5.3 dev a",
        "default gateway 10.1.5.2 dev a",
        "10.6.0.0/16 gateway 10.1.5.2 dev a metric 7",
        "10.7.0.0/16",
    }
    assert "default via 10.1.5.2 dev a" in hosta.run("ip", "-n", "one", "route", "show", "table", "100").stdout
    assert "default via fe80::5" in hosta.run("ip", "-n", "one", "-6", "route", "show", "default").stdout
    assert routes(hosta, "two") == {"10.1.5.1 dev b"} and link(hosta, "b", "two")["mtu"] == 1400
    disabled = "net.ipv6.conf.b.disable_ipv6"
    assert hosta.run("ip", "netns", "exec", "two", "sysctl", "-n", disabled).stdout.split() == ["1"]
    shown = [{name: value for name, value in end.items() if name != "mac"} for end in done["links"][0]["ends"]]
    assert not hosta.module("veth_link", ends=[{**one, **shown[0]}, {**two, **shown[1]}])["changed"]
    # Each alone, back to what it is without it.
    for name, value in (("mtu", 1500), ("gateway", None), ("gateway6", None), ("routes", None), ("ipv6", True)):
        one, two = ({**end, name: value} if name in end else end for end in (one, two))
        ends = [{key: kept for key, kept in end.items() if kept is not None} for end in (one, two)]
        _link(hosta, ends=ends)
    assert routes(hosta, "one") == {"10.1.5.2 dev a", "default gateway 10.1.5.2 dev a"}
    assert ping(hosta, "one", "10.1.5.2")


def test_containers_of_two_engines_and_the_host_are_linked(hosta):
    subprocess.run([LAB, "podman-image", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    make_containers(hosta, "web1")
    try:
        hosta.run("podman", "run", "-d", "--name", "pod1", "--network", "none", _IMAGE, "sleep", "1000")
        done = _link(
            hosta,
            links=[
                {
                    "ends": [
                        {"container": "web1", "interface": "to-pod1", "addresses": ["10.1.1.1/32"]},
                        {"container": "pod1", "interface": "to-web1", "addresses": ["10.1.1.2/32"]},
                    ]
                },
                {
                    "ends": [
                        {
                            "container": "web1",
                            "interface": "uplink",
                            "addresses": ["10.1.3.1/31"],
                            "gateway": "10.1.3.0",
                        },
                        {"host": True, "interface": "to-web1", "addresses": ["10.1.3.0/31"]},
                    ]
                },
            ],
        )
        assert done["links"][1]["ends"][1]["host"] is True
        hosta.run("docker", "exec", "web1", "ping", "-c", "1", "-W", "5", "10.1.1.2")
        hosta.run("podman", "exec", "pod1", "ping", "-c", "1", "-W", "5", "10.1.1.1")
        hosta.run("ping", "-c", "1", "-W", "5", "10.1.3.1")
        # By its default route.
        hosta.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        hosta.run("docker", "exec", "web1", "ping", "-c", "1", "-W", "5", "192.0.2.1")
        hosta.run("ip", "address", "del", "192.0.2.1/32", "dev", "lo")
        pid = container_pid(hosta, "web1")
        gone = hosta.module("veth_link", ends=[{"pid": int(pid), "interface": "to-pod1"}], state="absent")
        assert gone["operations"][0].startswith("delete veth to-pod1, whose peer is in none of")
        assert hosta.run("podman", "exec", "pod1", "ip", "link", "show", "to-web1", check=False).returncode
        hosta.run("ping", "-c", "1", "-W", "5", "10.1.3.1")
    finally:
        remove_podmans_containers(hosta)


def test_what_differs_is_corrected_in_place(host):
    make_namespaces(host, "one", "two")
    _link(host, **_SUBNET)
    index = link(host, "to-two", "one")["ifindex"]
    drift = """
    ip -n one link set to-two down; ip -n one link set to-two name moved; ip -n one link set moved alias ""
    ip -n one link set moved address 02:00:00:00:00:99 mtu 1300; ip -n one address add 192.168.77.1/24 dev moved
    ip -n two address del 10.1.2.2/30 dev to-one; ip -n two link set to-one name gone mtu 1280
    """
    host.run("sh", "-e", "-c", drift)
    _link(host, **_SUBNET)
    _is(host, _SUBNET)
    assert link(host, "to-two", "one")["ifindex"] == index
    # What nobody asks about is left as it is.
    bare = [{"netns": end["netns"], "interface": end["interface"]} for end in _SUBNET["ends"]]
    _link(host, ends=bare, mtu=1400)
    _is(host, {**_SUBNET, "ends": [{**end, "routes": []} for end in _SUBNET["ends"]]})


def test_a_link_that_leads_elsewhere_is_made_anew_and_absent_takes_only_what_is_meant(hosta):
    make_namespaces(hosta, "one", "two", "three")
    make_bridge(hosta, "br0")
    before = everything(hosta)
    _link(hosta, **_POINT_TO_POINT)
    mac = link(hosta, "to-two", "one")["address"]
    third = {"netns": "three", "interface": "to-one", "addresses": ["10.1.1.3/32", "fd00:1::3/128"]}
    to_third = {"ends": [{"netns": "one", "interface": "to-two"}, third]}
    _link(hosta, **to_third)
    assert link(hosta, "to-two", "one")["address"] == mac
    assert held(hosta, "to-two", "one") == {"10.1.1.1/32", "fd00:1::1/128"}
    assert ping(hosta, "one", "10.1.1.3") and ping(hosta, "three", "fd00:1::1")
    assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="two")] == ["lo"]
    assert not hosta.module("veth_link", state="absent", **_POINT_TO_POINT)["changed"]
    for state, sentence in (("present", "by a veth interface that veth_link made"), ("absent", "made by veth_link")):
        said = refused(hosta, netns="one", bridge="br0", interface="to-two", state=state)
        assert sentence in said, said
    told = hosta.module("veth_link", state="absent", check_mode=True, **to_third)
    done = hosta.module("veth_link", state="absent", **to_third)
    assert told["operations"] == done["operations"] and done["changed"]
    assert not hosta.module("veth_link", state="absent", **to_third)["changed"]
    assert not hosta.module("veth_link", state="absent", ends=[{"netns": "gone", "interface": "x"}])["changed"]
    assert_same(before, everything(hosta))


def test_an_interface_of_the_host_that_is_not_ours_stays(hosta):
    make_namespaces(hosta, "one")
    hosta.run("ip", "link", "add", "mine", "type", "bridge")
    ends = [{"host": True, "interface": "mine"}, {"netns": "one", "interface": "up"}]
    for state in ("present", "absent"):
        said = refused(hosta, "veth_link", ends=ends, state=state)
        assert "interface: 'mine' is taken in this host by a bridge interface that this module did not make" in said
    ends[0] = {"host": True, "interface": "to-one", "addresses": ["10.1.4.1/30"]}
    before = everything(hosta)
    _link(hosta, ends=ends)
    # It is no attachment: what looks after those doesn't take it for one.
    make_bridge(hosta, "br0")
    hosta.module("veth_attach", netns="one", bridge="br0", interface="eth1")
    hosta.module("veth_attach", bridge="br0", attachments=[], purge=True)
    assert link(hosta, "to-one")["ifalias"] == "pipefitter-link to-one host host"
    hosta.run("ip", "link", "del", "br0")
    hosta.module("veth_link", ends=[{"host": True, "interface": "to-one"}], state="absent")
    assert_same(before, everything(hosta))


def test_a_run_killed_anywhere_is_completed_by_the_next(host):
    make_namespaces(host, "one", "two")
    for done in count():
        state = _SUBNET if done % 2 else _POINT_TO_POINT
        host.module("veth_link", state="absent", ends=[{"netns": "one", "interface": "to-two"}])
        killed = host.module("veth_link", die_after=done, **state).get("killed", False)
        host.module("veth_link", **state)
        _is(host, state)
        if not killed:
            break
    assert done >= 10


def test_what_a_failed_run_did_is_undone(host):
    make_namespaces(host, "one", "two", "three")
    third = {"netns": "three", "interface": "to-one", "addresses": ["10.1.1.3/32"]}
    elsewhere = {"links": [{"ends": [_SUBNET["ends"][0], third]}, {"ends": [{**third, "interface": "b"}, *_AWAY]}]}
    for first, then in ((None, _SUBNET), (_POINT_TO_POINT, _SUBNET), (_POINT_TO_POINT, elsewhere)):
        host.module("veth_link", state="absent", ends=[{"netns": "one", "interface": "to-two"}])
        if first:
            host.module("veth_link", **first)
        before = everything(host)
        for done in count():
            try:
                host.module("veth_link", fail_after=done, **then)
            except ModuleFailed as failure:
                assert "a fault that the test injected" in str(failure) and "could not be undone" not in str(failure)
                assert_same(_without_indexes(before), _without_indexes(everything(host)))
                continue
            break
        assert done >= 4


_AWAY = [{"netns": "two", "interface": "b", "addresses": ["10.1.9.1/30"]}]


def _without_indexes(value):
    """What is deleted and made again has another index."""
    if isinstance(value, dict):
        return {key: _without_indexes(item) for key, item in value.items() if key not in ("ifindex", "link_index")}
    return [_without_indexes(item) for item in value] if isinstance(value, list) else value


def test_the_service_makes_it_again_after_a_restart_of_either_end(hosta):
    names = ["to-web1 of container web2, linked to to-web2 of container web1"]
    names.append("to-web2 of container web1, linked to to-web1 of container web2")
    wanted = {
        "drift": "report",  # what a restart takes away, of the other end too, nobody changed by hand
        "ends": [
            {"container": "web1", "interface": "to-web2", "addresses": ["10.1.1.1/32"]},
            {"container": "web2", "interface": "to-web1", "addresses": ["10.1.1.2/32"]},
        ],
    }
    ends = [{"container": end["container"], "interface": end["interface"]} for end in wanted["ends"]]
    with Service(hosta):
        make_containers(hosta, "web1")
        waiting = hosta.module("veth_link", wait=False, **wanted)
        assert waiting["pending"] == [{"ends": ends}] and waiting["recorded"]
        assert states(hosta) == dict.fromkeys(names, "pending")
        make_containers(hosta, "web2")
        until(lambda: states(hosta) == dict.fromkeys(names, "in order"), lambda: states(hosta))
        asked = hosta.module("veth_link", **wanted)
        assert not asked["changed"], asked["operations"]
        reach = ("docker", "exec", "web1", "ping", "-c", "1", "-W", "1", "10.1.1.2")
        for name in ("web1", "web2"):
            hosta.run("docker", "restart", "-t", "0", name)
            until(lambda: hosta.run(*reach, check=False).returncode == 0, lambda: states(hosta))
            again = hosta.module("veth_link", **wanted)
            assert not again["changed"] and again["links"] == asked["links"], again["operations"]
        hosta.run("nsenter", "-t", container_pid(hosta, "web2"), "-n", "ip", "link", "set", "to-web1", "down")
        shown = hosta.module("container_network_info")["recorded"]
        assert {(entry["kind"], entry["name"]) for entry in shown} == {("link_end", name) for name in names}
        pipefitter(hosta, "reconcile")
        until(lambda: hosta.run(*reach, check=False).returncode == 0, lambda: states(hosta))
        # An end that is linked to another place is no more what it was linked to before.
        host_end = {"host": True, "interface": "to-web1", "addresses": ["10.1.1.3/32"]}
        moved = hosta.module("veth_link", ends=[wanted["ends"][0], host_end])
        assert moved["recorded"] and set(states(hosta).values()) == {"in order"}
        assert f"take {names[0]} out of the record" in moved["operations"]
        end = "to-web1 of this host, linked to to-web2 of container web1"
        pipefitter(hosta, "forget", end)
        ((left, state),) = states(hosta).items()
        assert (left, state) == ("to-web2 of container web1, linked to to-web1 of this host", "failed")
        assert "end is not recorded any more" in pipefitter(hosta, "status").stdout
        gone = hosta.module("veth_link", ends=[wanted["ends"][0]], state="absent")
        assert gone["changed"] and states(hosta) == {}
        until(lambda: hosta.run(*reach, check=False).returncode == 1, "it is there still")


def test_refuses_with_a_sentence_and_changes_nothing(hosta):
    make_namespaces(hosta, "one", "two")
    hosta.run("ip", "-n", "one", "link", "add", "taken", "type", "bridge")
    hosta.run("sh", "-e", "-c", "touch /run/netns/again; mount --bind /run/netns/one /run/netns/again")
    one, two = {"netns": "one", "interface": "a"}, {"netns": "two", "interface": "b"}
    try:
        for ends, sentence in (
            ([one], "ends: 1 is not the number of ends that a link has; give two"),
            ([one, one], r"ends[1].netns: '/run/netns/one' is netns /run/netns/one as that of the first end is"),
            ([one, {**two, "netns": "again"}], "are the same network namespace; a link has its ends in two"),
            ([{**one, "interface": "taken"}, two], "'taken' is taken in netns /run/netns/one by a bridge interface"),
            ([one, {"container": "nosuch", "interface": "b"}], "'nosuch' is not known to any container engine"),
            ([one, {**two, "netns": "/proc/1/ns/net"}], "it is the host's own; give a container's"),
        ):
            said = refused(hosta, "veth_link", ends=ends)
            assert sentence in said, said
        said = refused(hosta, "veth_link", links=[{"ends": [one, two]}, {"ends": [one, {**two, "interface": "c"}]}])
        assert "links[1].ends[0].interface: 'a' is an end of links[0] for netns /run/netns/one too" in said
        said = refused(hosta, "veth_link", ends=[{"pid": 1, "interface": "a"}, two], persistent="true")
        assert "can't be recorded with persistent true" in said
    finally:
        hosta.run("sh", "-c", "umount /run/netns/again; rm /run/netns/again")
