# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The ports of a bridge by which others reach this host, and its interfaces that are on the bridge.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..state.network import ON_ANOTHER, Link, NetworkState

DEVICES = ("tun", "openvswitch")
"""Devices of Open vSwitch's own: of a userspace datapath, and of the kernel's.

A virtual machine's is a ``tun``, too.
"""

# What leads out of a machine: a NIC has no kind.
_CARDS = ("", "bond", "team", "vlan")
# What sends and takes its frames by another interface of this namespace (IFLA_LINK).
# A veth has no more than its peer there.
_UPPER = ("vlan", *ON_ANOTHER, "macsec")


def uplink_ports(ports: Iterable[Link], routed: bool) -> list[Link]:
    """Return the ports by which other machines may come in.

    Neither a container's nor a virtual machine's do. A veth into another
    network namespace is most often a container's; where the host is one
    itself its NICs are such veths, so they count if nothing else can be what
    the default route (``routed``) leads through.
    """
    others = [link for link in ports if not link.ours]
    candidates = [link for link in others if link.kind not in DEVICES]
    sure = [link for link in candidates if link.leads_elsewhere]
    if routed and not any(link.kind in _CARDS for link in sure):
        return candidates or others
    return sure


def upper_interfaces(bridge: Link, host: NetworkState) -> list[tuple[Link, int | None]]:
    """Return the interfaces whose frames go through ``bridge``, each with the VLAN tag of its frames there.

    ``None`` is no tag. That is the bridge itself, what is made on it (``br0.100``, a macvlan) and
    on those again, and a bridge or bond that has one of them as a port. An
    interface of several is there once for each VLAN.
    """
    found: list[tuple[Link, int | None]] = [(bridge, None)]
    waiting = [*found]
    while waiting:
        lower, tag = waiting.pop(0)
        for link in host.links.values():
            made_on = link.kind in _UPPER and link.peer == lower.index and link.peer_netns is None
            # A VRF is no way for frames: its interfaces keep their own addresses.
            takes_in = lower.master == link.index and link.kind != "vrf"
            entry = (link, link.vlan_id if made_on and tag is None else tag)
            # Of two tags, the bridge sees the outer one.
            if (made_on or takes_in) and entry not in found:
                found.append(entry)
                waiting.append(entry)
    return found


def is_way_out(bridge: str, network: NetworkState) -> bool:
    """Tell a bridge through which a default route goes: isolated bridges are not kept apart from that."""
    return any(route.is_default and bridge in route.links for route in network.routes)
