# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In place of ``subprocess.Popen``: a process that has ended as a test says."""

from __future__ import annotations

import contextlib


class EndedProcess(contextlib.nullcontext):
    """``status`` may be the exception with which waiting for it ends."""

    stdin = None

    def __init__(self, status, stdout="", stderr=""):
        super().__init__()
        self.returncode = status
        self.killed = False
        self._printed = stdout, stderr

    def communicate(self, _text=None, timeout=None):
        assert timeout, "it could hang"
        if isinstance(self.returncode, Exception):
            raise self.returncode
        return self._printed

    def kill(self):
        self.killed = True
