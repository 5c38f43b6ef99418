# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as the first process of the other kernel (other_kernel.py): mounts what commands need, and runs those that it is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
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
    folder = sys.argv[1]
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/run", LC_ALL="C.UTF-8")
    subprocess.run(["sh", "-e", "-c", _PREPARE], check=True)
    subprocess.run(["mount", "-t", "hostfs", "-o", folder, "exchange", "/run/exchange"], check=True)
    line = os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    os.write(line, b".")
    number = 0
    while os.read(line, 1) == b".":
        with open(f"/run/exchange/request-{number}", encoding="utf-8") as file:
            answer = _run(json.load(file))
        with open(f"/run/exchange/answer-{number}", "w", encoding="utf-8") as file:
            json.dump(answer, file)
            file.flush()
            os.fsync(file.fileno())
        os.write(line, b".")
        number += 1
    with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
        trigger.write("o")
    time.sleep(10)


def _run(asked):
    try:
        done = subprocess.run(asked["argv"], input=asked["text"], capture_output=True, encoding="utf-8", timeout=asked["timeout"], check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"status": 127, "out": "", "err": str(error)}
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


if __name__ == "__main__":
    main()
