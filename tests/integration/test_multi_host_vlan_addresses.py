# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook multi_host_vlan where it chooses addresses: they are unique, and what has one keeps it."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.addresses import seeded_mac
from fleet import VLANS, addresses_in_vlans, namespaces
from wiring import make_containers, make_namespaces, ovs_ports


def test_what_is_added_changes_just_that(hosts, fleet):
    wanted = {
        "hosta": [{"netns": "a1", "vlan": "web"}, {"netns": "a2", "vlan": "db"}],
        "hostb": [{"netns": "b1", "vlan": "web"}],
    }
    namespaces(hosts, fleet, **wanted)
    fleet.play("multi_host_vlan").ok()
    first = addresses_in_vlans(hosts)

    make_namespaces(hosts["hostb"], "b0")
    wanted["hostb"].insert(0, {"netns": "b0", "vlan": "web"})
    # The attachment, and what the bridge keeps of its address.
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 2}
    second = addresses_in_vlans(hosts)
    assert {name: second[name] for name in first} == first and len(set(second.values())) == len(second) == 4

    fleet.common["multi_host_vlan_vlans"] = {**VLANS, "log": {"id": 300, "subnet": "10.3.0.0/24"}}
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1}
    for host in hosts.values():
        assert host.run("ovs-vsctl", "get", "port", "eth1", "trunks").stdout.strip() == "[100, 200, 300]"
    assert addresses_in_vlans(hosts) == second

    del wanted["hosta"][0]
    fleet.common["multi_host_vlan_purge"] = True
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 0}
    assert len(ovs_ports(hosts["hosta"])) == 2


def test_chosen_addresses_outlive_a_restart_of_all_containers(hosts, fleet):
    """Of these two, each would be given the other's, by their names alone."""
    fleet.common["multi_host_vlan_vlans"] = {"web": {"id": 100, "subnet": "192.168.0.0/28"}}
    wanted = {"hosta": [{"netns": "a3", "vlan": "web"}], "hostb": []}
    namespaces(hosts, fleet, **wanted)
    fleet.play("multi_host_vlan").ok()
    make_namespaces(hosts["hosta"], "a2")
    wanted["hosta"].insert(0, {"netns": "a2", "vlan": "web"})
    fleet.play("multi_host_vlan").ok()
    first = addresses_in_vlans(hosts)
    assert first == {"hosta//run/netns/a2": (100, "192.168.0.13/28"), "hosta//run/netns/a3": (100, "192.168.0.12/28")}

    for name in ("a2", "a3"):
        hosts["hosta"].run("ip", "netns", "delete", name)
    make_namespaces(hosts["hosta"], "a2", "a3")
    # What was chosen is there all the time, so Open vSwitch only loses the ports that are gone.
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 0}
    assert addresses_in_vlans(hosts) == first
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}


def test_a_chosen_address_is_kept_however_the_container_is_named(hosts, fleet):
    make_containers(hosts["hosta"], "c1", "c2")
    make_namespaces(hosts["hostb"], "b1")
    first_id, second_id = hosts["hosta"].run("docker", "inspect", "-f", "{{.Id}}", "c1", "c2").stdout.split()
    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [
        {"container": first_id[:8], "vlan": "web"},
        {"container": "c2", "vlan": "web"},
    ]
    fleet.by_host["hostb"]["multi_host_vlan_containers"] = [{"netns": "/var/run/netns/b1", "vlan": "web"}]
    fleet.play("multi_host_vlan").ok()
    first = addresses_in_vlans(hosts)
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    # The same three by other names: the address goes with the container.
    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [
        {"container": "c1", "vlan": "web"},
        {"container": second_id, "vlan": "web"},
    ]
    fleet.by_host["hostb"]["multi_host_vlan_containers"] = [{"netns": "b1", "vlan": "web"}]
    fleet.play("multi_host_vlan").ok()
    assert addresses_in_vlans(hosts) == first


def test_an_address_that_a_container_of_another_host_has_is_refused(hosts, fleet):
    wanted = {"hosta": [], "hostb": [{"netns": "b1", "vlan": "web"}]}
    namespaces(hosts, fleet, **wanted)
    make_namespaces(hosts["hosta"], "a1")
    fleet.common["multi_host_vlan_hosts"] = "{{ groups['lab'] }}"
    fleet.play("multi_host_vlan").ok()
    ((_vlan, held),) = addresses_in_vlans(hosts).values()
    bare = held.partition("/")[0]
    wanted["hosta"].append({"netns": "a1", "vlan": "web", "address": bare})

    def refused(*words):
        run = fleet.play("multi_host_vlan", *words)
        assert (
            run.status == 2
            and sum(run.changed.values()) == 0
            and f"{bare} is in use by b1 of hostb in VLAN web (100)" in run.said
        )
        return run.said

    for words in ((), ("--limit", "hosta"), ("-e", "pipefitter_serial=1")):
        assert "whose entry leaves its address out" in refused(*words)
    wanted["hostb"][0]["address"] = "192.168.0.250"
    assert "this run leaves hostb as it is" in refused("--limit", "hosta")
    entry = wanted["hostb"].pop()
    assert "which no variable asks for" in refused()

    wanted["hostb"].append(entry)
    # hostb's bridge need not keep an address any more that is given now.
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 2}
    assert addresses_in_vlans(hosts) == {
        "hosta//run/netns/a1": (100, held),
        "hostb//run/netns/b1": (100, "192.168.0.250/24"),
    }
    fleet.play("check_connectivity").ok()
    del fleet.common["multi_host_vlan_hosts"]
    limited = fleet.play("multi_host_vlan", "--limit", "hosta").ok()
    assert limited.changed == {"hosta": 0} and "--limit leaves out hostb: their VLANs stay as they are" in limited.said
    assert "hostb: the MTU of the links there is not known" in limited.said
    # Another fleet is no matter of this one.
    fleet.by_host["hostb"]["multi_host_vlan_bridge"] = "ovs9"
    alone = fleet.play("multi_host_vlan", "--limit", "hosta").ok()
    assert alone.changed == {"hosta": 0} and "hostb" not in alone.said


def test_a_mac_that_containers_of_two_hosts_would_keep_in_one_vlan_is_refused(hosts, fleet):
    wanted = {
        "hosta": [{"netns": "a1", "vlan": "web", "mac_seed": "one"}],
        "hostb": [{"netns": "b1", "vlan": "db", "mac_seed": "one"}],
    }
    namespaces(hosts, fleet, **wanted)
    fleet.play("multi_host_vlan").ok()
    for entry in (wanted["hosta"][0], wanted["hostb"][0]):
        del entry["mac_seed"]
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    wanted["hostb"][0]["vlan"] = "web"
    mac = seeded_mac("one")
    for words in ((), ("-e", "pipefitter_serial=1")):
        run = fleet.play("multi_host_vlan", *words)
        assert run.status == 2 and sum(run.changed.values()) == 0
        assert (
            f"{mac} is the MAC of a1 of hosta and also of b1 of hostb, in VLAN web (100); "
            "give one of them another mac or mac_seed"
        ) in run.said
    wanted["hostb"][0]["mac_seed"] = "two"
    assert fleet.play("multi_host_vlan").ok().changed["hosta"] == 0


def test_batches_choose_the_same_addresses_as_one_run(hosts, fleet):
    wanted = {name: [{"netns": f"{name[-1]}{number}", "vlan": "web"} for number in range(6)] for name in hosts}
    namespaces(hosts, fleet, **wanted)
    fleet.common["multi_host_vlan_vlans"] = {"web": {"id": 100, "subnet": "192.168.0.0/28"}}
    assert fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1").ok().changed == {"hosta": 2, "hostb": 2}
    assert len(set(addresses_in_vlans(hosts).values())) == 12
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    fleet.play("check_connectivity").ok()
