# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches pages that containers of a lab's hosts serve, prints who got which, and says whether that is as it should be.

Reads what `ansible-inventory --list` prints: the variables of the role bridge
say which ports are published and which containers are linked. Each container
is expected to serve a page at ports 80 and 81 that reads `CONTAINER of HOST`.
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

LAN = "the LAN"
UNLINKED_PORT = 81

# Seconds for a page that is to come, and for one that is not.
PATIENCE, SILENCE = 5, 1

Variables = dict[str, dict[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Fetch:
    """A client and what it asks for.

    The client is the LAN, a host, or a container of it; with the page it is to get ('' for none), and why.
    """

    host: str
    container: str
    url: str
    page: str
    why: str

    @property
    def client(self) -> str:
        return f"{self.host}/{self.container}" if self.container else self.host


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Fetches published pages and pages of linked containers in a lab; "
        "fails where one does not come, or comes and should not.",
        epilog="example: ansible-inventory -i lab.yml -i scripts/demo/hosts.yml --list | "
        "python3 scripts/demo/pages.py --lab demo",
    )
    parser.add_argument("--lab", default="demo", help="which lab (default: %(default)s)")
    lab = parser.parse_args().lab
    hosts = json.load(sys.stdin)["_meta"]["hostvars"]
    fetches = [*published(hosts), *linked(hosts)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        pages = list(pool.map(lambda one: fetch(lab, one), fetches))
    widths = [
        max(len(text) for text in texts)
        for texts in zip(*((one.client, one.url, page) for one, page in zip(fetches, pages)))
    ]
    for one, page in zip(fetches, pages):
        columns = (text.ljust(width) for text, width in zip((one.client, one.url, page or "-"), widths))
        print("  ".join([*columns, one.why if page == one.page else f"NOT AS EXPECTED: {one.why}"]))
    wrong = sum(page != one.page for one, page in zip(fetches, pages))
    print(f"{len(fetches)} pages, {wrong} not as expected (-: no answer, as it should be)")
    return 1 if wrong else 0


def published(hosts: Variables) -> t.Iterator[Fetch]:
    """Yields who fetches each published page: other hosts, a container there, the LAN, the host itself, a neighbour."""
    for name, values in sorted(hosts.items()):
        for entry in values.get("bridge_publications", ()):
            page = f"{entry['container']} of {name}"
            neighbour = [
                each["container"] for each in values["bridge_attachments"] if each["container"] != entry["container"]
            ][0]
            for number in (port.partition(":")[0] for port in entry["ports"]):
                url = f"http://{values['ansible_host']}:{number}"
                for other in sorted(hosts.keys() - {name}):
                    yield Fetch(other, "", url, page, "published, from another host")
                    yield Fetch(
                        other, hosts[other]["bridge_attachments"][0]["container"], url, page, "from a container there"
                    )
                yield Fetch(LAN, "", url, page, "from the LAN")
                yield Fetch(name, "", f"http://127.0.0.1:{number}", page, "from the host itself")
                yield Fetch(name, neighbour, url, page, "from a neighbour on the bridge")


def linked(hosts: Variables) -> t.Iterator[Fetch]:
    """Yields what each link allows, and what it does not.

    That is another port, and the way back, where pages are for the host only.
    """
    for name, values in sorted(hosts.items()):
        addresses = {
            entry["container"]: entry["addresses"][0].partition("/")[0] for entry in values["bridge_attachments"]
        }
        for link in values.get("bridge_icc_policy", {}).get("links", ()):
            source, target = link["from"], link["to"]
            for number in (port.partition("/")[0] for port in link["ports"]):
                yield Fetch(
                    name, source, f"http://{addresses[target]}:{number}", f"{target} of {name}", "isolated, but linked"
                )
                another, back = f"http://{addresses[target]}:{UNLINKED_PORT}", f"http://{addresses[source]}:{number}"
                yield Fetch(name, source, another, "", "another port, which is not linked")
                yield Fetch(name, "", another, f"{target} of {name}", "that port from the host")
                yield Fetch(name, target, back, "", "the reverse direction, which is not linked")
                yield Fetch(name, "", back, f"{source} of {name}", "that port from the host")


def fetch(lab: str, one: Fetch) -> str:
    """Fetches a page; what came, '' for nothing."""
    enter = ["run", "--name", lab] if one.host == LAN else ["exec", "--name", lab, one.host]
    inside = ["docker", "exec", one.container] if one.container else []
    wget = ["busybox", "timeout", str(PATIENCE if one.page else SILENCE), "busybox", "wget", "-q", "-O", "-", one.url]
    done = subprocess.run([LAB, *enter, "--", *inside, *wget], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
