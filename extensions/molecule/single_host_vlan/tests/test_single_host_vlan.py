# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person would look at after the playbook ran: four containers of a host in two VLANs.

Two hosts have the same, with the same addresses.
"""

from __future__ import annotations

import pytest
from testinfra.host import Host

CONTAINERS = ("test1", "test2", "test3", "test4")


def test_containers_are_access_ports_of_their_vlans(host: Host) -> None:
    ports = host.check_output("ovs-vsctl list-ports ovs0").split()
    assert sorted(host.check_output(f"ovs-vsctl get port {port} tag") for port in ports) == ["100", "100", "200", "200"]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("target", CONTAINERS)
def test_only_the_same_vlan_answers(host: Host, container: str, target: str) -> None:
    answered = host.run(f"docker exec {container} ping -c 1 -W 1 192.168.0.{target[-1]}").succeeded
    assert answered == (int(container[-1]) % 2 == int(target[-1]) % 2)
