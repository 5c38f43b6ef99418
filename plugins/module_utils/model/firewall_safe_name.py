# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Interface names that a firewall takes literally. Private to the collection.

The kernel allows nearly every byte in a name; ``nft`` and ``iptables`` give some
of them a meaning: ``*`` and ``+`` at the end are wildcards, ``@`` in front names
a set, ``!`` negates, quotes and backslashes are taken off. A rule for a bridge
must never match another one, so such names are refused.
"""

from __future__ import annotations

import re

from ..errors import InvalidOption

# IFNAMSIZ is 16 with the final NUL.
_LITERAL = r"(?=.{1,15}\Z)[A-Za-z0-9_][A-Za-z0-9_.@+-]*(?<!\+)\Z"


def firewall_safe_name(name: str, option: str = "bridge") -> str:
    """Return ``name``, or raise ``InvalidOption`` where a rule can't mean it alone."""
    if not re.match(_LITERAL, name):
        raise InvalidOption(
            option,
            name,
            "can't be named in a firewall rule; choose a name of at most 15 letters, digits and"
            " any of _ . - (and no wildcard such as + or * at the end)",
        )
    return name
