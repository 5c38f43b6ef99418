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
from lab_hosts import LAB
from wiring import container_pid

_ANSIBLE_PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")

VLANS = {"web": {"id": 100, "subnet": "192.168.0.0/24"}, "db": {"id": 200, "subnet": "192.168.0.0/24"}}
COMMON = {
    "multi_host_vlan_bridge": "ovs0",
    "multi_host_vlan_bridge_options": {"datapath_type": "netdev"},
    "multi_host_vlan_vlans": VLANS,
}


class Run:
    """How a playbook went: its exit ``status``, all it ``said``, and by host how many tasks ``changed`` something."""

    def __init__(self, done: subprocess.CompletedProcess) -> None:
        self.status = done.returncode
        self.said = done.stdout + done.stderr
        self.changed = {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)}

    def ok(self) -> Run:
        assert self.status == 0, self.said[-4000:]
        return self


class Fleet:
    """The hosts of a lab and what its inventory says of them: ``common`` of all, ``by_host`` of each."""

    def __init__(self, lab_name: str, folder: pathlib.Path, by_host: dict[str, dict], common: dict) -> None:
        self._folder = folder
        self._lab = folder / "lab.yml"
        self._lab.write_text(subprocess.run([LAB, "inventory", "--name", lab_name], check=True, capture_output=True, encoding="utf-8").stdout, encoding="utf-8")
        (folder / "ansible.cfg").write_text("[defaults]\nnocolor = true\ntimeout = 3\n", encoding="utf-8")  # in place of whoever's own
        self.by_host = by_host
        self.common = common

    def play(self, playbook: str, *words: str) -> Run:
        """Run a playbook of the collection."""
        inventory = self._folder / "fleet.json"
        inventory.write_text(json.dumps({"lab": {"vars": self.common, "hosts": self.by_host}}), encoding="utf-8")
        root = pathlib.Path(next(iter(collection.__path__))).parents[2]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(root),
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self._folder / "home"),
            "PYTHONPATH": "",
        }
        argv = [_ANSIBLE_PLAYBOOK, "-i", self._lab, "-i", inventory, f"pipefitter.container_network.{playbook}", "-e", "pipefitter_hosts=lab", *words]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=240, check=False, env=environment, cwd=self._folder
        )
        return Run(done)


def in_container(host, container: str, *argv: str, **options):
    """Run a command of the host in the network of a Docker container."""
    return host.run("nsenter", "-n", "-t", container_pid(host, container), *argv, **options)


def pings(host, container: str, *addresses: str) -> set[str]:
    """Return the addresses that answer a container within two seconds."""
    script = 'for address; do (ping -n -c 1 -W 2 "$address" >/dev/null && echo "$address") & done; wait'
    return set(in_container(host, container, "sh", "-c", script, "sh", *addresses).stdout.split())
