# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses that were chosen for containers of a host, as its bridge keeps them. Private to the collection.

An interface goes when its container restarts, and its address with it; the
database of Open vSwitch outlives restarts of the host, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .members import Key
from .subnets import Address, parsed_address

EXTERNAL_ID = "multi_host_vlan_addresses"
"""Key of the bridge's external_ids that holds them."""


def text(chosen: Mapping[Key, Sequence[Address]]) -> str:
    """Return what a bridge is to keep of the members of one host."""
    return json.dumps(
        {" ".join(key[1:]): [str(address) for address in addresses] for key, addresses in chosen.items()},
        sort_keys=True,
        separators=(",", ":"),
    )


def of_bridge(host: str, bridge: str, shown: Mapping[str, Any]) -> dict[Key, tuple[Address, ...]]:
    """Return what a bridge keeps, by member; nothing of what somebody else made of it."""
    for entry in shown.get("ovs_bridges") or ():
        if entry.get("name") == bridge:
            return _parsed(host, (entry.get("external_ids") or {}).get(EXTERNAL_ID))
    return {}


def _parsed(host: str, kept: Any) -> dict[Key, tuple[Address, ...]]:
    try:
        said = json.loads(kept or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    found: dict[Key, tuple[Address, ...]] = {}
    for member, texts in said.items() if isinstance(said, dict) else ():
        target, _space, interface = member.rpartition(" ")
        parsed = [parsed_address(one) for one in texts] if isinstance(texts, list) else []
        found[host, target, interface] = tuple(address for address in parsed if address is not None)
    return found
