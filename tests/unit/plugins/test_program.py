# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""That what is said of the program ``pipefitter`` in several places is the same."""

from __future__ import annotations

import pathlib
import re

from ansible_collections.pipefitter.container_network.plugins.module_utils.version import VERSION

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_the_version_is_that_of_the_collection():
    assert re.findall(r"^version: (\S+)$", (ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE) == [VERSION]
