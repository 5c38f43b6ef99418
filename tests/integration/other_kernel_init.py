# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as the first process of the other kernel (other_kernel.py).

It mounts what commands need, and runs those that it is sent.

Files come slowly here, so what modules import is imported once, and each module runs in a fork of this process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fork_server  # noqa: E402 - only now can they be found
import module_server  # noqa: E402

_PREPARE = """
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/exchange /run/netns /run/modules/lib /run/lock
ln -s /usr/lib/uml/modules /run/modules/lib/modules
modprobe --dirname /run/modules --all bridge veth 8021q bonding macvlan ipvlan nf_tables af_packet 2>/dev/null || true
ip link set lo up
"""


def main():
    folder, python_path = sys.argv[1:3]  # the kernel adds words of its own
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/run", LC_ALL="C.UTF-8")
    subprocess.run(["sh", "-e", "-c", _PREPARE], check=True)
    subprocess.run(["mount", "-t", "hostfs", "-o", folder, "exchange", "/run/exchange"], check=True)
    run_module = module_server.load(python_path)
    gc.freeze()  # else the first collection of each fork would copy all that was imported
    line = os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    os.write(line, b".")
    number = 0
    while os.read(line, 1) == b".":
        with open(f"/run/exchange/request-{number}", encoding="utf-8") as file:
            asked = json.load(file)
        answer = _run_module(run_module, asked) if asked["argv"][0] == "module" else _run(asked)
        with open(f"/run/exchange/answer-{number}", "w", encoding="utf-8") as file:
            json.dump(answer, file)
            file.flush()
            os.fsync(file.fileno())
        os.write(line, b".")
        number += 1
    with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
        trigger.write("o")
    time.sleep(10)


def _run_module(run, asked):
    with (
        open("/run/out", "w+", encoding="utf-8") as out,
        open("/run/err", "w+", encoding="utf-8") as err,
        open("/run/in", "w+", encoding="utf-8") as given,
    ):
        given.write(asked["text"])
        given.seek(0)
        child = os.fork()
        if child == 0:
            signal.alarm(120)
            fork_server.become(run, asked["argv"][1:], [file.fileno() for file in (given, out, err)])
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"status": status, "out": out.read(), "err": err.read()}


def _run(asked):
    try:
        done = subprocess.run(
            asked["argv"],
            input=asked["text"],
            capture_output=True,
            encoding="utf-8",
            timeout=asked["timeout"],
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"status": 127, "out": "", "err": str(error)}
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


if __name__ == "__main__":
    main()
