# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: task_seconds
type: aggregate
short_description: Write how long each task took, as lines of JSON
description:
  - For the benchmark beside this plugin. One host, one line a task, with its name, its seconds and whether it changed
    anything.
options:
  path:
    description: File that the lines are added to.
    type: path
    required: true
    env:
      - name: BENCH_TASK_SECONDS
"""

import json  # noqa: E402
import time  # noqa: E402

from ansible.plugins.callback import CallbackBase  # noqa: E402


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._name = ""
        self._started = 0.0

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._name = task.get_name()
        self._started = time.perf_counter()

    def v2_runner_on_ok(self, result):
        seconds = time.perf_counter() - self._started
        line = {"task": self._name, "seconds": seconds, "changed": result.is_changed()}
        with open(self.get_option("path"), "a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
