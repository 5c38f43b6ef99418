# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a container that is restarted is without its network: by the service, and by the loop that people write.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/restarts.py

It starts a lab of its own and takes it down. From the engine's time of the start event until the first answer to a
ping. Figures depend on the machine; compare those of one run.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from clone import LAB, python_path_in, quietly, running_lab

_HERE = pathlib.Path(__file__).resolve().parent
_HOST = "hosta"
_RUNNER = _HERE.parent / "integration" / "module_runner.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=100, help="of one container (default: %(default)s)")
    parser.add_argument("--containers", type=int, default=20, help="that restart at once (default: %(default)s)")
    parser.add_argument("--storms", type=int, default=3, help="how often they do (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_lab("--no-ovs") as lab:
        names = [f"bench{number}" for number in range(1, options.containers + 1)]
        quietly(LAB, "containers", "--name", lab, _HOST, *names)
        request = {
            "python_path": python_path_in(pathlib.Path(folder)),
            "runner": str(_RUNNER),
            **vars(options),
        }
        entering = [LAB, "exec", "--name", lab, _HOST, "--", "/usr/bin/python3", str(_HERE / "restarts_on_host.py")]
        done = subprocess.run(
            entering, input=json.dumps(request), stdout=subprocess.PIPE, encoding="utf-8", timeout=1800, check=False
        )
        if done.returncode:
            sys.exit(f"restarts_on_host.py ended with {done.returncode}")
    measured = json.loads(done.stdout)
    print(f"{'ms until the first ping is answered':<44}{'p50':>8}{'p99':>8}{'most':>8}")
    for title, key in (
        ("one restarted, service", "service"),
        (f"{options.containers} restarted at once, service", "service, all at once"),
        ("one restarted, loop over docker events", "loop"),
    ):
        _print(title, measured[key])
    print(f"{'ms that the hook lasts':<44}{'p50':>8}{'p99':>8}{'most':>8}")
    for title, key in (("beside the service", "hook, service"), ("alone", "hook, alone")):
        _print(title, measured[key])
    print(f"resident memory of the service: {measured['memory'] / 1024:.1f} MiB")


def _print(title: str, restarts: list[dict[str, float]]) -> None:
    times = sorted(one["seconds"] * 1000 for one in restarts)
    print(f"{title:<44}{_of(times, 0.5):>8.0f}{_of(times, 0.99):>8.0f}{times[-1]:>8.0f}")


def _of(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


if __name__ == "__main__":
    main()
