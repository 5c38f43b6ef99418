# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as AnsiballZ does, and says on stderr how long its converge took.

``timed_module.py MODULE``, options as JSON on stdin. on_host.py and vlan_ports.py run it on a lab's host; it is of no
use alone.
"""

from __future__ import annotations

import json
import runpy
import sys
import time

from ansible.module_utils import basic
from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module

_COLLECTION = "ansible_collections.pipefitter.container_network.plugins"


def main():
    # Not by ansible.module_utils.testing: it imports unittest.mock, 80 ms that no task pays.
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.load(sys.stdin)}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    run = ansible_module.run
    ansible_module.run = lambda load, *arguments: run(lambda: _timed(load()), *arguments)
    runpy.run_module(f"{_COLLECTION}.modules.{sys.argv[1]}", run_name="__main__", alter_sys=True)


def _timed(converge):
    def timed(options, check):
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return converge(options, check)
        finally:
            print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}), file=sys.stderr)

    return timed


if __name__ == "__main__":
    main()
