# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How unit tests run: what scripts/test.sh asks of them beside their files, and how far hypothesis looks.

ansible-test hands on neither variables nor names of single tests, so they stand in a file.
"""

from __future__ import annotations

import json
import os
import pathlib

import hypothesis
from ansible_collections.pipefitter.container_network.tests.stages.selection import below

_FILE = pathlib.Path(__file__).resolve().parents[1] / "output" / "asked-of-units.json"
_ASKED = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else {}


def pytest_configure(config):
    os.environ.update(_ASKED.get("environment", {}))
    # Not at the top: it reads the environment.
    from ansible_collections.pipefitter.container_network.tests.effort import EXAMPLES

    slow = (hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large)
    # The same examples in each run: a red run is red again when it is looked into.
    hypothesis.settings.register_profile(
        "pipefitter",
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=EXAMPLES,
        suppress_health_check=[*slow, hypothesis.HealthCheck.filter_too_much],
    )
    hypothesis.settings.load_profile("pipefitter")


def pytest_collection_modifyitems(config, items):
    words = _ASKED.get("tests")
    if not words:
        return
    left_out = [item for item in items if not any(below(item.nodeid, word) for word in words)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
