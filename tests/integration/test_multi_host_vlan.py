# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of two hosts in two VLANs over one trunk: the playbook multi_host_vlan over SSH, and what is then on the wire."""

from __future__ import annotations

import re
import subprocess

import pytest
from conftest import clean
from fleet import COMMON, VLANS, Fleet, in_container, pings
from lab_hosts import LAB
from wiring import assert_same, container_pid, everything, make_containers, make_namespaces, make_ovs_bridge, ovs_ports

CONTAINERS = {
    "hosta": [
        {"container": "test1", "vlan": "web", "address": "192.168.0.1/24"},
        {"container": "test2", "vlan": "db", "address": "192.168.0.2/24"},
    ],
    "hostb": [
        {"container": "test3", "vlan": "web", "address": "192.168.0.3/24"},
        {"container": "test4", "vlan": "db", "address": "192.168.0.4/24"},
    ],
}

RECEIVE = """
import socket
server = socket.create_server(("192.168.0.3", 5000))
print("listening", flush=True)
connection, _address = server.accept()
received = 0
while data := connection.recv(65536):
    received += len(data)
print(received)
"""
SEND = """
import socket
with socket.create_connection(("192.168.0.3", 5000)) as connection:
    connection.sendall(bytes(3000000))
"""


@pytest.fixture
def hosts(lab_hosts):
    yield lab_hosts
    for host in lab_hosts.values():
        clean(host)


@pytest.fixture
def fleet(hosts, lab_name, tmp_path, playbooks):
    """Two hosts whose inventory asks for nothing yet."""
    by_host = {name: {"multi_host_vlan_containers": []} for name in hosts}
    return Fleet(lab_name, tmp_path, by_host, {**COMMON, "multi_host_vlan_uplink": "eth1"}, playbooks)


@pytest.fixture
def four(hosts, fleet):
    """Four Docker containers, and an inventory that wants them in two VLANs."""
    for name, host in hosts.items():
        make_containers(host, *(entry["container"] for entry in CONTAINERS[name]))
        fleet.by_host[name]["multi_host_vlan_containers"] = [dict(entry) for entry in CONTAINERS[name]]
    return fleet


def namespaces(hosts, fleet, **wanted):
    """Namespaces that stand for containers, where it is not Docker that matters: they start a hundred times as fast."""
    for name, entries in wanted.items():
        make_namespaces(hosts[name], *(entry["netns"] for entry in entries))
        fleet.by_host[name]["multi_host_vlan_containers"] = entries


def listen(host, container, *words):
    """Start tcpdump in a container; it ends by itself."""
    argv = [
        "nsenter",
        "-n",
        "-t",
        container_pid(host, container),
        "timeout",
        "4",
        "tcpdump",
        "-l",
        "-e",
        "-n",
        "-i",
        "eth1",
        *words,
    ]
    return _listening(host.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"))


def _listening(watch):
    assert any("listening on" in line for line in watch.stderr)
    return watch


def on_the_trunk(host, seconds, *words):
    argv = [
        str(LAB),
        "run",
        "--name",
        host.lab,
        "--",
        "timeout",
        str(seconds),
        "tcpdump",
        "-l",
        "-e",
        "-n",
        "-i",
        f"trunk-{host.name}",
        *words,
    ]
    return _listening(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"))


def test_the_playbook_checks_wires_and_settles(hosts, four):
    before = {name: everything(host) for name, host in hosts.items()}
    checked = four.play("multi_host_vlan", "--check", "--diff").ok()
    assert checked.changed == {"hosta": 2, "hostb": 2}
    assert "192.168.0.3/24" in checked.said and "trunk" in checked.said
    for name, host in hosts.items():
        assert_same(before[name], everything(host))

    assert four.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    assert four.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
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


def test_containers_of_one_vlan_reach_each_other_and_no_others(hosts, four):
    four.play("multi_host_vlan").ok()
    hosta, hostb = hosts["hosta"], hosts["hostb"]
    everyone = [f"192.168.0.{number}" for number in range(1, 5)]
    assert pings(hosta, "test1", *everyone) == {"192.168.0.1", "192.168.0.3"}
    assert pings(hosta, "test2", *everyone) == {"192.168.0.2", "192.168.0.4"}
    assert pings(hostb, "test3", *everyone) == {"192.168.0.1", "192.168.0.3"}
    assert pings(hostb, "test4", *everyone) == {"192.168.0.2", "192.168.0.4"}

    # A broadcast of VLAN 100 (ARP for an address that nobody has) is heard in 100, on the other host too, and nowhere in 200.
    watches = {
        name: listen(host, name, "arp", "host", "192.168.0.77")
        for name, host in (("test2", hosta), ("test3", hostb), ("test4", hostb))
    }
    hosta.module("container_neighbours_info", probes=[{"container": "test1"}], addresses=["192.168.0.77"], timeout=0.3)
    heard = {name: watch.communicate(timeout=30)[0].count("who-has 192.168.0.77") for name, watch in watches.items()}
    assert heard == {"test2": 0, "test3": 3, "test4": 0}

    # TCP carries data: ping alone would also pass with checksums that were never finished.
    entering = ["nsenter", "-n", "-t", container_pid(hostb, "test3"), "timeout", "20", "python3", "-c", RECEIVE]
    server = hostb.start(*entering, stdout=subprocess.PIPE, encoding="utf-8")
    assert server.stdout.readline() == "listening\n"
    in_container(hosta, "test1", "timeout", "20", "python3", "-c", SEND)
    assert server.communicate(timeout=30)[0] == "3000000\n"


def test_frames_between_hosts_bear_the_tag_of_their_vlan(hosts, four):
    four.play("multi_host_vlan").ok()
    watch = on_the_trunk(hosts["hosta"], 4, "icmp or (vlan and icmp)")
    assert pings(hosts["hosta"], "test1", "192.168.0.3") and pings(hosts["hosta"], "test2", "192.168.0.4")
    seen = watch.communicate(timeout=30)[0]
    tags = set(re.findall(r"802\.1Q.*vlan (\d+),.* (\S+) > (\S+): ICMP echo", seen))
    assert tags == {
        ("100", "192.168.0.1", "192.168.0.3"),
        ("100", "192.168.0.3", "192.168.0.1"),
        ("200", "192.168.0.2", "192.168.0.4"),
        ("200", "192.168.0.4", "192.168.0.2"),
    }
    assert all("802.1Q" in line for line in seen.splitlines() if line)
    # To the container it comes without one.
    inside = listen(hosts["hosta"], "test1", "icmp or (vlan and icmp)")
    assert pings(hosts["hostb"], "test3", "192.168.0.1")
    heard = inside.communicate(timeout=30)[0]
    assert "192.168.0.3 > 192.168.0.1: ICMP echo request" in heard and "802.1Q" not in heard


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
            "hostb: multi_host_vlan_containers[0].address: 192.168.0.1 is the address of test1 of hosta in VLAN web (100) already",
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
            "ovm",
            "is a port of Open vSwitch bridge ovm, where ovm",
        ),
        (
            "ovs-vsctl add-br ovm -- set bridge ovm datapath_type=netdev -- add-port ovm eth1",
            "ovs0",
            "is a port of Open vSwitch bridge ovm, where ovm",
        ),
        ("ip link add ovm type bridge; ip link set eth1 master ovm", "ovs0", "is a port of Linux bridge ovm, which"),
    ],
    ids=["same bridge", "other bridge", "linux bridge"],
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
    everybody = """{"multi_host_vlan_hosts": "{{ groups['lab'] }}", "multi_host_vlan_purge": true, "multi_host_vlan_mtu": 1500}"""
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


def test_what_is_added_changes_just_that(hosts, fleet):
    wanted = {
        "hosta": [{"netns": "a1", "vlan": "web"}, {"netns": "a2", "vlan": "db"}],
        "hostb": [{"netns": "b1", "vlan": "web"}],
    }
    namespaces(hosts, fleet, **wanted)
    fleet.play("multi_host_vlan").ok()
    first = _addresses(hosts)

    make_namespaces(hosts["hostb"], "b0")
    wanted["hostb"].insert(0, {"netns": "b0", "vlan": "web"})
    # The attachment, and what the bridge keeps of its address.
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 2}
    second = _addresses(hosts)
    assert {name: second[name] for name in first} == first and len(set(second.values())) == len(second) == 4

    fleet.common["multi_host_vlan_vlans"] = {**VLANS, "log": {"id": 300, "subnet": "10.3.0.0/24"}}
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 1, "hostb": 1}
    for host in hosts.values():
        assert host.run("ovs-vsctl", "get", "port", "eth1", "trunks").stdout.strip() == "[100, 200, 300]"
    assert _addresses(hosts) == second

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
    first = _addresses(hosts)
    assert first == {"hosta//run/netns/a2": (100, "192.168.0.13/28"), "hosta//run/netns/a3": (100, "192.168.0.12/28")}

    for name in ("a2", "a3"):
        hosts["hosta"].run("ip", "netns", "delete", name)
    make_namespaces(hosts["hosta"], "a2", "a3")
    # What was chosen is there all the time, so Open vSwitch only loses the ports that are gone.
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 0}
    assert _addresses(hosts) == first
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
    first = _addresses(hosts)
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    # The same three by other names: the address goes with the container.
    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [
        {"container": "c1", "vlan": "web"},
        {"container": second_id, "vlan": "web"},
    ]
    fleet.by_host["hostb"]["multi_host_vlan_containers"] = [{"netns": "b1", "vlan": "web"}]
    fleet.play("multi_host_vlan").ok()
    assert _addresses(hosts) == first


def test_an_address_that_a_container_of_another_host_has_is_refused(hosts, fleet):
    wanted = {"hosta": [], "hostb": [{"netns": "b1", "vlan": "web"}]}
    namespaces(hosts, fleet, **wanted)
    make_namespaces(hosts["hosta"], "a1")
    fleet.common["multi_host_vlan_hosts"] = "{{ groups['lab'] }}"
    fleet.play("multi_host_vlan").ok()
    ((_vlan, held),) = _addresses(hosts).values()
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
    assert _addresses(hosts) == {"hosta//run/netns/a1": (100, held), "hostb//run/netns/b1": (100, "192.168.0.250/24")}
    fleet.play("check_connectivity").ok()
    del fleet.common["multi_host_vlan_hosts"]
    limited = fleet.play("multi_host_vlan", "--limit", "hosta").ok()
    assert limited.changed == {"hosta": 0} and "--limit leaves out hostb: their VLANs stay as they are" in limited.said
    assert "hostb: the MTU of the links there is not known" in limited.said
    # Another fleet is no matter of this one.
    fleet.by_host["hostb"]["multi_host_vlan_bridge"] = "ovs9"
    alone = fleet.play("multi_host_vlan", "--limit", "hosta").ok()
    assert alone.changed == {"hosta": 0} and "hostb" not in alone.said


def _addresses(hosts):
    """By host and namespace, the address in a VLAN and the VLAN."""
    shown = {name: host.module("container_network_info", bridge="ovs0")["attachments"] for name, host in hosts.items()}
    return {
        f"{name}/{entry.get('netns') or entry['container']}": (entry["vlan"], *entry["addresses"])
        for name, entries in shown.items()
        for entry in entries
    }


def test_a_host_that_is_down_harms_no_other_and_is_completed_later(hosts, fleet):
    wanted = {name: [{"netns": f"{name[-1]}{number}", "vlan": "web"} for number in range(4)] for name in hosts}
    namespaces(hosts, fleet, **wanted)
    fleet.common["multi_host_vlan_vlans"] = {"web": {"id": 100, "subnet": "192.168.0.0/28"}}
    fleet.by_host["hosta"]["ansible_host"] = "10.77.0.250"
    down = fleet.play("multi_host_vlan")
    assert down.status == 2 and down.changed == {"hosta": 0, "hostb": 2}
    assert "hosta was not done: " in down.said and "Not done in this run: hosta. Once that" in down.said
    assert "hosta: could not be asked which addresses its containers have" in down.said
    kept = _addresses(hosts)
    assert len(kept) == 4
    checked = fleet.play("check_connectivity")
    assert (
        checked.status != 0
        and "a0 of hosta (web, " in checked.said
        and ") could not be checked: hosta was not asked" in checked.said
    )

    del fleet.by_host["hosta"]["ansible_host"]
    assert fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1").ok().changed == {"hosta": 2, "hostb": 0}
    found = _addresses(hosts)
    assert {name: found[name] for name in kept} == kept
    assert len(set(found.values())) == len(found) == 8
    fleet.play("check_connectivity").ok()


def _sshd(host) -> str:
    """Return the process id of what takes new connections."""
    return host.run(
        "sh", "-c", "ss -Hltnp 'sport = :22' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | head -n 1"
    ).stdout.strip()


@pytest.mark.parametrize("playbook", ["multi_host_vlan", "single_host_vlan"])
def test_a_batch_that_fails_keeps_no_other_from_its_turn(hosts, fleet, playbook):
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    serial = ("-e", "pipefitter_serial=1")
    # Its sshd does not answer any more; connections that are open would go on.
    fleet.by_host["hosta"]["ansible_ssh_args"] = "-o ControlPath=none"
    server = _sshd(hosts["hosta"])
    hosts["hosta"].run("kill", "-STOP", server)
    try:
        down = fleet.play(playbook, *serial)
    finally:
        hosts["hosta"].run("kill", "-CONT", server)
    del fleet.by_host["hosta"]["ansible_ssh_args"]
    assert down.status == 2 and down.changed == {"hosta": 0, "hostb": 2}
    assert "Not done in this run: hosta. Once that" in down.said

    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [{"netns": "nosuch", "vlan": "web"}]
    make_namespaces(hosts["hostb"], "b2")
    fleet.by_host["hostb"]["multi_host_vlan_containers"].append({"netns": "b2", "vlan": "web"})
    missing = fleet.play(playbook, *serial)
    assert missing.status == 2 and missing.changed["hostb"] == 2
    assert (
        "hosta was not done: " in missing.said
        and "nosuch" in missing.said
        and "Not done in this run: hosta. Once" in missing.said
    )

    fleet.by_host["hosta"]["multi_host_vlan_containers"] = [{"netns": "a1", "vlan": "web"}]
    assert fleet.play(playbook, *serial).ok().changed == {"hosta": 2, "hostb": 0}
    assert fleet.play(playbook).ok().changed == {"hosta": 0, "hostb": 0}


@pytest.mark.parametrize("modules", [2, 4])
def test_a_host_that_is_lost_in_its_batch_keeps_no_other_from_its_turn(hosts, fleet, modules):
    """``modules`` are how many it still runs."""
    namespaces(hosts, fleet, hosta=[{"netns": "a1", "vlan": "web"}], hostb=[{"netns": "b1", "vlan": "web"}])
    hosta = hosts["hosta"]
    server = _sshd(hosta)
    script = f'#!/bin/sh\necho >>/run/asked; [ "$(wc -l </run/asked)" -lt {modules} ] || kill -STOP {server}; exec /usr/bin/python3 "$@"\n'
    hosta.run("sh", "-c", 'echo "$1" >/run/python3 && chmod 755 /run/python3', "sh", script)
    lost = {"ansible_ssh_args": "-o ControlPath=none", "ansible_python_interpreter": "/run/python3"}
    fleet.by_host["hosta"].update(lost)
    try:
        down = fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1")
    finally:
        hosta.run("kill", "-CONT", server)
    for name in lost:
        del fleet.by_host["hosta"][name]
    assert down.status == 2 and down.changed["hostb"] == 2
    assert "hosta was not done: " in down.said and "Not done in this run: hosta. Once that" in down.said
    assert sum(fleet.play("multi_host_vlan").ok().changed.values()) > 0
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}


def test_batches_choose_the_same_addresses_as_one_run(hosts, fleet):
    wanted = {name: [{"netns": f"{name[-1]}{number}", "vlan": "web"} for number in range(6)] for name in hosts}
    namespaces(hosts, fleet, **wanted)
    fleet.common["multi_host_vlan_vlans"] = {"web": {"id": 100, "subnet": "192.168.0.0/28"}}
    assert fleet.play("multi_host_vlan", "-e", "pipefitter_serial=1").ok().changed == {"hosta": 2, "hostb": 2}
    assert len(set(_addresses(hosts).values())) == 12
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    fleet.play("check_connectivity").ok()


def test_both_families_pass_inside_a_vlan_and_not_across(hosts, fleet):
    fleet.common["multi_host_vlan_vlans"] = {
        "web": {"id": 100, "subnet": ["192.168.0.0/24", "fd00:5::/64"], "gateway": ["192.168.0.254", "fd00:5::fe"]},
        "db": {"id": 200, "subnet": ["192.168.0.0/24", "fd00:5::/64"]},
    }
    wanted = {
        name: [
            {"netns": f"w{number}", "vlan": "web", "address": [f"192.168.0.{number}", f"fd00:5::{number}"]},
            {"netns": f"d{number}", "vlan": "db", "address": [f"192.168.0.1{number}/24", f"fd00:5::1{number}/64"]},
            {"netns": f"x{number}", "vlan": "web", "address": f"192.168.0.10{number}"},  # its IPv6 address is chosen
        ]
        for number, name in enumerate(hosts, 1)
    }
    namespaces(hosts, fleet, **wanted)
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 2, "hostb": 2}
    assert fleet.play("multi_host_vlan").ok().changed == {"hosta": 0, "hostb": 0}
    assert all(len(of_one) == 3 for of_one in _addresses(hosts).values())  # the VLAN, and an address of each family

    everyone = [address for entries in wanted.values() for entry in entries[:2] for address in entry["address"]]
    script = 'for address; do (ping -n -c 1 -W 2 "${address%/*}" >/dev/null && echo "${address%/*}") & done; wait'

    def reached(host, name):
        return set(host.run("ip", "netns", "exec", name, "sh", "-c", script, "sh", *everyone).stdout.split())

    assert reached(hosts["hosta"], "w1") == {"192.168.0.1", "fd00:5::1", "192.168.0.2", "fd00:5::2"}
    assert reached(hosts["hostb"], "d2") == {"192.168.0.11", "fd00:5::11", "192.168.0.12", "fd00:5::12"}
    routes = [hosts["hosta"].run("ip", "netns", "exec", "w1", "ip", family, "route").stdout for family in ("-4", "-6")]
    assert "default via 192.168.0.254" in routes[0] and "default via fd00:5::fe" in routes[1]

    assert "30 pairs, 0 not as they should be" in fleet.play("check_connectivity").ok().said
    hosts["hostb"].run("ip", "netns", "exec", "w2", "ip", "address", "delete", "fd00:5::2/64", "dev", "eth1")
    found = fleet.play("check_connectivity")
    assert found.status == 2 and "does not reach w2 of hostb (web, fd00:5::2)" in found.said


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
