# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that reboots has its container networks back, without Ansible: real systemd, Docker, Open vSwitch and SSH."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from fleet import ansible_environment, in_container
from lab_hosts import LAB, LabHost
from service import pipefitter, states
from wiring import until, warned

_UNIT = "/etc/systemd/system/pipefitter.service"

_SETUP = """
- hosts: all
  become: true
  gather_facts: false
  roles:
    - role: pipefitter.container_network.host_setup
      host_setup_docker_runtime: true
"""

_WIRING = [
    ("container_bridge", {"name": "br0", "addresses": ["192.168.5.1/24"], "ip_forward": True, "masquerade": True}),
    ("container_bridge", {"name": "br1", "addresses": ["192.168.6.1/24"]}),
    ("ovs_vlan_port", {"bridge": "ovs0", "create_bridge": True, "bridge_options": {"datapath_type": "netdev"}}),
    ("icc_policy", {"bridge": "br0", "icc": False, "links": []}),
    (
        "veth_attach",
        {
            "attachments": [
                {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"},
                {"container": "web2", "bridge": "br0", "addresses": ["192.168.5.11/24"], "gateway": "192.168.5.1"},
                {"container": "web1", "bridge": "ovs0", "interface": "eth2", "addresses": ["10.9.0.1/24"], "vlan": 100},
                {"container": "web2", "bridge": "ovs0", "interface": "eth2", "addresses": ["10.9.0.2/24"], "vlan": 200},
                {"container": "web1", "bridge": "br1", "interface": "eth3", "addresses": ["dhcp"]},
            ]
        },
    ),
    ("port_publish", {"bridge": "br0", "container": "web1", "ports": ["8080:80"]}),
]

# Says, from its first instant on, whom it reaches: the gateway it may reach, its neighbour it may not.
_PROBING = """
while true; do
    ping -c1 -W1 192.168.5.1 >/dev/null 2>&1 && echo gateway
    ping -c1 -W1 192.168.5.10 >/dev/null 2>&1 && echo neighbour
    ping -c1 -W1 10.9.0.1 >/dev/null 2>&1 && echo other-vlan
    sleep 0.02
done
"""
# Before the bridge is there, too; what it gave it forgets with a reboot.
_LEASING = """[Service]
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --no-ping --bind-dynamic \\
    --interface=br1 --dhcp-range=192.168.6.50,192.168.6.99,1h --dhcp-leasefile=/run/leasing.leases
[Install]
WantedBy=multi-user.target
"""
_SERVING = "busybox nc -ll -p 80 -e busybox echo web1"


class Site:
    """A host that boots with systemd, and the role host_setup by Ansible over SSH."""

    def __init__(self, lab, python_path, folder):
        self.lab = lab
        self.host = LabHost(lab, "hosta", python_path)
        self._folder = folder
        inventory = subprocess.run([LAB, "inventory", "--name", lab], stdout=subprocess.PIPE, check=True, timeout=60)
        (folder / "inventory.yml").write_bytes(inventory.stdout)
        (folder / "setup.yml").write_text(_SETUP, encoding="utf-8")

    def setup(self, **variables):
        """Run the role, and return the names of the tasks that changed something."""
        play = pathlib.Path(sys.executable).with_name("ansible-playbook")
        words = [play, "-i", self._folder / "inventory.yml", self._folder / "setup.yml"]
        for name, value in variables.items():
            words += ["-e", f"{name}={value}"]
        done = subprocess.run(
            words,
            env=ansible_environment(self._folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        (recap,) = [line for line in done.stdout.splitlines() if "changed=" in line]
        return int(recap.partition("changed=")[2].split()[0])

    def settled(self):
        until(lambda: set(states(self.host).values()) == {"in order"}, lambda: states(self.host))

    def leased(self):
        """Return the address that web1 has on lease."""

        def told():
            shown = json.loads(pipefitter(self.host, "status", "--json").stdout)["objects"]
            return [entry["lease"]["address"] for entry in shown if entry.get("lease")]

        (lease,) = until(told, "no lease has come")
        assert lease in in_container(self.host, "web1", "ip", "-br", "address", "show", "dev", "eth3").stdout
        return lease

    def serves(self):
        """Tell what the published port says, and whom the probing container has reached since it started."""
        asked = ["sh", "-c", "timeout 3 busybox nc 10.77.0.11 8080 </dev/null"]
        said = self.host.run(*asked, check=False).stdout.strip()
        since = self.host.run("docker", "inspect", "-f", "{{.State.StartedAt}}", "web2").stdout.strip()
        until(lambda: "gateway" in self._reached(since), "the probing container doesn't reach its gateway")
        return said, self._reached(since)

    def _reached(self, since):
        return set(self.host.run("docker", "logs", "--since", since, "web2").stdout.split())

    def comes_up_after(self, before):
        """Wait until the service is active with another process than ``before``."""
        until(lambda: self.service("MainPID") not in (before, "0"), "the service stays away")
        until(lambda: self.service("ActiveState") == "active", "the service does not get ready")

    def service(self, what):
        return self.host.run("systemctl", "show", "-P", what, "pipefitter.service").stdout.strip()


@pytest.fixture(scope="module")
def site(python_path, tmp_path_factory):
    lab = f"reboot-{os.getpid()}"
    subprocess.run([LAB, "up", "--name", lab, "--hosts", "1", "--systemd", "hosta"], check=True, timeout=300)
    try:
        site = Site(lab, python_path, tmp_path_factory.mktemp("reboot"))
        assert site.setup() > 0
        run = ["docker", "run", "-d", "--restart", "always", "--stop-timeout", "1", "--network", "none", "--name"]
        for name, doing in (("web1", _SERVING), ("web2", _PROBING)):
            site.host.run(*run, name, "pipefitter/busybox", "sh", "-c", doing)
        unit = "/etc/systemd/system/leasing.service"
        site.host.run("sh", "-c", f"cat >{unit} && systemctl enable --now leasing.service", text=_LEASING)
        for module, options in _WIRING:
            done = site.host.module(module, **options)
            assert done["recorded"] and "DHCP" not in str(warned(done)), module
        site.settled()
        yield site
        site.host.close()
    finally:
        subprocess.run([LAB, "down", "--name", lab], check=True, timeout=120)


def _nothing_to_do(site):
    for module, options in _WIRING:
        done = site.host.module(module, **options)
        assert not done["changed"], (module, done["operations"])


def test_the_role_changes_nothing_where_the_service_is(site):
    assert site.setup() == 0
    assert site.service("ActiveState") == "active"
    site.host.run("docker", "run", "--rm", "--runtime", "pipefitter", "--net", "none", "pipefitter/busybox", "true")
    assert site.serves() == ("web1", {"gateway"})


@pytest.mark.parametrize("reset", [False, True], ids=["reboot", "power cut"])
def test_everything_is_back_after_a_reboot(site, reset):
    lease = site.leased()
    told = pipefitter(site.host, "events", "--json").stdout.splitlines()
    site.host.reboot(reset=reset)
    site.settled()
    since = pipefitter(site.host, "events", "--json").stdout.splitlines()
    assert len(since) > len(told) and since[len(since) - len(told) :] == told
    assert site.serves() == ("web1", {"gateway"})
    _nothing_to_do(site)
    # Servers choose by the MAC, which stays.
    assert site.leased() == lease
    # Docker drops what it doesn't know of only where it switches forwarding on itself.
    assert "-P FORWARD DROP" in site.host.run("iptables", "-S", "FORWARD").stdout
    assert site.host.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "1\n"
    # Isolation came before any container: engines wait for the first pass.
    times = {
        unit: int(site.host.run("systemctl", "show", "-P", what, unit).stdout)
        for unit, what in (
            ("pipefitter.service", "ActiveEnterTimestampMonotonic"),
            ("docker.service", "ExecMainStartTimestampMonotonic"),
        )
    }
    assert 0 < times["pipefitter.service"] <= times["docker.service"], times


def test_a_service_that_is_killed_or_hangs_comes_back(site):
    site.host.run(
        "sh",
        "-e",
        "-c",
        "mkdir -p /run/systemd/system/pipefitter.service.d; printf '[Service]\\nWatchdogSec=2\\n' "
        ">/run/systemd/system/pipefitter.service.d/quick.conf; systemctl daemon-reload; systemctl restart pipefitter",
    )
    try:
        for signal in ("KILL", "STOP"):
            before = site.service("MainPID")
            site.host.run("systemctl", "kill", "-s", signal, "pipefitter.service")
            site.host.run("ip", "link", "delete", "br0")
            site.comes_up_after(before)
            site.settled()
    finally:
        site.host.run("sh", "-c", "rm -r /run/systemd/system/pipefitter.service.d; systemctl daemon-reload")
    _nothing_to_do(site)


def test_the_role_upgrades_the_program_and_restarts_the_service_once(site):
    before = site.service("MainPID")
    site.host.run("sh", "-c", "echo >>/usr/local/lib/pipefitter/pipefitter")
    assert site.setup() == 2, "the program, the service"
    after = site.service("MainPID")
    assert after != before and site.setup() == 0 and site.service("MainPID") == after
    site.settled()


def test_the_role_removes_the_service_with_nothing_left(site):
    """The last of this file."""
    assert site.setup(host_setup_service="absent") > 0
    assert site.setup(host_setup_service="absent") == 0
    left = f"ls -d {_UNIT} /usr/local/lib/pipefitter /usr/local/sbin/pipefitter /var/lib/pipefitter 2>/dev/null || true"
    assert site.host.run("sh", "-c", left).stdout == ""
    assert site.service("LoadState") == "not-found"
    # What was made stays as it is.
    assert site.serves()[0] == "web1"
