# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A process that puts the host's NIC back where nobody confirms its move. Private to the collection.

It depends on nothing that the move may cut off: neither on the SSH session, nor on Ansible's files, nor on the process
that moves. Where systemd runs it is a unit of its own, which is started again where somebody kills it, and another
unit of which the next boot is told; elsewhere two processes in a session of their own, of which each starts the other
again.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from ..errors import PipefitterError
from . import files, program

PROGRAM = "rollback.pyz"
"""Its name in the folder of the move that it guards."""

_SYSTEMD = "/run/systemd/system"
_UNITS = "/etc/systemd/system"
_READY = 20.0  # seconds in which it says that it stands by
_PAUSE = 0.02

_AT_BOOT = """\
[Unit]
Description=Put back what a move of {nic} that was not confirmed has left (pipefitter)
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target
Before=network-pre.target
ConditionPathExists={folder}/pending.json

[Service]
Type=oneshot
KillMode=process
ExecStart={python} -I {program} --boot {nic}
"""


def runs_systemd() -> bool:
    return os.path.isdir(_SYSTEMD)


def arm(nic: str, folder: str, archive: bytes) -> None:
    """Start the program that guards a move which is kept in ``folder``, and wait until it stands by.

    :raises PipefitterError: it can't be started; nothing stands by then.
    """
    python = sys.executable or "/usr/bin/python3"
    ready, path = f"{folder}/guard", f"{folder}/{PROGRAM}"
    try:
        files.remove(ready)
        files.write(path, archive)
    except OSError as error:
        raise PipefitterError(f"{path} can't be written ({error.strerror}); nothing was changed") from None
    words = [python, "-I", path, nic]
    if runs_systemd():
        _at_boot(nic, folder, path, python)
        unit = ["--collect", f"--unit={_unit(nic)}", "--property=Restart=on-failure", "--property=RestartSec=1"]
        done = program.run(["systemd-run", "--quiet", *unit, "--property=DefaultDependencies=no", *words])
        if done is None or done.status:
            why = done.stderr.strip() if done is not None else "there is no systemd-run"
            what = f"nothing can be made to put {nic} back if the move fails ({why})"
            raise PipefitterError(f"{what}; nothing was changed")
    else:
        _detach(words)
    deadline = time.monotonic() + _READY
    while not os.path.exists(ready):
        if time.monotonic() > deadline:
            raise PipefitterError(
                f"what is to put {nic} back if the move fails did not start within {_READY:g} s; nothing was changed"
            )
        time.sleep(_PAUSE)


def disarm(nic: str, folder: str) -> None:
    """Take away what ``arm`` made; the guard itself ends as soon as nothing is pending any more."""
    path = f"{_UNITS}/{_boot_unit(nic)}"
    with suppress(OSError):
        os.unlink(f"{_UNITS}/sysinit.target.wants/{_boot_unit(nic)}")
    for gone in (path, f"{folder}/guard", f"{folder}/{PROGRAM}"):
        with suppress(OSError):
            files.remove(gone)


def _unit(nic: str) -> str:
    return f"pipefitter-nic-{_escaped(nic)}"


def _boot_unit(nic: str) -> str:
    return f"pipefitter-nic-{_escaped(nic)}-boot.service"


def _escaped(nic: str) -> str:
    """Return a name as a part of a unit's (systemd.unit(5))."""
    plain = frozenset("_.")
    return "".join(
        c if c.isascii() and (c.isalnum() or c in plain) else "".join(f"\\x{b:02x}" for b in c.encode()) for c in nic
    )


def _at_boot(nic: str, folder: str, archive: str, python: str) -> None:
    text = _AT_BOOT.format(nic=nic.replace("%", "%%"), folder=folder, program=archive, python=python)
    wants = f"{_UNITS}/sysinit.target.wants"
    try:
        files.write(f"{_UNITS}/{_boot_unit(nic)}", text.encode(), 0o644)
        os.makedirs(wants, exist_ok=True)
        with suppress(FileExistsError):
            os.symlink(f"{_UNITS}/{_boot_unit(nic)}", f"{wants}/{_boot_unit(nic)}")
        files.sync(wants)
    except OSError as error:
        path = error.filename or _UNITS
        raise PipefitterError(f"{path} can't be written ({error.strerror}); nothing was changed") from None


def _detach(words: list[str]) -> None:
    """Start a program that belongs to nobody: in a session of its own, with init as its parent."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _leave_session_scope()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.closerange(3, 4096)
        os.chdir("/")
        os.execv(words[0], words)
    finally:
        os._exit(127)


def _leave_session_scope() -> None:
    """Leave the control group of a login, which may be killed as a whole."""
    with suppress(OSError):
        with open("/proc/self/cgroup", encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
        for line in lines:
            _number, controllers, path = line.split(":", 2)
            root = "/sys/fs/cgroup" + (f"/{controllers.partition('=')[2] or controllers}" if controllers else "")
            if ".scope" in path:
                with suppress(OSError), open(f"{root}/cgroup.procs", "w", encoding="ascii") as procs:
                    procs.write("0")
