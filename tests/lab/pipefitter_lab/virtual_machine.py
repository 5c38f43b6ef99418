# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine with a kernel of its own, which reboots and is reset as hardware is.

QEMU emulates its processor, so that it runs where no KVM is, at a tenth of the speed. It stands in a network namespace
of its own, and reaches nothing: only what is forwarded into it, SSH and the ports asked for, comes in.
"""

from __future__ import annotations

import json
import pathlib
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Collection

from .environment import ROOT_LOGIN
from .errors import LabError
from .virtual_machine_image import Image

OUTSIDE = "10.0.2.2"
"""QEMU's end of the machine's network, which answers to pings."""

_MEMORY = 768  # MB; Docker, the service and a module need half of it
_BOOT = 600.0  # seconds; 25 to 40 are usual
_SSH = 22
# The mitigations are for hardware. Docker would load a profile for AppArmor, which takes seconds.
_KERNEL = "console=ttyS0 root=/dev/vda rw quiet net.ifnames=0 nokaslr mitigations=off apparmor=0"


class VirtualMachine:
    """Runs from its making to `stop`, with its files in `folder`; what it writes to its disk is gone with it.

    A connection to one of `forwarded` ports of 127.0.0.1 in its namespace (`outside`) comes to the same port of the
    machine, from OUTSIDE.
    """

    def __init__(self, image: Image, folder: pathlib.Path, forwarded: Collection[int] = ()) -> None:
        self._image = image
        self._folder = folder
        self._boot_id = ""
        # OpenSSH makes a socket with 17 more characters first, and 108 are the most.
        self._control = folder / "ssh"
        kind, key = image.host_key.read_text(encoding="ascii").split()[:2]
        (folder / "known_hosts").write_text(f"vm {kind} {key}\n", encoding="ascii")
        with (folder / "qemu").open("wb") as said:
            self._process = subprocess.Popen(
                [*_ALONE, *self._command(forwarded)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**ROOT_LOGIN, "TMPDIR": str(folder)},
                start_new_session=True,
            )

    def _command(self, forwarded: Collection[int]) -> list[str]:
        ports = ",".join(f"hostfwd=tcp:127.0.0.1:{port}-:{port}" for port in (_SSH, *forwarded))
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem", "-m", str(_MEMORY),
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd), "-append", _KERNEL,
            "-drive", f"if=virtio,format=raw,snapshot=on,file={self._image.disk}",
            "-netdev", f"user,id=outside,restrict=on,{ports}", "-device", "virtio-net-pci,netdev=outside",
            # A second NIC, eth1, that leads to nobody: the kernel treats it as it does a real one.
            "-netdev", "hubport,id=nobody,hubid=0", "-device", "virtio-net-pci,netdev=nobody",
            "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random",
            "-serial", f"file:{self._folder / 'console'}",
            "-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip

    def run(
        self, script: str, check: bool = True, text: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the machine."""
        pipes = {"input": text, "capture_output": True, "encoding": "utf-8"}
        done = subprocess.run(self._ssh(script), timeout=timeout, check=False, env=ROOT_LOGIN, **pipes)
        if check and done.returncode != 0:
            raise LabError(f"{script!r} in the virtual machine: {done.stdout}{done.stderr}")
        return done

    def start(self, script: str) -> subprocess.Popen[str]:
        """Start a shell script in the machine, whose output is a pipe; the caller ends it."""
        command = self._ssh(script)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8", env=ROOT_LOGIN
        )

    def outside(self, *command: str, timeout: float = 60) -> str:
        """What a command says in the namespace of the machine's network, however it ends."""
        words = [*self._entering, *command]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "env": ROOT_LOGIN}
        return subprocess.run(words, **silent, encoding="utf-8", timeout=timeout, check=False).stdout

    def console(self) -> str:
        """All that the kernel, and who writes to /dev/console, has said since the machine was switched on."""
        return (self._folder / "console").read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait until the machine has booted, once more than when this was called last.

        :raises LabError: it does not, or not all of its units run.
        """
        deadline = time.monotonic() + _BOOT
        while (now := self._booted()) in ("", self._boot_id):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise LabError(f"the virtual machine does not boot: {self._last_words()}")
            time.sleep(0.5)
        self._boot_id = now
        state = self.run("systemctl is-system-running --wait", check=False, timeout=_BOOT).stdout.strip()
        if state != "running":
            failed = self.run("systemctl --failed --no-legend; systemctl list-jobs --no-legend", check=False).stdout
            raise LabError(f"the virtual machine has booted and is {state}: {failed}")

    def _booted(self) -> str:
        """Which boot it is that lets somebody in; empty for none."""
        try:
            return self.run("cat /proc/sys/kernel/random/boot_id", check=False, timeout=30).stdout.strip()
        except subprocess.TimeoutExpired:
            return ""

    def reboot(self) -> None:
        """Reboot in order, and wait until it has booted."""
        self.run("systemctl reboot", check=False)
        self._forget_connections()
        self.wait()

    def reset(self) -> None:
        """Reset as by its button: what it had not written to its disk is lost. Doesn't wait."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._folder / "qmp"))
            with connection.makefile("rw", encoding="utf-8") as monitor:
                for command in ("qmp_capabilities", "system_reset"):
                    monitor.write(json.dumps({"execute": command}) + "\n")
                    monitor.flush()
                    _answered(monitor.readline)
        self._forget_connections()

    def inventory(self, folder: pathlib.Path) -> pathlib.Path:
        """An inventory for Ansible, written into `folder`, with the machine as its only host."""
        path = folder / "inventory.yml"
        host = {
            "ansible_user": "root",
            "ansible_ssh_args": shlex.join(self._ssh_options),
            "ansible_pipelining": True,
            "ansible_ssh_pipelining": True,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        path.write_text(json.dumps({"all": {"hosts": {"vm": host}}}), encoding="utf-8")
        return path

    def stop(self) -> None:
        self._forget_connections()
        self._process.kill()
        self._process.wait(60)

    def _ssh(self, script: str) -> list[str]:
        return ["ssh", *self._ssh_options, "root@vm", script]

    @property
    def _ssh_options(self) -> list[str]:
        options = {
            "ConnectTimeout": 20,
            "ControlMaster": "auto",
            "ControlPath": self._control,
            "ControlPersist": 600,
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityFile": self._image.private_key,
            "LogLevel": "ERROR",
            "ProxyCommand": shlex.join([*self._entering, "busybox", "nc", "127.0.0.1", str(_SSH)]),
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self._folder / "known_hosts",
        }
        return ["-F", "/dev/null", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]

    @property
    def _entering(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", "--"]

    def _forget_connections(self) -> None:
        """End what holds a connection to a system that has ended."""
        if self._control.exists():
            words = ["ssh", *self._ssh_options, "-O", "exit", "root@vm"]
            subprocess.run(words, capture_output=True, timeout=60, env=ROOT_LOGIN, check=False)

    def _last_words(self) -> str:
        said = (self._folder / "qemu").read_text(encoding="utf-8", errors="replace")
        return " / ".join(words.strip()[-500:] for words in (said, self.console()))


# Ends with the tests, however they end. Nothing is up in a new namespace, not even lo.
_ALONE = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-e", "-c", 'ip link set lo up; exec "$@"', "sh",
)  # fmt: skip


def _answered(line: Callable[[], str]) -> None:
    """Read to the answer to a command of QEMU's; greetings and events come between."""
    while True:
        said = line()
        if not said:
            raise LabError("QEMU has closed its monitor")
        message = json.loads(said)
        if "error" in message:
            raise LabError(f"QEMU refused: {message['error']['desc']}")
        if "return" in message:
            return
