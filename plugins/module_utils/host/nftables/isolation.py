# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which bridges are isolated, and whether ports are told what to let in. Private to the collection.

Each attachment asks for it, mostly to be answered with none. So this file loads nothing of
what reads and writes our tables (``tables``, ``icc``) before the kernel says that there is something to read.
"""

from __future__ import annotations

from ...errors import MissingFeature
from ..netlink.nf_tables import set_exists, table_exists

TABLE = "pipefitter"
"""The name of our table in each family."""

FAMILIES = ("ip", "ip6")

ISOLATED = "icc_off"
"""The set of the bridges whose ports are to be isolated."""


def isolated_bridges() -> frozenset[str]:
    """Return the bridges whose ports are to be isolated.

    :raises PipefitterError: the kernel or ``nft`` refused to say.
    """
    try:
        families = [family for family in FAMILIES if set_exists(family, TABLE, ISOLATED)]
    except MissingFeature:
        return frozenset()  # no nf_tables: nothing can have been recorded there
    if not families:
        return frozenset()
    from .icc import listed_bridges

    return frozenset(bridge for family in families for bridge in listed_bridges(family))


def has_guards() -> bool:
    """Tell whether there is our table of what ports let in.

    :raises PipefitterError: the kernel refused to say.
    """
    try:
        return table_exists("bridge", TABLE)
    except MissingFeature:
        return False
