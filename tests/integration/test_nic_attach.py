# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach: containers' interfaces made from a NIC of the host, by packets, by faults and by what it refuses."""

from __future__ import annotations

import hashlib
from itertools import count

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.handle import NetlinkHandle
from lab_hosts import ModuleFailed
from own_namespaces import in_own_namespaces, needs_root
from service import Service, states
from wiring import (
    assert_same,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    routes,
    until,
    warned,
)

_ONE = {
    "netns": "probe",
    "nic": "eth1",
    "kind": "macvlan",
    "addresses": ["192.168.9.10/24", "fd00:9::10/64"],
    "gateway": "192.168.9.1",
    "gateway6": "fd00:9::1",
    "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.9.254"}],
    "mac": "02:00:00:00:09:01",
    "mtu": 1400,
}
_OTHER = {
    "netns": "probe",
    "nic": "spare0",
    "kind": "macvlan",
    "mode": "private",
    "addresses": ["192.168.8.10/24", "fd00:8::10/64"],
    "gateway": "192.168.8.1",
    "gateway6": "fd00:8::1",
    "routes": [{"destination": "10.30.0.0/16", "gateway": "192.168.8.254"}],
    "mac": "02:00:00:00:08:01",
    "mtu": 1450,
}


def _nic(host, name="spare0"):
    """A further NIC of the host, up, with a carrier."""
    host.run("sh", "-c", f"ip link add {name} type veth peer name far-{name}; ip link set {name} up")
    host.run("ip", "link", "set", f"far-{name}", "up")


def _attach(host, **options):
    """Attach; a second run must find nothing to do, and check mode must have told the first one's operations."""
    told = host.module("nic_attach", check_mode=True, **options)
    done = host.module("nic_attach", **options)
    assert told["operations"] == done["operations"]
    again = host.module("nic_attach", **options)
    assert not again["changed"] and again["attachments"] == done["attachments"], again["operations"]
    return done


def _is(host, state):
    inner = link(host, "eth1", "probe")
    shown = host.ip("link", "show", "dev", "eth1", netns="probe")[0]
    assert (inner["address"], inner["mtu"], inner["ifalias"]) == (
        state["mac"],
        state["mtu"],
        "pipefitter eth1 netns /run/netns/probe",
    )
    assert shown["linkinfo"]["info_kind"] == "macvlan"
    assert shown["linkinfo"]["info_data"]["mode"] == state.get("mode", "bridge")
    assert shown["link_index"] == link(host, state["nic"])["ifindex"]
    assert held(host, "eth1", "probe") == set(state["addresses"])
    assert routes(host, "probe") == {
        f"default gateway {state['gateway']} dev eth1",
        *(f"{entry['destination']} gateway {entry['gateway']} dev eth1" for entry in state["routes"]),
    }
    assert {entry["ifname"] for entry in host.ip("link", "show", netns="probe")} <= {"lo", "eth1"}


def test_containers_and_other_machines_reach_each_other(hosts):
    hosta, hostb = hosts["hosta"], hosts["hostb"]
    make_namespaces(hosta, "one", "two")
    hostb.run("ip", "address", "add", "192.168.9.1/24", "dev", "eth1")
    hostb.run("ip", "address", "add", "fd00:9::1/64", "dev", "eth1", "nodad")
    mac = link(hosta, "eth1")["address"]
    try:
        done = _attach(
            hosta,
            nic=mac.upper(),
            kind="macvlan",
            gateway="192.168.9.1",
            attachments=[
                {"netns": "one", "addresses": ["192.168.9.10/24", "fd00:9::10/64"]},
                {"netns": "two", "addresses": ["192.168.9.11/24", "fd00:9::11/64"]},
            ],
        )
        assert [entry["nic"] for entry in done["attachments"]] == ["eth1", "eth1"]
        assert any("does not reach" in warning for warning in warned(done))
        for address in ("192.168.9.1", "fd00:9::1", "192.168.9.11", "fd00:9::11"):
            hosta.run("ip", "netns", "exec", "one", "ping", "-c", "1", "-W", "5", address)
        hostb.run("ping", "-c", "1", "-W", "5", "192.168.9.10")
        _attach(hosta, nic="eth1", kind="macvlan", mode="private", attachments=[{"netns": "one"}, {"netns": "two"}])
        reached = hosta.run("ip", "netns", "exec", "one", "ping", "-c", "1", "-W", "1", "192.168.9.11", check=False)
        assert reached.returncode == 1
        hosta.run("ip", "netns", "exec", "one", "ping", "-c", "1", "-W", "5", "192.168.9.1")
    finally:
        hostb.run("ip", "address", "flush", "dev", "eth1")


def test_what_differs_is_corrected_in_place_or_made_anew(host):
    make_namespaces(host, "probe")
    _nic(host)
    host.run("ip", "link", "set", "spare0", "down")
    _attach(host, **_ONE)
    _is(host, _ONE)
    index = link(host, "eth1", "probe")["ifindex"]
    drift = """
    ip link set eth1 down; ip link set eth1 name moved; ip link set moved alias "" address 02:00:00:00:00:99 mtu 1300
    ip address add 192.168.77.1/24 dev moved; ip link set moved alias "pipefitter eth1 netns /run/netns/probe"
    ip link set moved type macvlan mode vepa
    """
    host.run("ip", "netns", "exec", "probe", "sh", "-e", "-c", drift)
    _attach(host, **_ONE)
    _is(host, _ONE)
    assert link(host, "eth1", "probe")["ifindex"] == index
    done = _attach(host, **_OTHER)
    assert "set spare0 up" in done["operations"]
    _is(host, _OTHER)
    # What it has and nobody asks to be otherwise comes along.
    _attach(host, netns="probe", nic="eth1", kind="macvlan", mode="private", mtu=1450)
    assert link(host, "eth1", "probe")["address"] == _OTHER["mac"]
    assert held(host, "eth1", "probe") == set(_OTHER["addresses"])


@pytest.mark.parametrize("absent", [{}, {"nic": "eth1"}])
def test_absent_takes_away_what_is_meant_and_nothing_else(hosta, absent):
    make_namespaces(hosta, "probe")
    make_bridge(hosta, "br0")
    _nic(hosta)
    before = everything(hosta)
    _attach(hosta, **_ONE)
    elsewhere = hosta.module("nic_attach", netns="probe", nic="spare0", state="absent")
    assert not elsewhere["changed"]
    _attach(hosta, netns="probe", state="absent", **absent)
    assert_same(before, everything(hosta))
    hosta.module("nic_attach", **_ONE)
    for state, sentence in (
        ("present", "by a macvlan interface that nic_attach made"),
        ("absent", "made by nic_attach"),
    ):
        with pytest.raises(ModuleFailed, match=sentence):
            hosta.module("veth_attach", netns="probe", bridge="br0", state=state)
    hosta.module("nic_attach", netns="probe", state="absent")
    hosta.run("ip", "-n", "probe", "link", "add", "eth1", "type", "bridge")
    with pytest.raises(ModuleFailed, match="is taken in netns /run/netns/probe by a bridge interface that this module"):
        hosta.module("nic_attach", netns="probe", state="absent")
    assert not hosta.module("nic_attach", netns="gone", state="absent")["changed"]


def test_a_run_killed_anywhere_is_completed_by_the_next(host):
    make_namespaces(host, "probe")
    _nic(host)
    for done in count():
        state = _OTHER if done % 2 else _ONE
        killed = host.module("nic_attach", die_after=done, **state).get("killed", False)
        host.module("nic_attach", **state)
        _is(host, state)
        if not killed:
            break
    assert done >= 10


def test_what_was_born_and_not_named_is_taken_up(hosta):
    make_namespaces(hosta, "probe")
    before = hosta.module("nic_attach", check_mode=True, **_ONE)
    _attach(hosta, **_ONE)
    born = "pf" + hashlib.sha256(b"/run/netns/probe\0eth1").hexdigest()[:11]
    script = f'ip link set eth1 down; ip link set eth1 name {born}; ip link set {born} alias ""'
    hosta.run("ip", "netns", "exec", "probe", "sh", "-e", "-c", script)
    index = link(hosta, born, "probe")["ifindex"]
    done = _attach(hosta, **_ONE)
    _is(hosta, _ONE)
    assert done["operations"] != before["operations"] and link(hosta, "eth1", "probe")["ifindex"] == index


def test_what_a_failed_run_did_is_undone(host):
    make_namespaces(host, "probe")
    _nic(host)
    for first, then in ((None, _OTHER), (_ONE, _OTHER), (_ONE, {**_ONE, "mode": "vepa", "addresses": []})):
        host.module("nic_attach", netns="probe", state="absent")
        host.run("ip", "link", "set", "spare0", "down")
        if first:
            host.module("nic_attach", **first)
        then = {name: value for name, value in then.items() if not (name[:7] == "gateway" and not then["addresses"])}
        before = everything(host)
        for done in count():
            try:
                host.module("nic_attach", fail_after=done, **then)
            except ModuleFailed as failure:
                assert "a fault that the test injected" in str(failure) and "could not be undone" not in str(failure)
                assert_same(_without_indexes(before), _without_indexes(everything(host)))
                continue
            break
        assert done >= 4


def _without_indexes(value):
    """What is deleted and made again has another index."""
    if isinstance(value, dict):
        return {key: _without_indexes(item) for key, item in value.items() if key != "ifindex"}
    return [_without_indexes(item) for item in value] if isinstance(value, list) else value


def test_the_service_makes_it_again_after_a_restart_with_its_mac(hosts):
    host, other = hosts["hosta"], hosts["hostb"]
    other.run("ip", "address", "add", "192.168.9.1/24", "dev", "eth1")
    name = "eth1 of container web1, from NIC eth1"
    try:
        with Service(host):
            wanted = {"container": "web1", "nic": "eth1", "kind": "macvlan", "addresses": ["192.168.9.10/24"]}
            waiting = host.module("nic_attach", wait=False, **wanted)
            assert waiting["pending"] == [{"container": "web1", "interface": "eth1"}] and waiting["recorded"]
            make_containers(host, "web1")
            until(lambda: states(host) == {name: "in order"}, lambda: states(host))
            asked = host.module("nic_attach", **wanted)
            assert not asked["changed"], asked["operations"]
            host.run("docker", "restart", "-t", "0", "web1")
            reach = ("docker", "exec", "web1", "ping", "-c", "1", "-W", "1", "192.168.9.1")
            until(lambda: host.run(*reach, check=False).returncode == 0, lambda: states(host))
            again = host.module("nic_attach", **wanted)
            assert not again["changed"] and again["attachments"] == asked["attachments"], again["operations"]
            shown = host.module("container_network_info")["recorded"]
            assert [(entry["kind"], entry["name"], entry["state"]) for entry in shown] == [
                ("nic_attachment", name, "in order")
            ]
            gone = host.module("nic_attach", container="web1", nic="eth1", state="absent")
            assert gone["operations"][-1] == f"take {name} out of the record" and states(host) == {}
            until(lambda: host.run(*reach, check=False).returncode == 1, "it is there still")
    finally:
        other.run("ip", "address", "flush", "dev", "eth1")


@needs_root
@in_own_namespaces
def test_what_the_kernel_can_not_make_is_found_without_making_anything():
    handle = NetlinkHandle()
    try:
        before = handle.links()
        assert handle.can_make("macvlan") and not handle.can_make("nosuch")
        assert handle.links() == before
    finally:
        handle.close()


def test_what_others_have_on_a_nic_is_seen_wherever_it_is(hosta):
    make_containers(hosta, "web1", "web2")
    make_namespaces(hosta, "probe")
    hosta.module("nic_attach", container="web1", nic="eth1", kind="macvlan")
    wanted = {"netns": "probe", "nic": "eth1", "kind": "macvlan", "mode": "passthru"}
    for check_mode in (True, False):
        with pytest.raises(
            ModuleFailed, match="eth1 of netns /run/netns/probe and eth1 in container web1 are both to be"
        ):
            hosta.module("nic_attach", check_mode=check_mode, **wanted)
    hosta.module("nic_attach", container="web1", state="absent")
    # One that nobody marked, in a namespace that has no name.
    hosta.run("ip", "link", "add", "mine", "link", "eth1", "type", "macvlan", "mode", "bridge")
    pid = hosta.run("docker", "inspect", "-f", "{{.State.Pid}}", "web2").stdout.strip()
    hosta.run("ip", "link", "set", "mine", "netns", pid)
    with pytest.raises(ModuleFailed, match="mine in .* are both to be on eth1"):
        hosta.module("nic_attach", check_mode=True, **wanted)


def test_refuses_with_a_sentence_and_changes_nothing(hosta):
    make_namespaces(hosta, "probe", "two")
    make_bridge(hosta, "br0")
    _nic(hosta)
    _nic(hosta, "spare1")
    hosta.run("ip", "link", "set", "spare0", "master", "br0")
    hosta.run("ip", "link", "add", "mine", "link", "spare1", "type", "macvlan", "mode", "bridge")
    hosta.run("ip", "-n", "probe", "link", "add", "taken", "type", "bridge")
    default = next(entry["dev"] for entry in hosta.ip("route", "show", "default"))
    before = everything(hosta)
    macvlan = {"netns": "probe", "nic": "eth1", "kind": "macvlan"}
    for changes, sentence in (
        ({"nic": None}, "nic: is required"),
        ({"kind": "ipvlan"}, r"kind: this host's kernel has no ipvlan \(CONFIG_IPVLAN\), which eth1 of .*veth_attach"),
        (
            {"vlan": 100},
            r"vlan: this host's kernel has no interfaces for VLANs \(8021q, CONFIG_VLAN_8021Q\), and there",
        ),
        ({"kind": None}, "kind: is required"),
        ({"nic": "nosuch"}, "nic: 'nosuch' is no interface of this host; give one of .*eth1"),
        ({"nic": "02:00:00:00:00:77"}, "no interface of this host has MAC address 02:00:00:00:00:77"),
        ({"nic": "0000:ff:00.0"}, "no interface of this host is at PCI address 0000:ff:00.0"),
        ({"nic": "spare0"}, "spare0 is a port of bridge br0.*veth_attach"),
        ({"nic": "mine"}, "mine is a macvlan itself.*give spare1"),
        ({"nic": "spare1", "mode": "passthru"}, "a macvlan of mode passthru has its NIC to itself.*mine"),
        ({"nic": default, "mode": "passthru"}, "passthru would take all frames.*carries this host's default route"),
        ({"mode": "passthru", "mac": "02:00:00:00:00:01"}, "mac: '02:00:00:00:00:01' is mutually exclusive with mode"),
        ({"mtu": 9000}, "mtu: 9000 is asked for.*eth1 has 1500"),
        ({"interface": "taken"}, "'taken' is taken in netns /run/netns/probe by a bridge interface"),
        ({"addresses": ["192.168.9.10/24"], "gateway6": "fd00::1"}, "gateway6: 'fd00::1' requires an IPv6 address"),
    ):
        with pytest.raises(ModuleFailed, match=sentence):
            hosta.module("nic_attach", **{k: v for k, v in {**macvlan, **changes}.items() if v is not None})
    hosta.run("sh", "-e", "-c", "touch /run/netns/again; mount --bind /run/netns/probe /run/netns/again")
    with pytest.raises(ModuleFailed, match="are the same network namespace"):
        hosta.module("nic_attach", nic="eth1", kind="macvlan", attachments=[{"netns": "probe"}, {"netns": "again"}])
    hosta.run("umount", "/run/netns/again")
    hosta.run("rm", "/run/netns/again")
    assert_same(before, everything(hosta))
