# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a lab: everything is made here, in the order in which it is needed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any, Callable

from . import busybox_image, cgroups, host_files, init, ssh, syscalls, teardown
from .errors import LabError
from .layout import ROOT, Layout
from .processes import Process, all_pids, pid_in_namespace
from .record import Record
from .spec import Spec

TIMEOUT = 120.0  # seconds for all hosts together; 2 to 5 are usual
Progress = Callable[[str], None]


class Lock:
    """Held while a lab is started or removed, so that two commands at once do not meet half-way.

    It is taken on the lab's folder itself: there is no lock file to leave behind.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.descriptor = -1

    def __enter__(self) -> Lock:
        os.makedirs(ROOT, mode=0o700, exist_ok=True)
        while True:
            os.makedirs(self.layout.root, mode=0o700, exist_ok=True)
            try:
                self.descriptor = os.open(self.layout.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held it may have removed the folder meanwhile.
                if os.fstat(self.descriptor).st_ino == os.stat(self.layout.root).st_ino:
                    return self
            except FileNotFoundError:
                continue
            except BlockingIOError:
                raise LabError(f"another 'lab up' or 'lab down' is at work on the lab {self.layout.name}") from None
            os.close(self.descriptor)

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def up(layout: Layout, spec: Spec, prepare_files: Callable[[], None], progress: Progress) -> None:
    """Start the lab `spec`; removes everything again if that fails or is interrupted."""
    with Lock(layout):
        record = Record.load(layout)
        if record is not None and record.ready and record.init.alive:
            there = Spec.load(layout)
            if there.hosts != spec.hosts:
                raise LabError(
                    f"the lab {spec.name} is up with {there.hosts} hosts, not {spec.hosts}: 'lab down' comes first"
                )
            progress(f"the lab {spec.name} is already up")
            return
        if os.listdir(layout.root):
            progress("removing what an earlier start left behind")
            teardown.remove(layout)
            os.makedirs(layout.root, mode=0o700)
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        try:
            _start(layout, spec, prepare_files, progress)
        except BaseException:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: what follows has to be finished
            progress("removing what was started")
            teardown.remove(layout)
            raise


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _start(layout: Layout, spec: Spec, prepare_files: Callable[[], None], progress: Progress) -> None:
    if spec.docker:
        spec = Spec(**{**spec.__dict__, "image": busybox_image.root_file_system()})
    spec.save(layout)
    ssh.make_keys(layout, spec)
    for host in spec.host_names:
        host_files.prepare(layout, host)
    prepare_files()
    cgroups.create(spec.name, spec.host_names)
    progress("starting the LAN and " + ", ".join(spec.host_names))
    news, sender = os.pipe()
    lab_init = _spawn_init(layout, spec, sender)
    os.close(sender)
    record = Record(lab_init, {}, [], ready=False)
    record.save(layout)
    with open(news, encoding="utf-8") as pipe:
        _follow(pipe, spec, record, progress)
    record.namespaces = [
        os.stat(f"/proc/{process.pid}/ns/{kind}").st_ino
        for process in [record.init, *record.hosts.values()]
        for kind in ("net", "mnt")
    ]
    record.ready = True
    record.save(layout)


def _spawn_init(layout: Layout, spec: Spec, sender: int) -> Process:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = init.spawn(["_lan", spec.name, str(sender), layout.log], (sender,))
    process = Process.of(pid)
    if process is None:
        raise LabError(f"the lab's init died at once: see {layout.log}")
    return process


def _follow(pipe: Any, spec: Spec, record: Record, progress: Progress) -> None:
    """Read what the inits report until every host is ready."""
    ready: set[str] = set()
    deadline = time.monotonic() + TIMEOUT
    while len(ready) < spec.hosts:
        news = _next_news(pipe, deadline, set(spec.host_names) - ready)
        if "failed" in news:
            raise LabError(news["failed"])
        if "hosts" in news:
            record.hosts = _as_seen_here(record.init.pid, news["hosts"])
        elif news["stage"] == "ready":
            ready.add(news["host"])
            progress(f"{news['host']} is ready")
        else:
            progress(f"{news['host']}: {news['stage']}")


def _next_news(pipe: Any, deadline: float, missing: set[str]) -> dict[str, Any]:
    # The pipe is line buffered below; select would miss lines already read, so they are read unbuffered.
    line = bytearray()
    descriptor = pipe.fileno()
    while not line.endswith(b"\n"):
        wait = deadline - time.monotonic()
        if wait <= 0 or not select.select([descriptor], [], [], wait)[0]:
            raise LabError(f"not ready after {TIMEOUT:.0f} s: {', '.join(sorted(missing))}")
        byte = os.read(descriptor, 1)
        if not byte:
            raise LabError("the lab's init died")
        line += byte
    return json.loads(line)


def _as_seen_here(init_pid: int, hosts: dict[str, int]) -> dict[str, Process]:
    """Translate PIDs of the lab's PID namespace into the machine's."""
    depth = len(pid_in_namespace(init_pid)) - 1  # more than 1 where the machine is a container itself
    by_pid = {pid: name for name, pid in hosts.items()}
    found = {}
    namespace = os.stat(f"/proc/{init_pid}/ns/pid").st_ino
    for pid in all_pids():
        pids = pid_in_namespace(pid)
        if len(pids) == depth + 2 and pids[-1] == 1 and pids[depth] in by_pid and _parent_in(pid, namespace):
            process = Process.of(pid)
            if process is not None:
                found[by_pid[pids[depth]]] = process
    missing = set(hosts) - set(found)
    if missing:
        raise LabError(f"the init of {', '.join(sorted(missing))} died at once")
    return {name: found[name] for name in sorted(found)}


def _parent_in(pid: int, namespace: int) -> bool:
    """Whether the parent of `pid` is in the PID namespace with inode `namespace`: another lab may have equal PIDs."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            parent = int(file.read().rpartition(b")")[2].split()[1])
        return os.stat(f"/proc/{parent}/ns/pid").st_ino == namespace
    except (FileNotFoundError, ProcessLookupError):
        return False
