# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one module on a lab's host, with the host's own Python: ``module_runner.py MODULE``, options as JSON on stdin.

What AnsiballZ does, without SSH and the controller. With ``die_after`` the
process is killed, as by SIGKILL, once so many operations are done; with
``fail_after`` the next operation raises an error instead of being done; with
``meanwhile`` a shell command is run after so many operations.
``without`` names a library that is not to be found.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import runpy
import subprocess
import sys

from ansible.module_utils.testing import patch_module_args

_COLLECTION = "ansible_collections.pipefitter.container_network.plugins"


_find_spec = importlib.util.find_spec


class _Missing:
    """Finds nothing for one library, before anybody else can."""

    def __init__(self, library):
        self._library = library

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self._library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main():
    request = json.load(sys.stdin)
    if request.get("without"):
        sys.meta_path.insert(0, _Missing(request["without"]))
        importlib.util.find_spec = lambda name, *rest: None if name == request["without"] else _find_spec(name, *rest)
    if any(request.get(fault) is not None for fault in ("die_after", "fail_after", "meanwhile")):
        _inject_fault(request.get("die_after"), request.get("fail_after"), request.get("meanwhile"))
    with patch_module_args(request["options"]):
        runpy.run_module(f"{_COLLECTION}.modules.{sys.argv[1]}", run_name="__main__", alter_sys=True)


def _below(kind):
    """Return the classes of operations that are done in a way of their own."""
    for one in kind.__subclasses__():
        yield from _below(one)
        if "do" in vars(one):
            yield one


def _inject_fault(die_after, fail_after, meanwhile):
    import pkgutil

    from ansible_collections.pipefitter.container_network.plugins.module_utils import plan
    from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import nic_steps, operations
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine

    for found in pkgutil.iter_modules(plan.__path__, f"{plan.__name__}."):
        importlib.import_module(found.name)
    done = 0
    failed = False

    def faulty(real):
        def do(self, host):
            nonlocal done, failed
            if meanwhile is not None and done == meanwhile[0]:
                subprocess.run(["sh", "-c", meanwhile[1]], check=True, stdout=subprocess.DEVNULL)
            if fail_after is not None and done == fail_after and not failed:
                failed = True  # once: undoing may do operations too
                raise OSError("a fault that the test injected")
            if die_after is not None and done == die_after:
                os.kill(os.getpid(), 9)
            real(self, host)
            done += 1
            if die_after is not None and done == die_after:
                os.kill(os.getpid(), 9)

        return do

    steps = [kind for kind in vars(nic_steps).values() if hasattr(kind, "_fields") and hasattr(kind, "do")]
    for kind in [*_below(operations.Operation), *steps]:
        kind.do = faulty(kind.do)

    def refuse_left(left, real=engine._refuse_left):
        if fail_after == "look":  # at what was done, after the last operation
            raise OSError("a fault that the test injected")
        real(left)

    engine._refuse_left = refuse_left


if __name__ == "__main__":
    main()
