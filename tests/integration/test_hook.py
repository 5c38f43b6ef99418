# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container is wired before its first instruction: by a hook of its OCI runtime, from the host's record."""

from __future__ import annotations

import json
import subprocess

import pytest
from lab_hosts import LAB, ModuleFailed
from service import Service, pipefitter
from wiring import attach, make_bridge, make_ovs_bridge, refused, remove_podmans_containers, until

_IMAGE = "pipefitter/busybox:latest"
_PODMAN_IMAGE = "localhost/pipefitter/busybox:latest"
_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}
_SHOW = ["sh", "-c", "ip -o addr show eth1; ip route; cat /sys/class/net/eth1/carrier"]
_DAEMON = "/etc/docker/daemon.json"


def docker_run(host, *words, name="web1", runtime="pipefitter", check=True):
    return host.run("docker", "run", "--name", name, "--runtime", runtime, *words, check=check, timeout=60)


def record(host, **options):
    """Ask for an attachment of a container that is not there yet."""
    done = attach(host, wait=False, **options)
    assert done["recorded"] and done["pending"], done
    return done


def hooks(host):
    host.module("host_program", docker_runtime=True)
    make_bridge(host, address="192.168.5.1/24")
    return host


@pytest.fixture
def hooked(hosta):
    return hooks(hosta)


@pytest.fixture
def either(host):
    """A host with each of the versions of pyroute2."""
    return hooks(host)


@pytest.fixture
def podman(hosta):
    subprocess.run([LAB, "podman-image", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    hosta.module("host_program", podman_hook="auto")
    make_bridge(hosta, address="192.168.5.1/24")
    yield hosta
    remove_podmans_containers(hosta)


def wired(shown: str) -> bool:
    return "192.168.5.10/24" in shown and "default via 192.168.5.1" in shown and shown.split()[-1] == "1"


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_the_first_command_of_docker_sees_its_interface(either, network):
    options = {key: value for key, value in _WEB1.items() if key != "gateway" or network == "none"}
    record(either, **options)
    command = ["sh", "-c", "ip -o addr show; ip route; cat /sys/class/net/eth1/carrier"]
    shown = docker_run(either, "--net", network, _IMAGE, *command).stdout
    assert "192.168.5.10/24" in shown and shown.split()[-1] == "1", shown
    if network == "none":
        assert wired(shown), shown
    else:
        assert " eth0 " in shown and "default via 172.17.0.1" in shown
    either.run("docker", "start", "-a", "web1")
    shown = either.run("docker", "logs", "web1").stdout
    assert shown.count("192.168.5.10/24") == 2, shown


def test_docker_restarts_beside_the_service_that_looks_at_the_same_time(hooked):
    """The service asks Docker for the container, which answers only when the hook has ended."""
    record(hooked, **_WEB1)
    with Service(hooked):
        docker_run(hooked, "-d", "--net", "none", _IMAGE, "sh", "-c", "ip -o addr show eth1; exec sleep 1000")
        for _time in range(5):
            hooked.run("docker", "restart", "-t", "0", "web1")
        shown = hooked.run("docker", "logs", "web1").stdout
        # On a busy machine a look may take longer than the hook waits, and it says so.
        told = pipefitter(hooked, "events").stdout
        assert shown.count("192.168.5.10/24") + told.count("left to the service") == 6, (shown, told)
        assert "192.168.5.10/24" in shown
    assert not attach(hooked, **_WEB1)["changed"]


def test_the_service_does_the_hooks_work(hooked):
    """It has all loaded; what it has to say comes to Docker all the same."""
    hooked.run("ip", "link", "add", "br1", "type", "bridge")
    record(hooked, **_WEB1)
    record(hooked, container="web2", bridge="br1", required=True)
    hooked.run("ip", "link", "delete", "br1")
    with Service(hooked) as service:
        until(lambda: "following Docker" in service.log, "the service doesn't follow Docker")

        def served(name, *command):
            """Start it until the service was not busy just then."""
            done = docker_run(hooked, "--net", "none", _IMAGE, *command, name=name, check=False)
            for _time in range(50):
                if f"container {name} " in service.log:
                    return done
                done = hooked.run("docker", "start", "-a", name, check=False)
            raise AssertionError(service.log)

        done = served("web1", *_SHOW)
        assert "attached container web1 as it starts" in service.log and "192.168.5.10/24" in done.stdout
        done = served("web2", "true")
        assert done.returncode != 0 and "container web2 is not started, as eth1 is required" in done.stderr
        assert service.log.count("and none is recorded; create it first") == 1, "said at each look"
    assert pipefitter(hooked, "events").stdout.count("container web2 is not started") >= 1


def test_the_first_command_of_podman_sees_its_interface(podman):
    record(podman, **{**_WEB1, "runtime": "podman"})
    shown = podman.run("podman", "run", "--name", "web1", "--network", "none", _PODMAN_IMAGE, *_SHOW).stdout
    assert wired(shown), shown
    assert wired(podman.run("podman", "start", "-a", "web1").stdout)
    podman.run("podman", "rename", "web1", "web2")
    assert "192.168.5.10" not in podman.run("podman", "start", "-a", "web2", check=False).stdout


def test_an_attachment_that_fails_stops_no_container_unless_it_is_required(hooked):
    record(hooked, **_WEB1)
    hooked.run("ip", "link", "delete", "br0")
    shown = docker_run(hooked, "--net", "none", _IMAGE, "ip", "-o", "link")
    assert " lo" in shown.stdout and "eth1" not in shown.stdout

    make_bridge(hooked)
    assert attach(hooked, wait=False, required=True, **_WEB1)["operations"] == ["record eth1 of container web1"]
    assert not attach(hooked, wait=False, required=True, **_WEB1)["changed"]
    hooked.run("ip", "link", "delete", "br0")
    failed = hooked.run("docker", "start", "-a", "web1", check=False)
    said = "container web1 is not started, as eth1 is required (required: true): "
    assert failed.returncode != 0 and said in failed.stderr and "br0" in failed.stderr.split(said)[1], failed.stderr

    make_bridge(hooked)
    assert attach(hooked, wait=False, **_WEB1)["operations"] == ["record eth1 of container web1"]
    hooked.run("ip", "link", "delete", "br0")
    assert hooked.run("docker", "start", "-a", "web1").returncode == 0


def test_events_show_why_a_container_of_podman_is_not_started(podman):
    record(podman, **_WEB1, required=True, runtime="podman")
    podman.run("ip", "link", "delete", "br0")
    words = ["podman", "run", "--name", "web1", "--network", "none", _PODMAN_IMAGE, "true"]
    failed = podman.run(*words, check=False)
    assert failed.returncode != 0 and "error executing hook" in failed.stderr, failed.stderr
    # crun keeps what its hooks say to itself.
    said = pipefitter(podman, "events").stdout
    assert "container web1 is not started, as eth1 is required (required: true): " in said and "br0" in said, said


def test_one_attachment_that_fails_holds_up_no_other(hooked):
    record(hooked, **_WEB1)
    hooked.run("ip", "link", "add", "br1", "type", "bridge")
    record(hooked, **{**_WEB1, "bridge": "br1", "interface": "eth2", "addresses": ["192.168.6.10/24"], "gateway": None})
    hooked.run("ip", "link", "delete", "br1")
    assert wired(docker_run(hooked, "--net", "none", _IMAGE, *_SHOW).stdout)


def test_a_container_without_record_is_not_touched(hooked):
    record(hooked, **_WEB1)
    for name in ("web", "web10"):
        shown = docker_run(hooked, "--net", "none", _IMAGE, "ip", "-o", "link", name=name).stdout
        assert "eth1" not in shown and " lo" in shown
    assert [link["ifname"] for link in hooked.ip("link", "show", "master", "br0")] == []


def test_a_container_is_found_by_its_id(hooked):
    created = hooked.run(
        "docker", "create", "--name", "web1", "--runtime", "pipefitter", "--net", "none", _IMAGE, *_SHOW
    ).stdout.strip()
    record(hooked, **{**_WEB1, "container": created[:12]})
    assert wired(hooked.run("docker", "start", "-a", "web1").stdout)


def test_a_container_that_shares_the_hosts_network_starts_and_is_not_wired(hooked):
    record(hooked, **_WEB1)
    docker_run(hooked, "--net", "host", _IMAGE, "true")
    assert "192.168.5.10" not in hooked.run("ip", "-o", "addr").stdout


def test_a_long_run_of_others_delays_a_start_by_a_bounded_time(hooked):
    record(hooked, **_WEB1)
    held = "import fcntl, os, sys, time; f = open('/run/pipefitter/changing', 'w'); fcntl.flock(f, 2); time.sleep(60)"
    holder = hooked.start("/usr/bin/python3", "-c", held)
    try:
        shown = docker_run(hooked, "--net", "none", _IMAGE, "ip", "-o", "link").stdout
        assert " lo" in shown and "eth1" not in shown
    finally:
        holder.kill()
        holder.wait(10)


def test_one_that_is_required_waits_longer_for_a_run_of_others(hooked):
    """No engine tries again what its hook refused to start."""
    record(hooked, **_WEB1, required=True)
    held = "import fcntl, time; f = open('/run/pipefitter/changing', 'w'); fcntl.flock(f, 2); time.sleep(7)"
    holder = hooked.start("/usr/bin/python3", "-c", held)
    assert wired(docker_run(hooked, "--net", "none", _IMAGE, *_SHOW).stdout)
    holder.wait(30)


def test_the_vlan_of_its_port_is_there_too(hooked):
    make_ovs_bridge(hooked)
    record(hooked, **{**_WEB1, "bridge": "ovs0", "gateway": None})
    shown = docker_run(hooked, "-d", "--net", "none", _IMAGE, "sh", "-c", "ip -o addr show eth1; exec sleep 1000")
    assert shown.returncode == 0
    port = {"bridge": "ovs0", "ports": [{"container": "web1", "tag": 100}]}
    done = hooked.module("ovs_vlan_port", **port)
    assert done["recorded"]
    hooked.run("docker", "restart", "-t", "0", "web1")
    assert hooked.run("docker", "logs", "web1").stdout.count("192.168.5.10/24") == 2
    assert not hooked.module("ovs_vlan_port", **port)["changed"]


def test_dockers_settings_are_kept(hosta):
    before = json.loads(hosta.run("cat", _DAEMON).stdout)
    running = hosta.run("cat", "/var/run/docker.pid").stdout
    checked = hosta.module("host_program", check_mode=True, docker_runtime=True)
    assert json.loads(hosta.run("cat", _DAEMON).stdout) == before
    done = hosta.module("host_program", docker_runtime=True)
    assert done["operations"] == checked["operations"] and done["docker_runtime"] is True
    after = json.loads(hosta.run("cat", _DAEMON).stdout)
    path = "/usr/local/lib/pipefitter/pipefitter-runtime"
    assert after == {**before, "runtimes": {"pipefitter": {"path": path}}}
    assert json.loads(hosta.run("cat", f"{_DAEMON}.before-pipefitter").stdout) == before
    assert not hosta.module("host_program", docker_runtime=True)["changed"]
    assert not hosta.module("host_program")["changed"]
    docker_run(hosta, "--net", "none", _IMAGE, "true")
    with pytest.raises(ModuleFailed, match=r"containers web1 have the runtime pipefitter and could not start without"):
        hosta.module("host_program", docker_runtime=False)
    hosta.run("docker", "rm", "web1")
    assert hosta.module("host_program", state="absent")["docker_runtime"] is False
    assert json.loads(hosta.run("cat", _DAEMON).stdout) == before
    assert hosta.run("ls", f"{_DAEMON}.before-pipefitter", check=False).returncode != 0
    assert docker_run(hosta, _IMAGE, "true", check=False).returncode != 0
    assert hosta.run("cat", "/var/run/docker.pid").stdout == running


def test_a_docker_without_settings_has_none_again(hosta):
    hosta.run("mv", _DAEMON, f"{_DAEMON}.of-the-lab")
    try:
        hosta.module("host_program", docker_runtime=True)
        docker_run(hosta, "--rm", "--net", "none", _IMAGE, "true")
        assert hosta.run("sh", "-c", f"ls {_DAEMON}*").stdout.split() == [_DAEMON, f"{_DAEMON}.of-the-lab"]
        hosta.module("host_program", docker_runtime=False)
        assert hosta.run("sh", "-c", f"ls {_DAEMON}*").stdout.split() == [f"{_DAEMON}.of-the-lab"]
        assert "pipefitter" not in hosta.run("docker", "info", "--format", "{{json .Runtimes}}").stdout
    finally:
        hosta.run("mv", f"{_DAEMON}.of-the-lab", _DAEMON)


def test_settings_of_docker_that_are_no_json_are_left(hosta):
    before = hosta.run("cat", _DAEMON).stdout
    hosta.run("sh", "-c", f"echo '{{,' >{_DAEMON}")
    try:
        with pytest.raises(ModuleFailed, match=r"/etc/docker/daemon.json is no JSON"):
            hosta.module("host_program", docker_runtime=True)
        assert hosta.run("cat", _DAEMON).stdout == "{,\n"
    finally:
        hosta.run("sh", "-c", f"cat >{_DAEMON}", text=before)


def test_required_needs_a_record(hosta):
    make_bridge(hosta)
    assert "nothing is recorded here" in refused(hosta, required=True, **_WEB1)
    hosta.module("host_program")
    said = refused(hosta, netns="probe", bridge="br0", required=True)
    assert said.startswith("required: True is for what a container engine starts")


def test_what_is_no_state_of_a_runtime_starts_the_container(hooked):
    record(hooked, required=True, **_WEB1)
    done = pipefitter(hooked, "hook")
    assert done.returncode == 0 and "no state of an OCI runtime" in done.stderr
