# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the host's record has no longer when a NIC leaves a bridge, or a bridge goes. Private to the collection."""

from __future__ import annotations

from dataclasses import replace

from .recording import AUTO, recording
from .result import Result

NOTHING = Result([], {}, {}, {})


def without_port(bridge: str, nic: str, check: bool, result: Result = NOTHING) -> Result:
    """Take the VLANs of a NIC that left a bridge out of the record, which the service would want to put in again.

    :raises PipefitterError: that could not be written; what was recorded is recorded still.
    """
    keeping = recording({"persistent": AUTO}, check)
    if not keeping.touched:
        return result
    from ..model.record import VLAN_PORT

    keeping.keep(VLAN_PORT, (), {}, lambda known: known.bridge == bridge and known.want.get("port") == nic)
    return replace(keeping.into(result), values=result.values)


def without(bridge: str, check: bool, result: Result = NOTHING) -> Result:
    """Take a bridge that is gone out of the record, so that the service doesn't make it again; tell it in ``result``.

    :raises PipefitterError: that could not be written; what was recorded is recorded still.
    """
    keeping = recording({"persistent": AUTO}, check)
    if not keeping.touched:
        return result
    from ..model.record import ATTACHMENT, BRIDGE, OVS_BRIDGE, POLICY, PUBLICATION, VLAN_PORT

    for kind in (BRIDGE, OVS_BRIDGE, VLAN_PORT, POLICY, PUBLICATION):
        keeping.keep(kind, (), {}, lambda known: known.bridge == bridge)
    told = keeping.into(result)
    left = [str(known) for known in keeping.read(ATTACHMENT).values() if known.bridge == bridge]
    warnings = list(told.warnings)
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        warnings.append(
            f"{left[0]}{more} is recorded on {bridge}, which goes: detach what is not to come back (veth_attach, "
            "state absent)"
        )
    return replace(told, values=result.values, warnings=warnings)
