# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of two hosts in two VLANs over one trunk: the playbook multi_host_vlan checks, wires and settles."""

from __future__ import annotations

import pytest
from fleet import VLANS, in_container, namespaces, pings
from wiring import assert_same, everything, make_containers, make_namespaces, make_ovs_bridge, ovs_ports


def _compiled(host):
    """Return the mode and the owner of the file in which tasks keep what they compiled."""
    return host.run("sh", "-c", "stat -c '%a %U' /var/cache/pipefitter/compiled.* || true").stdout.strip()


def test_the_playbook_checks_wires_and_settles(hosts, four):
    before = {name: everything(host) for name, host in hosts.items()}
    for host in hosts.values():
        host.run("rm", "-rf", "/var/cache/pipefitter")
    checked = four.play("multi_host_vlan", "--check", "--diff").ok()
    assert not any(_compiled(host) for host in hosts.values()), "check mode keeps nothing"
    assert checked.changed == {"hosta": 2, "hostb": 2}
    assert "192.168.0.3/24" in checked.said and "trunk" in checked.said
    for name, host in hosts.items():
        assert_same(before[name], everything(host))

    assert four.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    assert four.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    assert {_compiled(host) for host in hosts.values()} == {"600 root"}
    assert "12 pairs, 0 not as they should be" in four.play("check_connectivity").ok().said

    four.common["multi_host_vlan_state"] = "absent"
    assert four.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    for name, host in hosts.items():
        # The uplink stays up: whether it was is nobody's record.
        assert {link["ifname"] for link in host.ip("link", "show")} == {
            link["ifname"] for link in before[name]["host link"][0]
        }
        assert host.run("ovs-vsctl", "list-br").stdout == ""
    assert four.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    assert (
        "nothing was checked: it takes two containers with addresses, and the variables of the hosts hold 0"
        in four.play("check_connectivity").ok().said
    )


def test_a_wrong_cell_fails_the_check(hosts, four):
    four.play("multi_host_vlan").ok()
    (port,) = (name for name in ovs_ports(hosts["hostb"]) if _tag(hosts["hostb"], name) == "200")
    hosts["hostb"].run("ovs-vsctl", "set", "port", port, "tag=100")
    found = four.play("check_connectivity")
    assert found.status == 2
    assert "6 not as they should be" in found.said  # both ways between 4 and each of the others
    assert "test4 of hostb (db, 192.168.0.4) reaches test1 of hosta (web, 192.168.0.1)" in found.said
    assert "test2 of hosta (db, 192.168.0.2) does not reach test4 of hostb (db, 192.168.0.4)" in found.said
    # The playbook puts it right, on that host only.
    assert four.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 1}
    four.play("check_connectivity").ok()


def _tag(host, port):
    return host.run("ovs-vsctl", "get", "port", port, "tag").stdout.strip()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda fleet: fleet.by_host["hostb"]["multi_host_vlan_containers"][0].update(address="192.168.0.1/24"),
            "hostb: multi_host_vlan_containers[0].address: 192.168.0.1 is the address of test1 of hosta "
            "in VLAN web (100) already",
        ),
        (
            lambda fleet: fleet.common.update(multi_host_vlan_vlans={**VLANS, "www": {"id": 100}}),
            "multi_host_vlan_vlans.www.id: 100 is the id of VLAN web already",
        ),
        (
            lambda fleet: fleet.by_host["hostb"].update(multi_host_vlan_uplink="eth0"),
            "hostb: multi_host_vlan_uplink: 'eth0' carries this host's default route; as a port",
        ),
    ],
    ids=["address", "vlan", "uplink"],
)
def test_what_contradicts_itself_is_found_before_anything_changes(hosts, four, change, sentence):
    before = {name: everything(host) for name, host in hosts.items()}
    change(four)
    # Also where the second host's turn would come only after the first is done.
    for words in ((), ("-e", "pipefitter_serial=1")):
        refused = four.play("multi_host_vlan", *words)
        assert refused.status == 2 and sentence in refused.said
        assert sum(refused.changed.values()) == 0
    for name, host in hosts.items():
        assert_same(before[name], everything(host))


# The lab's NICs are veths, of which only the default route tells that they are no container's.
REACHED = "ip link set {0} up; ip addr add 10.99.0.2/24 dev {0}; ip route add default via 10.99.0.1 dev {0} metric 999"


@pytest.mark.parametrize(
    ("making", "named", "sentence"),
    [
        (
            "ovs-vsctl add-br ovm -- set bridge ovm datapath_type=netdev -- add-port ovm eth1",
            "ovs0",
            "is a port of Open vSwitch bridge ovm, where ovm",
        ),
        ("ip link add ovm type bridge; ip link set eth1 master ovm", "ovs0", "is a port of Linux bridge ovm, which"),
    ],
    ids=["other bridge", "linux bridge"],
)
def test_a_nic_whose_bridge_the_host_is_reached_by_is_no_uplink(hosts, fleet, making, named, sentence):
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    hosts["hostb"].run("sh", "-e", "-c", f"{making}; {REACHED.format('ovm')}")
    fleet.by_host["hostb"]["multi_host_vlan_bridge"] = named
    before = {name: everything(host) for name, host in hosts.items()}
    refused = fleet.play("multi_host_vlan")
    assert (
        refused.status == 2
        and f"hostb: multi_host_vlan_uplink: 'eth1' {sentence} carries this host's default route" in refused.said
    )
    assert sum(refused.changed.values()) == 0
    for name, host in hosts.items():
        assert_same(before[name], everything(host))


def test_a_bridge_with_an_address_in_a_vlan_takes_another_vlan(hosts, fleet):
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    fleet.play("multi_host_vlan").ok()
    hosts["hosta"].module("ovs_vlan_port", bridge="ovs0", port="ovs0", tag=100)
    hosts["hosta"].run("sh", "-e", "-c", REACHED.format("ovs0"))
    (eth1,) = (one for one in hosts["hosta"].module("container_network_info")["interfaces"] if one["name"] == "eth1")
    assert (eth1["bridge"], eth1["management_vlans"]) == (
        "ovs0",
        [100],
    ) and "is a port of Open vSwitch bridge ovs0" in eth1["management"]
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    fleet.common["multi_host_vlan_vlans"] = {**VLANS, "log": {"id": 300}}
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1}


def test_a_bridge_of_others_keeps_nothing_of_the_role(hosts, fleet):
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    make_ovs_bridge(hosts["hosta"])
    hosts["hosta"].run("ovs-vsctl", "set", "bridge", "ovs0", "external_ids:whose=theirs")

    def ids():
        return hosts["hosta"].run("ovs-vsctl", "get", "bridge", "ovs0", "external_ids").stdout

    fleet.play("multi_host_vlan").ok()
    assert "multi_host_vlan_addresses=" in ids()
    fleet.common["multi_host_vlan_state"] = "absent"
    fleet.play("multi_host_vlan").ok()
    assert ids() == "{whose=theirs}\n"
    assert hosts["hostb"].run("ovs-vsctl", "list-br").stdout == ""
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}


def test_two_ways_between_hosts_are_never_there_at_once(hosts, fleet):
    """A trunk beside tunnels is a loop; so is a second uplink. Purge is about containers."""
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    fleet.play("multi_host_vlan").ok()
    for host in hosts.values():
        host.run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        host.module("ovs_vlan_port", bridge="ovs0", port="other0", tag=100)
    kept = {name: ovs_ports(host) - {"eth1"} for name, host in hosts.items()}

    def uplink_ports():
        return {name: ovs_ports(host) - kept[name] for name, host in hosts.items()}

    del fleet.common["multi_host_vlan_uplink"]
    fleet.common["multi_host_vlan_transport"] = "vxlan"
    # One transaction: no time in which there are both.
    assert fleet.play("multi_host_vlan", "-e", "multi_host_vlan_mtu=1500").ok().changed == {"hosta": 1, "hostb": 1}
    tunnels = uplink_ports()
    assert all(len(names) == 2 and all(name.startswith("vx") for name in names) for names in tunnels.values())

    refused = fleet.play("multi_host_vlan", "--limit", "hosta", "-e", "multi_host_vlan_purge=true")
    assert (
        refused.status == 2
        and "--limit leaves hosts out, and 2 of this host's tunnels lead to none of the others" in refused.said
    )
    everybody = (
        """{"multi_host_vlan_hosts": "{{ groups['lab'] }}", "multi_host_vlan_purge": true, """
        """"multi_host_vlan_mtu": 1500}"""
    )
    assert fleet.play("multi_host_vlan", "--limit", "hosta", "-e", everybody).ok().changed == {"hosta": 0}
    assert uplink_ports() == tunnels

    fleet.by_host["hostb"]["multi_host_vlan_underlay_address"] = "fd00:10:77::12"
    fleet.by_host["hosta"]["multi_host_vlan_underlay_address"] = "fd00:10:77::11"
    assert fleet.play("multi_host_vlan", "-e", "multi_host_vlan_mtu=1500").ok().changed == {"hosta": 1, "hostb": 1}
    assert all(len(names) == 2 and not names & tunnels[name] for name, names in uplink_ports().items())

    for given in fleet.by_host.values():
        del given["multi_host_vlan_underlay_address"]
    fleet.common.update(multi_host_vlan_transport="trunk", multi_host_vlan_uplink="eth1")
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1}
    assert uplink_ports() == {"hosta": {"eth1"}, "hostb": {"eth1"}}

    for host in hosts.values():
        host.run("ip", "link", "add", "second0", "type", "veth", "peer", "name", "second1")
    fleet.common["multi_host_vlan_uplink"] = "second0"
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1}
    assert uplink_ports() == {"hosta": {"second0"}, "hostb": {"second0"}}
    fleet.common["multi_host_vlan_purge"] = True
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}


def test_four_containers_of_one_host_in_two_vlans(hosts, fleet):
    host = hosts["hosta"]
    names = [f"test{number}" for number in range(1, 5)]
    make_containers(host, *names)
    del fleet.common["multi_host_vlan_uplink"]
    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [
        {"container": name, "vlan": vlan, "address": f"192.168.0.{number}/24"}
        for number, (name, vlan) in enumerate(zip(names, ("web", "db") * 2), 1)
    ]
    # Nothing joins the hosts: the same address in the same VLAN is no duplicate.
    make_namespaces(hosts["hostb"], "other")
    fleet.by_host["hostb"]["multi_host_vlan_containers"] = [
        {"netns": "other", "vlan": "web", "address": "192.168.0.1/24"}
    ]
    assert fleet.play("single_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    assert fleet.play("single_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    everyone = [f"192.168.0.{number}" for number in range(1, 5)]
    assert [pings(host, name, *everyone) for name in names] == [
        {"192.168.0.1", "192.168.0.3"},
        {"192.168.0.2", "192.168.0.4"},
    ] * 2
    assert (
        "12 pairs, 0 not as they should be"
        in fleet.play("check_connectivity", "-e", "multi_host_vlan_transport=none").ok().said
    )
    assert in_container(host, "test1", "ip", "route").stdout.count("\n") == 1
