# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach and what comes and goes around it: containers that restart, PIDs used again, bridges that are deleted."""

from __future__ import annotations

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    assert_same,
    attach,
    attach_thoroughly,
    everything,
    gone,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    name_namespace,
    ports,
    refused,
    until,
)

_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}


def test_rewires_a_container_that_was_restarted(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    attach(hosta, **_WEB1)
    name_namespace(hosta, "web1")  # keeps the old namespace, and so the old veth, as somebody's open file does
    hosta.run("docker", "restart", "-t", "0", "web1")
    assert len(ports(hosta)) == 1

    done = attach_thoroughly(hosta, **_WEB1)

    assert "that led into a namespace container web1 has left" in done["operations"][0]
    assert len(ports(hosta)) == 1
    hosta.run("ip", "netns", "delete", "web1")
    name_namespace(hosta, "web1")
    assert held(hosta, "eth1", "web1") == {"192.168.5.10/24"}


def test_an_interface_in_a_namespace_within_the_container_is_not_taken_for_one_that_was_left(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    attach(hosta, **_WEB1)
    (pid,) = hosta.container_pids()
    inside = ["nsenter", "-t", str(pid), "-p", "-m", "-r", "--"]
    hosta.run("sh", "-c", f"{' '.join(inside)} unshare -n sleep 12345 > /dev/null 2>&1 &")
    process = until(lambda: _with_another_network(hosta, pid), "no namespace within")
    # And one of which no process is, as `ip netns add` makes it.
    hosta.run(*inside, "sh", "-c", "touch /inner; unshare --net=/inner true")
    for where in (process, f"/proc/{pid}/root/inner"):
        hosta.run("nsenter", "-t", str(pid), "-n", "ip", "link", "set", "eth1", "netns", where)
        said = refused(hosta, **_WEB1)
        assert said.startswith(
            "interface: 'eth1' of container web1 was moved into another network namespace within it (its end here is pf"
        )
        done = attach(hosta, container="web1", state="absent")
        assert done["changed"] and not ports(hosta)
        assert attach(hosta, **_WEB1)["changed"]


def _with_another_network(host, pid):
    """Return a process of the container that has left the network of its first one, as it is known to the host."""
    own = host.run("readlink", f"/proc/{pid}/ns/net").stdout
    found = host.run("pgrep", "-f", "^sleep 12345", check=False).stdout.split()
    return next((one for one in found if host.run("readlink", f"/proc/{one}/ns/net").stdout != own), None)


def test_says_that_a_container_restarted_under_it_and_the_next_run_wires_it(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    operations = len(hosta.module("veth_attach", check_mode=True, **_WEB1)["operations"])
    for moment in (0, operations - 1):
        with pytest.raises(
            ModuleFailed,
            match="container web1 stopped or restarted while eth1 was being attached to it.*run the task again",
        ):
            hosta.module("veth_attach", meanwhile=(moment, "docker restart -t 0 web1"), **_WEB1)
        assert attach(hosta, **_WEB1)["changed"]
        assert len(ports(hosta)) == 1
        attach(hosta, container="web1", state="absent")


def test_waits_for_a_container_that_is_just_starting(hosta):
    make_bridge(hosta)
    hosta.run(
        "docker",
        "run",
        "-d",
        "--name",
        "web1",
        "--network",
        "none",
        "--restart",
        "always",
        "pipefitter/busybox:latest",
        "sleep",
        "0.8",
    )
    attached = attach(hosta, **_WEB1, wait_timeout=20)
    assert attached["changed"]


def test_says_that_a_container_stopped_and_that_it_is_gone(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    with pytest.raises(ModuleFailed, match="container web1 stopped or restarted while"):
        hosta.module("veth_attach", meanwhile=(2, "docker stop -t 0 web1"), **_WEB1)
    with pytest.raises(ModuleFailed, match="container web1 must be running, and it is exited; start it"):
        attach(hosta, **_WEB1)
    until(lambda: ports(hosta) == set(), "the veth stays with its container gone")
    hosta.run("docker", "rm", "web1")
    with pytest.raises(ModuleFailed, match="container: 'web1' is not known to any container engine of this host"):
        attach(hosta, **_WEB1)


def test_a_namespace_that_is_made_again_under_its_name_is_another_one(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])
    sleeper = hosta.start("ip", "netns", "exec", "probe", "sleep", "100")  # keeps the old one
    try:
        while not hosta.run("ip", "netns", "pids", "probe").stdout.strip():
            pass
        hosta.run("ip", "netns", "delete", "probe")
        make_namespaces(hosta, "probe")
        attach_thoroughly(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])
        assert len(ports(hosta)) == 1
        assert held(hosta, "eth1", "probe") == {"192.168.5.10/24"}
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_pid_that_another_process_has_now_gets_no_interface_of_the_first(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "old", "new")
    # What a reused PID comes to: the same number, first in one namespace and then in another.
    script = (
        "echo $$ >/run/mover; until [ -e /run/move ]; do sleep 0.05; done; exec nsenter --net=/run/netns/new sleep 100"
    )
    mover = hosta.start("ip", "netns", "exec", "old", "sh", "-c", script)
    try:
        while not hosta.run("cat", "/run/mover", check=False).stdout.strip():
            pass
        pid = int(hosta.run("cat", "/run/mover").stdout)
        attach(hosta, pid=pid, bridge="br0", addresses=["192.168.5.10/24"])
        old = everything(hosta)["old addr"]
        hosta.run("touch", "/run/move")
        while (
            hosta.run("readlink", f"/proc/{pid}/ns/net").stdout
            != hosta.run("ip", "netns", "exec", "new", "readlink", "/proc/self/ns/net").stdout
        ):
            pass
        # Absent of what the number means now: nothing of the stranger's is touched, nor of the first.
        assert not attach(hosta, pid=pid, state="absent")["changed"]
        done = attach(hosta, pid=pid, bridge="br0", addresses=["192.168.5.11/24"])
        assert done["changed"]
        assert held(hosta, "eth1", "new") == {"192.168.5.11/24"}
        assert everything(hosta)["old addr"] == old
    finally:
        mover.kill()
        mover.wait()
        hosta.run("rm", "-f", "/run/mover", "/run/move")


def test_wires_a_container_that_is_paused(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    hosta.run("docker", "pause", "web1")
    attach_thoroughly(hosta, **_WEB1)
    hosta.run("docker", "unpause", "web1")
    assert not attach(hosta, **_WEB1)["changed"]


def test_says_that_the_bridge_was_deleted_between_runs_and_harms_nothing(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24"]}
    attach(hosta, **wanted)
    index = link(hosta, "eth1", "probe")["ifindex"]
    hosta.run("ip", "link", "delete", "br0")
    before = everything(hosta)

    with pytest.raises(
        ModuleFailed,
        match="bridge: 'br0' is neither a Linux bridge nor an Open vSwitch bridge of this host; create it first",
    ):
        attach(hosta, **wanted)
    assert_same(before, everything(hosta))

    make_bridge(hosta)
    attach_thoroughly(hosta, **wanted)
    assert link(hosta, "eth1", "probe")["ifindex"] == index
    hosta.run("ip", "link", "delete", "br0")
    attach_thoroughly(hosta, netns="probe", state="absent")
    assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="probe")] == ["lo"]


def test_says_that_the_bridge_was_deleted_under_it_and_undoes(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24"]}

    with pytest.raises(
        ModuleFailed,
        match="into bridge br0 .*the bridge was deleted meanwhile.* while trying to set .* master br0.*undone",
    ):
        hosta.module("veth_attach", meanwhile=(2, "ip link delete br0"), **wanted)

    assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="probe")] == ["lo"]
    assert not [entry for entry in hosta.ip("link", "show", "type", "veth") if entry["ifname"].startswith("pf")]


def test_says_that_a_name_was_taken_under_it_and_undoes(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    wanted = {"netns": "probe", "bridge": "br0", "host_interface": "probe0", "addresses": ["192.168.5.10/24"]}

    for taken in ("ip link add probe0 type bridge", "ip -n probe link add eth1 type bridge"):
        with pytest.raises(ModuleFailed, match="File exists.*while trying to create veth probe0 with its peer eth1"):
            hosta.module("veth_attach", meanwhile=(0, taken), **wanted)
        assert not hosta.ip("link", "show", "type", "veth", netns="probe") or not [
            entry for entry in hosta.ip("link", "show", "type", "veth", netns="probe") if entry
        ]
        hosta.run("sh", "-c", "ip link del probe0; ip -n probe link del eth1", check=False)
    assert attach(hosta, **wanted)["changed"]


def test_names_follow_a_container_that_is_renamed(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    options = {"bridge": "br0", "host_interface": "port0", "addresses": ["192.168.5.10/24"]}
    attach(hosta, container="web1", **options)
    before = link(hosta, "port0")
    assert before["altnames"] == ["web1-eth1"]
    hosta.run("docker", "rename", "web1", "web9")
    attach_thoroughly(hosta, container="web9", **options)
    after = link(hosta, "port0")
    assert after["altnames"] == ["web9-eth1"]
    assert after["ifalias"] == before["ifalias"].replace("web1", "web9")
    assert after["ifindex"] == before["ifindex"]


def test_names_are_right_where_a_container_makes_room_for_one_of_its_name(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    attach(hosta, container="web1", bridge="br0", host_interface="port0", addresses=["192.168.5.10/24"])
    hosta.run("docker", "rename", "web1", "old1")
    make_containers(hosta, "web1")
    both = [
        {"container": "web1", "host_interface": "port1", "addresses": ["192.168.5.11/24"]},
        {"container": "old1", "host_interface": "port0", "addresses": ["192.168.5.10/24"]},
    ]
    attach_thoroughly(hosta, bridge="br0", attachments=both)
    assert [link(hosta, name)["altnames"] for name in ("port0", "port1")] == [["old1-eth1"], ["web1-eth1"]]


def test_two_containers_in_one_namespace_do_not_take_turns(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    make_containers(hosta, "beside", network="container:web1")
    options = {"bridge": "br0", "host_interface": "port0", "addresses": ["192.168.5.10/24"]}
    attach(hosta, container="web1", **options)
    for name in ("beside", "web1", "beside"):
        assert not attach(hosta, container=name, **options)["changed"]
    assert link(hosta, "port0")["altnames"] == ["web1-eth1"]
    # Either may take it away.
    assert hosta.module("veth_attach", container="beside", state="absent")["changed"]
    gone(hosta, "port0")


def test_two_paths_of_one_namespace_do_not_take_turns(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "web1")
    hosta.run("sh", "-c", "touch /run/other; mount --bind /run/netns/web1 /run/other")
    options = {"bridge": "br0", "host_interface": "port0", "addresses": ["192.168.5.10/24"]}
    attach(hosta, netns="web1", **options)
    try:
        for path in ("/run/other", "web1", "/run/other"):
            assert not attach(hosta, netns=path, **options)["changed"], path
        assert link(hosta, "port0")["altnames"] == ["web1-eth1"]
        # One that is there alone is what it is called.
        hosta.run("ip", "netns", "delete", "web1")
        assert attach(hosta, netns="/run/other", **options)["changed"]
        assert link(hosta, "port0")["altnames"] == ["other-eth1"]
        assert not attach(hosta, netns="/run/other", **options)["changed"]
    finally:
        hosta.run("sh", "-c", "umount /run/other; rm /run/other")


@pytest.mark.parametrize("wait", [True, False])
def test_what_was_done_for_others_is_undone_when_a_container_restarts_under_it(hosta, wait):
    make_bridge(hosta)
    make_containers(hosta, "web1", "web2")
    both = [_WEB1, {**_WEB1, "container": "web2", "addresses": ["192.168.5.11/24"]}]
    with pytest.raises(ModuleFailed, match="web1 stopped or restarted while .*; the .* were undone"):
        hosta.module("veth_attach", meanwhile=(1, "docker restart -t 0 web1"), attachments=both, wait=wait)
    assert ports(hosta) == set()
    name_namespace(hosta, "web2")
    assert [entry["ifname"] for entry in hosta.ip("link", "show", netns="web2")] == ["lo"]
    assert attach(hosta, attachments=both)["changed"]
