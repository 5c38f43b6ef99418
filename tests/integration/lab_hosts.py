# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a lab as tests use them: run a command, run a module, look at links by iproute2's JSON."""

from __future__ import annotations

import json
import pathlib
import subprocess

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab" / "lab"
RUNNER = pathlib.Path(__file__).with_name("module_runner.py")

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

    def run(self, *argv: str, check: bool = True, text: str | None = None, timeout: float = 30) -> subprocess.CompletedProcess:
        """Run a command in the host, by its words."""
        done = subprocess.run(self._entering(argv), input=text, capture_output=True, encoding="utf-8", timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{argv} in {self.name}: {done.stdout}{done.stderr}"
        return done

    def start(self, *argv: str, **options) -> subprocess.Popen:
        """Start a command in the host; the caller ends it."""
        return subprocess.Popen(self._entering(argv), **options)

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
        **options,
    ) -> dict:
        """Run a module of the collection and return its result.

        :raises ModuleFailed: it failed.
        """
        request = self._request(options, check_mode, diff, die_after, fail_after, without, meanwhile)
        done = self.run(*self._module_argv(name), text=request, check=False, timeout=120)
        return self._result(name, done.returncode, done.stdout, done.stderr)

    def modules_at_once(self, name: str, count: int, /, **options) -> list[dict]:
        """Run the same module ``count`` times at the same time and return all results."""
        request = self._request(options)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        running = [self.start(*self._module_argv(name), **pipes) for _number in range(count)]
        for process in running:
            process.stdin.write(request)
            process.stdin.close()
            process.stdin = None
        results = []
        for process in running:
            out, err = process.communicate(timeout=120)
            results.append(self._result(name, process.returncode, out, err))
        return results

    def _entering(self, argv):
        return [str(LAB), "exec", "--name", self.lab, self.name, "--", *argv]

    def _module_argv(self, name):
        return ["env", f"PYTHONPATH={self._python_path}", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", str(RUNNER), name]

    @staticmethod
    def _request(options, check_mode=False, diff=False, die_after=None, fail_after=None, without=None, meanwhile=None):
        given = {**options, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
        return json.dumps({"options": given, "die_after": die_after, "fail_after": fail_after, "without": without, "meanwhile": meanwhile})

    @staticmethod
    def _result(name, status, out, err):
        if status == -9 or status == 137:
            return {"killed": True}
        try:
            result = json.loads(out)
        except ValueError:
            raise AssertionError(f"{name} ended with {status} and no result: {out}{err}") from None
        if result.get("failed"):
            raise ModuleFailed(result)
        return result
