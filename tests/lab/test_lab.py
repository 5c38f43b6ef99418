# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: real labs are started, used and removed. Needs root; 'lab doctor' says what else."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

LAB = pathlib.Path(__file__).parent / "lab"
PREFIX = f"test-{os.getpid()}"  # other labs may be up at the same time
ROOT = pathlib.Path("/pipefitter-lab")
PROGRAM = LAB.parent / "pipefitter_lab"
PATIENCE = 300.0  # seconds until what ought to happen is taken for what never will: however slow, a machine is faster


@pytest.fixture(scope="module", autouse=True)
def able():
    """A machine that can't run labs fails the tests: without labs nothing is tested."""
    examined = subprocess.run([LAB, "doctor"], capture_output=True, text=True, timeout=60, check=False)
    assert examined.returncode == 0, examined.stdout or examined.stderr


def run(*command: str | pathlib.Path, status: int | None = 0, timeout: float = PATIENCE, stdin: str = "") -> str:
    """Run `command`, insist on its exit status unless that is None; what it said."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert status in (None, done.returncode), (
        f"{shlex.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"
    )
    return done.stdout + done.stderr


class Lab:
    """The commands of one lab."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = ROOT / name
        self.control = pathlib.Path("/run/pipefitter-lab") / name

    def __call__(self, command: str, *arguments: str, **how: object) -> str:
        return run(LAB, command, "--name", self.name, *arguments, **how)  # type: ignore[arg-type]

    def on(self, host: str, *command: str, **how: object) -> str:
        return self("exec", host, "--", *command, **how)

    def record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads((self.folder / "running.json").read_text())
        return record

    def traces(self) -> list[str]:
        """What there is of this lab on the machine."""
        mark = str(self.folder).encode() + b"\0"
        found = [str(folder) for folder in (self.folder, self.control) if folder.exists()]
        found += [str(path) for path in pathlib.Path("/sys/fs/cgroup").glob(f"**/lab-{self.name}")]
        found += [
            line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(self.folder) in line
        ]
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                text = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in text or f"_lan\0{self.name}\0".encode() in text or f"_host\0{self.name}\0".encode() in text:
                found.append(text.decode(errors="replace"))
        return found


def machine() -> dict[str, object]:
    """What must not change: links, addresses, routes, firewall and forwarding of the machine itself."""
    links = [{key: link[key] for key in ("ifname", "flags", "mtu", "link_type") if key in link} for link in _ip("link")]
    addresses = [
        (link["ifname"], item["local"])
        for link in _ip("address")
        for item in link["addr_info"]  # type: ignore[attr-defined]
    ]
    return {
        "links": links,
        "addresses": addresses,
        "routes": [_ip(family, "route", "show", "table", "all") for family in ("-4", "-6")],
        "rules": [_ip(family, "rule") for family in ("-4", "-6")],
        "firewall": run("nft", "--stateless", "list", "ruleset"),
        "forwarding": pathlib.Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "namespaces": os.listdir("/run/netns") if os.path.isdir("/run/netns") else [],
    }


def _ip(*command: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("ip", "-json", *command) or "[]")
    for entry in found:
        entry.pop("expires", None)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_in(lab: Lab) -> set[tuple[str, str]]:
    """PID and start time of all that runs in the lab's network namespaces."""
    inits = [lab.record()["init"], *lab.record()["hosts"].values()]  # type: ignore[attr-defined]
    spaces = {os.stat(f"/proc/{init[0]}/ns/net").st_ino for init in inits}
    found = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").stat().st_ino in spaces:
                found.add((process.name, _started(process)))
        except OSError:
            continue
    return found


def _started(process: pathlib.Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[19]


def still_there(processes: set[tuple[str, str]]) -> list[str]:
    found = []
    for pid, started in processes:
        process = pathlib.Path("/proc", pid)
        try:
            if _started(process) == started and os.readlink(process / "ns/net"):  # a zombie has none
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def pgrep(words: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True, check=False)  # 1 for none
    return [int(pid) for pid in found.stdout.split()]


def ssh_options(lab: Lab) -> Sequence[str]:
    line = re.search(r"ansible_ssh_common_args: '(.*)'\n", lab("inventory"))
    assert line is not None
    return shlex.split(line.group(1).replace("''", "'"))


@pytest.fixture(scope="module")
def before() -> dict[str, object]:
    return machine()


@pytest.fixture(scope="module")
def lab(before: dict[str, object]) -> Iterator[Lab]:
    lab = Lab(PREFIX)
    lab("up", "--hosts", "2")
    yield lab
    lab("down")
    assert lab.traces() == []
    assert machine() == before


def test_hosts_reach_each_other_by_name_and_address(lab: Lab) -> None:
    lab.on("hosta", "ping", "-c1", "-W10", "-4", "hostb")
    lab.on("hostb", "ping", "-c1", "-W10", "-6", "hosta")
    lab.on("hosta", "ping", "-c1", "-W10", "10.77.0.1")
    lab("run", "--", "ping", "-c1", "-W10", "10.77.0.12")


def test_exec_passes_streams_and_status(lab: Lab) -> None:
    assert lab.on("hosta", "hostname") == "hosta\n"
    assert lab.on("hosta", "sh", "-c", "cat; exit 7", stdin="through\n", status=7) == "through\n"
    assert "no hostc, only hosta, hostb" in lab.on("hostc", "true", status=1)


def test_exec_ends_its_command_with_it(lab: Lab) -> None:
    waiting = subprocess.Popen([LAB, "exec", "--name", lab.name, "hosta", "--", "sleep", "4321"])
    while lab.on("hosta", "pgrep", "-cx", "sleep", status=None).strip() == "0":
        assert waiting.poll() is None
    # It became nsenter: nothing of the lab stays beside the command.
    assert pathlib.Path(f"/proc/{waiting.pid}/comm").read_text() == "nsenter\n"
    waiting.kill()
    waiting.wait(PATIENCE)
    wait_until(lambda: lab.on("hosta", "pgrep", "-fx", "sleep 4321", status=None) == "")


def test_exec_loads_little(lab: Lab) -> None:
    """It runs a thousand times in a test suite. How long that takes is measured by tests/bench/lab_exec.py."""
    words = ["exec", "--name", lab.name, "hosta", "--", "true"]
    said = run("/usr/bin/python3", "-IS", "-X", "importtime", PROGRAM, *words)
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    parts = {name.partition(".")[2] for name in loaded if name.startswith("pipefitter_lab.")}
    assert parts == {"command_line", "entering", "environment", "errors", "layout", "processes", "record"}
    assert "argparse" in loaded
    assert loaded.isdisjoint({"ctypes", "dataclasses", "socket", "subprocess", "tempfile", "typing"})
    assert re.search(r"^exec /usr/bin/python3 -IS ", LAB.read_text(encoding="utf-8"), re.MULTILINE)


def test_writes_stay_in_the_host(lab: Lab) -> None:
    name = f"{PREFIX}-written"
    for folder in ("etc", "home", "opt", "root", "run", "srv", "tmp", "usr", "var"):
        lab.on("hosta", "touch", f"/{folder}/{name}")
        assert not pathlib.Path("/", folder, name).exists()
        lab.on("hostb", "test", "-e", f"/{folder}/{name}", status=1)
    lab.on("hosta", "touch", f"/{name}", status=1)
    assert lab.on("hosta", "ls", str(ROOT)) == "", "a host sees the keys and the other hosts' files"


def test_docker_is_as_users_have_it(lab: Lab) -> None:
    assert lab.on("hosta", "docker", "run", "--rm", "pipefitter/busybox", "echo", "hello") == "hello\n"
    assert "-P FORWARD DROP" in lab.on("hosta", "iptables", "-S", "FORWARD")
    assert lab.on("hosta", "cat", "/proc/sys/net/bridge/bridge-nf-call-iptables") == "1\n"
    lab("containers", "hosta", "web1", "web2", "web3")
    assert (
        lab.on("hosta", "docker", "inspect", "-f", "{{.State.Running}} {{.HostConfig.NetworkMode}}", "web3")
        == "true none\n"
    )
    lab("docker-restart", "hosta")
    assert lab.on("hosta", "docker", "ps", "-q") == ""
    lab.on("hosta", "docker", "start", "web1")


def test_a_published_port_answers_on_the_lan(lab: Lab) -> None:
    server = ["sh", "-c", "mkdir /www; echo page > /www/index.html; exec httpd -f -h /www"]
    lab.on(
        "hostb",
        "docker",
        "run",
        "-d",
        "--name",
        "published",
        "-p",
        "8080:80",
        "--stop-timeout",
        "1",
        "pipefitter/busybox",
        *server,
    )
    fetch = ["timeout", "10", "busybox", "wget", "-q", "-O", "-"]
    assert lab("run", "--", *fetch, "http://10.77.0.12:8080/") == "page\n"
    assert lab.on("hosta", *fetch, "http://10.77.0.12:8080/") == "page\n"


def test_open_vswitch_carries_vlans_over_the_trunk(lab: Lab) -> None:
    for host, address in (("hosta", "198.51.100.1"), ("hostb", "198.51.100.2")):
        lab.on(
            host, *"ovs-vsctl add-br switch -- set bridge switch datapath_type=netdev -- add-port switch eth1".split()
        )
        lab.on(host, *"ovs-vsctl add-port switch green tag=100 -- set interface green type=internal".split())
        lab.on(host, "ip", "address", "add", f"{address}/24", "dev", "green")
        lab.on(host, "ip", "link", "set", "green", "up")
    lab.on("hosta", "ping", "-c1", "-W10", "198.51.100.2")
    # TCP shows what ping does not: whether checksums survive a userspace switch.
    lab.on("hostb", "sh", "-c", "echo greeting | timeout 100 busybox nc -l -p 7000 >/dev/null 2>&1 &")
    fetch = "for attempt in $(seq 50); do timeout 5 busybox nc 198.51.100.2 7000 </dev/null && break; sleep 0.2; done"
    assert lab.on("hosta", "sh", "-c", fetch).endswith("greeting\n")
    lab.on("hostb", *"ovs-vsctl set port green tag=200".split())
    lab.on("hosta", "ping", "-c1", "-W1", "198.51.100.2", status=1)


def podman_echoes(lab: Lab, host: str) -> bool:
    """Tell whether a container of Podman's runs. It waits for a line: of one that ends at once, Podman may miss it."""
    words = "podman run --rm --interactive --network=none pipefitter/busybox cat"
    return lab.on(host, *words.split(), stdin="hello\n") == "hello\n"


def test_podman_runs_the_same_image(lab: Lab) -> None:
    lab("podman-image", "hosta")
    assert podman_echoes(lab, "hosta")


def test_ssh_from_the_ordinary_network_namespace(lab: Lab) -> None:
    assert run("ssh", *ssh_options(lab), "root@10.77.0.12", "hostname") == "hostb\n"
    assert lab("proxy", "hosta", stdin="quit\n").startswith("SSH-2.0-")


def test_ansible_uses_the_inventory(lab: Lab, tmp_path: pathlib.Path) -> None:
    ansible = shutil.which("ansible")
    if ansible is None:
        pytest.fail("ansible is not on PATH")
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(lab("inventory"))
    said = run(ansible, "-i", inventory, "lab", "-m", "ansible.builtin.ping")
    assert said.count("SUCCESS") == 2


def test_ansible_leaves_nothing_that_looks_like_a_lab(lab: Lab, tmp_path: pathlib.Path) -> None:
    gone = Lab(f"{PREFIX}-gone")
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(lab("inventory").replace(lab.name, gone.name))
    said = run("ansible", "-i", inventory, "hosta", "-m", "ansible.builtin.ping", status=None)
    assert "UNREACHABLE" in said
    assert "lab isn't up" in inventory.read_text()
    assert gone("status", status=1) == f"{gone.name}: not up\n"
    gone.control.rmdir()


def test_up_of_a_lab_that_is_up(lab: Lab) -> None:
    assert "already up" in lab("up", "--hosts", "2")
    assert "already up with hosts 2, asked for was 3" in lab("up", "--hosts", "3", status=1)
    assert lab("status").count("Docker") == 2


@pytest.mark.parametrize(
    "command", [["exec", "hosta", "--", "true"], ["inventory"], ["containers", "hosta", "web1"], ["run", "--", "true"]]
)
def test_a_lab_that_is_not_up_and_one_that_is(lab: Lab, command: list[str]) -> None:
    other = f"{PREFIX}-other"
    said = run(LAB, command[0], "--name", other, *command[1:], status=1)
    assert re.search(rf"no lab named {other} is up: up are: .*\b{lab.name}\b.*; name one with --name", said), said


def test_two_labs_side_by_side_and_nothing_left(lab: Lab) -> None:
    there = machine()
    second = Lab(f"{PREFIX}-second")
    second("up", "--hosts", "2", "--no-docker", "--podman")
    try:
        assert second.on("hosta", "cat", "/etc/machine-id") != lab.on("hosta", "cat", "/etc/machine-id")
        assert run("ssh", *ssh_options(second), "root@10.77.0.11", "cat", "/etc/machine-id") == second.on(
            "hosta", "cat", "/etc/machine-id"
        )
        assert podman_echoes(second, "hostb")
        # These outlive the command that starts them, and are not in the lab's PID namespace.
        left = [subprocess.Popen([LAB, "run", "--name", second.name, "--", "sleep", "600"], start_new_session=True)]
        connection = [
            *ssh_options(second),
            "-o",
            f"ControlPath={second.control}/%C",
            "-o",
            "ControlPersist=600",
            "-o",
            "ControlMaster=yes",
        ]
        run("ssh", *connection, "-f", "-N", "root@10.77.0.11")
        inside = processes_in(second)
        assert len(inside) > 6
    finally:
        second("down")
    assert [process.wait(PATIENCE) for process in left] == [-signal.SIGKILL]
    assert still_there(inside) == []
    assert second.traces() == []
    assert machine() == there
    lab.on("hosta", "ping", "-c1", "-W10", "10.77.0.12")


def test_down_after_the_init_was_killed(lab: Lab) -> None:
    killed = Lab(f"{PREFIX}-killed")
    killed("up", "--hosts", "1")
    killed("containers", "hosta", "web1")
    inside = processes_in(killed)
    os.kill(killed.record()["init"][0], signal.SIGKILL)  # type: ignore[index]
    wait_until(lambda: "has died" in killed.on("hosta", "true", status=None))
    killed("down")
    assert still_there(inside) == []
    assert killed.traces() == []


def test_down_of_a_host_with_a_paused_container() -> None:
    """What is frozen dies of no signal, and with it lives all that waits for its end."""
    lab = Lab(f"{PREFIX}-paused")
    lab("up", "--hosts", "1", "--no-ovs")
    lab("containers", "hosta", "web1")
    lab.on("hosta", "docker", "pause", "web1")
    inside = processes_in(lab)
    lab("down")
    assert still_there(inside) == []
    assert lab.traces() == []


@pytest.mark.parametrize("moment", [0.1, 0.3, 0.5])
def test_an_interrupted_up_leaves_nothing(moment: float) -> None:
    lab = Lab(f"{PREFIX}-broken")
    starting = subprocess.Popen([LAB, "up", "--name", lab.name, "--hosts", "2"], stderr=subprocess.PIPE, text=True)
    time.sleep(moment)
    starting.send_signal(signal.SIGINT)
    _output, said = starting.communicate(timeout=PATIENCE)
    if starting.returncode == 0:  # too fast for us
        lab("down")
    else:
        # On a busy machine Python has not loaded the program yet, and dies of the signal.
        assert starting.returncode in (130, -signal.SIGINT), said
    assert lab.traces() == []


def test_a_failed_up_says_why_and_leaves_nothing() -> None:
    lab = Lab(f"{PREFIX}-failed")
    assert "--subnet 10.0.0.0/30: too small" in lab("up", "--subnet", "10.0.0.0/30", status=1)
    assert "27 hosts: a lab has 1 to 26" in lab("up", "--hosts", "27", status=1)
    starting = subprocess.Popen([LAB, "up", "--name", lab.name, "--hosts", "1"], stderr=subprocess.PIPE, text=True)
    while not (init := pgrep(f"_lan {lab.name} ")):
        assert starting.poll() is None
    os.kill(init[0], signal.SIGKILL)
    _output, said = starting.communicate(timeout=PATIENCE)
    assert starting.returncode == 1
    assert re.search("hosta died while starting|init died at once", said), said
    assert lab.traces() == []


def test_one_host_has_another_pyroute2(tmp_path: pathlib.Path) -> None:
    """With a stand-in for pip, as tests must not need the network."""
    version = f"0.0.{os.getpid()}"
    pip = tmp_path / "pip"
    pip.write_text(
        '#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done; mkdir -p "$2/pyroute2"\n'
        f'echo "v = \'{version}\'" >"$2/pyroute2/__init__.py"\n'
    )
    pip.chmod(0o755)
    lab = Lab(f"{PREFIX}-pip")
    try:
        lab("up", "--hosts", "2", "--no-docker", "--no-ovs", "--pip", str(pip), "--pyroute2", f"hostb={version}")
        ask = ["/usr/bin/python3", "-c", "import pyroute2; print(getattr(pyroute2, 'v', 'other'))"]
        assert lab.on("hostb", *ask) == f"{version}\n"
        assert lab.on("hosta", *ask) == "other\n"
    finally:
        lab("down")
        for folder in pathlib.Path("/var/cache/pipefitter-lab").glob(f"pyroute2-{version}-*"):
            shutil.rmtree(folder)
    assert lab.traces() == []
