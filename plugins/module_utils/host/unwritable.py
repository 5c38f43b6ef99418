# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What to do where a file of ours below /run can't be made. Private to the collection."""

from __future__ import annotations

import errno

_ROOT = "run the task as root (become: true)"
_SPACE = "free some space there (df and df -i show it)"
_ADVICE = {
    errno.EACCES: _ROOT,
    errno.EPERM: _ROOT,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: "mount it read-write",
}


def advice(error: OSError) -> str:
    """Return what helps against an error of the kernel; most that is left is something else in the file's place."""
    return _ADVICE.get(error.errno or 0, "see what is in its place")
