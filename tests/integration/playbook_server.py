# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook, for fork_client: the folder to run in, and its arguments.

Most of what a play costs the controller is the search for what each module imports, to send it along. Ansible keeps
the result in its temporary folder, which is the same one here for all plays.
"""

from __future__ import annotations

import atexit
import os
import sys

import fork_server
from ansible.cli.playbook import main


def run(words: list[str]) -> None:
    folder, *arguments = words
    os.chdir(folder)
    sys.exit(main(["ansible-playbook", *arguments]))


if __name__ == "__main__":
    atexit._clear()  # or the end of the first play would remove the temporary folder
    fork_server.serve(run)
