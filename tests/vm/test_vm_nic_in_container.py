# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NIC that the kernel gives back as its container ends is as it was, and in the container that runs again."""

from __future__ import annotations

import pytest
from site_of_containers import IMAGE, Site
from wiring import until

_HELD = """
ip address add 10.60.0.9/24 dev eth1; ip link set eth1 mtu 1400 address 02:00:00:00:60:09; ip link set eth1 up
ip address add fd00:60::9/64 dev eth1 nodad; ip route add 10.61.0.0/16 via 10.60.0.1 dev eth1
"""
# Without the index, which the kernel may choose anew, and link-local addresses, which it makes a little later.
_SHOWN = "ip -o link show eth1 | cut -d: -f2- | sed 's/qdisc [a-z_]* //'; ip -o addr show eth1 | cut -d: -f2- | "
_SHOWN += "grep -v fe80; ip route show dev eth1; ip -6 route show dev eth1 | grep -v fe80; ls /run/pipefitter-nics"
_ATTACHED = {"nic": "eth1", "kind": "physical", "interface": "eth0", "addresses": ["10.62.0.2/24"], "mtu": 1300}
_PATIENCE = 300  # seconds; this is no test of how long it takes


@pytest.fixture(scope="module")
def site(machine, tmp_path_factory):
    yield Site(machine, tmp_path_factory.mktemp("nics"))
    machine.run("ip address flush dev eth1; ip link set eth1 down; rm -rf /run/pipefitter-nics", check=False)


def _shown(site):
    return site.machine.run(_SHOWN, check=False).stdout


def test_one_that_came_back_naked_under_another_name_is_put_back_by_the_next_run(site):
    site.machine.run(f"{_HELD}\nip netns add probe; ip netns add other")
    before = _shown(site)
    assert "10.60.0.9/24" in before and "10.61.0.0/16" in before and "fd00:60::9/64" in before
    assert site.play(("nic_attach", {"netns": "probe", **_ATTACHED})) == 1
    assert "eth1" not in site.machine.run("ls /sys/class/net").stdout.split()
    site.machine.run("ip netns delete probe")
    # The name that it had there is another NIC's here: it is called by its index.
    until(lambda: "dev" in site.machine.run("ls /sys/class/net").stdout, "it does not come back", _PATIENCE)
    assert "10.60" not in site.machine.run("ip address").stdout
    assert site.play(("nic_attach", {"netns": "other", "interface": "eth7", "state": "absent"})) == 1
    assert _shown(site) == before
    assert site.play(("nic_attach", {"netns": "other", **_ATTACHED})) == 1
    assert site.play(("nic_attach", {"netns": "other", "interface": "eth0", "state": "absent"})) == 1
    assert _shown(site) == before
    site.machine.run("ip netns delete other")


def test_the_service_moves_it_in_again_and_gives_it_back(site):
    assert site.play(roles=("host_setup",)) > 0
    before = _shown(site)
    site.machine.run(f"docker run -d --network none --stop-timeout 1 --name alone {IMAGE} sleep 1000000", timeout=300)
    inner = "docker exec alone ip address show dev eth0"
    try:
        assert site.play(("nic_attach", {"container": "alone", **_ATTACHED})) == 1
        assert "10.62.0.2/24" in site.machine.run(inner).stdout
        site.machine.run("docker restart alone", timeout=300)
        until(lambda: "10.62.0.2/24" in site.machine.run(inner, check=False).stdout, "it is not in again", _PATIENCE)
        site.machine.run("docker stop alone", timeout=300)
        until(lambda: _shown(site) == before, lambda: _shown(site), _PATIENCE)
        site.machine.reboot()
        # Nobody configures it here. It is moved into the container as that starts.
        site.machine.run("docker start alone", timeout=300)
        until(lambda: "10.62.0.2/24" in site.machine.run(inner, check=False).stdout, "it is not in again", _PATIENCE)
        assert site.play(("nic_attach", {"container": "alone", **_ATTACHED})) == 0
        assert site.play(("nic_attach", {"container": "alone", "interface": "eth0", "state": "absent"})) == 1
        assert "eth1" in site.machine.run("ls /sys/class/net").stdout.split()
    finally:
        site.machine.run("docker rm -f alone", check=False, timeout=300)
