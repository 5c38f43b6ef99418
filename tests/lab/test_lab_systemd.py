# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots with systemd, reboots and is reset. One lab for all tests, which reboot it one after the other."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest
import test_lab
from pipefitter_lab import processes, startup
from pipefitter_lab.layout import Layout
from pipefitter_lab.record import Record
from pipefitter_lab.spec import Spec
from test_lab import Lab, machine, processes_in, run, still_there, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

UNIT = """\
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cat /proc/sys/kernel/random/boot_id >>/var/lib/boots'
[Install]
WantedBy=multi-user.target
"""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
able = test_lab.able


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    before = machine()
    lab = Lab(f"test-systemd-{os.getpid()}")
    lab("up", "--hosts", "2", "--systemd", "hosta")
    try:
        lab.on("hosta", "sh", "-c", "cat >/etc/systemd/system/boots.service", stdin=UNIT)
        lab.on("hosta", "systemctl", "enable", "--now", "boots.service")
        start = "docker run --detach --restart always --stop-timeout 1 --name web pipefitter/busybox sleep 1000000"
        lab.on("hosta", *start.split())
        yield lab
        inside = processes_in(lab)
        assert len(inside) > 10
    finally:
        lab("down")
    assert still_there(inside) == []
    assert lab.traces() == []
    assert machine() == before


def test_hosts_may_boot_before_the_lan_has_named_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As happens, now and then, where all hosts have systemd."""
    me = processes.Process.of(os.getpid())
    assert me is not None
    monkeypatch.setattr(startup, "children_by_inner_pid", lambda _init: {7: me})
    reading, writing = os.pipe()
    os.write(writing, b'{"host": "hosta", "stage": "systemd"}\n')
    os.write(writing, b'{"hosts": {"hosta": 7}}\n')
    os.close(writing)
    record = Record(me, {}, ready=False)
    name = f"test-order-{os.getpid()}"
    startup._follow(reading, Spec(name, hosts=1, systemd=["hosta"]), record, Layout(name), lambda _line: None)
    os.close(reading)
    assert record.hosts == {"hosta": me}


def boot_id(lab: Lab) -> str:
    return lab.on("hosta", "cat", BOOT_ID)


def reboot(lab: Lab, *how: str) -> None:
    assert lab("reboot", *how, "hosta") == "hosta is running\n"


def web_runs(lab: Lab) -> bool:
    return "web" in lab.on("hosta", "docker", "ps", "--format", "{{.Names}}").split()


def test_it_boots_with_what_the_packages_bring(lab: Lab) -> None:
    assert lab.on("hosta", "systemctl", "is-system-running") == "running\n"
    assert lab.on("hosta", "cat", "/proc/1/comm") == "systemd\n"
    units = ("docker.service", "containerd.service", "ovs-vswitchd.service", "ssh.service")
    assert lab.on("hosta", "systemctl", "is-active", *units) == "active\n" * len(units)
    assert "Docker (1 container), Open vSwitch" in lab("status")
    assert "systemd running" in lab("status")
    assert lab.on("hostb", "cat", "/proc/1/comm") != "systemd\n"
    assert boot_id(lab) != pathlib.Path(BOOT_ID).read_text(encoding="ascii")


def test_it_reaches_the_kernel_of_the_machine_in_nothing(lab: Lab) -> None:
    for path in ("/proc/sys/kernel/pid_max", "/sys/kernel/mm/ksm/run", "/proc/sys/fs/file-max"):
        if pathlib.Path(path).exists():
            assert "Read-only" in lab.on("hosta", "sh", "-c", f"cat {path} >{path}", status=None)
    name = f"{lab.name}-written"
    lab.on("hosta", "touch", f"/dev/{name}")
    assert not pathlib.Path("/dev", name).exists()


@pytest.mark.parametrize("how", [(), ("--reset",)], ids=["reboot", "reset"])
def test_a_reboot_keeps_what_is_on_disk_and_starts_what_is_enabled(lab: Lab, how: tuple[str, ...]) -> None:
    kept = [f"/{folder}/kept{''.join(how)}" for folder in ("etc", "root", "usr/local", "var/lib")]
    lab.on("hosta", "touch", *kept)
    lab.on("hosta", "touch", "/run/lost")
    lab.on("hosta", "ip", "link", "add", "lost", "type", "bridge")
    before = (
        boot_id(lab),
        lab.on("hosta", "cat", "/etc/machine-id"),
        lab.on("hosta", "cat", "/sys/class/net/eth0/address"),
    )
    reboot(lab, *how)
    after = (
        boot_id(lab),
        lab.on("hosta", "cat", "/etc/machine-id"),
        lab.on("hosta", "cat", "/sys/class/net/eth0/address"),
    )
    assert before[0] != after[0]
    assert before[1:] == after[1:]
    assert lab.on("hosta", "cat", "/var/lib/boots").splitlines()[-2:] == [before[0].strip(), after[0].strip()]
    lab.on("hosta", "ls", *kept)
    lab.on("hosta", "test", "-e", "/run/lost", status=1)
    lab.on("hosta", "test", "-e", "/sys/class/net/lost", status=1)
    lab.on("hostb", "ping", "-c1", "-W10", "-4", "hosta")
    lab.on("hostb", "ping", "-c1", "-W10", "-6", "hosta")
    wait_until(lambda: web_runs(lab))


def test_docker_restart_asks_systemd(lab: Lab) -> None:
    ask = ("systemctl", "show", "--property=MainPID", "docker.service")
    before = lab.on("hosta", *ask)
    lab("docker-restart", "hosta")
    assert lab.on("hosta", *ask) not in (before, "MainPID=0\n")
    wait_until(lambda: web_runs(lab))


def test_podman_is_there_and_its_containers_come_back(lab: Lab) -> None:
    lab("podman-image", "hosta")
    start = (
        "podman run --detach --restart always --stop-timeout 1 --name pod --network none pipefitter/busybox sleep 99999"
    )
    lab.on("hosta", *start.split())
    reboot(lab)
    assert "pod" in lab.on("hosta", "podman", "ps", "--format", "{{.Names}}").split()


def test_ansible_over_ssh_finds_it_again(lab: Lab, tmp_path: pathlib.Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(lab("inventory"))
    before = boot_id(lab)
    # Its module reboots it from inside, and the lab finds the new init by itself.
    said = run("ansible", "-i", inventory, "hosta", "-m", "ansible.builtin.reboot")
    assert "CHANGED" in said
    assert boot_id(lab) != before
    assert "SUCCESS" in run("ansible", "-i", inventory, "hosta", "-m", "ansible.builtin.ping")


def test_lab_host_follows_a_reboot(lab: Lab) -> None:
    from lab_hosts import LabHost

    host = LabHost(lab.name, "hosta", "")
    before = host.run("cat", BOOT_ID).stdout
    # Ignores SIGTERM, and so does what it started: the end of the host does not wait for them.
    shell = host.start("sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done", stdout=-1)
    assert shell.stdout.readline() == b"\n"
    host.reboot()
    assert shell.wait(test_lab.PATIENCE) != 0
    shell.stdout.close()
    assert host.run("cat", BOOT_ID).stdout != before
    wait_until(lambda: len(host.container_pids()) == 1)


def test_a_host_that_is_off_is_switched_on(lab: Lab) -> None:
    lab.on("hosta", "docker", "pause", "web")  # what is frozen must not hold a reset up
    reboot(lab, "--reset")
    lab.on("hosta", "systemctl", "poweroff", status=None)  # the shutdown may be quicker than its answer
    wait_until(lambda: "was switched off" in lab("status"))
    assert "'lab reboot --name" in lab.on("hosta", "true", status=1)
    reboot(lab)


def test_what_can_not_be_rebooted(lab: Lab) -> None:
    assert "hostb has no systemd" in lab("reboot", "hostb", status=1)
    assert "has no hostx, only hosta, hostb" in lab("reboot", "hostx", status=1)
    assert "--systemd hostx: there is no hostx" in Lab("test-none")("up", "--systemd", "hostx", status=1)
