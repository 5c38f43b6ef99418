# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be asked of the VLANs of a bridge and of its ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import bridge_vlans, names
from .vlans import Vlans, needed

PortsVlans = tuple[tuple[str, Vlans], ...]
"""VLANs of some ports by their names, and under the bridge's own name those that the host itself takes part in."""


@dataclass(frozen=True)
class WantedVlans:
    """What is wanted of a bridge; ``None`` leaves what is there as it is.

    ``members`` are links that become its ports if they are none, ``how_to_join`` says how others do. ``prefix`` is
    what its options begin with in messages.
    """

    bridge: str
    filtering: bool | None = None
    port_vlans: PortsVlans | None = None
    default_pvid: int | None = None
    members: tuple[str, ...] = ()
    prefix: str = ""
    how_to_join: str = "put it into members too"

    @property
    def asked(self) -> list[str]:
        """Return the options that a kernel without VLAN filtering can't fulfil."""
        given = (self.filtering, self.default_pvid, self.port_vlans)
        return [name for name, value in zip(("vlan_filtering", "vlan_default_pvid", "port_vlans"), given) if value]

    @property
    def goals(self) -> dict[str, bridge_vlans.PortVlans]:
        """Return what ports that are named have in the kernel then."""
        return {name: bridge_vlans.of_port(vlans) for name, vlans in self.port_vlans or ()}


def parse_ports(options: Mapping[str, Any], outer: str = "") -> PortsVlans | None:
    """Return what ``port_vlans`` asks for, ``None`` where it is not given.

    :raises InvalidOption: naming what can't be right.
    """
    items = options.get("port_vlans")
    if items is None:
        return None
    if options.get("vlan_filtering") is False and items:
        raise InvalidOption(
            f"{outer}port_vlans",
            [item["port"] for item in items],
            "is mutually exclusive with vlan_filtering false, with which VLANs mean nothing; leave one out",
        )
    found: dict[str, Vlans] = {}
    for position, item in enumerate(items):
        prefix = f"{outer}port_vlans[{position}]."
        port = names.interface_name(f"{prefix}port", item["port"])
        if port in found:
            raise InvalidOption(f"{prefix}port", port, "is in the list twice; name each port once")
        vlans = needed(item, prefix)
        problem = bridge_vlans.unable(vlans)
        if problem:
            raise InvalidOption(f"{prefix}mode", vlans.mode, f"is not possible: {problem}")
        found[port] = vlans
    return tuple(found.items())
