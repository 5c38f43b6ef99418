# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""In which VLAN of a bridge an attachment is, and whether it brings something new there. Pure.

Private to the collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model import bridge_vlans
from ..model.attachment import Attachment
from ..model.ownership import VLAN_RECORD
from ..model.vlans import ACCESS, TRUNK
from ..state.attachments import LINUX, AttachedBridgeState, ContainerSide, HostSide
from ..state.network import Link

if TYPE_CHECKING:
    from ..model.bridge_vlans import PortVlans
    from ..model.ovs import OvsPort
    from ..model.vlans import Vlans

WITHOUT_VLAN = 0
"""The segment of ports that no VLAN parts; else it is an access port's VLAN, ``None`` where a port is in several."""


def of_port(port: Link, bridge: AttachedBridgeState, host_side: HostSide) -> int | None:
    """Return the segment of a port that is there."""
    if bridge.kind != LINUX:
        shown = host_side.ovs_ports.get(port.name)
        return _of_vlans(shown.vlans) if shown is not None else None
    return _of_kernel(port.vlans) if bridge.vlan_filtering else WITHOUT_VLAN


def wanted(want: Attachment, bridge: AttachedBridgeState, shown: OvsPort | None) -> int | None:
    """Return the segment of an attachment as it is to be; ``shown`` is its port where it is in Open vSwitch already."""
    if bridge.kind != LINUX:
        if want.vlans is None and shown is not None and shown.bridge == want.bridge:
            # VLANs that ovs_vlan_port set stay.
            return _of_vlans(shown.vlans) if VLAN_RECORD in dict(shown.external_ids) else WITHOUT_VLAN
        vlans = want.vlans or (want.joins_in[0] if want.joins_in is not None else None)
        return _of_vlans(vlans) if vlans is not None else WITHOUT_VLAN
    if not bridge.vlan_filtering:
        return WITHOUT_VLAN
    return _of_kernel(bridge_vlans.of_port(want.vlans) if want.vlans is not None else bridge.default_vlans)


def _of_vlans(vlans: Vlans) -> int | None:
    if vlans.mode == ACCESS:
        return vlans.tag
    return WITHOUT_VLAN if vlans.mode == TRUNK and not vlans.trunks else None


def _of_kernel(vlans: PortVlans) -> int | None:
    only = vlans[0] if len(vlans) == 1 else None
    return only.first if only is not None and only.pvid and only.untagged else None


def brings_something(want: Attachment, side: ContainerSide, host_side: HostSide) -> bool:
    """Tell whether an attachment brings an address or MAC that was asked for to a segment where it hadn't it."""
    if not want.addresses and want.mac is None:
        return False
    bridge, peer = host_side.bridges.get(want.bridge), side.network.links.get(want.interface)
    host_veth = host_side.host_veth(side, peer) if peer is not None else None
    if bridge is None or peer is None or host_veth is None:
        return bridge is not None
    return (
        want.mac not in (None, peer.mac)
        or not set(want.addresses or ()) <= set(side.network.addresses.get(peer.name, ()))
        or host_side.bridge_of(host_veth) != want.bridge
        or wanted(want, bridge, host_side.ovs_ports.get(host_veth.name)) != of_port(host_veth, bridge, host_side)
    )
