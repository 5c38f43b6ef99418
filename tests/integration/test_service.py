# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made comes back by itself: the record, and the service that makes it again."""

from __future__ import annotations

import pytest
from service import Service
from wiring import attach, container_pid, make_bridge, make_containers, until

_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}


@pytest.fixture
def service(host):
    with Service(host) as started:
        yield started


def _wired(host, container="web1", address="192.168.5.10/24"):
    shown = host.run("nsenter", "-n", "-t", container_pid(host, container), "ip", "-o", "address", check=False).stdout
    return address in shown


def test_a_container_that_is_restarted_is_wired_again(host, service):
    make_bridge(host, address="192.168.5.1/24")
    make_containers(host, "web1")
    made = attach(host, **_WEB1)
    assert made["recorded"]
    assert "record eth1 of container web1" in made["operations"]
    assert not attach(host, **_WEB1)["changed"]
    mac = made["attachments"][0]["mac"]

    host.run("docker", "restart", "-t", "0", "web1")

    until(lambda: _wired(host), "web1 stays without its address")
    assert mac in host.run("docker", "exec", "web1", "ip", "link", "show", "eth1").stdout
    assert host.run("docker", "exec", "web1", "ping", "-c1", "-W2", "192.168.5.1").stdout
    assert not attach(host, **_WEB1)["changed"]
