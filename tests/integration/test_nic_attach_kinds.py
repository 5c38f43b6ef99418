# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach: ipvlans, and VLANs of a NIC, on a kernel that has them."""

from __future__ import annotations

import hashlib
import importlib
from itertools import count, cycle

import pytest
import yaml
from lab_hosts import ModuleFailed
from nic_kinds import absent, attach, refused, shown, vlans, whole
from wiring import assert_same, held, link, make_namespaces, ping, routes, warned

# A LAN behind eth1, with VLANs 100 and 200 in it and VLAN 30 within VLAN 20.
LAN = """
ip netns add lan
ip link add eth1 mtu 1600 type veth peer name far1 mtu 1600
ip link set far1 netns lan
ip -n lan link set far1 up
ip -n lan addr add 192.168.9.1/24 dev far1
ip -n lan addr add fd00:9::1/64 dev far1 nodad
for vlan in 100 200 20; do
    ip -n lan link add link far1 name far1.$vlan up type vlan id $vlan
    ip -n lan addr add 10.$vlan.0.1/24 dev far1.$vlan
done
ip -n lan link add link far1.20 name far1.20.30 up type vlan id 30
ip -n lan addr add 10.30.0.1/24 dev far1.20.30
ip link set eth1 up
"""

IPVLAN = {
    "netns": "web1",
    "nic": "eth1",
    "kind": "ipvlan",
    "addresses": ["192.168.9.10/24", "fd00:9::10/64"],
    "gateway": "192.168.9.1",
    "gateway6": "fd00:9::1",
    "routes": [{"destination": "10.77.0.0/16", "gateway": "192.168.9.254"}],
    "mtu": 1400,
}
IN_VLAN = {
    "netns": "web1",
    "nic": "eth1",
    "vlan": 100,
    "kind": "macvlan",
    "mode": "private",
    "addresses": ["10.100.0.10/24", "fd00:100::10/64"],
    "gateway": "10.100.0.1",
    "mac": "02:00:00:00:01:00",
}


@pytest.fixture(name="host")
def fixture_host(kernel):
    kernel.run("sh", "-e", "-c", LAN)
    make_namespaces(kernel, "web1", "web2", "db1")
    yield kernel
    kernel.clean()


def test_the_example_with_ipvlans_runs_and_settles(host):
    examples = importlib.import_module("ansible_collections.pipefitter.container_network.plugins.modules.nic_attach")
    every = [task["pipefitter.container_network.nic_attach"] for task in yaml.safe_load(examples.EXAMPLES)]
    (options,) = [options for options in every if options.get("kind") == "ipvlan"]
    make_namespaces(host, "web5", "web6")
    for entry in options["attachments"]:
        entry["netns"] = entry.pop("container")  # no engine runs here
    attach(host, **options)
    assert ping(host, "web5", "10.100.0.1") and ping(host, "web6", "10.200.0.1")


def test_ipvlans_share_the_nics_mac_and_reach_the_lan_and_each_other(host):
    mac = link(host, "eth1")["address"]
    done = attach(
        host,
        nic="eth1",
        kind="ipvlan",
        attachments=[
            {"netns": "web1", "addresses": ["192.168.9.10/24", "fd00:9::10/64"], "gateway": "192.168.9.1"},
            {"netns": "web2", "addresses": ["192.168.9.11/24", "fd00:9::11/64"], "mtu": 1400},
        ],
    )
    assert [shown(host, name) for name in ("web1", "web2")] == [
        ("ipvlan", "l2", 1600, "eth1"),
        ("ipvlan", "l2", 1400, "eth1"),
    ]
    assert [link(host, "eth1", name)["address"] for name in ("web1", "web2")] == [mac, mac]
    assert done["attachments"][1] == {
        "netns": "/run/netns/web2",
        "nic": "eth1",
        "kind": "ipvlan",
        "mode": "l2",
        "interface": "eth1",
        "addresses": ["192.168.9.11/24", "fd00:9::11/64"],
        "mtu": 1400,
    }
    assert any(line.startswith("announce 192.168.9.11") for line in done["operations"])
    (told,) = [warning for warning in warned(done) if "does not reach" in warning]
    assert told.endswith("nor they this host by its addresses there; other machines do")
    for address in ("192.168.9.1", "fd00:9::1", "192.168.9.11", "fd00:9::11"):
        assert ping(host, "web1", address), address
    assert ping(host, "lan", "192.168.9.11")
    given = {"attachments": [{**entry} for entry in done["attachments"]]}
    assert not host.module("nic_attach", **given)["changed"]
    operations = absent(host, attachments=[{"netns": "web1"}, {"netns": "web2"}])
    assert len(operations) == 2 and "ipvlan eth1 of netns /run/netns/web1" in operations[0]


def test_what_differs_of_an_ipvlan_is_corrected_in_place(host):
    attach(host, **IPVLAN)
    index = link(host, "eth1", "web1")["ifindex"]
    drift = """
    ip link set eth1 down; ip link set eth1 name moved; ip link set moved mtu 1300
    ip address add 192.168.77.1/24 dev moved; ip address del 192.168.9.10/24 dev moved
    ip link set moved type ipvlan mode l3
    """
    host.run("ip", "netns", "exec", "web1", "sh", "-e", "-c", drift)
    done = attach(host, **IPVLAN)
    assert "set the mode of all ipvlans on eth1 from l3 to l2 by moved in netns /run/netns/web1" in done["operations"]
    assert (link(host, "eth1", "web1")["ifindex"], shown(host, "web1")) == (index, ("ipvlan", "l2", 1400, "eth1"))
    assert held(host, "eth1", "web1") == set(IPVLAN["addresses"])
    assert routes(host, "web1") == {
        "default gateway 192.168.9.1 dev eth1",
        "10.77.0.0/16 gateway 192.168.9.254 dev eth1",
    }
    # The kernel gives all of them the NIC's MTU when that changes.
    host.run("ip", "link", "set", "eth1", "mtu", "1500")
    assert attach(host, **IPVLAN)["operations"] == ["set eth1 mtu 1400 in netns /run/netns/web1"]


def test_all_ipvlans_of_a_nic_change_their_mode_together_and_no_others_without_being_told(host):
    one = {"netns": "web1", "addresses": ["10.55.0.10/32"]}
    two = {"netns": "web2", "addresses": ["10.55.0.11/32"]}
    attach(host, nic="eth1", kind="ipvlan", attachments=[one, two])
    indexes = [link(host, "eth1", name)["ifindex"] for name in ("web1", "web2")]
    before = whole(host)
    for options in ({**one, "mode": "l3"}, {"netns": "db1", "mode": "l3s"}):
        said = refused(host, nic="eth1", kind="ipvlan", **options)
        assert "mode: all ipvlans on one NIC have one mode, and on eth1 " in said
        assert "and eth1 in netns /run/netns/web" in said and " l2; give l2, or put all " in said
    said = refused(host, nic="eth1", kind="ipvlan", attachments=[{**one, "mode": "l3"}, two])
    assert "all ipvlans on one NIC have one mode" in said
    assert_same(before, whole(host))

    # The host routes for them: to the LAN, which has a route back through it.
    host.run("sh", "-e", "-c", "ip addr add 192.168.9.2/24 dev eth1; ip -n lan route add 10.55.0.0/24 via 192.168.9.2")
    host.run("sh", "-e", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for mode in ("l3", "l3s"):
        done = attach(
            host, nic="eth1", kind="ipvlan", mode=mode, gateway="192.168.9.2", attachments=[one, two], announce=True
        )
        assert [line for line in done["operations"] if line.startswith("set the mode")] == [
            f"set the mode of all ipvlans on eth1 from {'l2' if mode == 'l3' else 'l3'} to {mode} by eth1 "
            "in netns /run/netns/web1"
        ]
        assert [shown(host, name)[1] for name in ("web1", "web2")] == [mode, mode]
        assert indexes == [link(host, "eth1", name)["ifindex"] for name in ("web1", "web2")]
        assert (
            ping(host, "web1", "192.168.9.1") and ping(host, "lan", "10.55.0.11") and ping(host, "web1", "10.55.0.11")
        )
    done = attach(host, nic="eth1", kind="ipvlan", mode="l3s", netns="db1", addresses=["10.55.0.12/32"])
    assert not [line for line in done["operations"] if "announce" in line]
    assert any("others reach them by a route to these through this host's address on eth1" in w for w in warned(done))


def test_macvlans_and_ipvlans_of_one_nic_are_refused_wherever_the_others_are(host):
    attach(host, netns="web1", nic="eth1", kind="macvlan")
    before = whole(host)
    said = refused(host, netns="web2", nic="eth1", kind="ipvlan")
    assert "nic: eth1 has eth1 in netns /run/netns/web1, of kind macvlan, and a NIC has ipvlans or those; give " in said
    both = [{"netns": "web2", "kind": "ipvlan"}, {"netns": "db1", "kind": "macvlan"}]
    said = refused(host, nic="eth1", attachments=both)
    assert "and both on eth1, which has either" in said or "of kind macvlan, and a NIC has ipvlans" in said
    assert_same(before, whole(host))
    # In a VLAN of the NIC they are by themselves.
    attach(host, netns="web2", nic="eth1", vlan=100, kind="ipvlan")
    said = refused(host, netns="db1", nic="eth1", vlan=100, kind="macvlan")
    assert "eth1.100 has eth1 in netns /run/netns/web2, of kind ipvlan, and a NIC has macvlans or those" in said
    # The last macvlan becomes an ipvlan, and keeps its addresses.
    host.module("nic_attach", netns="web1", nic="eth1", kind="macvlan", addresses=["192.168.9.10/24"])
    attach(host, netns="web1", nic="eth1", kind="ipvlan")
    assert shown(host, "web1")[0] == "ipvlan" and held(host, "eth1", "web1") == {"192.168.9.10/24"}
    wanted = {"netns": "web2", "interface": "eth2", "nic": "eth1", "kind": "ipvlan", "addresses": ["192.168.9.10/24"]}
    with pytest.raises(ModuleFailed, match="Address already assigned to an ipvlan device"):
        host.module("nic_attach", **wanted)


def test_a_vlan_is_made_up_and_goes_with_the_last_that_is_on_it(host):
    before = whole(host)
    done = attach(host, **IN_VLAN)
    assert done["operations"][:3] == [
        "create eth1.100 for VLAN 100 of eth1, mtu 1600",
        "set sysctl net.ipv6.conf.eth1.100.disable_ipv6 from 0 to 1",
        "set eth1.100 up",
    ]
    assert (done["attachments"][0]["nic"], done["attachments"][0]["vlan"]) == ("eth1", 100)
    assert vlans(host) == {"eth1.100": (100, 1600, True)}
    assert (link(host, "eth1.100")["ifalias"], shown(host, "web1")) == (
        "pipefitter",
        ("macvlan", "private", 1600, "eth1.100"),
    )
    assert not host.ip("addr", "show", "dev", "eth1.100")[0]["addr_info"]
    others = {"kind": "ipvlan", "vlan": 200, "nic": "eth1"}
    attach(host, attachments=[{"netns": "web2", "addresses": ["10.200.0.11/24", "10.100.0.11/24"]}], **others)
    assert ping(host, "web1", "10.100.0.1") and ping(host, "web2", "10.200.0.1")
    assert not ping(host, "web2", "10.100.0.1")
    attach(host, netns="db1", nic="eth1", vlan=100, kind="macvlan", mode="bridge", addresses=["10.100.0.12/24"])
    host.run("sh", "-c", "ip link set eth1.100 down mtu 1500; echo 0 > /proc/sys/net/ipv6/conf/eth1.100/disable_ipv6")
    done = attach(host, **IN_VLAN)
    assert done["operations"][:3] == [
        "set eth1.100 mtu 1600",
        "set sysctl net.ipv6.conf.eth1.100.disable_ipv6 from 0 to 1",
        "set eth1.100 up",
    ]
    assert ping(host, "web1", "10.100.0.1")

    # By its NIC and VLAN, another one is not meant.
    for elsewhere in ({"nic": "eth1"}, {"nic": "eth1", "vlan": 200}):
        assert absent(host, netns="web1", **elsewhere) == []
    assert "delete eth1.100, on which nothing is any more" not in absent(host, netns="web1", nic="eth1", vlan=100)
    # To another VLAN, the last one moves.
    moved = attach(host, netns="db1", nic="eth1", vlan=200, kind="ipvlan")["operations"]
    assert "delete eth1.100, on which nothing is any more" in moved and set(vlans(host)) == {"eth1.200"}
    assert absent(host, netns="web2") == ["delete ipvlan eth1 of netns /run/netns/web2 in netns /run/netns/web2"]
    host.run("ip", "netns", "delete", "db1")
    gone = absent(host, netns="db1", nic="eth1", vlan=200)
    assert gone == ["delete eth1.200, on which nothing is any more"]
    make_namespaces(host, "db1")
    assert_same(before, whole(host))


def test_a_vlan_that_others_made_is_used_and_stays(host):
    host.run("sh", "-e", "-c", "ip link add link eth1 name blue mtu 1500 type vlan id 100")
    done = attach(host, **IN_VLAN)
    assert done["operations"][0] == "set blue up" and vlans(host) == {"blue": (100, 1500, True)}
    assert done["attachments"][0]["vlan"] == 100 and ping(host, "web1", "10.100.0.1")
    # The same one under its own name.
    assert attach(host, **{**IN_VLAN, "nic": "blue", "vlan": None})["operations"] == []
    assert absent(host, netns="web1") == ["delete macvlan eth1 of netns /run/netns/web1 in netns /run/netns/web1"]
    assert vlans(host) == {"blue": (100, 1500, True)}
    # One of ours that others came to use stays, too.
    attach(host, **{**IN_VLAN, "vlan": 200})
    host.run("ip", "addr", "add", "10.200.0.9/24", "dev", "eth1.200")
    assert len(absent(host, netns="web1")) == 1
    host.run("ip", "addr", "flush", "dev", "eth1.200")
    assert absent(host, netns="web1", nic="eth1", vlan=200) == ["delete eth1.200, on which nothing is any more"]


def test_a_vlan_within_a_vlan_and_a_nic_whose_name_is_long(host):
    attach(host, netns="web1", nic="eth1", vlan=20, kind="macvlan", interface="outer0")
    attach(host, netns="web1", nic="eth1.20", vlan=30, kind="macvlan", addresses=["10.30.0.10/24"])
    assert ping(host, "web1", "10.30.0.1") and set(vlans(host)) == {"eth1.20", "eth1.20.30"}
    # Of VLAN 20 goes what is on it, and it stays as long as VLAN 30 is within it.
    assert len(absent(host, netns="web1", interface="outer0")) == 1
    assert absent(host, netns="web1")[1:] == [
        "delete eth1.20.30, on which nothing is any more",
        "delete eth1.20, on which nothing is any more",
    ]
    host.run("sh", "-e", "-c", "ip link add enx0011223344 type veth peer name far2; ip link set far2 up")
    attach(host, netns="web1", nic="enx0011223344", vlan=4094, kind="macvlan")
    (name,) = vlans(host)
    assert link(host, name)["altnames"] == ["enx0011223344.4094"]
    absent(host, netns="web1")


# Of the mode, kind, VLAN and NIC of one that is there and of what it becomes.
STATES = (
    IN_VLAN,
    {**IPVLAN, "vlan": 200, "mtu": 1500},
    IPVLAN,
    {**IN_VLAN, "kind": "ipvlan", "mode": "l3", "mac": None},
)


def _given(state):
    return {name: value for name, value in state.items() if value is not None}


def _is(host, state):
    mtu, under = state.get("mtu", 1600), "eth1" if state.get("vlan") is None else f"eth1.{state['vlan']}"
    assert shown(host, "web1") == (state["kind"], state.get("mode", "l2"), mtu, under)
    assert held(host, "eth1", "web1") == set(state["addresses"])
    assert set(vlans(host)) == {under} - {"eth1"}


def test_a_run_killed_anywhere_is_completed_by_the_next(host):
    # At every other operation; the unit tests do it at each.
    most = 0
    for done, state in zip(count(1, 2), cycle(STATES)):
        killed = host.module("nic_attach", die_after=done, **_given(state)).get("killed", False)
        host.module("nic_attach", **_given(state))
        _is(host, state)
        most = done
        if not killed:
            break
    assert most >= 8
    # Between being made and being named.
    host.module("nic_attach", **_given(STATES[0]))
    name = host.module("nic_attach", state="absent", netns="web1")["operations"][-1].split()[1].rstrip(",")
    assert name == "eth1.100"
    born = "pfn" + hashlib.sha256(b"eth1\x00100").hexdigest()[:10]
    host.run("ip", "link", "add", "link", "eth1", "name", born, "type", "vlan", "id", "100")
    done = attach(host, **_given(STATES[0]))
    assert done["operations"][0] == f"name {born} eth1.100, and mark it as ours"
    _is(host, STATES[0])


def test_what_a_failed_run_did_is_undone(host):
    least = []
    host.module("nic_attach", **_given(STATES[0]))
    for then in STATES[2:]:
        before = whole(host)
        for done in count(1, 2):
            try:
                host.module("nic_attach", fail_after=done, **_given(then))
            except ModuleFailed as failure:
                assert "a fault that the test injected" in str(failure) and "could not be undone" not in str(failure)
                assert_same(before, whole(host))
                continue
            break
        least.append(done)
    assert min(least) >= 5
    before = whole(host)
    for done in count():
        try:
            host.module("nic_attach", fail_after=done, netns="web1", state="absent")
        except ModuleFailed:
            assert_same(before, whole(host))
            continue
        break
    assert done >= 2


def test_refuses_with_a_sentence_and_changes_nothing(host):
    setup = """
    ip link add spare0 type veth peer name far0; ip link add br0 type bridge; ip link set spare0 master br0
    ip link add br1 type bridge vlan_filtering 1; ip link add eth1.7 type bridge
    ip link add link eth1 name eth1.8 type vlan id 8; ip link set eth1.8 master br0
    """
    host.run("sh", "-e", "-c", setup)
    before = whole(host)
    for changes, sentence in (
        ({"vlan": 0}, "vlan: 0 is out of range; give 1 to 4094"),
        (
            {"nic": "spare0"},
            "spare0 is a port of bridge br0, from which an interface for VLAN 100 would take its frames",
        ),
        ({"nic": "br1"}, "br1 is a bridge that filters VLANs and itself is not in VLAN 100"),
        (
            {"vlan": 7},
            "vlan: eth1.7, as the interface for VLAN 7 of eth1 is to be called, is the name of a bridge inter",
        ),
        ({"vlan": 8}, "eth1.8 is a port of bridge br0, which has all its frames"),
        ({"mtu": 1601}, "mtu: 1601 is asked for"),
        ({"kind": "ipvlan", "mac_seed": "a"}, "mac_seed: 'a' is mutually exclusive with kind ipvlan"),
        ({"mode": "l2"}, "mode: 'l2' is no mode of kind macvlan"),
        ({"state": "absent", "nic": None}, "vlan: 100 is one of a NIC's, and none is named"),
    ):
        options = {"netns": "web1", "nic": "eth1", "vlan": 100, "kind": "macvlan", **changes}
        assert sentence in refused(host, **_given(options)), changes
    assert_same(before, whole(host))
    host.run("bridge", "vlan", "add", "dev", "br1", "vid", "100", "self")
    attach(host, netns="web1", nic="br1", vlan=100, kind="macvlan")


def test_the_kinds_meet_on_one_nic(host):
    wanted = {
        "netns": "web1",
        "nic": "eth1",
        "kind": "ipvlan",
        "addresses": ["10.100.0.10/24"],
        "routes": [{"destination": "10.77.0.0/16", "gateway": "10.100.0.1", "table": 100}],
        "rules": [{"from": "10.100.0.10", "table": 100}],
        "sysctls": {"net.ipv4.conf.IFNAME.rp_filter": 2},
    }
    before = whole(host)
    for vlan in ({"vlan": 100}, {}):  # which makes it anew
        attach(host, **wanted, **vlan)
        assert link(host, "eth1", "web1")["ifalias"].endswith(" +0")
        assert "from 10.100.0.10 lookup 100" in host.run("ip", "-n", "web1", "rule").stdout
        if vlan:
            said = refused(host, netns="web2", nic="eth1", kind="physical")
            assert "nic: eth1 would leave this host, and eth1.100, of kind vlan, is on it" in said
    itself = {"netns": "web1", "nic": "eth1", "kind": "physical", "addresses": ["192.168.9.10/24"]}
    assert "vlan: 100 is not for kind physical" in refused(host, **itself, vlan=100)
    attach(host, **itself)
    assert "10.100.0.10" not in host.run("ip", "-n", "web1", "rule").stdout and ping(host, "web1", "192.168.9.1")
    assert "was moved into netns /run/netns/web1 as eth1" in refused(host, netns="web2", nic="eth1", kind="ipvlan")
    assert absent(host, netns="web1", nic="eth1", vlan=100) == []
    absent(host, netns="web1")
    attach(host, **IN_VLAN)
    absent(host, netns="web1")
    assert_same(before, whole(host))
