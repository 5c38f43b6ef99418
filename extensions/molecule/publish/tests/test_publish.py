# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients get after the playbook ran: pages by HTTP, or nothing."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

# Of the hosts, on the LAN.
ADDRESSES = {"hosta": ("10.77.0.11", "[fd00:10:77::11]"), "hostb": ("10.77.0.12", "[fd00:10:77::12]")}
OTHER = {"hosta": "hostb", "hostb": "hosta"}


def fetch(host: Host, url: str, container: str | None = None, patience: int = 5) -> str:
    """Return the page that a client on a host, or in a container of it, gets within some seconds; '' for none."""
    inside = f"docker exec {container} " if container else ""
    return host.run(f"{inside}busybox timeout {patience} busybox wget -q -O - http://{url}").stdout.strip()


def is_refused(host: Host, url: str, container: str | None = None) -> bool:
    return fetch(host, url, container, patience=1) == ""


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", ["hosta", "hostb"])
def test_a_published_page_is_fetched_from_another_host_and_from_its_own(
    lab: dict[str, Host], name: str, family: int
) -> None:
    url = f"{ADDRESSES[name][family]}:8080"
    assert fetch(lab[OTHER[name]], url) == fetch(lab[name], url) == f"app1 of {name}"


@pytest.mark.parametrize("name", ["hosta", "hostb"])
def test_a_page_on_loopback_is_the_hosts_alone(lab: dict[str, Host], name: str) -> None:
    assert fetch(lab[name], "127.0.0.1:8081") == f"app1 of {name}"
    assert is_refused(lab[OTHER[name]], f"{ADDRESSES[name][0]}:8081")


@pytest.mark.parametrize("name", ["hosta", "hostb"])
def test_an_automatic_port_is_the_first_of_the_range(lab: dict[str, Host], name: str) -> None:
    assert fetch(lab[OTHER[name]], f"{ADDRESSES[name][0]}:49000") == f"db1 of {name}"


@pytest.mark.parametrize("address", ["192.168.7.1{}", "[fd00:7::1{}]"], ids=["IPv4", "IPv6"])
def test_the_link_leads_one_way_to_one_port(host: Host, address: str) -> None:
    app1, db1 = address.format(0), address.format(1)
    assert re.fullmatch("db1 of host[ab]", fetch(host, db1, "app1"))
    assert is_refused(host, f"{db1}:81", "app1") and is_refused(host, app1, "db1")


def test_isolation_was_there_before_the_first_packet(host: Host) -> None:
    assert host.run("docker exec app1 test -e /pinging").succeeded
    assert host.run("docker exec app1 test -e /reached").failed
    assert host.run("docker exec app1 ping -c 1 -W 2 192.168.7.1").succeeded  # pings leave it
