# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task costs that finds nothing to do, beside a ping task of the same play: over SSH, with pipelining.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/task_startup.py

With --against CLONE the same tasks of another clone, in turn with this one's. It starts a lab of its own and takes it
down. The tasks of a play stand in turn, too, and the first of each module, for which the controller packs it, is not
counted. Figures depend on the machine; compare those of one run. No time makes it fail.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

from clone import LAB, ROOT, quietly, running_lab
from timed_play import timed_play

_HOST = "hosta"
_OURS = "pipefitter.container_network."
_TASKS = {
    "ping": {"ansible.builtin.ping": {}},
    "container_bridge": {f"{_OURS}container_bridge": {"name": "bench0", "addresses": ["192.168.70.1/24"]}},
    "veth_attach": {
        f"{_OURS}veth_attach": {"netns": "/run/netns/bench", "bridge": "bench0", "addresses": ["192.168.70.2/24"]}
    },
    "port_publish": {
        f"{_OURS}port_publish": {"netns": "/run/netns/bench", "bridge": "bench0", "ports": ["8080:80"]},
    },
}


def main():
    options = _options()
    clones = {"this clone": ROOT, **({"the other": options.against.resolve()} if options.against else {})}
    seconds = {(whose, task): [] for whose in clones for task in _TASKS}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab() as lab:
        quietly(LAB, "exec", "--name", lab, _HOST, "--", "ip", "netns", "add", "bench")
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", flush=True)
        inventory = pathlib.Path(folder) / "inventory.yml"
        inventory.write_text(quietly(LAB, "inventory", "--name", lab))
        for number in range(options.plays):
            for whose, clone in clones.items():
                for task, taken in _play(pathlib.Path(folder) / f"{number}-{whose}", clone, inventory, options.tasks):
                    seconds[whose, task].append(taken)
    _tell(clones, seconds)


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plays", type=int, default=4, help="how many plays of each clone (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=6, help="tasks of each module in a play (default: %(default)s)")
    parser.add_argument("--against", type=pathlib.Path, help="another clone, to compare with")
    return parser.parse_args()


def _play(folder, clone, inventory, count):
    """Run a play with the clone's collection; yield each task that counts, and its seconds."""
    (folder / "ansible_collections" / "pipefitter").mkdir(parents=True)
    (folder / "ansible_collections" / "pipefitter" / "container_network").symlink_to(clone)
    tasks = [{"name": name, **task} for _number in range(count + 1) for name, task in _TASKS.items()]
    lines = timed_play(inventory, _HOST, tasks, str(folder))
    for line in lines[len(_TASKS) :]:
        if line["changed"]:
            sys.exit(f"{line['task']} was to find nothing to do, and changed something")
        yield line["task"], line["seconds"]


def _tell(clones, seconds):
    print(f"{'milliseconds a task':24}{'least':>10}{'median':>10}{'times ping':>12}{'of the least':>14}")
    for whose in clones:
        ping = seconds[whose, "ping"]
        for task in _TASKS:
            taken = seconds[whose, task]
            median = statistics.median(taken)
            of_median, of_least = median / statistics.median(ping), min(taken) / min(ping)
            print(
                f"{f'{task}, {whose}':32}{min(taken) * 1e3:8.0f}{median * 1e3:10.0f}{of_median:10.2f}{of_least:12.2f}"
            )


if __name__ == "__main__":
    main()
