# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a lab as tests use them: run a command, run a module, look at links by iproute2's JSON."""

from __future__ import annotations

import functools
import json
import pathlib
import subprocess
import sys

from fork_client import ForkServer

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab" / "lab"
sys.path.append(str(LAB.parent))

import host_docker  # noqa: E402 - only now can they be found
from pipefitter_lab import docker_engine, entering, record  # noqa: E402
from pipefitter_lab.layout import Layout  # noqa: E402

RUNNER = pathlib.Path(__file__).with_name("module_runner.py")
SERVER = pathlib.Path(__file__).with_name("module_server.py")
SENT_CODE = pathlib.Path(__file__).with_name("sent_code_cache.py")

PYROUTE2 = {"hosta": "0.7.2", "hostb": "0.9.7"}
"""Debian 12's package, and the newest."""


class ModuleFailed(Exception):
    """A module ended with ``failed``; ``result`` is all it said."""

    def __init__(self, result):
        super().__init__(result.get("msg"))
        self.result = result


class LabHost:
    """One host of a running lab. ``python_path`` leads to ``ansible`` and ``ansible_collections``."""

    def __init__(self, lab: str, name: str, python_path: str) -> None:
        self.lab = lab
        self.name = name
        self._python_path = python_path

    def run(
        self, *argv: str, check: bool = True, text: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess:
        """Run a command in the host, by its words."""
        words, environment = self._entering
        pipes = {"input": text, "capture_output": True, "encoding": "utf-8"}
        done = subprocess.run([*words, *argv], timeout=timeout, check=False, env=environment, **pipes)
        assert not check or done.returncode == 0, f"{argv} in {self.name}: {done.stdout}{done.stderr}"
        return done

    def start(self, *argv: str, **options) -> subprocess.Popen:
        """Start a command in the host; the caller ends it."""
        words, environment = self._entering
        return subprocess.Popen([*words, *argv], env=environment, **options)

    def ip(self, *words: str, netns: str | None = None):
        """Return what iproute2 shows, as JSON (``ip("addr", "show", "dev", "br0")``)."""
        where = ("-n", netns) if netns else ()
        return json.loads(self.run("ip", "-j", "-d", *where, *words).stdout or "[]")

    def module(
        self,
        name: str,
        /,
        check_mode: bool = False,
        diff: bool = False,
        die_after: int | None = None,
        fail_after: int | None = None,
        without: str | None = None,
        meanwhile: tuple[int, str] | None = None,
        alone: bool = False,
        **options,
    ) -> dict:
        """Run a module of the collection and return its result; ``alone`` in a Python that is started for it.

        :raises ModuleFailed: it failed.
        """
        request = self._request(options, check_mode, diff, die_after, fail_after, without, meanwhile)
        # What is imported already can't be missing.
        run = self._run_module_alone if alone or without else self.run_module
        return self._result(name, run(name, request))

    def modules_at_once(self, name: str, count: int, /, **options) -> list[dict]:
        """Run the same module ``count`` times at the same time and return all results."""
        request = self._request(options)
        running = [self._modules.start(name, text=request) for _number in range(count)]
        ended = [module.wait(120) for module in running]
        return [self._result(name, done) for done in ended]

    def run_module(self, name: str, request: str) -> subprocess.CompletedProcess:
        return self._modules.start(name, text=request).wait(120)

    def _run_module_alone(self, name: str, request: str) -> subprocess.CompletedProcess:
        path = (f"PYTHONPATH={self._python_path}", "PYTHONDONTWRITEBYTECODE=1")
        return self.run("env", *path, "/usr/bin/python3", str(RUNNER), name, text=request, check=False, timeout=120)

    def containers(self) -> dict[int, str]:
        """Return the containers that run in Docker by the number of their first process in the host."""
        return host_docker.names(self._docker)

    def container_pids(self) -> list[int]:
        """Return the first process of each container that runs in Docker, by its number in the host."""
        return list(self.containers())

    def remove_containers(self) -> None:
        host_docker.remove_all(self._docker)

    def keep_sent_code(self) -> None:
        """Let the host's Python compile what Ansible sends only once."""
        folder = "/usr/lib/python3/dist-packages"
        self.run("sh", "-c", f"cat > {folder}/{SENT_CODE.name}", text=SENT_CODE.read_text(encoding="utf-8"))
        self.run("sh", "-c", f"echo import {SENT_CODE.stem} > {folder}/{SENT_CODE.stem}.pth")

    def reboot(self, reset: bool = False) -> None:
        """Reboot a host with systemd; with ``reset`` as by a power cut. Returns when it has booted."""
        self.close()
        command = [LAB, "reboot", "--name", self.lab, *(["--reset"] if reset else []), self.name]
        subprocess.run(command, check=True, timeout=300)
        for known in ("_entering", "_docker"):  # by the init that has ended
            self.__dict__.pop(known, None)

    def close(self) -> None:
        """End what runs modules; the next one starts it again."""
        if "_modules" in self.__dict__:
            self._modules.stop()
            del self._modules

    @functools.cached_property
    def _entering(self) -> tuple[list[str], dict[str, str]]:
        """What ``lab exec`` becomes, and its environment: to find it out takes longer than most commands."""
        return entering.command(Layout(self.lab), self.name)

    @functools.cached_property
    def way_to_lan(self) -> list[str]:
        """The words to put before a command that is to run on the lab's LAN."""
        return entering.lan_command(Layout(self.lab))

    @functools.cached_property
    def _docker(self) -> docker_engine.Api:
        host_init = record.running_host(Layout(self.lab), self.name)
        return docker_engine.Api(f"/proc/{host_init.pid}/root{docker_engine.SOCKET}")

    @functools.cached_property
    def _modules(self) -> ForkServer:
        words, environment = self._entering
        return ForkServer([*words, "/usr/bin/python3", str(SERVER), self._python_path], environment)

    @staticmethod
    def _request(options, check_mode=False, diff=False, die_after=None, fail_after=None, without=None, meanwhile=None):
        given = {**options, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
        return json.dumps(
            {
                "options": given,
                "die_after": die_after,
                "fail_after": fail_after,
                "without": without,
                "meanwhile": meanwhile,
            }
        )

    @staticmethod
    def _result(name, done):
        if done.returncode == -9:
            return {"killed": True}
        try:
            result = json.loads(done.stdout)
        except ValueError:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"{name} ended with {done.returncode} and no result: {said}") from None
        if result.get("failed"):
            raise ModuleFailed(result)
        return result
