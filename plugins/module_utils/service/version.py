# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which collection the program was made of. Private to the collection."""

from __future__ import annotations

import pkgutil

from ..version import VERSION

DIGEST = "digest.txt"
"""The file in the program that tells one state of the code from another."""


def full() -> str:
    """Return the version and the digest of the code, where the program has it: 0.1.0+3f2a91c0."""
    try:
        digest = (pkgutil.get_data(__package__, DIGEST) or b"").decode().strip()
    except OSError:
        digest = ""
    return f"{VERSION}+{digest}" if digest else VERSION
