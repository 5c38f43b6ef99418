# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts are like after the playbook ran, and whom their containers reach."""

from __future__ import annotations

import pytest
from testinfra.host import Host

HOSTS = {"hosta": ("10.77.0.11", "10.77.0.211"), "hostb": ("10.77.0.12", "10.77.0.212")}
OTHER = {"hosta": "hostb", "hostb": "hosta"}


def pings(host: Host, address: str, container: str = "") -> bool:
    inside = f"docker exec {container} " if container else ""
    return bool(host.run(f"{inside}ping -c 1 -W 5 {address}").rc == 0)


@pytest.mark.parametrize("name", HOSTS)
def test_the_bridge_has_what_the_nic_had(lab: dict[str, Host], name: str) -> None:
    shown = lab[name].check_output("ip -oneline address")
    assert f"lan0    inet {HOSTS[name][0]}/24" in shown
    assert "eth0    inet" not in shown
    assert "master lan0" in lab[name].check_output("ip -oneline link show dev eth0")
    assert " dev lan0" in lab[name].check_output("ip route show default")


@pytest.mark.parametrize("name", HOSTS)
def test_containers_are_on_the_lan_beside_the_hosts(lab: dict[str, Host], name: str) -> None:
    own, container = HOSTS[name]
    others_own, others_container = HOSTS[OTHER[name]]
    assert pings(lab[OTHER[name]], container)
    assert [pings(lab[name], address, "app1") for address in (others_own, others_container, own)] == [True] * 3
