# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a run may take: one limit for all of it, so that no stage fails on a machine that is merely slow."""

from __future__ import annotations

import time
import typing as t

WHOLE = 85 * 60.0
# Of each command, once the time is over: enough for the quick ones to end, and for all to say what they came to.
FLOOR = 120.0


class Clock:
    """Runs from the moment it is made."""

    def __init__(self, now: t.Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = now() + WHOLE

    def left(self) -> float:
        """Seconds that a command which starts now may take."""
        return max(FLOOR, self._end - self._now())
