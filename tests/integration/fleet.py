# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection against all hosts of a lab, over SSH, as a user runs them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import ansible_collections.pipefitter.container_network as collection
from fork_client import ForkServer
from lab_hosts import LAB
from wiring import container_pid, make_namespaces

_SERVER = pathlib.Path(__file__).with_name("playbook_server.py")

VLANS = {"web": {"id": 100, "subnet": "192.168.0.0/24"}, "db": {"id": 200, "subnet": "192.168.0.0/24"}}
COMMON = {
    "multi_host_vlan_bridge": "ovs0",
    "multi_host_vlan_bridge_options": {"datapath_type": "netdev"},
    "multi_host_vlan_vlans": VLANS,
}
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


def ansible_environment(folder: pathlib.Path, **settings: str) -> dict[str, str]:
    """Return what Ansible is started with: ``settings`` in place of whoever's own, and what it writes in ``folder``."""
    root = pathlib.Path(next(iter(collection.__path__))).parents[2]
    configuration = folder / "ansible.cfg"
    lines = ["[defaults]", "nocolor = true", *(f"{name} = {value}" for name, value in settings.items())]
    configuration.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(root),
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "PYTHONPATH": "",
        # Each task loads the collection anew: what was compiled is kept, but beside the tests' folders, not the code.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode"),
    }


def start_playbook_server(folder: pathlib.Path) -> ForkServer:
    """Return what runs playbooks for all fleets."""
    return ForkServer([sys.executable, str(_SERVER)], ansible_environment(folder, timeout="3"))


class Run:
    """How a playbook went: its exit ``status``, all it ``said``, and by host how many tasks ``changed`` something."""

    def __init__(self, done: subprocess.CompletedProcess) -> None:
        self.status = done.returncode
        self.said = done.stdout + done.stderr
        self.changed = {
            host: int(count)
            for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
        }

    def ok(self) -> Run:
        assert self.status == 0, self.said[-4000:]
        return self


class Fleet:
    """The hosts of a lab and what its inventory says of them: ``common`` of all, ``by_host`` of each."""

    def __init__(
        self, lab_name: str, folder: pathlib.Path, by_host: dict[str, dict], common: dict, playbooks: ForkServer
    ) -> None:
        self._folder = folder
        self._playbooks = playbooks
        self._lab = folder / "lab.yml"
        self._lab.write_text(
            subprocess.run(
                [LAB, "inventory", "--name", lab_name], check=True, capture_output=True, encoding="utf-8"
            ).stdout,
            encoding="utf-8",
        )
        self.by_host = by_host
        self.common = common

    def play(self, playbook: str, *options: str) -> Run:
        """Run a playbook of the collection."""
        return self._play(f"pipefitter.container_network.{playbook}", *options)

    def play_books(self, *plays: dict) -> Run:
        """Run a playbook of a test's own, of the collection's for one."""
        playbook = self._folder / "site.json"
        playbook.write_text(json.dumps(plays), encoding="utf-8")
        return self._play(str(playbook))

    def _play(self, playbook: str, *options: str) -> Run:
        inventory = self._folder / "fleet.json"
        inventory.write_text(json.dumps({"lab": {"vars": self.common, "hosts": self.by_host}}), encoding="utf-8")
        inventories = ["-i", str(self._lab), "-i", str(inventory)]
        words = [*inventories, playbook, "-e", "pipefitter_hosts=lab", *options]
        return Run(self._playbooks.start(str(self._folder), *words).wait(240))

    def play_tasks(self, host: str, *tasks: dict) -> Run:
        """Run tasks of a test's own on one host."""
        playbook = self._folder / "tasks.json"
        play = {"hosts": host, "become": True, "gather_facts": False, "tasks": tasks}
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        return Run(self._playbooks.start(str(self._folder), "-i", str(self._lab), str(playbook)).wait(240))


def in_container(host, container: str, *argv: str, **options):
    """Run a command of the host in the network of a Docker container."""
    return host.run("nsenter", "-n", "-t", container_pid(host, container), *argv, **options)


def pings(host, container: str, *addresses: str) -> set[str]:
    """Return the addresses that answer a container within two seconds."""
    script = 'for address; do (ping -n -c 1 -W 2 "$address" >/dev/null && echo "$address") & done; wait'
    return set(in_container(host, container, "sh", "-c", script, "sh", *addresses).stdout.split())


def namespaces(hosts, fleet, **wanted):
    """Make namespaces that stand for containers, where it is not Docker that matters.

    They start a hundred times as fast.
    """
    for name, entries in wanted.items():
        make_namespaces(hosts[name], *(entry["netns"] for entry in entries))
        fleet.by_host[name]["multi_host_vlan_containers"] = entries


def addresses_in_vlans(hosts):
    """Return by host and namespace the VLAN and the addresses in it."""
    shown = {name: host.module("container_network_info", bridge="ovs0")["attachments"] for name, host in hosts.items()}
    return {
        f"{name}/{entry.get('netns') or entry['container']}": (entry["vlan"], *entry["addresses"])
        for name, entries in shown.items()
        for entry in entries
    }
