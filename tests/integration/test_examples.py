# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of modules work as they stand: Ansible runs each twice in a row, over SSH, against a host of the lab."""

from __future__ import annotations

import importlib
import json
import pathlib
import re
import subprocess
import sys

import ansible_collections.pipefitter.container_network as collection
import pytest
import yaml
from ansible_collections.pipefitter.container_network.tests import pipework_page
from fleet import ansible_environment, in_container
from lab_hosts import LAB
from wiring import BUSYBOX, make_bridge, make_containers, make_namespaces, make_ovs_bridge

_ANSIBLE_PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")


def _examples(module):
    name = f"ansible_collections.pipefitter.container_network.plugins.modules.{module}"
    return yaml.safe_load(importlib.import_module(name).EXAMPLES)


def _twice(tasks):
    """Return each task, itself again, and a task that fails if that changed anything."""
    played = []
    for number, task in enumerate(tasks):
        once = {**task, "register": f"once_{number}"}
        again = {**task, "name": f"{task['name']}, again", "register": f"again_{number}"}
        unchanged = f"once_{number} is changed and again_{number} is not changed and again_{number}.operations == []"
        played += [
            once,
            again,
            {"name": f"That settled: {task['name']}", "ansible.builtin.assert": {"that": unchanged}},
        ]
    return played


def _play(tasks, lab_name, host, folder):
    inventory = folder / "lab.yml"
    inventory.write_text(
        subprocess.run(
            [LAB, "inventory", "--name", lab_name], check=True, capture_output=True, encoding="utf-8"
        ).stdout,
        encoding="utf-8",
    )
    playbook = folder / "playbook.yml"
    playbook.write_text(
        yaml.safe_dump([{"hosts": host.name, "gather_facts": False, "tasks": tasks}], sort_keys=False), encoding="utf-8"
    )
    argv = [_ANSIBLE_PLAYBOOK, "-i", inventory, playbook]
    environment = ansible_environment(folder)
    how = {"env": environment, "cwd": folder, "encoding": "utf-8", "timeout": 150}
    done = subprocess.run(argv, capture_output=True, check=False, **how)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


@pytest.mark.parametrize(
    "module",
    ["veth_attach", "container_bridge", "port_publish", "icc_policy", "ovs_vlan_port", "nic_attach", "veth_link"],
)
def test_examples_run_and_settle(module, hosta, lab_name, tmp_path):
    # Those with VLANs and ipvlans are for test_bridge_vlans.py and test_nic_attach_kinds.py: this kernel has none.
    options_of = f"pipefitter.container_network.{module}"
    tasks = [
        task
        for task in _examples(module)
        if not task[options_of].get("vlan_filtering") and task[options_of].get("kind") != "ipvlan"
    ]
    if module == "veth_attach":
        make_bridge(hosta, address="192.168.5.1/24")
        make_ovs_bridge(hosta)
        make_containers(hosta, "web1", "web2", "web3", "web4", "web5")
        make_namespaces(hosta, "probe")
    if module == "nic_attach":
        make_containers(hosta, "web1", "web2", "web3", "web4")
        hosta.run("sh", "-c", "ip link add eth2 type veth peer name far-eth2; ip link set far-eth2 up")
    if module == "veth_link":
        make_containers(hosta, "web1", "web2", "web3", "r1", "r2", "r3")
    if module == "ovs_vlan_port":
        make_ovs_bridge(hosta)
        make_containers(hosta, "test1")
        hosta.module("veth_attach", bridge="ovs0", container="test1")
    if module == "icc_policy":
        make_bridge(hosta, address="192.168.5.1/24")
        make_containers(hosta, "web1")
        for name, *words in (("db1", "--expose", "5432"), ("cache1", "--label", "role=cache")):
            hosta.run("docker", "run", "-d", "--network", "none", "--name", name, *words, BUSYBOX, "sleep", "1000")
        attachments = [
            {"container": name, "addresses": [f"192.168.5.1{number}/24"]}
            for number, name in enumerate(("web1", "db1", "cache1"))
        ]
        hosta.module("veth_attach", bridge="br0", attachments=attachments)
    if module == "port_publish":
        make_bridge(hosta, address="192.168.5.1/24")
        make_containers(hosta, "web1", "web2")
        attachments = [{"container": f"web{number}", "addresses": [f"192.168.5.1{number}/24"]} for number in (1, 2)]
        hosta.module("veth_attach", bridge="br0", attachments=attachments)

    said = _play(_twice(tasks), lab_name, hosta, tmp_path)

    assert f"ok={3 * len(tasks)}" in said and f"changed={len(tasks)}" in said and "WARNING" not in said


def test_the_play_of_the_readme_on_ports_and_links_runs_and_settles(hosta, lab_name, tmp_path):
    root = pathlib.Path(next(iter(collection.__path__))).parents[1] / "pipefitter/container_network"
    section = (root / "README.md").read_text(encoding="utf-8").partition("### Coming from docker run")[2]
    lines = section.partition("    - hosts:")[2].split("\n| ")[0].splitlines()[1:]
    (play,) = yaml.safe_load("\n".join(["- hosts: container_hosts", *(line.removeprefix("    ") for line in lines)]))
    publish, show, control = play["tasks"]
    make_containers(hosta, "web1", "web2")
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], ip_forward=True)
    hosta.module(
        "veth_attach",
        bridge="br0",
        attachments=[{"container": f"web{number}", "addresses": [f"192.168.5.1{number}/24"]} for number in (1, 2)],
    )

    said = _play([*_twice([publish, control]), publish, show], lab_name, hosta, tmp_path)

    assert "changed=2 " in said and '"host_port": 49153' in said


def _is_in_vlan_of_nic(task):
    options = task.get("pipefitter.container_network.nic_attach", {})
    return any("vlan" in entry for entry in options.get("attachments", [options]))


def test_the_tasks_in_place_of_pipework_run_and_settle(hosta, lab_name, tmp_path):
    # Those of DHCP are for test_dhcp.py: they need the service, and a server. This kernel has no VLANs of NICs.
    tasks = [task for task in pipework_page.TASKS if "'dhcp'" not in str(task) and not _is_in_vlan_of_nic(task)]
    containers = {
        entry["container"]
        for task in tasks
        for options in task.values()
        if isinstance(options, dict)
        for entry in options.get("attachments", [options])
        if "container" in entry
    }
    make_containers(hosta, *containers)
    hosta.run("ip", "link", "add", "eth2", "type", "veth", "peer", "name", "lan2")
    hosta.run("sh", "-c", "ip link add eth3 type veth peer name lan3; ip link add eth4 type veth peer name lan4")
    hosta.run("ip", "link", "set", "eth4", "address", "00:f3:15:4a:42:c8")
    for name in ("lan2", "lan3", "lan4"):
        hosta.run("ip", "link", "set", name, "up")
    for bridge in ("ovsbr0", "ovsbr1"):
        make_ovs_bridge(hosta, bridge)  # this kernel has no datapath of Open vSwitch

    said = _play(tasks, lab_name, hosta, tmp_path)

    assert f"ok={len(tasks)} " in said and "WARNING" not in said
    assert "changed=0 " in _play(tasks, lab_name, hosta, tmp_path)
    routes = json.loads(in_container(hosta, "routed", "ip", "-j", "route").stdout)
    led = {entry["dst"]: entry["gateway"] for entry in routes if "gateway" in entry}
    assert led == {"default": "192.168.2.78", "10.0.5.0/24": "192.168.2.1"}
    rules = in_container(hosta, "ruled", "ip", "rule").stdout
    assert "from 172.19.0.2 lookup 1" in rules and "from all to 172.19.0.2 lookup 1" in rules
    (link,) = json.loads(in_container(hosta, "web5", "ip", "-j", "link", "show", "dev", "eth1").stdout)
    assert link["address"] == "02:72:6c:cd:9b:8d"


def test_what_info_shows_given_back_by_its_examples_changes_nothing(hosta, lab_name, tmp_path):
    make_containers(hosta, "web1", "db1")
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
    attachments = [
        {"container": name, "addresses": [f"192.168.5.1{number}/24"]} for number, name in enumerate(("web1", "db1"))
    ]
    hosta.module("veth_attach", bridge="br0", attachments=attachments)
    hosta.module("port_publish", bridge="br0", container="web1", ports=["8080:80"])
    hosta.module(
        "icc_policy",
        bridge="br0",
        icc=False,
        links=[{"from": "web1", "to": "db1", "ports": ["5432/tcp"]}],
        host_access="deny",
    )
    tasks = _examples("container_network_info")

    said = _play(tasks, lab_name, hosta, tmp_path)

    assert f"ok={len(tasks)} " in said and "changed=0 " in said and "skipped=0 " in said
    assert "(item=" in said


def test_check_mode_and_diff_over_ssh(hosta, lab_name, tmp_path):
    make_bridge(hosta, address="192.168.5.1/24")
    make_namespaces(hosta, "probe")
    task = {
        "name": "Look",
        "pipefitter.container_network.veth_attach": {
            "netns": "probe",
            "bridge": "br0",
            "addresses": ["192.168.5.10/24"],
        },
        "check_mode": True,
        "diff": True,
    }
    said = _play([task], lab_name, hosta, tmp_path)
    assert re.search(r"^\+ +- 192\.168\.5\.10/24$", said, re.MULTILINE)
    assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="probe")] == ["lo"]
