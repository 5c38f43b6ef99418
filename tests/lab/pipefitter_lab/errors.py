# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says when it can't do what was asked."""

from __future__ import annotations


class LabError(Exception):
    """One sentence for the person at the terminal."""
