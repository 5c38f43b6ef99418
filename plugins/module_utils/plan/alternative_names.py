# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Alternative names where an interface's own is needed: rules and databases know no other. Pure.

Private to the collection.
"""

from __future__ import annotations

from ..errors import Refused
from ..state.network import NetworkState


def refuse_alternative(option: str, name: str, network: NetworkState, advice: str | None = None) -> None:
    """Refuse a name that an interface bears beside its own; ``advice`` stands in place of the real name's.

    :raises Refused: naming the interface.
    """
    bearer = network.by_alternative_name.get(name)
    if bearer is not None:
        raise Refused(f"{option}: {name!r} is an alternative name of {bearer.name}; {advice or f'give {bearer.name}'}")
