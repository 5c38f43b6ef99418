# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VLANs of ports cost: by ovs-vsctl for each port, by one ovs_vlan_port task, by a loop of openvswitch_port.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/vlan_ports.py

With --collections FOLDER also a loop of openvswitch.openvswitch.openvswitch_port; FOLDER holds
ansible_collections/openvswitch/openvswitch, as the package ansible of PyPI has it up to version 9. It starts a lab of
its own, with Open vSwitch in userspace, and takes it down. Figures depend on the machine; compare those of one run. The
tags are verified after each way; no time makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from clone import LAB, python_path_in, quietly, running_lab
from timed_play import timed_play

_HERE = pathlib.Path(__file__).resolve().parent
_HOST = "hosta"
_BRIDGE = "bench0"
_TIMEOUT = 1800


def main():
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab() as lab:
        bench = _Bench(lab, pathlib.Path(folder), options)
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; seconds\n")
        bench.by_processes(options.ports)
        bench.by_tasks(options.looped)


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--ports", type=int, default=500, help="how many ports ovs-vsctl and one task set (default: %(default)s)"
    )
    parser.add_argument(
        "--looped",
        type=int,
        default=50,
        help="how many ports the loop and one task set over SSH (default: %(default)s)",
    )
    parser.add_argument("--collections", help="folder with ansible_collections/openvswitch/openvswitch")
    return parser.parse_args()


class _Bench:
    """One host, its bridge and its ports; each way starts from a bridge without ports."""

    def __init__(self, lab, folder, options):
        self._lab = lab
        self._folder = folder
        self._options = options
        self._python_path = python_path_in(folder)
        pairs = (max(options.ports, options.looped) + 1) // 2
        self._exec(
            "ip",
            "-batch",
            "-",
            text="".join(f"link add p{2 * number} type veth peer name p{2 * number + 1}\n" for number in range(pairs)),
        )

    # ---- on the host

    def by_processes(self, count):
        """ovs-vsctl for each port, and the module as a process that Ansible would start."""
        self._empty_bridge()
        added = self._vsctl(count, 0, "--may-exist")
        self._verify(count, 0)
        again = self._vsctl(count, 0, "--may-exist")
        retagged = self._timed(
            "sh", "-e", text="".join(f"ovs-vsctl set port p{number} tag={_tag(number, 1)}\n" for number in range(count))
        )
        self._verify(count, 1)
        self._empty_bridge()
        ours = [self._module(count, shift) for shift in (0, 0, 1)]
        self._verify(count, 1)
        _row(f"{count} ports", "added with a tag", "unchanged again", "another tag")
        _row("ovs-vsctl for each port", *(f"{seconds:.2f}" for seconds in (added, again, retagged)))
        _row("one ovs_vlan_port", *(f"{seconds:.2f}" for seconds in ours))
        _row("times faster", *(f"{theirs / one:.1f}" for theirs, one in zip((added, again, retagged), ours)))

    def _vsctl(self, count, shift, *words):
        lines = (
            f"ovs-vsctl {' '.join(words)} add-port {_BRIDGE} p{number} tag={_tag(number, shift)}\n"
            for number in range(count)
        )
        return self._timed("sh", "-e", text="".join(lines))

    def _module(self, count, shift):
        python = (
            "env",
            f"PYTHONPATH={self._python_path}",
            "PYTHONDONTWRITEBYTECODE=1",
            "/usr/bin/python3",
            str(_HERE / "timed_module.py"),
        )
        started = time.perf_counter()
        result = json.loads(self._exec(*python, "ovs_vlan_port", text=json.dumps(_wanted(count, shift))))
        seconds = time.perf_counter() - started
        if result.get("failed"):
            sys.exit(f"ovs_vlan_port failed: {result['msg']}")
        return seconds

    def _timed(self, *argv, text):
        started = time.perf_counter()
        self._exec(*argv, text=text)
        return time.perf_counter() - started

    def _empty_bridge(self):
        self._exec("ovs-vsctl", "--if-exists", "del-br", _BRIDGE)
        self._exec("ovs-vsctl", "add-br", _BRIDGE, "--", "set", "bridge", _BRIDGE, "datapath_type=netdev")

    def _verify(self, count, shift):
        shown = json.loads(self._exec("ovs-vsctl", "-f", "json", "--columns=name,tag", "list", "port"))["data"]
        tags = {name: tag for name, tag in shown if name != _BRIDGE}
        if tags != {f"p{number}": _tag(number, shift) for number in range(count)}:
            sys.exit(f"{count} ports were to have their tags, and {len(tags)} ports are there: {str(tags)[:300]}")

    def _exec(self, *argv, text=None):
        done = subprocess.run(
            [LAB, "exec", "--name", self._lab, _HOST, "--", *argv],
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{argv[:3]} on {_HOST} ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
        return done.stdout

    # ---- over SSH

    def by_tasks(self, count):
        """A loop over another collection's module, and one task of ours, both as a playbook runs them."""
        if not self._options.collections:
            print("\nopenvswitch.openvswitch.openvswitch_port was left out: no --collections")
            return
        (self._folder / "inventory.yml").write_text(quietly(LAB, "inventory", "--name", self._lab))
        item = {"bridge": _BRIDGE, "port": "{{ item.port }}", "tag": "{{ item.tag }}"}
        looped = {
            "openvswitch.openvswitch.openvswitch_port": item,
            "loop": _wanted(count, 0)["ports"],
            "loop_control": {"label": ""},
        }
        theirs = self._play(looped)
        self._verify(count, 0)
        ours = self._play({"pipefitter.container_network.ovs_vlan_port": _wanted(count, 0)})
        self._verify(count, 0)
        print()
        _row(f"{count} ports over SSH", "added with a tag", "unchanged again")
        _row("loop of openvswitch_port", *(f"{seconds:.2f}" for seconds in theirs))
        _row("one ovs_vlan_port", *(f"{seconds:.2f}" for seconds in ours))
        _row("times faster", *(f"{one / other:.1f}" for one, other in zip(theirs, ours)))

    def _play(self, task):
        self._empty_bridge()
        tasks = [{"name": "first", "ansible.builtin.ping": {}}, {"name": "task", **task}, {"name": "task", **task}]
        collections = f"{self._python_path}:{self._options.collections}"
        lines = timed_play(self._folder / "inventory.yml", _HOST, tasks, collections)
        measured = [line for line in lines if line["task"] == "task"]
        if [line["changed"] for line in measured] != [True, False]:
            sys.exit(f"the first task was to change something and the second not: {measured}")
        return [line["seconds"] for line in measured]


def _wanted(count, shift):
    return {
        "bridge": _BRIDGE,
        "wait_timeout": 60,
        "ports": [{"port": f"p{number}", "tag": _tag(number, shift)} for number in range(count)],
    }


def _tag(number, shift):
    return 1 + (number + shift) % 4094


def _row(*cells):
    print("".join(f"{cell:<28}" if position == 0 else f"{cell:>18}" for position, cell in enumerate(cells)), flush=True)


if __name__ == "__main__":
    main()
