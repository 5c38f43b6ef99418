# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_network_info: what is recorded on a host and whether it is so, and the program that makes it again."""

from __future__ import annotations

import pytest
from service import RECORD, pipefitter, states
from wiring import (
    assert_same,
    attach,
    everything,
    make_bridge,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    warned,
)

_MODULES = {
    "bridge": "container_bridge",
    "ovs_bridge": "ovs_vlan_port",
    "attachment": "veth_attach",
    "vlan_port": "ovs_vlan_port",
    "icc_policy": "icc_policy",
    "publication": "port_publish",
}


@pytest.fixture
def site(hosta):
    """An object of each kind, recorded."""
    hosta.module("host_program")
    make_containers(hosta, "web1", "db1")
    make_namespaces(hosta, "probe")
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], ip_forward=True)
    web, db = (
        {"container": name, "bridge": "br0", "addresses": [f"192.168.5.{number}/24"], "gateway": "192.168.5.1"}
        for name, number in (("web1", 10), ("db1", 11))
    )
    attach(hosta, attachments=[web, db])
    hosta.module("icc_policy", bridge="br0", icc=False, links=[{"from": "web1", "to": "db1", "ports": ["5432"]}])
    hosta.module("port_publish", bridge="br0", container="web1", ports=["8080:80", "80"])
    options = {"datapath_type": "netdev"}
    hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, bridge_options=options)
    attach(hosta, netns="probe", bridge="ovs0")
    hosta.module("ovs_vlan_port", bridge="ovs0", netns="probe", tag=7)
    return hosta


def recorded(host, **options):
    return {entry["name"]: entry for entry in host.module("container_network_info", **options)["recorded"]}


def test_each_recorded_object_is_shown_with_options_that_make_it_again(site):
    before = everything(site)
    shown = recorded(site)
    assert_same(before, everything(site))
    assert {entry["kind"] for entry in shown.values()} == set(_MODULES)
    assert {name: entry["state"] for name, entry in shown.items()} == states(site)
    assert {(entry["state"], entry["reason"]) for entry in shown.values()} == {("in order", None)}
    for entry in shown.values():
        done = site.module(_MODULES[entry["kind"]], **entry["options"])
        # A MAC address that was chosen is one that is asked for then.
        assert done["recorded"] and set(done["operations"]) <= {f"record {entry['name']}"}, (entry, done["operations"])
    assert_same(before, everything(site))


def test_what_is_recorded_and_is_not_wired_any_more_has_drifted_waits_or_fails(site):
    site.run("docker", "rm", "-f", "db1")
    site.run("sh", "-c", "nft delete table ip pipefitter; ip link delete ovs0 2>/dev/null; ovs-vsctl del-br ovs0")
    shown = recorded(site)
    assert shown["eth1 of container db1"]["state"] == "pending"
    assert shown["eth1 of container db1"]["reason"] == "container db1 is not running"
    assert shown["ports of eth1 of container web1, published on br0"]["state"] == "drifted"
    assert shown["Open vSwitch bridge ovs0"]["state"] == "drifted"
    assert {name: entry["state"] for name, entry in shown.items()} == states(site)

    pipefitter(site, "forget", "Open vSwitch bridge ovs0")
    failed = recorded(site)["eth1 of netns /run/netns/probe"]
    assert failed["state"] == "failed" and "there is no bridge ovs0" in failed["reason"]


def test_the_option_bridge_leaves_out_what_is_recorded_of_others(site):
    assert set(recorded(site, bridge="ovs0")) == {
        "Open vSwitch bridge ovs0",
        "eth1 of netns /run/netns/probe",
        "VLANs of eth1 of netns /run/netns/probe on ovs0",
    }
    assert "bridge br0" in recorded(site, bridge="br0") and len(recorded(site, bridge="br0")) == 5
    assert recorded(site, bridge="br9") == {}
    # A bridge that is recorded is no missing one for what stands on it.
    site.run("ip", "link", "delete", "br0")
    shown = recorded(site, bridge="br0")
    assert {entry["state"] for entry in shown.values()}.isdisjoint({"failed"}), shown


def test_the_program_that_is_installed_is_told_by_its_version(hosta):
    assert hosta.module("container_network_info")["program"] is None
    hosta.module("host_program")
    told = hosta.module("container_network_info")["program"]
    assert f"pipefitter {told['version']}\n" == pipefitter(hosta, "--version").stdout
    assert told["path"] == "/usr/local/lib/pipefitter/pipefitter" and "+" in told["version"]

    hosta.run("sh", "-c", f"echo damaged >{told['path']}")
    shown = hosta.module("container_network_info")
    assert shown["program"] == {"path": told["path"], "version": None}
    (said,) = warned(shown)
    assert "is no program that this collection made" in said and "host_setup" in said


def test_without_a_record_nothing_is_recorded_and_a_bad_one_leaves_the_rest_to_be_shown(hosta):
    make_bridge(hosta)
    assert hosta.module("container_network_info")["recorded"] == []
    hosta.run("mkdir", "-m", "0777", "-p", RECORD)
    hosta.run("chmod", "0777", RECORD)
    shown = hosta.module("container_network_info")
    assert shown["recorded"] == [] and [one["name"] for one in shown["foreign_bridges"]].count("br0") == 1
    assert "is not a folder that root alone can write to" in " ".join(warned(shown))


def test_a_switch_that_others_made_is_no_part_of_the_record(hosta):
    hosta.module("host_program")
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="ovs0", vlan=5)
    (entry,) = recorded(hosta).values()
    assert (entry["kind"], entry["options"]["vlan"], entry["state"]) == ("attachment", 5, "in order")
