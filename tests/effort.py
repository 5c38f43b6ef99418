# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far tests look that could go on for ever: each number in a usual run, and in one with scripts/test.sh --deep.

Sweeps of tests/integration over every operation at which a module may fail or be killed are not listed: they end where
the module does, and are whole in each run.
"""

from __future__ import annotations

import os

DEEP = bool(os.environ.get("PIPEFITTER_DEEP"))


def _far(usual: int, deep: int) -> int:
    return deep if DEEP else usual


# Examples of each property that tests/unit states with hypothesis: hosts, bridges, attachments, switches, policies at
# random, also with the program killed or failing at any place.
EXAMPLES = _far(60, 1000)
# The same for published ports, where an example is quick.
EXAMPLES_OF_PUBLICATIONS = _far(400, 5000)
# Moments of a pass of the service at which it is killed.
KILLED_PASSES = _far(4, 1000)
# Containers that start at once beside the service.
STARTED_AT_ONCE = _far(20, 200)
