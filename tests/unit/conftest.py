# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/test.sh asks of unit tests beside their files.

ansible-test hands on neither variables nor names of single tests, so they stand in a file.
"""

from __future__ import annotations

import json
import pathlib

from ansible_collections.pipefitter.container_network.tests.stages.selection import below

_FILE = pathlib.Path(__file__).resolve().parents[1] / "output" / "asked-of-units.json"
_ASKED = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else {}


def pytest_collection_modifyitems(config, items):
    words = _ASKED.get("tests")
    if not words:
        return
    left_out = [item for item in items if not any(below(item.nodeid, word) for word in words)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
