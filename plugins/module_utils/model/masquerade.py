# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Source NAT of a bridge's subnet. Private to the collection."""

from __future__ import annotations

from ..light_dataclass import dataclass


@dataclass(frozen=True, order=True)
class Masquerade:
    """Source NAT of ``subnet`` where it leaves by another interface than ``bridge``.

    ``subnet`` is in canonical form: ``192.168.5.0/24``, ``fd00:5::/64``. Traffic
    of the host with itself, over ``lo``, keeps its source.
    """

    bridge: str
    subnet: str
