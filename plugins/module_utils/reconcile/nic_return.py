# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""NICs that came back from containers which ended, put back as they were. Private to the collection.

By the service, and ``pipefitter reconcile``; a run of nic_attach does it along the way. Imported where any NIC is away.
"""

from __future__ import annotations

from ..host import lock
from ..host.nic_machine import NicMachine
from ..observe.nic_attachments import observe_all
from ..plan.nic_physical import strays
from ..state.nic_attachments import NicAttachmentState
from . import engine
from .result import Result


def converge(check: bool) -> Result:
    """Put back all that are on the host by now and not as they were, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    with lock.held(check), NicMachine() as machine:
        outcome: engine.Outcome[NicAttachmentState] = engine.converge(
            machine, lambda: observe_all(machine, (), going=True), lambda have: strays((), have.host_side), check
        )
        return Result(outcome.lines, {}, {}, {})
