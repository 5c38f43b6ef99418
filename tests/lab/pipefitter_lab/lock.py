# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Held while a lab is started or removed, so that two commands at once do not meet half-way."""

from __future__ import annotations

import fcntl
import os

from .errors import LabError
from .layout import ROOT, Layout


class Lock:
    """A lock on the lab's folder itself, so that there is no lock file to leave behind. Makes the folder."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.descriptor = -1

    def __enter__(self) -> Lock:
        while not self._taken():
            pass
        return self

    def _taken(self) -> bool:
        folder = self.layout.root
        try:
            os.makedirs(ROOT, mode=0o700, exist_ok=True)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # the last lab's removal came in between
            return False
        except PermissionError:
            raise LabError("labs belong to root: run this as root") from None
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the folder meanwhile.
            if os.fstat(self.descriptor).st_ino == os.stat(folder).st_ino:
                return True
        except FileNotFoundError:
            pass
        except BlockingIOError:
            raise LabError(f"another 'lab up' or 'lab down' is at work on the lab {self.layout.name}") from None
        os.close(self.descriptor)
        return False

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)
