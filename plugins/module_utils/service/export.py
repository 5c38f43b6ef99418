# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A variables file of the role ``bridge``, made from the record: ``pipefitter export``. Private to the collection."""

from __future__ import annotations

import os

from ..diff_yaml import as_yaml
from ..host.machine import Machine
from ..model import role_variables
from ..model.record import KINDS
from ..store.records import Store
from .output import complain
from .status_table import printable


def document(bridge: str | None) -> str:
    """Return the file as YAML; what it can't say is in comments at its head.

    :raises PipefitterError: nothing is recorded, or of several bridges none was named.
    """
    store = Store(mend=False)
    records = [record for kind in KINDS for record in store.read(kind).values()]
    for warning in store.warnings:
        complain(f"warning: {warning}")
    switches = _switches()
    bridge = role_variables.chosen(records, bridge, switches)
    variables, left_out = role_variables.of(records, bridge, switches)
    head = [
        f"Bridge {bridge} as it is recorded on {os.uname().nodename}. Start its containers, then:",
        "    ansible-playbook pipefitter.container_network.bridge -i INVENTORY -e @THIS_FILE",
    ]
    if left_out:
        head += ["Recorded, and not in this file:", *(f"- {line}" for line in left_out)]
    return "".join(f"# {printable(line)}\n" for line in head) + f"---\n{as_yaml(variables)}"


def _switches() -> frozenset[str]:
    with Machine() as machine:
        return frozenset(machine.ovsdb.read()[0]) if machine.ovsdb.available() else frozenset()
