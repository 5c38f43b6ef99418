# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person would look at after the playbook ran: both hosts, from outside of the collection's code."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def test_the_bridge_has_its_addresses_and_is_up(host: Host) -> None:
    bridge = host.interface("br0")
    assert {"192.168.5.1", "fd00:5::1"} <= set(bridge.addresses)
    assert ",LOWER_UP>" in host.check_output("ip link show dev br0")


@pytest.mark.parametrize(
    ("container", "address"), [("web1", "192.168.5.10/24"), ("web1", "fd00:5::10/64"), ("web2", "192.168.5.11/24")]
)
def test_a_container_has_its_address(host: Host, container: str, address: str) -> None:
    assert f" {address} " in host.check_output(f"docker exec {container} ip address show dev eth1")


def test_a_container_s_default_route_leads_to_the_bridge(host: Host) -> None:
    assert "default via 192.168.5.1 dev eth1" in host.check_output("docker exec web1 ip route")


@pytest.mark.parametrize(
    ("container", "address"), [("web1", "192.168.5.11"), ("web1", "fd00:5::1"), ("web2", "192.168.5.1")]
)
def test_a_ping_is_answered(host: Host, container: str, address: str) -> None:
    assert host.run(f"docker exec {container} ping -c 1 -W 2 {address}").succeeded


def test_both_hosts_were_wired_by_the_pyroute2_they_have(lab: dict[str, Host]) -> None:
    program = "/usr/bin/python3 -c 'import importlib.metadata; print(importlib.metadata.version(\"pyroute2\"))'"
    assert {name: host.check_output(program) for name, host in lab.items()} == {"hosta": "0.7.2", "hostb": "0.9.7"}


def test_the_namespace_directory_is_left_alone(host: Host) -> None:
    """Pipework and its like leave links there for good."""
    assert host.run("ls -A /run/netns 2>/dev/null").stdout == ""
