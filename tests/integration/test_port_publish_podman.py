# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish and icc_policy with containers of Podman.

By name, by what they expose, and ports that Podman published.
"""

from __future__ import annotations

import subprocess

import pytest
from icc_lab import icc
from lab_hosts import LAB
from publishing import HOST, LAN, Net, host_ports, publish, publish_thoroughly
from wiring import refused, remove_podmans_containers

_IMAGE = "localhost/pipefitter/busybox:latest"
_CONTAINERFILE = f"FROM {_IMAGE}\nEXPOSE 80 53/udp 90-91\n"


@pytest.fixture(name="net")
def fixture_net(hosta):
    """A container of Podman, called pod1, on br0, whose image exposes ports."""
    subprocess.run([LAB, "podman-image", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    hosta.run(
        "sh",
        "-c",
        "cat > /tmp/Containerfile; podman build --isolation=chroot -q -t exposing -f /tmp/Containerfile /tmp",
        text=_CONTAINERFILE,
    )
    net = Net(hosta, "web1")
    hosta.run("podman", "run", "-d", "--name", "pod1", "--network", "none", "exposing", "sleep", "1000")
    addresses = ["192.168.5.30/24", "fd00:5::30/64"]
    hosta.module(
        "veth_attach", container="pod1", bridge="br0", addresses=addresses, gateway="192.168.5.1", gateway6="fd00:5::1"
    )
    hosta.run(
        "ip", "netns", "attach", "pod1", hosta.run("podman", "inspect", "-f", "{{.State.Pid}}", "pod1").stdout.strip()
    )
    net.serve("pod1", "80", "53/udp", "90")
    yield net
    net.stop()
    remove_podmans_containers(hosta)


def test_ports_are_published_by_the_name_of_the_container(net):
    done = publish_thoroughly(net.host, container="pod1", ports=["8080:80", "5353:53/udp"])
    assert host_ports(done, "pod1") == [(5353, 53, "udp"), (8080, 80, "tcp")]
    for version in (4, 6):
        assert net.ask_from_lan(HOST[version], 8080) == ("pod1", LAN[version])
        assert net.ask_from_lan(HOST[version], 5353, "udp") == ("pod1", LAN[version])
    assert net.ask(HOST[4], 8080, netns="pod1") == ("pod1", "192.168.5.1")
    publish(net.host, state="absent", container="pod1")
    assert net.ask_from_lan(HOST[4], 8080) is None


def test_what_the_image_exposes_is_published(net):
    done = publish_thoroughly(
        net.host, container="pod1", runtime="podman", ports=["8080:80"], all_exposed=True, port_range="49000-49900"
    )
    assert host_ports(done, "pod1") == [(8080, 80, "tcp"), (49000, 90, "tcp"), (49000, 53, "udp"), (49001, 91, "tcp")]
    assert net.ask_from_lan(HOST[4], 49000) == net.ask_from_lan(HOST[4], 49000, "udp") == ("pod1", LAN[4])


def test_a_link_without_ports_leads_to_those_the_image_exposes(net):
    done = icc(net.host, icc=False, links=[{"from": {"netns": "web1"}, "to": "pod1"}])
    assert done["policy"]["links"][0]["ports"] == ["80/tcp", "90/tcp", "91/tcp", "53/udp"]
    assert net.ask("192.168.5.30", 80, netns="web1") == ("pod1", "192.168.5.11")
    assert net.ask("fd00:5::30", 53, "udp", netns="web1") == ("pod1", "fd00:5::11")
    net.serve("pod1", "92")
    assert net.ask("192.168.5.30", 92, netns="web1") is None


def test_what_podman_published_is_refused(net):
    net.host.run("podman", "run", "-d", "--name", "theirs", "-p", "8081:80", _IMAGE, "sleep", "1000")
    said = refused(net.host, "port_publish", bridge="br0", container="pod1", ports=["8081:80"])
    # Podman itself leaves a rule, by CNI or netavark, and its conmon listens.
    assert "port 8081/tcp of IPv4" in said and ("8081 -j " in said or "netavark" in said) and " has it" in said
    assert host_ports(publish(net.host, container="pod1", ports=["8081-8082:80"]), "pod1") == [(8082, 80, "tcp")]
