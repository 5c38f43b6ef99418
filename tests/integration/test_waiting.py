# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for an interface: ``pipefitter wait`` on the host, and the entrypoint of a container.

And the two ways in which nothing has to wait, as the namespace is there before the container.
"""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from lab_hosts import LAB
from service import pipefitter
from wiring import attach, make_bridge, make_containers, make_namespaces, remove_podmans_containers, until

_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "roles" / "host_setup" / "files" / "wait.sh"
_PLACE = "/usr/local/lib/pipefitter/wait.sh"
_IMAGE = "pipefitter/busybox:latest"


@pytest.fixture
def waiting(hosta):
    """A host with the program, a bridge, a namespace with a veth that is not up, and the entrypoint."""
    hosta.module("host_program")
    hosta.run("sh", "-c", f"cat >{_PLACE}; chmod 755 {_PLACE}", text=_SCRIPT.read_text(encoding="utf-8"))
    make_bridge(hosta, address="192.168.5.1/24")
    return hosta


def step_by_step(host, path, netns, ready, says):
    """Bring up eth1 step by step; see what is said to be missing at each, and that it is ready after the last."""
    assert "no eth1" in says()
    host.run("ip", "link", "add", "peer0", "type", "veth", "peer", "name", "eth1", "netns", netns)
    inside = ["nsenter", f"--net={path}", "--"]
    assert "down" in says()
    host.run(*inside, "ip", "link", "set", "eth1", "up")
    assert "carrier" in says()
    host.run("ip", "link", "set", "peer0", "up")
    until(lambda: "no address" in says(), says())
    host.run(*inside, "ip", "addr", "add", "192.168.5.10/32", "dev", "eth1")
    until(ready, "eth1 is not ready")  # its link-local address is tentative for a second
    settings = [
        f"net.ipv6.conf.{name}" for name in ("all.disable_ipv6=0", "eth1.disable_ipv6=0", "eth1.dad_transmits=200")
    ]
    host.run(*inside, "sysctl", "-qw", *settings)
    host.run(*inside, "ip", "addr", "add", "fd00:5::10/64", "dev", "eth1")
    assert "tentative" in says()
    host.run(*inside, "ip", "addr", "flush", "dev", "eth1", "tentative")
    until(ready, "eth1 is not ready")
    assert "default route" in says(True)
    host.run(*inside, "ip", "route", "add", "default", "dev", "eth1")
    assert ready(True)
    host.run(*inside, "sh", "-c", "ip route del default; ip -6 addr add fd00:5::11/64 dev eth1 nodad")
    assert "default route" in says(True)
    host.run(*inside, "ip", "-6", "route", "add", "default", "via", "fd00:5::1", "dev", "eth1")
    assert ready(True)


def test_the_program_waits_for_all_that_makes_an_interface_usable(waiting):
    make_containers(waiting, "web1")
    pid = waiting.run("docker", "inspect", "-f", "{{.State.Pid}}", "web1").stdout.strip()

    def ask(route=False):
        words = ["--route"] if route else []
        return pipefitter(waiting, "wait", "--container", "web1", "--timeout", "0", *words)

    def says(route=False):
        done = ask(route)
        assert done.returncode == 1
        return done.stderr

    step_by_step(waiting, f"/proc/{pid}/ns/net", pid, lambda route=False: ask(route).returncode == 0, says)


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bare"])
def test_the_entrypoint_waits_for_all_that_makes_an_interface_usable(waiting, shell):
    """``bare`` has neither ip nor ifconfig."""
    make_namespaces(waiting, "probe")
    words = ["busybox", "sh"] if shell == "busybox sh" else ["dash"]
    if shell == "bare":
        waiting.run("sh", "-c", "mkdir -p /run/bare; cp /bin/date /bin/sleep /run/bare")
        words = ["env", "PATH=/run/bare", "/bin/dash"]

    def ask(route=False):
        options = ["-t", "0", *(["-r"] if route else []), "--", "/bin/echo", "begun"]
        # Such a shell gets a /sys of the namespace, as it is in a container.
        return waiting.run("ip", "netns", "exec", "probe", *words, _PLACE, *options, check=False)

    def says(route=False):
        done = ask(route)
        assert done.returncode == 124 and done.stdout == "", done
        return done.stderr

    step_by_step(waiting, "/run/netns/probe", "probe", lambda route=False: ask(route).stdout == "begun\n", says)


def test_the_entrypoint_becomes_the_command_when_its_container_is_wired(waiting):
    # It stays until it is told to end: one that ends while it is being attached is another case.
    command = [_IMAGE, "-r", "-t", "60", "sh", "-c", "ip -o addr show eth1; read -r _; exit 3"]
    words = ["docker", "run", "-i", "--name", "web1", "--net", "none", "-v", f"{_PLACE}:/wait.sh:ro", "--entrypoint"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = waiting.start(*words, "/wait.sh", *command, **pipes, encoding="utf-8")
    until(lambda: waiting.run("docker", "ps", "-q", "-f", "name=web1").stdout, "web1 does not run")
    attach(waiting, container="web1", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")
    shown, _none = running.communicate("end\n", timeout=60)
    assert "192.168.5.10/24" in shown and running.returncode == 3


def test_the_entrypoint_refuses_wrong_words(waiting):
    for words in ([], ["-t", "soon", "true"], ["-x", "true"], ["-i"]):
        done = waiting.run("dash", _PLACE, *words, check=False)
        assert done.returncode == 2 and done.stderr.startswith("usage: wait.sh "), words


def test_a_named_namespace_is_wired_before_the_container(waiting):
    subprocess.run([LAB, "podman-image", "--name", waiting.lab, waiting.name], check=True, timeout=60)
    make_namespaces(waiting, "web")
    attach(waiting, netns="web", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")
    words = ["podman", "run", "--name", "web1", "--network", "ns:/run/netns/web", f"localhost/{_IMAGE}"]
    try:
        assert "192.168.5.10/24" in waiting.run(*words, "ip", "-o", "addr", "show", "eth1").stdout
        assert "192.168.5.10/24" in waiting.run("podman", "start", "-a", "web1").stdout
    finally:
        remove_podmans_containers(waiting)


def test_a_pause_container_is_wired_before_the_containers_that_join_it(waiting):
    make_containers(waiting, "pause")
    attach(waiting, container="pause", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")
    words = ["docker", "run", "--name", "web1", "--network", "container:pause", _IMAGE, "ip", "-o", "addr"]
    assert "192.168.5.10/24" in waiting.run(*words).stdout
    assert waiting.run("docker", "start", "-a", "web1").stdout.count("192.168.5.10/24") == 1
