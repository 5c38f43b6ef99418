# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The interfaces by which this host is reached, which must not become ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping

from ..model.addresses import is_link_local
from ..model.host import Namespace


def interfaces(host: Namespace, held: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the interfaces by which this host may be reached, each with the reason to keep it out of a bridge.

    ``held`` are the addresses of the interfaces in question, leased ones too.
    Any address counts: sudo hides by which one an SSH session came in, and
    routes may stand in any table.
    """
    found = {link: f"holds {', '.join(lasting)}" for link, shown in held.items() if (lasting := [one for one in shown if not is_link_local(one)])}
    found.update({entry.link: "carries this host's default route" for entry in host.routes if entry.is_default})
    return {link: f"{why}; as a port it would lose its addresses and lock you out, so give another interface" for link, why in found.items()}
