# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From how long ago, or when, to a time. Private to the collection."""

from __future__ import annotations

import re
import time
from datetime import datetime

from ..errors import InvalidOption

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def time_of(option: str, text: str) -> float:
    """Return seconds of the epoch; a time without a zone is the host's own.

    :raises InvalidOption: it is neither.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return time.time() - int(ago[1]) * _SECONDS[ago[2]]
    try:
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InvalidOption(
            option,
            text,
            "is no time; give how long ago (30s, 10m, 2h, 3d, 1w), or when (2026-11-30, 2026-11-30T08:15)",
        ) from None
