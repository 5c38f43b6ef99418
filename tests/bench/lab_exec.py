# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to run a command in a host of the lab: by ``lab exec``, and by what is the least that it could be.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/lab_exec.py

The least is nsenter alone, and a Python that starts and ends. All are run in turns, so that what drifts on the machine
meets all of them. It starts a lab of its own and takes it down. Figures depend on the machine; compare those of one
run. No time makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import time

from clone import LAB, quietly, running_lab

_HOST = "hosta"
_RECORD = "/pipefitter-lab/{}/running.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="how often each is run (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with running_lab("--no-docker", "--no-ovs") as lab:
        ways = _ways(lab)
        times = {name: [] for name in ways}
        for _round in range(rounds):
            for name, argv in ways.items():
                times[name].append(_milliseconds(argv))
    _show(times)


def _ways(lab):
    pid, _started = json.loads(pathlib.Path(_RECORD.format(lab)).read_text())["hosts"][_HOST]
    return {
        "nsenter": ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--", "true"],
        "Python that does nothing": ["/usr/bin/python3", "-IS", "-c", ""],
        "lab exec": [LAB, "exec", "--name", lab, _HOST, "--", "true"],
    }


def _milliseconds(argv):
    started = time.perf_counter()
    quietly(*argv)
    return (time.perf_counter() - started) * 1000


def _show(times):
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; milliseconds\n")
    print(f"{'':28}{'least':>9}{'median':>9}{'greatest':>10}")
    for name, each in times.items():
        print(f"{name:28}{min(each):9.1f}{statistics.median(each):9.1f}{max(each):10.1f}")
    floor = sum(statistics.median(times[name]) for name in times if name != "lab exec")
    print(f"\nlab exec takes {statistics.median(times['lab exec']) / floor:.1f} times as long as the others together")


if __name__ == "__main__":
    main()
