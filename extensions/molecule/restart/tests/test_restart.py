# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there again, without Ansible, after something was restarted or taken away on a host with systemd."""

from __future__ import annotations

import json
import time

import pytest
from testinfra.host import Host

CONTAINERS = ("app1", "db1")
ADDRESSES = {"app1": "192.168.8.10", "db1": "192.168.8.11"}
# Only for what never comes: seconds until a test gives up.
PATIENCE = 120


def states(host: Host) -> dict[str, str]:
    """Return what the program finds on the host at this moment, by the name of each object."""
    shown = json.loads(host.run("pipefitter status --json").stdout)
    return {entry["name"]: entry["state"] for entry in shown["objects"]}


def starts(host: Host) -> dict[str, str]:
    """Return when each running container was started."""
    form = "'{{.Name}} {{.State.StartedAt}} {{.State.Running}}'"
    lines = host.check_output(f"docker inspect --format {form} {' '.join(CONTAINERS)}").splitlines()
    return {name.strip("/"): when for name, when, running in map(str.split, lines) if running == "true"}


def settle(host: Host) -> None:
    """Wait until all containers run, serve their pages, and everything recorded is in order."""
    end = time.monotonic() + PATIENCE
    while not (
        starts(host).keys() == set(CONTAINERS)
        and set(states(host).values()) == {"in order"}
        and all(host.run(f"docker exec {name} netstat -ltn | grep -q ':80 '").succeeded for name in CONTAINERS)
    ):
        assert time.monotonic() < end, states(host)
        time.sleep(0.2)


def fetch(host: Host, url: str, container: str | None = None) -> str:
    """Return the page that a client on a host, or in a container of it, gets within some seconds; '' for none."""
    inside = f"docker exec {container} " if container else ""
    return host.run(f"{inside}busybox timeout 5 busybox wget -q -O - http://{url}").stdout.strip()


def succeeding(host: Host, *commands: str) -> set[str]:
    """Return which of these shell commands succeed, all run at once."""
    said = host.run(" ".join(f"({command} >/dev/null 2>&1 && echo '{command}') &" for command in commands) + " wait")
    return set(said.stdout.splitlines())


def assert_all_is_there(lab: dict[str, Host]) -> None:
    """See wiring, published port, link and isolation by packets, from the host, its containers and another host."""
    host = lab["hosta"]
    for name, address in ADDRESSES.items():
        assert f" {address}/24 " in host.check_output(f"docker exec {name} ip address show dev eth1")
    # The LAN is behind the bridge's address, forwarding and masquerading.
    outward = {f"docker exec {name} ping -c 1 -W 5 10.77.0.12" for name in CONTAINERS}
    assert succeeding(host, *outward) == outward
    assert fetch(lab["hostb"], "10.77.0.11:8080") == fetch(host, "127.0.0.1:8080") == "app1"
    assert fetch(host, ADDRESSES["db1"], "app1") == "db1"
    # Another port, which the host gets a page from, and the reverse direction.
    assert fetch(host, f"{ADDRESSES['db1']}:81") == "db1"
    refused = (
        f"docker exec app1 busybox timeout 1 busybox wget -q -O - http://{ADDRESSES['db1']}:81",
        f"docker exec db1 busybox timeout 1 busybox wget -q -O - http://{ADDRESSES['app1']}",
        f"docker exec app1 ping -c 1 -W 1 {ADDRESSES['db1']}",
    )
    assert succeeding(host, *refused) == set()


def test_the_playbook_installed_the_service_and_recorded_what_it_made(lab: dict[str, Host]) -> None:
    service = lab["hosta"].service("pipefitter")
    assert service.is_running and service.is_enabled
    assert set(states(lab["hosta"])) == {
        "bridge br0",
        "eth1 of container app1",
        "eth1 of container db1",
        "policy of br0",
        "ports of eth1 of container app1, published on br0",
    }
    settle(lab["hosta"])
    assert_all_is_there(lab)


@pytest.mark.parametrize("command", ["docker restart app1 db1", "systemctl restart docker"])
def test_all_is_back_after_a_restart(lab: dict[str, Host], command: str) -> None:
    host = lab["hosta"]
    before = starts(host)
    host.check_output(command)
    settle(host)
    after = starts(host)
    assert not set(before.values()) & set(after.values()), "the containers are those of before"
    assert_all_is_there(lab)
    # Not for a moment, in all their lives, did they reach each other.
    for name in CONTAINERS:
        assert host.run(f"docker exec {name} test -e /probing").succeeded
        assert host.run(f"docker exec {name} test -e /reached").failed


def test_all_is_back_after_the_firewall_was_emptied(lab: dict[str, Host]) -> None:
    """Isolated containers can reach each other until it is back, so this is the last of this file."""
    host = lab["hosta"]
    # In one go, so that it is certain that the tables were gone.
    assert "pipefitter" not in host.check_output("nft 'flush ruleset; list tables'")
    settle(host)
    assert "table ip pipefitter" in host.check_output("nft list tables")
    assert_all_is_there(lab)
