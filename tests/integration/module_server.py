# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules on a lab's host by module_runner: ``module_server.py PYTHON_PATH``, for fork_client.

A Python that is started for one module spends nine tenths of its time on compiling what it imports. Here that is
done once; each module still has a process of its own, with nothing but imports behind it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fork_server  # noqa: E402 - only now can it be found


def load(python_path: str) -> fork_server.Program:
    """Import what modules import, and return what runs the module that is its only argument."""
    sys.path.insert(0, python_path)
    import module_runner
    from ansible_collections.pipefitter.container_network.plugins import module_utils
    from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import rtnetlink

    for found in pkgutil.walk_packages(module_utils.__path__, f"{module_utils.__name__}."):
        importlib.import_module(found.name)
    spec = importlib.util.find_spec("pyroute2")
    for name in ("ifinfmsg", "ifaddrmsg"):
        rtnetlink.message(name)
    # Entered without its __init__ it has none, and each module asks whether it is there before it enters.
    sys.modules["pyroute2"].__spec__ = spec

    def run(words: list[str]) -> None:
        sys.argv = ["module_runner.py", *words]
        module_runner.main()

    return run


if __name__ == "__main__":
    fork_server.serve(load(sys.argv[1]))
