# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a lab: everything is made here, in the order in which it is needed."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import (
    busybox_image,
    cgroups,
    docker_engine,
    entering,
    host_files,
    init,
    podman,
    pyroute2_version,
    rebooting,
    ssh,
    teardown,
)
from .errors import LabError
from .layout import Layout
from .lock import Lock
from .processes import Process, children_by_inner_pid
from .record import Record
from .spec import Spec

TIMEOUT = 120.0  # seconds for all hosts together; 1 to 5 are usual
Progress = Callable[[str], None]


def up(layout: Layout, spec: Spec, pyroute2: Mapping[str, str], progress: Progress) -> None:
    """Start the lab `spec`; removes everything again if that fails or is interrupted.

    `pyroute2` maps hosts to the folder with the version that they get instead of the machine's.
    """
    with Lock(layout):
        record = Record.load(layout)
        if record is not None and record.ready and record.init.alive:
            _compare(Spec.load(layout), spec, layout)
            progress(f"the lab {spec.name} is already up")
            return
        if os.listdir(layout.root):
            progress("removing what an earlier lab of this name left behind")
            teardown.clear(layout)
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _interrupt)
        try:
            _start(layout, spec, pyroute2, progress)
        except BaseException:
            for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(ending, signal.SIG_IGN)  # what follows has to be finished
            progress("removing what was started")
            teardown.remove(layout)
            raise


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _compare(there: Spec, wanted: Spec, layout: Layout) -> None:
    for what, has, asked in (
        ("hosts", there.hosts, wanted.hosts),
        ("subnet", there.subnet, wanted.subnet),
        ("systemd in", sorted(there.systemd), sorted(wanted.systemd)),
    ):
        if has != asked:
            raise LabError(
                f"the lab {there.name} is already up with {what} {has}, asked for was {asked}:"
                f" remove it first with 'lab down{layout.option}'"
            )


def _start(layout: Layout, spec: Spec, pyroute2: Mapping[str, str], progress: Progress) -> None:
    spec = dataclasses.replace(spec, image=busybox_image.root_file_system())
    spec.save(layout)
    ssh.make_keys(layout, spec)
    for host in spec.host_names:
        host_files.prepare(layout, host)
    for host, folder in pyroute2.items():
        pyroute2_version.install(layout, host, folder)
    cgroups.create(spec.name, spec.host_names, spec.systemd)
    progress(f"starting {', '.join(spec.host_names)}")
    news, sender = os.pipe()
    try:
        lab_init = Process.of(init.spawn(["_lan", spec.name, str(sender), layout.log], (sender,)))
    finally:
        os.close(sender)
    if lab_init is None:
        raise LabError(f"the lab's init died at once: {_last_words(layout)}")
    record = Record(lab_init, {}, ready=False)
    record.save(layout)
    _follow(news, spec, record, layout, progress)
    os.close(news)
    _finish_systemd(layout, spec, record, progress)
    record.ready = True
    record.save(layout)


def _follow(news: int, spec: Spec, record: Record, layout: Layout, progress: Progress) -> None:
    """Read what the inits report until every host is ready."""
    missing = set(spec.host_names)
    named = False
    for report in _reports(news):
        if "failed" in report:
            raise LabError(report["failed"])
        if "hosts" in report:
            children = children_by_inner_pid(record.init)
            record.hosts = {host: children[pid] for host, pid in report["hosts"].items() if pid in children}
            named = True
        elif report["stage"] not in ("ready", "systemd"):
            progress(f"{report['host']}: {report['stage']}")
        else:
            progress(
                f"{report['host']}: systemd boots" if report["stage"] == "systemd" else f"{report['host']} is ready"
            )
            missing.discard(report["host"])
        # Hosts with systemd may be as far as that before the LAN's init has named them.
        if named and not missing:
            break
    else:
        raise LabError(f"{', '.join(sorted(missing)) or 'the LAN'} died while starting: {_last_words(layout)}")
    if set(record.hosts) != set(spec.host_names):
        raise LabError(f"a host died while starting: {_last_words(layout)}")


def _finish_systemd(layout: Layout, spec: Spec, record: Record, progress: Progress) -> None:
    """Wait until the hosts with systemd have booted, and give their container engines the image."""

    def finish(host: str) -> None:
        process = record.hosts[host]
        progress(f"{host} {rebooting.wait_booted(layout, host, process)}")
        if spec.docker:
            docker_engine.of_host(process.pid).import_image(spec.image)
        if spec.podman:
            podman.import_image(spec.image, entering.nsenter(process.pid))

    with ThreadPoolExecutor() as pool:
        for finished in [pool.submit(finish, host) for host in spec.systemd]:
            finished.result()


def _reports(news: int) -> Iterator[dict[str, Any]]:
    """The lines of JSON that come over the pipe `news`, until all who could write are gone."""
    deadline = time.monotonic() + TIMEOUT
    rest = b""
    while True:
        wait = deadline - time.monotonic()
        if wait <= 0 or not select.select([news], [], [], wait)[0]:
            raise LabError(f"the hosts are not ready after {TIMEOUT:.0f} s")
        received = os.read(news, 65536)
        if not received:
            return
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _last_words(layout: Layout) -> str:
    try:
        with open(layout.log, encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["it said nothing"])[-1]
    except FileNotFoundError:
        return "it wrote no log"
