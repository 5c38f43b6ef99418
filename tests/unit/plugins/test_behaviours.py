# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""That the table of behaviours names tests that are there."""

from __future__ import annotations

import pathlib
import re

INTEGRATION = pathlib.Path(__file__).resolve().parents[2] / "integration"


def test_every_behaviour_has_its_test():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (INTEGRATION / "BEHAVIOURS.md").read_text(encoding="utf-8"))
    assert len(named) >= 40
    assert [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (INTEGRATION / file).read_text(encoding="utf-8")
    ] == []
