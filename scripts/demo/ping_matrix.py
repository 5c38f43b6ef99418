# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings from every container of a lab's hosts, prints who is answered, and says whether that is as it should be.

Reads what `ansible-inventory --list` prints: the variables of the role bridge
say which containers there are and under which addresses.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor

LAB = pathlib.Path(__file__).resolve().parents[2] / "tests/lab/lab"

# Seconds that a ping waits for its answer.
PATIENCE = 2

# One process a container: all its pings run at the same time, and the addresses that answered come back.
PINGS = f'for address; do (ping -c 1 -W {PATIENCE} "$address" >/dev/null 2>&1 && echo "$address") & done; wait'


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a ping goes, and whether an answer is expected."""

    label: str
    address: str
    answers: bool = True


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of the inventory.

    Its own LAN address, its bridge, its containers and their addresses, and whether those reach each other.
    """

    name: str
    address: str
    bridge: str
    bridge_address: str
    containers: dict[str, str]
    icc: bool


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Pings from every container of a lab and prints who is answered; "
        "fails where that is not as expected.",
        epilog="example: ansible-inventory -i lab.yml -i scripts/demo/hosts.yml --list | "
        "python3 scripts/demo/ping_matrix.py --lab demo",
    )
    parser.add_argument("--lab", default="demo", help="which lab (default: %(default)s)")
    lab = parser.parse_args().lab
    hosts = read_hosts(json.load(sys.stdin)["_meta"]["hostvars"])
    rows = [(host, container, targets_of(host, container, hosts)) for host in hosts for container in host.containers]
    with ThreadPoolExecutor(max_workers=len(rows)) as pool:
        answered = list(pool.map(lambda row: ping(lab, *row), rows))
    wrong = 0
    for host in hosts:
        mine = [
            (container, targets, came) for (where, container, targets), came in zip(rows, answered) if where is host
        ]
        wrong += show(host, mine)
    pings = sum(len(targets) for _host, _container, targets in rows)
    print(f"{pings} pings, {wrong} not as expected (ok: answered; -: not answered, as it should be)")
    return 1 if wrong else 0


def read_hosts(variables: dict[str, dict[str, t.Any]]) -> list[Host]:
    return [
        Host(
            name,
            values["ansible_host"],
            values["bridge_name"],
            bare(values["bridge_addresses"][0]),
            {entry["container"]: bare(entry["addresses"][0]) for entry in values["bridge_attachments"]},
            values.get("bridge_icc_policy", {}).get("icc", True),
        )
        for name, values in sorted(variables.items())
    ]


def bare(address: str) -> str:
    return address.partition("/")[0]


def targets_of(host: Host, source: str, hosts: list[Host]) -> list[Target]:
    targets = [
        Target(container, address, host.icc or container == source) for container, address in host.containers.items()
    ]
    targets.append(Target(host.bridge, host.bridge_address))
    for other in hosts:
        if other is not host:
            targets.append(Target(other.name, other.address))
            # Nothing leads from one host's bridge into the other's.
            container, address = next(iter(other.containers.items()))
            targets.append(Target(f"{other.name}/{container}", address, answers=False))
    return targets


def ping(lab: str, host: Host, container: str, targets: list[Target]) -> set[str]:
    """Pings all targets from a container; the addresses that answered."""
    command = ["docker", "exec", container, "sh", "-c", PINGS, "sh", *(target.address for target in targets)]
    enter = [LAB, "exec", "--name", lab, host.name, "--"]
    done = subprocess.run([*enter, *command], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        print(f"{host.name}: {container}: {done.stderr.strip()}", file=sys.stderr)
    return set(done.stdout.split())


def show(host: Host, rows: list[tuple[str, list[Target], set[str]]]) -> int:
    """Prints the matrix of a host; how many cells are not as expected."""
    header = [f"{host.name}, from \\ to", *(target.label for target in rows[0][1])]
    table = [
        [container, *(cell(target, target.address in came) for target in targets)] for container, targets, came in rows
    ]
    widths = [max(len(line[column]) for line in [header, *table]) for column in range(len(header))]
    for line in (header, *table):
        print(
            "  ".join(
                [line[0].ljust(widths[0]), *(text.center(width) for text, width in zip(line[1:], widths[1:]))]
            ).rstrip()
        )
    print()
    return sum(target.answers != (target.address in came) for _container, targets, came in rows for target in targets)


def cell(target: Target, answered: bool) -> str:
    if answered:
        return "ok" if target.answers else "ANSWERED"
    return "SILENT" if target.answers else "-"


if __name__ == "__main__":
    sys.exit(main())
