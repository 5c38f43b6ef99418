# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container is meant: the options that select a network namespace."""

from __future__ import annotations


class ModuleDocFragment:
    # A module may give an option a description of its own; type and choices come from here all the same.
    DOCUMENTATION = r"""
options:
  container:
    description:
      - Name or id of a running container, or the unique beginning of an id.
      - Exactly one of O(container), O(netns) and O(pid) selects the network namespace.
    type: str
  runtime:
    description:
      - Which engine to ask for O(container). V(auto), also the default, asks all that run on the host.
    type: str
    choices: [auto, docker, podman]
  netns:
    description:
      - Network namespace, by its name in C(/run/netns) or by an absolute path.
    type: str
  pid:
    description:
      - Network namespace of a process, by its id. A process id may have been reused by another process, and nothing
        tells; prefer O(container).
    type: int
"""
