# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NIC that the kernel gives back as its container ends is as it was, or in the container that runs again."""

from __future__ import annotations

import pytest
from site_of_containers import IMAGE, Site
from wiring import until

# Without the index, which the kernel may choose anew, and link-local addresses, which it makes a little later.
_SHOWN = "ip -o link show eth1 | cut -d: -f2- | sed 's/qdisc [a-z_]* //'; ip -o addr show eth1 | cut -d: -f2- | "
_SHOWN += "grep -v fe80; ip route show dev eth1; ip -6 route show dev eth1 | grep -v fe80; ls /run/pipefitter-nics"
_ATTACHED = {"nic": "eth1", "kind": "physical", "interface": "eth0", "addresses": ["10.62.0.2/24"], "mtu": 1300}
_PATIENCE = 300  # seconds; this is no test of how long it takes


@pytest.fixture(scope="module")
def site(machine, tmp_path_factory):
    yield Site(machine, tmp_path_factory.mktemp("nics"))
    machine.run("rm -rf /run/pipefitter-nics", check=False)


def _shown(site):
    return site.machine.run(_SHOWN, check=False).stdout


def test_the_service_moves_it_in_again_and_gives_it_back(site):
    assert site.play(roles=("host_setup",)) > 0
    before = _shown(site)
    imported = f"docker import -c 'CMD [\"sh\"]' /root/busybox.tar {IMAGE}"
    site.machine.run(f"docker image inspect {IMAGE} >/dev/null || {imported}", timeout=300)
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
