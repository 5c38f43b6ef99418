# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service costs: a reconcile of many unchanged attachments, and a service for half of them in idle minutes.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/service.py

It starts a lab of its own and takes it down. Figures depend on the machine; compare those of one run.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from clone import LAB, python_path_in, running_lab

_HERE = pathlib.Path(__file__).resolve().parent
_HOST = "hosta"
_RUNNER = _HERE.parent / "integration" / "module_runner.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attachments", type=int, default=1000, help="that are recorded (default: %(default)s)")
    parser.add_argument("--repetitions", type=int, default=5, help="of the reconcile (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=600, help="seconds to watch the service (default: %(default)s)")
    options = parser.parse_args()
    if options.attachments > 1000:
        parser.error("a Linux bridge takes 1023 ports")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab("--no-ovs") as lab:
        request = {"python_path": python_path_in(pathlib.Path(folder)), "runner": str(_RUNNER), **vars(options)}
        entering = [LAB, "exec", "--name", lab, _HOST, "--", "/usr/bin/python3", str(_HERE / "service_on_host.py")]
        timeout = 900 + options.idle
        done = subprocess.run(
            entering, input=json.dumps(request), stdout=subprocess.PIPE, encoding="utf-8", timeout=timeout, check=False
        )
        if done.returncode:
            sys.exit(f"service_on_host.py ended with {done.returncode}")
    measured = json.loads(done.stdout)
    for clock in ("wall", "cpu"):
        times = sorted(one[clock] for one in measured["unchanged"])
        what = f"reconcile of {options.attachments} unchanged, s {clock}"
        print(f"{what}: {times[len(times) // 2]:.2f} (least {times[0]:.2f})")
    print(f"veth_attach that made and recorded them, s: {measured['attached']:.2f}")
    print(
        f"service of {options.attachments // 2} over {measured['idle']:.0f} s: "
        f"{measured['resident'] / 1024:.1f} MiB, {measured['cpu_share'] * 100:.2f} % of a core"
    )


if __name__ == "__main__":
    main()
