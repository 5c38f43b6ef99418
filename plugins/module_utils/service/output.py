# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the program says, line by line. Private to the collection."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Say what was asked for."""
    sys.stdout.write(f"{line}\n")


def complain(line: str) -> None:
    """Say, at once, what a person or the journal should know beside it."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
