# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Why something was done, of all that happened before it. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..host.notices import Notice

_WORD = re.compile(r"[\w.-]+")
_MOST = 3


def cause_of(line: str, causes: Sequence[Notice]) -> str:
    """Return what led to a line: what was told of a container that it names, else all that was."""
    words = set(_WORD.findall(line))
    named = [one.text for one in causes if one.about in words]
    texts = named or [one.text for one in causes]
    return ", ".join(texts[:_MOST]) + (f" and {len(texts) - _MOST} more" if len(texts) > _MOST else "")
