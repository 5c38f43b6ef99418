# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the program ``pipefitter`` of a host and kills it, as by SIGKILL, after so many operations.

``dying_program.py OPERATIONS WORD...``, with the words of the program's command.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys

sys.path.insert(0, "/usr/local/lib/pipefitter/pipefitter")

from pipefitter import plan  # noqa: E402 - only now can it be found
from pipefitter.plan import operations  # noqa: E402
from pipefitter.service import command_line  # noqa: E402

done = 0


def dying(real):
    def do(self, host):
        global done  # noqa: PLW0603
        real(self, host)
        done += 1
        if done == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)

    return do


for found in pkgutil.iter_modules(plan.__path__, "pipefitter.plan."):
    importlib.import_module(found.name)
for kind in operations.Operation.__subclasses__():
    kind.do = dying(kind.do)

sys.exit(command_line.main(sys.argv[2:]))
