# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option by which what a module makes is made again after restarts."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  persistent:
    description:
      - Whether what is asked for is recorded on the host (in C(/var/lib/pipefitter)), and made again from there when a
        container, an engine or the host was restarted, or when the firewall was flushed. The service C(pipefitter) does
        it, which the role P(pipefitter.container_network.host_setup#role) installs.
      - V(auto) records where that service is installed. V(true) records in any case. V(false) takes what is asked for
        out of the record.
      - With O(state=absent), what is removed is taken out of the record too.
    type: str
    choices: [auto, 'true', 'false']
    default: auto
"""
