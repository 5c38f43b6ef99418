# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attaching containers to a bridge costs: by ip commands, by one veth_attach task, and as a task among others.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/attachments.py

It starts a lab of its own and takes it down. Figures depend on the machine; compare those of one run. What is measured
is verified (ports, a few pings, changed=false of the second run), not judged: no time makes it fail.
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

from clone import LAB, python_path_in, quietly, running_lab
from timed_play import timed_play

_HERE = pathlib.Path(__file__).resolve().parent
_HOST = "hosta"

_ON_HOST_TIMEOUT = 1800
_PLAYBOOK_TIMEOUT = 600


def main():
    options = _options()
    pyroute2 = ["--pyroute2", f"{_HOST}={options.pyroute2}"] if options.pyroute2 else []
    no_ovs = [] if options.ovs else ["--no-ovs"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab(*no_ovs, *pyroute2) as lab:
        python_path = python_path_in(pathlib.Path(folder))
        ask = "from importlib.metadata import version; print(version('pyroute2'))"
        version = _exec(lab, "/usr/bin/python3", "-c", ask)
        print(f"pyroute2 {version.strip()} on the host, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n")
        _attach_table(lab, python_path, options)
        if options.ssh:
            _task_table(lab, pathlib.Path(folder), python_path, options.tasks)


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--counts", default="1,100,1000", help="how many network namespaces to attach (default: %(default)s)"
    )
    parser.add_argument(
        "--containers",
        type=int,
        default=100,
        help="how many Docker containers to attach, 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--tasks", type=int, default=20, help="tasks of each kind in the playbook (default: %(default)s)"
    )
    parser.add_argument("--ovs", action="store_true", help="on an Open vSwitch bridge (datapath in userspace)")
    parser.add_argument("--pyroute2", metavar="VERSION", help="on the host (default: the machine's own)")
    parser.add_argument("--no-ssh", dest="ssh", action="store_false", help="leave out the playbook")
    options = parser.parse_args()
    options.counts = [int(count) for count in options.counts.split(",") if count]
    if max(options.counts, default=0) > 1023 or options.containers > 1023:
        parser.error("a Linux bridge takes 1023 ports")
    return options


def _exec(lab, *argv, text=None):
    entering = [LAB, "exec", "--name", lab, _HOST, "--"]
    done = subprocess.run(
        [*entering, *argv], input=text, stdout=subprocess.PIPE, encoding="utf-8", timeout=_ON_HOST_TIMEOUT, check=False
    )
    if done.returncode:
        sys.exit(f"{argv[:2]} on {_HOST} ended with {done.returncode}: {done.stdout[-500:]}")
    return done.stdout


# ---- one task for many


def _attach_table(lab, python_path, options):
    rows = []
    for count in options.counts:
        request = {"kind": "netns", "count": count, "repetitions": _repetitions(count), "ovs": options.ovs}
        rows.append((f"{count} namespaces", count, _measure(lab, python_path, request)))
    if options.containers:
        names = [f"bench{number}" for number in range(options.containers)]
        quietly(LAB, "containers", "--name", lab, _HOST, *names)
        request = {"kind": "container", "names": names, "repetitions": _repetitions(len(names)), "ovs": options.ovs}
        rows.append((f"{len(names)} containers of Docker", len(names), _measure(lab, python_path, request)))
        _exec(lab, "docker", "rm", "-f", *names)
    for clock, title in (("wall", "seconds"), ("cpu", "seconds of CPU, user and system")):
        _row((title, "ip commands", "one task", "times faster", "ms each inside", "unchanged task", "inside"))
        for what, count, measured in rows:
            _row((what, *_attach_cells(clock, count, measured)))
        print()
    _row(("after the task", "all answer, s", "unanswered", "packets queued", "dropped", "ms to detach one"))
    for what, count, measured in rows:
        _row((what, *_after_cells(count, measured)))
    print()


def _repetitions(count):
    return 7 if count < 10 else 3 if count < 500 else 1


def _measure(lab, python_path, request):
    out = _exec(
        lab, "/usr/bin/python3", str(_HERE / "on_host.py"), text=json.dumps({**request, "python_path": python_path})
    )
    return json.loads(out)


def _attach_cells(clock, count, measured):
    commands = [one["by_commands"][clock] for one in measured]
    attached = [one["attached"][clock] for one in measured]
    ratios = [by_commands / by_task for by_commands, by_task in zip(commands, attached)]
    inside = [one["attached"]["inside"][clock] * 1000 / count for one in measured]
    unchanged = [one["unchanged"][clock] for one in measured]
    unchanged_inside = [one["unchanged"]["inside"][clock] for one in measured]
    values = (
        (commands, ".2f"),
        (attached, ".2f"),
        (ratios, ".1f"),
        (inside, ".2f"),
        (unchanged, ".2f"),
        (unchanged_inside, ".3f"),
    )
    return [format(statistics.median(each), form) for each, form in values]


def _after_cells(count, measured):
    """Each namespace's first ping to the gateway, the host's queues from the task's begin until then; detachment."""
    return [
        format(statistics.median(one["answers"]["seconds"] for one in measured), ".2f"),
        max(one["answers"]["unanswered"] for one in measured),
        max(one["queues"]["delivered"] for one in measured),
        max(one["queues"]["dropped"] for one in measured),
        format(statistics.median(one["detached"]["inside"]["wall"] for one in measured) * 1000 / count, ".2f"),
    ]


def _row(cells):
    print("".join(f"{cell:<34}" if position == 0 else f"{cell:>16}" for position, cell in enumerate(cells)), flush=True)


# ---- one task among others


def _task_table(lab, folder, python_path, tasks):
    _exec(lab, "ip", "netns", "add", "bench")
    _exec(lab, "ip", "link", "add", "bench0", "type", "bridge")
    (folder / "inventory.yml").write_text(quietly(LAB, "inventory", "--name", lab))
    _row((f"tasks over SSH, median of {tasks}", "ping", "veth_attach", "times ping", "least", "greatest"))
    for pipelining, what in ((True, "with pipelining"), (False, "without (Ansible's default)")):
        seconds = _play_seconds(folder, python_path, _tasks(tasks), pipelining)
        ratios = [attach / ping for ping, attach in zip(seconds["ping"], seconds["veth_attach"])]
        medians = [f"{statistics.median(seconds[name]) * 1000:.0f} ms" for name in ("ping", "veth_attach")]
        _row((what, *medians, *(f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios)))))


def _tasks(count):
    ping = {"name": "ping", "ansible.builtin.ping": {}}
    wanted = {"netns": "bench", "bridge": "bench0", "addresses": ["10.64.1.1/16"], "gateway": "10.64.0.1"}
    attach = {"name": "veth_attach", "pipefitter.container_network.veth_attach": wanted}
    # The first of each opens the connection and makes what the others find.
    first = [{**task, "name": "first"} for task in (ping, attach)]
    return first + [ping, attach] * count


def _play_seconds(folder, python_path, tasks, pipelining):
    seconds = {"ping": [], "veth_attach": []}
    for line in timed_play(folder / "inventory.yml", _HOST, tasks, python_path, pipelining):
        if line["task"] == "first":
            continue
        if line["changed"]:
            sys.exit(f"the task {line['task']} changed something again")
        seconds[line["task"]].append(line["seconds"])
    return seconds


if __name__ == "__main__":
    main()
