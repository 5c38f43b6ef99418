# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moving the host's own NIC into a bridge costs those who are connected: host_nic_bridge, and the usual one line.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/host_nic.py

Two TCP sessions from the LAN, one of each family, ask every 5 ms while the NIC becomes a bridge's port: by
host_nic_bridge, as Ansible runs it over SSH through that very NIC, confirmation from a new connection included; and by
the line of commands that documentation everywhere has, which Ansible runs over the same connection. Told are the
longest wait of a session, how many sessions were lost, and how long the play took. All ways are gone in turns, and each
time back by host_nic_bridge; what drifts on the machine meets all of them. It starts a lab of its own and takes it
down. Figures depend on the machine; compare those of one run. No time makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from clone import LAB, ROOT, python_path_in, quietly, running_lab

_SESSIONS = ROOT / "tests/integration/sessions_on_lan.py"
_ADDRESSES = ("10.77.0.11", "fd00:10:77::11")
_GATEWAYS = ("10.77.0.1", "fd00:10:77::1")
_LINE = (
    "ip link add name br0 address $(cat /sys/class/net/eth0/address) type bridge forward_delay 0 &&"
    " ip link set br0 up &&"
    f" ip addr add {_ADDRESSES[0]}/24 dev br0 && ip addr del {_ADDRESSES[0]}/24 dev eth0 &&"
    f" ip addr add {_ADDRESSES[1]}/64 dev br0 && ip addr del {_ADDRESSES[1]}/64 dev eth0 &&"
    " ip link set eth0 master br0;"
    f" ip route replace default via {_GATEWAYS[0]} dev br0; ip -6 route replace default via {_GATEWAYS[1]} dev br0"
)
_MOVE = {"nic": "eth0", "bridge": "br0", "persist": "none"}
_OF_SWITCH = {**_MOVE, "type": "openvswitch", "datapath_type": "netdev"}
_WAYS = {
    "host_nic_bridge, Linux bridge": {"pipefitter.container_network.host_nic_bridge": _MOVE},
    "host_nic_bridge, Open vSwitch": {"pipefitter.container_network.host_nic_bridge": _OF_SWITCH},
    "one line of commands": {"ansible.builtin.shell": _LINE},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is gone (default: %(default)s)")
    rounds = parser.parse_args().rounds
    measured = {way: [] for way in _WAYS}
    with running_lab("--no-docker") as lab, tempfile.TemporaryDirectory() as folder:
        bench = _Bench(lab, pathlib.Path(folder))
        for _round in range(rounds):
            for way, task in _WAYS.items():
                measured[way].append(bench.gone(task))
                bench.back(way)
        bench.close()
    _show(measured)


class _Bench:
    def __init__(self, lab, folder):
        self._lab, self._folder = lab, folder
        (folder / "ansible").mkdir()
        self._environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": python_path_in(folder / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(folder),
            "ANSIBLE_NOCOLOR": "1",
        }
        (folder / "lab.yml").write_text(quietly(LAB, "inventory", "--name", lab), encoding="utf-8")
        serving = [LAB, "exec", "--name", lab, "hosta", "--", "python3", "-c", _SESSIONS.read_text(encoding="utf-8")]
        self._server = subprocess.Popen(serving)
        time.sleep(1)

    def close(self):
        self._server.terminate()
        self._server.wait(60)

    def gone(self, task):
        """Return the longest wait, of sessions that lived, how many did not, and the seconds that the task took."""
        asking = [LAB, "run", "--name", self._lab, "--", sys.executable, str(_SESSIONS), *_ADDRESSES]
        client = subprocess.Popen(asking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        client.stdout.readline()
        self._play({"ansible.builtin.ping": {}})  # so that the connection is there
        began = time.perf_counter()
        self._play(task)
        took = time.perf_counter() - began
        client.stdin.close()
        waits = json.loads(client.stdout.readline())
        client.wait(120)
        lived = [wait for wait in waits.values() if wait is not None]
        return max(lived, default=None), len(waits) - len(lived), took

    def back(self, way):
        options = {**(_OF_SWITCH if "Open vSwitch" in way else _MOVE), "state": "absent"}
        self._play({"pipefitter.container_network.host_nic_bridge": options})
        quietly(LAB, "exec", "--name", self._lab, "hosta", "--", "sh", "-c", "ip link del br0 2>/dev/null; true")

    def _play(self, task):
        book = self._folder / "play.json"
        book.write_text(json.dumps([{"hosts": "hosta", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
        play = pathlib.Path(sys.executable).with_name("ansible-playbook")
        words = [play, "-i", self._folder / "lab.yml", book]
        done = subprocess.run(words, env=self._environment, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)


def _show(measured):
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':32}{'longest wait (ms)':>26}{'sessions':>10}{'whole play (s)':>16}")
    print(f"{'':32}{'least':>9}{'median':>8}{'most':>9}{'lost':>10}{'median':>16}")
    for way, runs in measured.items():
        waits = sorted(1000 * wait for wait, _lost, _took in runs if wait is not None)
        told = f"{waits[0]:9.1f}{statistics.median(waits):8.1f}{waits[-1]:9.1f}" if waits else f"{'-':>26}"
        lost = sum(lost for _wait, lost, _took in runs)
        print(f"{way:32}{told}{lost:10}{statistics.median(took for _wait, _lost, took in runs):16.2f}")


if __name__ == "__main__":
    main()
