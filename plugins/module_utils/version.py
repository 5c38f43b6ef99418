# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which collection this code is of. Private to the collection."""

from __future__ import annotations

VERSION = "0.1.0"
"""That of galaxy.yml."""
