# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to a container of Podman, with its socket or without, its network is as it is recorded."""

from __future__ import annotations

import subprocess

import pytest
from lab_hosts import LAB
from leftovers import assert_nothing_left_over, lasting
from service import Service, pipefitter, states
from wiring import attach, remove_podmans_containers, until

_IMAGE = "localhost/pipefitter/busybox:latest"
_RUN = f"podman run -d --name pod1 --network none {_IMAGE} sleep 1000"
_POD1 = {"container": "pod1", "bridge": "br0", "addresses": ["192.168.5.30/24"], "gateway": "192.168.5.1"}
_PUBLISHED = {"bridge": "br0", "container": "pod1", "ports": ["8080:80"]}
_SOCKET = "/run/podman/podman.sock"


@pytest.fixture(params=["with its socket", "without a socket"])
def podman(hosta, request):
    subprocess.run([LAB, "podman-image", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    serving = None
    if request.param == "with its socket":
        hosta.run("mkdir", "-p", "/run/podman")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        serving = hosta.start("podman", "system", "service", "-t", "0", f"unix://{_SOCKET}", **quiet)
        until(lambda: hosta.run("test", "-S", _SOCKET, check=False).returncode == 0, "Podman does not serve")
    try:
        with Service(hosta):
            yield hosta
    finally:
        remove_podmans_containers(hosta)
        if serving is not None:
            serving.terminate()
            serving.wait(20)
        hosta.run("rm", "-f", _SOCKET)


def _serves(host):
    ask = """
    podman exec -d pod1 >/dev/null busybox nc -ll -p 80 -e busybox echo web
    until podman exec pod1 busybox netstat -ltn | grep -q :80; do sleep 0.05; done
    timeout 2 busybox nc 192.168.5.30 80 </dev/null
    timeout 2 busybox nc 10.77.0.11 8080 </dev/null
    podman exec pod1 busybox killall busybox
    """
    assert host.run("sh", "-c", ask).stdout.split() == ["web", "web"]


def _settled(host):
    return set(states(host).values()) == {"in order"}


def _waits(host):
    return list(states(host).values()) == ["in order", "pending", "pending"]


def test_a_container_of_podman_that_is_restarted_killed_paused_or_made_anew(podman):
    podman.run("sh", "-c", _RUN)
    podman.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
    assert attach(podman, **_POD1)["recorded"]
    assert podman.module("port_publish", **_PUBLISHED)["recorded"]
    until(lambda: _settled(podman), lambda: states(podman))
    before = lasting(podman)
    _serves(podman)
    for done in (
        "podman restart -t 0 pod1",
        "podman kill pod1 && podman wait pod1 && podman start pod1",
        f"podman rm -f -t 0 pod1 && {_RUN}",
    ):
        podman.run("sh", "-c", done)
        until(lambda: _settled(podman), lambda: states(podman))
        _serves(podman)
        assert_nothing_left_over(before, lasting(podman))
    assert "[container pod1 " in pipefitter(podman, "events").stdout
    podman.run("podman", "stop", "-t", "0", "pod1")
    until(lambda: _waits(podman), lambda: states(podman))
    until(lambda: "192.168.5.30" not in podman.run("nft", "list", "ruleset").stdout, "its ports stay published")
    podman.run("podman", "rename", "pod1", "old1")
    podman.run("podman", "start", "old1")
    assert pipefitter(podman, "reconcile").returncode == 0
    assert _waits(podman), "what is recorded is for a container called pod1"
