# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_bridge against the real kernel, nftables and Docker's filter: each option, drift, absent."""

from __future__ import annotations

import subprocess

import pytest
from lab_hosts import LAB, ModuleFailed
from wiring import (
    assert_same,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    ping,
    ports,
    warned,
)


def bridge(host, name="br0", **options):
    return host.module("container_bridge", name=name, **options)


def bridge_thoroughly(host, name="br0", **options):
    """Check mode says exactly what is done and does nothing; a second run does nothing either."""
    before = everything(host)
    checked = bridge(host, name, check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = bridge(host, name, diff=True, **options)
    again = bridge(host, name, diff=True, **options)
    assert (checked["operations"], checked["changed"], checked["diff"]) == (
        done["operations"],
        done["changed"],
        done["diff"],
    )
    vlans = ("vlan_default_pvid", "port_vlans")
    assert [(checked["bridge"] or {}).get(name) for name in vlans] == [
        (done["bridge"] or {}).get(name) for name in vlans
    ]
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["bridge"] == done["bridge"]
    return done


def sysctl(host, name):
    return host.run("sysctl", "-n", name).stdout.strip()


def test_makes_a_bridge_with_addresses_of_both_families(host):
    done = bridge_thoroughly(host, addresses=["192.168.5.1/24", "10.99.0.1/30", "fd00:5::1/64"])

    assert held(host, "br0") == {"192.168.5.1/24", "10.99.0.1/30", "fd00:5::1/64"}
    assert "UP" in link(host, "br0")["flags"]
    assert done["bridge"]["addresses"] == ["10.99.0.1/30", "192.168.5.1/24", "fd00:5::1/64"]


@pytest.mark.parametrize(
    ("option", "value", "other", "shown"),
    [
        ("mtu", 1400, 9000, ("mtu",)),
        ("mac", "02:00:00:00:0b:01", "02:00:00:00:0b:02", ("address",)),
        ("stp", True, False, ("linkinfo", "info_data", "stp_state")),
        ("forward_delay", 4, 2.5, ("linkinfo", "info_data", "forward_delay")),
        ("ageing_time", 60, 0, ("linkinfo", "info_data", "ageing_time")),
        ("multicast_snooping", False, True, ("linkinfo", "info_data", "mcast_snooping")),
    ],
)
def test_sets_an_option_and_corrects_it_in_place(host, option, value, other, shown):
    def seen():
        found = link(host, "br0")
        for key in shown:
            found = found[key]
        return found / 100 if option in ("forward_delay", "ageing_time") else found

    assert bridge_thoroughly(host, **{option: value})["bridge"][option] == seen() == value
    index = link(host, "br0")["ifindex"]
    changed = bridge_thoroughly(host, **{option: other})
    assert changed["changed"] and len(changed["operations"]) == 1
    assert seen() == other
    assert link(host, "br0")["ifindex"] == index


def test_keeps_its_mtu_when_a_smaller_port_joins(hosta):
    bridge(hosta, mtu=1500)
    hosta.run("ip", "link", "add", "port0", "mtu", "1300", "type", "veth", "peer", "name", "peer0")
    hosta.run("ip", "link", "set", "port0", "master", "br0")

    assert bridge(hosta, mtu=1500)["changed"] is False


def test_keeps_its_mac_when_ports_come_and_go(hosta):
    made = bridge(hosta)["bridge"]["mac"]
    hosta.run("ip", "link", "add", "port0", "address", "00:00:5e:00:53:01", "type", "veth", "peer", "name", "peer0")
    hosta.run("ip", "link", "set", "port0", "master", "br0")

    assert link(hosta, "br0")["address"] == made != "00:00:5e:00:53:01"


def test_takes_the_bridge_down_and_up_and_keeps_its_addresses(host):
    options = {"addresses": ["192.168.5.1/24", "fd00:5::1/64"]}
    bridge_thoroughly(host, up=False, **options)
    assert "UP" not in link(host, "br0")["flags"]
    bridge_thoroughly(host, **options)
    assert "UP" in link(host, "br0")["flags"]
    bridge_thoroughly(host, up=False, **options)
    bridge_thoroughly(host, **options)
    assert held(host, "br0") == {"192.168.5.1/24", "fd00:5::1/64"}


def test_replaces_addresses_that_are_no_longer_listed_and_keeps_them_without_the_option(host):
    bridge(host, addresses=["192.168.5.1/24", "192.168.5.2/24", "fd00:5::1/64"])
    bridge_thoroughly(host, addresses=["192.168.5.2/24", "fd00:5::2/64"])
    assert held(host, "br0") == {"192.168.5.2/24", "fd00:5::2/64"}
    bridge_thoroughly(host, addresses=["192.168.5.2/25"])
    assert held(host, "br0") == {"192.168.5.2/25"}
    assert bridge(host)["changed"] is False
    bridge_thoroughly(host, addresses=[])
    assert held(host, "br0") == set()


def test_puts_back_what_somebody_changed_by_hand(host):
    options = {
        "addresses": ["192.168.5.1/24", "fd00:5::1/64"],
        "mtu": 1400,
        "stp": False,
        "ip_forward": True,
        "masquerade": True,
    }
    bridge(host, **options)
    index = link(host, "br0")["ifindex"]
    host.run("ip", "addr", "del", "192.168.5.1/24", "dev", "br0")
    host.run("ip", "addr", "add", "172.30.1.1/24", "dev", "br0")
    host.run("ip", "link", "set", "br0", "down", "mtu", "1300", "type", "bridge", "stp_state", "1")
    host.run("nft", "flush", "ruleset")
    host.run("sysctl", "-q", "-w", "net.ipv4.conf.br0.forwarding=0")

    bridge_thoroughly(host, **options)

    assert held(host, "br0") == {"192.168.5.1/24", "fd00:5::1/64"}
    assert (link(host, "br0")["mtu"], link(host, "br0")["linkinfo"]["info_data"]["stp_state"]) == (1400, 0)
    assert "192.168.5.0/24" in host.run("nft", "list", "table", "ip", "pipefitter").stdout
    assert (link(host, "br0")["ifindex"], sysctl(host, "net.ipv4.conf.br0.forwarding")) == (index, "1")
    # Docker's own rules went with the flush, and only Docker puts them back; its DROP only where it switches
    # forwarding on.
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    subprocess.run([LAB, "docker-restart", "--name", host.lab, host.name], check=True, timeout=60)


def test_auto_picks_a_free_private_subnet_and_keeps_it(host):
    # 172.17.0.0/16 is docker0's.
    assert bridge_thoroughly(host, addresses=["auto", "fd00:5::1/64"])["bridge"]["addresses"] == [
        "172.18.0.1/16",
        "fd00:5::1/64",
    ]
    assert bridge_thoroughly(host, "br1", addresses=["auto"])["bridge"]["addresses"] == ["172.19.0.1/16"]
    host.run("ip", "link", "add", "other", "type", "bridge")
    host.run("ip", "addr", "add", "172.18.9.1/24", "dev", "other")
    assert bridge(host, addresses=["auto", "fd00:5::1/64"])["changed"] is False
    assert held(host, "br1") == {"172.19.0.1/16"}


def test_takes_in_members_and_leaves_other_ports_alone(host):
    for name in ("port0", "port1", "port2"):
        host.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-end")
    bridge(host)
    host.run("ip", "link", "set", "port2", "master", "br0")

    bridge_thoroughly(host, members=["port0", "port1"])

    assert ports(host) == {"port0", "port1", "port2"}
    assert "UP" in link(host, "port0")["flags"]


def test_forwards_and_masquerades_past_dockers_drop_policy(host, lab_hosts):
    other = lab_hosts["hostb" if host.name == "hosta" else "hosta"]
    its_address = other.ip("-4", "addr", "show", "dev", "eth0")[0]["addr_info"][0]["local"]
    bridge_thoroughly(host, addresses=["192.168.5.1/24", "fd00:5::1/64"], ip_forward=True, masquerade=True)
    make_namespaces(host, "web1", "web2")
    host.module(
        "veth_attach",
        bridge="br0",
        gateway="192.168.5.1",
        gateway6="fd00:5::1",
        attachments=[{"netns": f"web{n}", "addresses": [f"192.168.5.1{n}/24", f"fd00:5::1{n}/64"]} for n in (1, 2)],
    )

    assert "-P FORWARD DROP" in host.run("iptables", "-S", "FORWARD").stdout  # or this shows nothing
    assert ping(host, "web1", its_address)
    assert ping(host, "web1", "192.168.5.12") and ping(host, "web1", "fd00:5::12")
    # The other host knows no way back to 192.168.5.0/24, so an answer came only because it saw this host's address.
    assert not other.run("ip", "route", "show", "192.168.5.0/24").stdout
    bridge_thoroughly(host, masquerade=False)
    assert not ping(host, "web2", its_address)


def test_says_when_forwarding_is_switched_on_for_the_whole_host(host):
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    checked = bridge(host, check_mode=True, addresses=["192.168.5.1/24"], ip_forward=True)
    done = bridge(host, addresses=["192.168.5.1/24"], ip_forward=True)

    assert sysctl(host, "net.ipv4.ip_forward") == "1"
    for result in (checked, done):
        assert "whole host" in str(result["warnings"])
    assert "warnings" not in bridge(host, ip_forward=True)


def test_stops_forwarding_of_the_bridge_without_touching_the_hosts_switch(host):
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    bridge_thoroughly(host, addresses=["192.168.5.1/24"], ip_forward=False)
    assert (sysctl(host, "net.ipv4.conf.br0.forwarding"), sysctl(host, "net.ipv4.ip_forward")) == ("0", "1")
    bridge_thoroughly(host, ip_forward=True)
    assert sysctl(host, "net.ipv4.conf.br0.forwarding") == "1"


def test_masquerades_what_the_bridge_holds_when_addresses_change(host):
    bridge(host, addresses=["192.168.5.1/24"], masquerade=True)
    done = bridge_thoroughly(host, addresses=["192.168.6.1/24"], masquerade=True)

    assert "stop masquerading 192.168.5.0/24 of br0" in done["operations"]
    ruleset = host.run("nft", "list", "table", "ip", "pipefitter").stdout
    assert "192.168.6.0/24" in ruleset and "192.168.5.0/24" not in ruleset


def test_absent_leaves_nothing_of_ours_and_all_of_others(host):
    before = everything(host)
    filters = host.run("iptables-save").stdout.splitlines()
    bridge(host, addresses=["192.168.5.1/24", "fd00:5::1/64"], ip_forward=True, masquerade=True)
    make_namespaces(host, "web1")
    host.run("ip", "netns", "delete", "web1")

    assert bridge_thoroughly(host, state="absent")["bridge"] is None

    assert_same(before, everything(host))
    after = host.run("iptables-save").stdout.splitlines()
    rules = [[line for line in shown if not line.startswith("#")] for shown in (filters, after)]
    assert rules[0] == rules[1]


def test_absent_of_nothing_is_no_change(host):
    assert bridge(host, state="absent")["changed"] is False


def test_absent_releases_ports_and_keeps_them(host):
    bridge(host)
    host.run("ip", "link", "add", "port0", "type", "veth", "peer", "name", "peer0")
    host.run("ip", "link", "set", "port0", "master", "br0")

    said = (
        "port0 was a port of br0 that this collection did not make; "
        "what is behind is cut off from the others until it joins another bridge"
    )
    assert warned(bridge(host, state="absent", check_mode=True)) == [said]
    assert warned(bridge(host, state="absent")) == [said]

    assert "master" not in link(host, "port0")
    assert warned(bridge(host, state="absent")) == []


def test_absent_tells_which_attachments_lose_their_bridge(host):
    bridge(host)
    host.run("ip", "netns", "add", "probe")
    host.module("veth_attach", netns="probe", bridge="br0", host_interface="probe0")
    assert warned(bridge(host, state="absent", check_mode=True)) == [
        "attachments of containers are ports of br0: probe0; they would be in no bridge, "
        "unless an earlier task of the play removes them"
    ]
    assert warned(bridge(host, state="absent")) == [
        "attachments of containers were ports of br0 and are in no bridge now: probe0; "
        "remove them with veth_attach and state absent"
    ]


def test_absent_takes_a_policy_along_that_isolates_nobody(host):
    before = everything(host)
    bridge(host)
    host.module("icc_policy", bridge="br0", icc=True, egress="deny", host_access="deny")

    bridge_thoroughly(host, state="absent")

    assert_same(before, everything(host))


def test_deletes_anothers_bridge_only_with_force(host):
    make_bridge(host, "br0")
    with pytest.raises(ModuleFailed, match="br0 was not made by this collection.*force"):
        bridge(host, state="absent")
    assert link(host, "br0")
    assert bridge_thoroughly(host, state="absent", force=True)["changed"]
    assert "br0" not in {entry["ifname"] for entry in host.ip("link", "show")}


def test_uses_anothers_bridge_without_taking_what_it_has(host):
    make_bridge(host, "br0", address="10.50.0.1/24")

    bridge_thoroughly(host, addresses=["192.168.5.1/24"], mtu=1400)

    assert held(host, "br0") == {"10.50.0.1/24", "192.168.5.1/24"}
    assert "ifalias" not in link(host, "br0")


def test_opens_none_of_dockers_networks(host):
    make_containers(host, "docked", network="bridge")
    its_address = host.run("docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "docked").stdout.strip()
    bridge_thoroughly(host, addresses=["192.168.5.1/24"], ip_forward=True, masquerade=True)
    make_namespaces(host, "web1")
    host.module("veth_attach", bridge="br0", netns="web1", addresses=["192.168.5.11/24"], gateway="192.168.5.1")

    assert host.run("ping", "-c", "1", "-W", "2", its_address).returncode == 0  # it is there
    assert not ping(host, "web1", its_address)


def test_makes_an_address_its_own_that_was_there_on_lease(host):
    bridge(host)
    host.run("ip", "addr", "add", "192.168.5.1/24", "dev", "br0", "valid_lft", "3600", "preferred_lft", "3600")

    bridge_thoroughly(host, addresses=["192.168.5.1/24"])

    assert "dynamic" not in host.run("ip", "addr", "show", "dev", "br0").stdout


def test_removes_an_address_that_has_the_other_ends_beside_it(host):
    bridge(host)
    host.run("ip", "addr", "add", "10.7.0.1", "peer", "10.7.0.2/32", "dev", "br0")

    bridge_thoroughly(host, addresses=["192.168.5.1/24"])

    assert held(host, "br0") == {"192.168.5.1/24"}
