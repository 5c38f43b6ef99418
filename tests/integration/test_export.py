# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pipefitter export: a host that is wired by the role bridge with that file is wired as the one it is of."""

from __future__ import annotations

import json

import pytest
import yaml
from service import RECORD, pipefitter, states
from wiring import attach, make_bridge, make_containers, make_namespaces, make_ovs_bridge

_SHOWN = ("bridges", "attachments", "publications", "policies")


def _make_namespaces_and_containers(host):
    make_containers(host, "web1", "db1")
    make_namespaces(host, "probe", "switched")


def _wire(host):
    host.module("host_program")
    _make_namespaces_and_containers(host)
    bridge = {"addresses": ["192.168.5.1/24", "fd00:5::1/64"], "mtu": 1400, "stp": False, "forward_delay": 4.5}
    host.module("container_bridge", name="br0", ip_forward=True, masquerade=True, **bridge)
    web = {"container": "web1", "addresses": ["192.168.5.10/24", "fd00:5::10/64"], "gateway": "192.168.5.1"}
    web["rules"] = [{"from": "192.168.5.10", "table": 100}, {"fwmark": "0x10/0xf0", "family": "both", "table": "main"}]
    web["sysctls"] = {"net.ipv4.conf.eth1.rp_filter": 2, "net.ipv4.ip_forward": 1}
    db = {"container": "db1", "addresses": ["192.168.5.11/24"], "mtu": 1300, "mac_seed": "db1"}
    probe = {
        "netns": "probe",
        "interface": "lan0",
        "host_interface": "probe0",
        "addresses": ["192.168.5.12/24"],
        "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.5.1", "metric": 5}],
    }
    attach(host, bridge="br0", attachments=[web, db, probe])
    links = [{"from": "web1", "to": "db1", "ports": ["5432/tcp"]}, {"from": {"netns": "probe"}, "to": "db1"}]
    links[1]["ports"] = ["icmp"]
    host.module("icc_policy", bridge="br0", icc=False, links=links, host_access="deny")
    published = ["8080:80", "80", "127.0.0.1:8443:443", "5353:53/udp"]
    host.module("port_publish", bridge="br0", container="web1", ports=published)
    make_ovs_bridge(host)
    attach(host, netns="switched", bridge="ovs0", vlan=7)


def _wipe(host):
    host.remove_containers()
    host.run(
        "sh",
        "-c",
        f"rm -rf {RECORD}; ip -all netns delete; ovs-vsctl del-br ovs0; ip link delete br0; "
        "nft delete table ip pipefitter; nft delete table ip6 pipefitter; nft delete table bridge pipefitter; true",
    )


def _comparable(entries):
    """Return entries without what is another one each time.

    MAC addresses that nobody asked for, and a host veth's name, which is made of a container's id.
    """
    kept = [dict(entry) for entry in entries]
    for entry in kept:
        if entry.get("container") != "db1":
            entry.pop("mac", None)
        if str(entry.get("host_interface", "")).startswith("pf"):
            del entry["host_interface"]
    return sorted(kept, key=str)


def test_the_role_with_the_exported_file_wires_a_clean_host_the_same(hosta, fleet, tmp_path):
    _wire(hosta)
    before = hosta.module("container_network_info")
    exported = pipefitter(hosta, "export")
    assert exported.returncode == 0 and exported.stderr == "", exported.stderr
    assert "# - eth1 of netns /run/netns/switched: the role makes Linux bridges only\n" in exported.stdout
    variables = yaml.safe_load(exported.stdout)
    made = {name: entry for entry in variables["bridge_attachments"] if (name := entry.get("container"))}
    assert "mac" in made["db1"] and not {"mac", "runtime"} & made["web1"].keys(), "what nobody asked for"
    assert made["web1"]["sysctls"] == {"net.ipv4.ip_forward": "1", "net.ipv4.conf.IFNAME.rp_filter": "2"}
    assert [entry["priority"] for entry in made["web1"]["rules"]] == [1000, 1001, 1001]
    assert "bridge_mac" not in variables
    _wipe(hosta)
    assert not any(hosta.module("container_network_info")[name] for name in _SHOWN)
    _make_namespaces_and_containers(hosta)
    file = tmp_path / "br0.yml"
    file.write_text(exported.stdout, encoding="utf-8")

    fleet.play("bridge", "--limit", "hosta", "-e", f"@{file}").ok()

    after = hosta.module("container_network_info")
    for name in _SHOWN:
        here = [entry for entry in before[name] if entry.get("bridge") != "ovs0"]
        assert _comparable(after[name]) == _comparable(here) != [], name
    assert len(before["attachments"]) == len(after["attachments"]) + 1
    # What is recorded then gives the same file again.
    again = pipefitter(hosta, "export").stdout
    assert yaml.safe_load(again) == yaml.safe_load(exported.stdout)
    assert set(states(hosta).values()) == {"in order"}


def test_of_several_bridges_one_is_named(hosta):
    hosta.module("host_program")
    nothing = pipefitter(hosta, "export")
    assert nothing.returncode == 1 and "nothing is recorded on this host" in nothing.stderr
    for name in ("br0", "br1"):
        hosta.module("container_bridge", name=name)
    said = pipefitter(hosta, "export").stderr
    assert "2 bridges are recorded: br0, br1; name one of them with --bridge" in said
    assert yaml.safe_load(pipefitter(hosta, "export", "--bridge", "br1").stdout)["bridge_name"] == "br1"


@pytest.mark.parametrize("name", ["{{ a }}", "new\nline"])
def test_a_name_that_a_file_cannot_hold_is_told_in_one_line(hosta, name):
    hosta.module("host_program")
    make_bridge(hosta)
    kept = {"version": 1, "kind": "attachment", "key": ["netns", f"/run/netns/{name}", "eth1"], "chosen": {}}
    kept["want"] = {"netns": f"/run/netns/{name}", "bridge": "br0", "interface": "eth1"}
    hosta.run(
        "sh", "-c", f"umask 077; mkdir -p {RECORD}/attachment; cat >{RECORD}/attachment/a.json", text=json.dumps(kept)
    )
    exported = pipefitter(hosta, "export").stdout
    comments = [line for line in exported.splitlines() if line.startswith("#")]
    found = yaml.safe_load(exported)
    if "{{" in name:
        assert found == {"bridge_name": "br0"} and "Ansible would take for a template" in comments[-1]
    else:
        assert found["bridge_attachments"][0]["netns"] == f"/run/netns/{name}" and len(comments) == 2
