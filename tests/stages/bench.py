# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the stages run: the copy of the tree, the environment, the commands."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import typing as t

from .clock import Clock

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections/pipefitter/container_network"

# Settings of the person who runs the tests that would change what is tested.
FOREIGN_SETTINGS = (
    "ANSIBLE_",
    "GIT_",
    "MOLECULE_",
    "PIPEFITTER_",
    "PYENV_",
    "PYTEST_",
    "PYTHON",
    "VIRTUAL_ENV",
    "XDG_",
)


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the person who runs the tests asks for, beside stages."""

    chosen: dict[str, list[str]]  # tests, by stage; empty where whole stages are to run
    deep: bool
    keep: bool


class Bench:
    """What each stage is given."""

    def __init__(self, venv: pathlib.Path, folder: pathlib.Path, clock: Clock, asked: Asked) -> None:
        self.venv = venv
        self.chosen = asked.chosen
        # Read by tests/effort.py.
        self.effort = {"PIPEFITTER_DEEP": "1"} if asked.deep else {}
        self.clock = clock
        self.folder = folder
        self.collection = folder / COLLECTION
        # Where stages and their commands write: a file, for those that run beside others, else where this program does.
        self.output: t.TextIO | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = threading.Event()
        # Beside the environment, so that what ansible-test builds for its
        # sanity tests is there in the next run, and the user's own settings of
        # ssh, pip, git and Ansible are not.
        self.home = venv.parent / "home"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
        self.environment.update(
            self.effort,
            ANSIBLE_COLLECTIONS_PATH=str(folder),
            HOME=str(self.home),
            LC_ALL="C.UTF-8",
            # Real interpreters first: ansible-test refuses a version manager's shims.
            PATH=f"{venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin",
        )
        if not sys.stdout.isatty():
            self.environment.update(ANSIBLE_NOCOLOR="1", NO_COLOR="1")

    def copy_tree(self) -> None:
        listed = subprocess.run(
            # The clone may belong to another user than root.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            timeout=self.clock.left(),
        ).stdout
        for name in sorted(filter(None, listed.decode().split("\0"))):
            source, target = ROOT / name, self.collection / name
            if source.is_symlink() or source.is_file():  # not one that git still lists but is deleted
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        # ansible-test and ansible-lint ask git for the files to look at.
        self.home.mkdir(parents=True, exist_ok=True)
        for words in (["init", "--quiet"], ["add", "--all", "--force"]):
            command, limit = ["git", *words], self.clock.left()
            subprocess.run(command, cwd=self.collection, env=self.environment, check=True, timeout=limit)

    def writing_to(self, output: t.TextIO) -> Bench:
        """The same bench, for stages whose output goes elsewhere."""
        other = copy.copy(self)
        other.output = output
        return other

    def say(self, *words: str) -> None:
        print(*words, file=self.output, flush=True)

    def run(self, *words: str | pathlib.Path, **environment: str) -> int:
        """Runs a command with its output in sight; its status, or 124 where the run's time was over first."""
        if self._over.is_set():
            return 124
        limit = self.clock.left()
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=self.collection,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT if self.output else None,
            # No terminal, so that nothing can ask; and one group to end it all by.
            start_new_session=True,
        )
        self._running.add(process)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            self.say(f"not done after {limit:.0f} s, and the time of this run is over: ended")
            return 124
        finally:
            end(process)
            self._running.discard(process)

    def stop(self) -> None:
        """Ends what runs, in whichever thread, and lets nothing more begin."""
        self._over.set()
        for process in list(self._running):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command that still runs, at first in the way that lets pytest take its labs down."""
    for number, seconds in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(seconds)
