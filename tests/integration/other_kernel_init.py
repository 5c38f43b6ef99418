# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as the first process of the other kernel (other_kernel.py): mounts what commands need, and runs those that it is sent.

Files come slowly here, so what modules import is imported once, and each module runs in a fork of this process.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
import tty

_PREPARE = """
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/exchange /run/netns /run/modules/lib /run/lock
ln -s /usr/lib/uml/modules /run/modules/lib/modules
modprobe --dirname /run/modules --all bridge veth 8021q nf_tables af_packet 2>/dev/null || true
ip link set lo up
"""


def main():
    folder, python_path = sys.argv[1:3]  # the kernel adds words of its own
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/run", LC_ALL="C.UTF-8")
    subprocess.run(["sh", "-e", "-c", _PREPARE], check=True)
    subprocess.run(["mount", "-t", "hostfs", "-o", folder, "exchange", "/run/exchange"], check=True)
    run_module = _module_runner(python_path)
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


def _module_runner(python_path):
    sys.dont_write_bytecode = True
    sys.path[:0] = [python_path, os.path.dirname(os.path.abspath(__file__))]
    import module_runner
    import pyroute2  # the whole of it: what rtnetlink imports of it alone has no __spec__
    from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, observe, reconcile
    from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import rtnetlink

    assert pyroute2 and ansible_module
    for room in (observe, reconcile):
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(found.name)
    for name in ("ifinfmsg", "ifaddrmsg", "rtmsg", "nsidmsg"):
        rtnetlink.message(name)
    return module_runner.main


def _run_module(run, asked):
    with open("/run/out", "w+", encoding="utf-8") as out, open("/run/err", "w+", encoding="utf-8") as err, open("/run/in", "w+", encoding="utf-8") as given:
        given.write(asked["text"])
        given.seek(0)
        child = os.fork()
        if child == 0:
            _be_module(run, asked["argv"][1], (given, out, err))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"status": status, "out": out.read(), "err": err.read()}


def _be_module(run, name, files):
    status = 1
    try:
        signal.alarm(120)
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.argv = ["module_runner.py", name]
        sys.stdin, sys.stdout, sys.stderr = (open(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww"))
        run()
        status = 0
    except SystemExit as ending:
        status = ending.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(asked):
    try:
        done = subprocess.run(asked["argv"], input=asked["text"], capture_output=True, encoding="utf-8", timeout=asked["timeout"], check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"status": 127, "out": "", "err": str(error)}
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


if __name__ == "__main__":
    main()
