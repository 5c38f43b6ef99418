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
  drift:
    description:
      - What the service does when what is recorded was changed by hand on the host.
      - V(repair) makes it again. V(report) leaves it as somebody made it, and tells it in C(pipefitter status),
        C(pipefitter events) and the journal. C(pipefitter reconcile) and a run of the task make it again.
      - A container that starts and a host that boots have nothing of what is recorded for them. That is made in any
        case, also with V(report).
      - If left out, it stays as it was asked for before, and otherwise is what the role
        P(pipefitter.container_network.host_setup#role) set for the host (C(host_setup_drift)).
    type: str
    choices: [repair, report]
    version_added: 0.1.0
"""
