# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The interfaces by which this host is reached, which must not become ports. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..model.addresses import is_link_local
from ..model.ovs import OvsPort
from ..state.network import Link, NetworkState
from .uplinks import DEVICES, uplink_ports

NO_PORTS: Mapping[str, OvsPort] = MappingProxyType({})


def interfaces(
    host: NetworkState, held: Mapping[str, tuple[str, ...]], ports: Mapping[str, OvsPort] = NO_PORTS
) -> dict[str, str]:
    """Return the interfaces by which this host may be reached, each with the reason to keep it out of a bridge.

    ``held`` are the addresses of the interfaces in question, leased ones too;
    ``ports`` those of Open vSwitch, whose bridge a link doesn't show.
    Any address counts: sudo hides by which one an SSH session came in, and
    routes may be in any table. One that is a port leads to the addresses of
    its bridge.
    """
    own = _holding(host, held)
    found = {
        link: f"{why}; as a port it would lose its addresses and lock you out, so give another interface"
        for link, why in own.items()
    }
    through = {**_through_masters(host, own), **_through_ovs(host, held, ports)}
    advice = "; you would be locked out, so give another interface"
    return {**{link: why + advice for link, why in through.items()}, **found}


def vlans(
    host: NetworkState, held: Mapping[str, tuple[str, ...]], ports: Mapping[str, OvsPort]
) -> dict[str, dict[int, str]]:
    """Return the ports of Open vSwitch that lead to this host's addresses.

    Each has the VLANs in which these are, and whose they are. VLAN 0 is that of
    frames without a tag. A device that has addresses is among the ports, too.
    """
    own = _holding(host, held)
    routed = _default_links(host)
    tagged = _tagged(host, own)
    by_bridge: dict[str, list[OvsPort]] = {}
    for port in ports.values():
        by_bridge.setdefault(port.bridge, []).append(port)
    found: dict[str, dict[int, str]] = {}
    for members in by_bridge.values():
        there = [(port, host.links[port.name]) for port in members if port.name in host.links]
        devices = [(port, link) for port, link in there if port.name == port.bridge or link.kind in DEVICES]
        reached: dict[int, str] = {}
        through: set[str] = set()
        for port, link in devices:
            untagged = port.vlans.untagged
            ways = {untagged: link} if link.name in own and untagged is not None else {}
            ways.update(
                {
                    vlan: child
                    for vlan, child in tagged.get(link.index, {}).items()
                    if port.vlans.on_the_wire(vlan) == vlan
                }
            )
            here = {vlan: f"{way.name} {own[way.name]}" for vlan, way in ways.items()}
            through.update(way.name for way in ways.values())
            reached.update(here)
            if here:
                found[port.name] = here
        joined = [link for port, link in there if (port, link) not in devices]
        if reached:
            found.update({link.name: dict(reached) for link in uplink_ports(joined, not routed.isdisjoint(through))})
    return found


def carried(port: OvsPort, reached: Mapping[int, str]) -> dict[int, str]:
    """Return what of ``reached`` comes through a port, by the tag on its wire; 0 is none."""
    return {tag: why for vlan, why in reached.items() if (tag := port.vlans.on_the_wire(vlan)) is not None}


def _default_links(host: NetworkState) -> set[str]:
    return {link for entry in host.routes if entry.is_default for link in entry.links}


def _holding(host: NetworkState, held: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {
        link: f"holds {', '.join(lasting)}"
        for link, shown in held.items()
        if (lasting := [one for one in shown if not is_link_local(one)])
    }
    found.update(dict.fromkeys(_default_links(host), "carries this host's default route"))
    return {link: why for link, why in found.items() if link in host.links}


def _tagged(host: NetworkState, own: Mapping[str, str]) -> dict[int, dict[int, Link]]:
    """Return the VLAN interfaces among ``own`` by the index of the interface that they are on.

    Each takes the frames of one VLAN.
    """
    found: dict[int, dict[int, Link]] = {}
    for name in own:
        link = host.links[name]
        if link.vlan_id is not None and link.peer_netns is None:
            found.setdefault(link.peer, {})[link.vlan_id] = link
    return found


def _through_masters(host: NetworkState, own: Mapping[str, str]) -> dict[str, str]:
    """Return the ports of Linux bridges and the like that have addresses.

    Of those that are ports themselves, their ports too.
    """
    routed = _default_links(host)
    tagged = _tagged(host, own)
    joined: dict[int, list[Link]] = {}
    for link in host.links.values():
        if link.master:
            joined.setdefault(link.master, []).append(link)
    found: dict[str, str] = {}
    by_index = {link.index: link for link in host.links.values()}
    waiting = [(by_index[index], links) for index, links in joined.items() if index in by_index]
    for _level in range(len(waiting)):
        for master, links in waiting:
            why = own.get(master.name) or found.get(master.name)
            ways = [master.name, *(link.name for link in tagged.get(master.index, {}).values())]
            if why is None and len(ways) > 1:
                why = f"has {ways[1]}, which {own[ways[1]]}"
            if why is not None:
                what = "Linux bridge " if master.kind == "bridge" else ""
                found.update(
                    {
                        link.name: f"is a port of {what}{master.name}, which {why}"
                        for link in uplink_ports(links, not routed.isdisjoint(ways))
                    }
                )
    return found


def _through_ovs(
    host: NetworkState, held: Mapping[str, tuple[str, ...]], ports: Mapping[str, OvsPort]
) -> dict[str, str]:
    found = {}
    for name, reached in vlans(host, held, ports).items():
        port = ports[name]
        said = sorted(set(carried(port, reached).values()))
        if said and name != port.bridge:
            found[name] = f"is a port of Open vSwitch bridge {port.bridge}, where {' and '.join(said)}"
    return found
