# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``pipefitter`` and its service on a lab's host."""

from __future__ import annotations

import json
import signal
import subprocess

PROGRAM = "/usr/local/sbin/pipefitter"
RECORD = "/var/lib/pipefitter"


class Service:
    """``pipefitter watch`` on a host, as systemd would run it; its lines are in ``log``."""

    def __init__(self, host, *words: str) -> None:
        self._host = host
        self._words = words
        self._process: subprocess.Popen | None = None
        self._log = "/run/pipefitter-service.log"
        host.module("host_program")
        host.run("rm", "-f", self._log)  # an earlier test's

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_error) -> None:
        self.stop()

    def start(self) -> None:
        self._host.run("touch", self._log)
        self._process = self._host.start(
            "sh", "-c", f"exec {' '.join([PROGRAM, 'watch', *self._words])} >>{self._log} 2>&1"
        )

    def stop(self) -> None:
        """End it in order, and see that it ended well."""
        if self._process is not None:
            process, self._process = self._process, None
            self._host.run("pkill", "-TERM", "-f", "pipefitter watch")
            assert process.wait(20) == 0, self.log

    def kill(self) -> None:
        assert self._process is not None
        self._host.run("pkill", "-KILL", "-f", "pipefitter watch")
        self._process.wait(20)
        self._process = None

    def pause(self) -> None:
        self._host.run("pkill", "-STOP", "-f", "pipefitter watch")

    def go_on(self) -> None:
        assert self._process is not None
        # What entered the host for it has stopped with it (nsenter), and lets both go on.
        self._process.send_signal(signal.SIGCONT)
        self._host.run("pkill", "-CONT", "-f", "pipefitter watch")

    @property
    def log(self) -> str:
        return self._host.run("cat", self._log).stdout


def pipefitter(host, *words: str) -> subprocess.CompletedProcess:
    return host.run(PROGRAM, *words, check=False)


def states(host) -> dict[str, str]:
    """Return the state of each object by its name."""
    shown = json.loads(pipefitter(host, "status", "--json").stdout)
    return {entry["name"]: entry["state"] for entry in shown["objects"]}


def records(host) -> set[str]:
    """Return the names of what is recorded."""
    return set(states(host))
