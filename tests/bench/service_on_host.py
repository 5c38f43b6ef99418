# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures on a lab's host what the service costs: a request as JSON on stdin, figures as JSON on stdout.

service.py runs it there; it is of no use alone.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

from program_on_host import PROGRAM, module, resident

_BRIDGE, _GATEWAY = "bench0", "10.64.0.1"
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    request = json.load(sys.stdin)
    names = [f"bench{number}" for number in range(request["attachments"])]
    _batch([f"netns add {name}" for name in names])
    _batch([f"link add {_BRIDGE} type bridge", f"addr add {_GATEWAY}/16 dev {_BRIDGE}", f"link set {_BRIDGE} up"])
    module(request, "host_program", {})
    start = time.perf_counter()
    attachments = [
        {"netns": name, "addresses": [f"10.64.{1 + number // 250}.{1 + number % 250}/16"], "gateway": _GATEWAY}
        for number, name in enumerate(names)
    ]
    module(request, "veth_attach", {"bridge": _BRIDGE, "attachments": attachments})
    measured: dict[str, object] = {"attached": time.perf_counter() - start}
    measured["unchanged"] = [_reconcile() for _number in range(request["repetitions"])]
    # Half of them for what the service holds and does while nothing happens.
    module(request, "veth_attach", {"bridge": _BRIDGE, "attachments": attachments[: len(names) // 2], "purge": True})
    measured.update(_idle(request["idle"]))
    json.dump(measured, sys.stdout)


def _reconcile() -> dict[str, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([PROGRAM, "reconcile"], stdout=subprocess.PIPE, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or done.stdout:
        raise SystemExit(f"pipefitter reconcile ended with {done.returncode}: {done.stdout[:200]!r}")
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _idle(seconds: float) -> dict[str, float]:
    service = subprocess.Popen([PROGRAM, "watch"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(10)
    before, start = _cpu(service.pid), time.monotonic()
    time.sleep(seconds)
    spent, passed = _cpu(service.pid) - before, time.monotonic() - start
    held = resident(service.pid)
    service.send_signal(signal.SIGTERM)
    service.wait()
    return {"cpu_share": spent / passed, "resident": held, "idle": passed}


def _cpu(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _batch(commands: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands).encode(), check=True)


if __name__ == "__main__":
    main()
