# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person would look at after the playbook ran: bridges, ports, tags, and pings between two hosts' containers."""

from __future__ import annotations

import pytest
from testinfra.host import Host

PLACES = {"test1": "hosta", "test2": "hosta", "test3": "hostb", "test4": "hostb"}
ADDRESSES = {f"test{number}": f"192.168.0.{number}" for number in range(1, 5)}


def test_the_uplink_is_a_trunk_of_both_vlans(host: Host) -> None:
    assert "eth1" in host.check_output("ovs-vsctl list-ports ovs0").split()
    assert host.check_output("ovs-vsctl get port eth1 trunks") == "[100, 200]"
    assert host.check_output("ovs-vsctl get port eth1 tag") == "[]"


def test_containers_are_access_ports_of_their_vlans(host: Host) -> None:
    ports = [port for port in host.check_output("ovs-vsctl list-ports ovs0").split() if port != "eth1"]
    assert sorted(host.check_output(f"ovs-vsctl get port {port} tag") for port in ports) == ["100", "200"]


@pytest.mark.parametrize("container", sorted(PLACES))
def test_a_container_has_its_address(lab: dict[str, Host], container: str) -> None:
    shown = lab[PLACES[container]].check_output(f"docker exec {container} ip address show dev eth1")
    assert f" {ADDRESSES[container]}/24 " in shown


@pytest.mark.parametrize("container", sorted(PLACES))
@pytest.mark.parametrize("target", sorted(PLACES))
def test_only_the_same_vlan_answers(lab: dict[str, Host], container: str, target: str) -> None:
    answered = lab[PLACES[container]].run(f"docker exec {container} ping -c 1 -W 1 {ADDRESSES[target]}").succeeded
    assert answered == (int(container[-1]) % 2 == int(target[-1]) % 2)
