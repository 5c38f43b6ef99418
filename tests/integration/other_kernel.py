# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with another kernel than this machine's: Debian's User Mode Linux, whose bridges filter VLANs.

It is a process of this machine and sees its files, read-only, with a /run of
its own. It has no nf_tables families, no Docker and no Open vSwitch. Commands
and answers are files of JSON in a folder that both see; a serial line, which
loses what comes too fast, says only which is the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import select
import subprocess

import pytest
from lab_hosts import LabHost

PROGRAM = "/usr/bin/linux.uml"
_INIT = pathlib.Path(__file__).with_name("other_kernel_init.py")
_BOOT = 60  # seconds; 2 to 3 are usual


class OtherKernel(LabHost):
    """A host as those of the lab; ``stop`` ends it."""

    def __init__(self, python_path: str, folder: pathlib.Path) -> None:
        super().__init__("", "other kernel", python_path)
        self._folder = folder
        self._number = 0
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        with (folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [
                    PROGRAM, "rootfstype=hostfs", "rootflags=/", "ro", "mem=512M", f"uml_dir={folder}",
                    "con=null", "con0=null,fd:2", f"ssl0=fd:{requests},fd:{answers}",
                    "init=/usr/bin/python3", "--", "-I", str(_INIT), str(folder), python_path,
                ],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, pass_fds=(requests, answers),
            )  # fmt: skip
        os.close(requests)
        os.close(answers)
        try:
            self._next(_BOOT)
        except AssertionError:
            self._process.kill()
            self._process.wait(10)
            said = (folder / "console").read_text(encoding="utf-8", errors="replace")
            if "Linux version" not in said:
                # It traces processes and maps memory of /dev/shm, which not every machine lets it.
                pytest.skip(f"User Mode Linux does not start here: {said.strip()[-200:]}")
            if "put_fp_registers" in said:
                # The state of AMX is larger than its room for registers, which it then fails to put back.
                pytest.skip("User Mode Linux runs no process on this processor, whose extended state it can't restore")
            raise AssertionError(said) from None

    def run(
        self, *argv: str, check: bool = True, text: str | None = None, timeout: float = 30
    ) -> subprocess.CompletedProcess:
        request = self._folder / f"request-{self._number}"
        request.write_text(
            json.dumps({"argv": [str(word) for word in argv], "text": text, "timeout": timeout}), encoding="utf-8"
        )
        os.write(self._requests, b".")
        self._next(timeout + 30)
        answer = json.loads((self._folder / f"answer-{self._number}").read_text(encoding="utf-8"))
        self._number += 1
        done = subprocess.CompletedProcess(argv, answer["status"], answer["out"], answer["err"])
        assert not check or done.returncode == 0, f"{argv} in {self.name}: {done.stdout}{done.stderr}"
        return done

    def run_module(self, name: str, request: str) -> subprocess.CompletedProcess:
        return self.run("module", name, text=request, check=False, timeout=120)

    def container_pids(self) -> list[int]:
        return []

    def ip_bridge(self, *words: str):
        """Return what iproute2's bridge shows, as JSON."""
        return json.loads(self.run("bridge", "-j", *words).stdout or "[]")

    def clean(self) -> None:
        """Delete all namespaces that have a name, and all links."""
        self.run(
            "sh", "-c", "ip -all netns delete; for one in $(ls /sys/class/net); do ip link delete $one; done; true"
        )

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._requests, b"q")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._requests)
        os.close(self._answers)

    def _next(self, seconds: float) -> None:
        ready, _writable, _failed = select.select([self._answers], [], [], seconds)
        assert ready, f"the other kernel does not answer within {seconds:.0f} s"
        assert os.read(self._answers, 1) == b".", "the other kernel has ended"
