# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Why a NIC must not become a bridge's port on this host. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import MissingFeature, Refused
from ..model.addresses import is_link_local
from ..model.bridge_vlans import on_the_wire
from ..model.host_nic import HostNic
from ..model.nic_move import LINUX, OPENVSWITCH
from ..model.route import Route
from ..state.network import Link
from ..state.nic import ADDRESS, NicState

_ON_TOP = ("macvlan", "macvtap", "ipvlan", "ipvtap")


class NicFacts(NamedTuple):
    """What of a host decides whether its NIC may be moved.

    ``switch_of`` is the Open vSwitch bridge whose port it is, ``session`` the own address by which Ansible came, '' by
    none; ``nexthops`` are destinations of routes by nexthop objects through it, ``routes`` those of the main table.
    """

    links: Mapping[str, Link]
    switch: bool
    switch_of: str = ""
    wireless: bool = False
    session: str = ""
    nexthops: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


def _check_lower(want: HostNic, facts: NicFacts) -> None:
    """Refuse a VLAN interface in one bridge with what its frames go by: the VLAN would be one with all that has no tag.

    The kernel takes it, but for one on the bridge itself.
    """
    bridge = facts.links.get(want.bridge)
    if bridge is None:
        return
    by_index = {link.index: link for link in facts.links.values()}

    def lower(link: Link) -> list[Link]:
        found: list[Link] = []
        while link.kind == "vlan" and link.peer_netns is None and link.peer in by_index and link not in found:
            link = by_index[link.peer]
            found.append(link)
        return found

    nic = facts.links[want.nic]
    if bridge in lower(nic):
        raise Refused(f"nic: {want.nic!r} is on {want.bridge} itself, and can't be its port; give the NIC below it")
    for port in (link for link in facts.links.values() if link.master == bridge.index and link is not nic):
        if port in lower(nic) or nic in lower(port):
            raise Refused(
                f"bridge: {want.bridge} has {port.name} as a port, and {nic.name} beside it would make one network of "
                "a VLAN and of what has no tag; give another bridge, or use port_vlans in place of the VLAN interface"
            )


def check(want: HostNic, have: NicState, facts: NicFacts) -> None:
    """Refuse what would lock somebody out, or what the kernel would refuse half-way.

    :raises Refused: with the reason and what to do.
    :raises MissingFeature: Open vSwitch is asked for and doesn't run.
    """
    nic, link = want.nic, facts.links[want.nic]
    master = next((one.name for one in facts.links.values() if link.master and one.index == link.master), "")
    other = facts.switch_of or master
    if other and not have.master and other != "ovs-system":
        kind = "bridge" if facts.switch_of or facts.links[master].kind == "bridge" else facts.links[master].kind
        raise Refused(f"nic: {nic!r} is a port of {kind} {other} already; take it out there, or give {other} as nic")
    if link.kind == "bridge":
        raise Refused(f"nic: {nic!r} is a bridge itself; its addresses are where they are to be already")
    if not link.ethernet:
        raise Refused(f"nic: {nic!r} is no Ethernet interface, and a bridge takes no other; give another one")
    if facts.wireless:
        raise Refused(f"nic: {nic!r} is wireless, and access points take frames of one MAC only; give a wired one")
    above = [one.name for one in facts.links.values() if one.peer == link.index and one.kind in _ON_TOP]
    if above and want.kind == LINUX and not have.master:
        raise Refused(
            f"nic: {nic!r} has {above[0]} ({facts.links[above[0]].kind}) on it, beside which the kernel makes it no "
            "port of a bridge; attach its container to the bridge instead, and delete it"
        )
    if facts.nexthops:
        raise Refused(
            f"nic: routes ({facts.nexthops[0]}) lead through {nic} by objects of ip nexthop, which are not moved; "
            "give these routes their gateways themselves"
        )
    if facts.session and is_link_local(facts.session.partition("%")[0]):
        raise Refused(
            f"nic: this SSH session came to {facts.session}, a link-local address that is bound to its interface and "
            "would end with the move; connect to another address of the host"
        )
    _check_subnets(have, facts.routes)
    accepts = have.sysctls.get(f"net/ipv6/conf/{nic}/accept_ra", "0") != "0"
    if accepts and any(entry.advertised for entry in have.entries if nic in entry.links):
        raise Refused(
            f"nic: {nic!r} has a default route that the kernel took from router advertisements (accept_ra), which is "
            "not renewed on the bridge; let whoever manages the NIC take them (IPv6AcceptRA= of systemd-networkd), "
            f"or set a fixed address and gateway and net.ipv6.conf.{nic}.accept_ra to 0"
        )
    _check_bridge(want, have, facts)
    if not have.master:
        _check_lower(want, facts)


def check_vlans(have: NicState, goal: NicState) -> None:
    """Refuse VLANs by which a bridge would not go on with what a NIC sends and takes, which has no tag.

    :raises Refused: with what to do.
    """
    nic, bridge = goal.nic, goal.bridge
    reached = any(not is_link_local(entry.text) for entry in have.of(ADDRESS, nic))
    if have.master or not reached or not goal.filters:
        return
    then = on_the_wire(goal.vlans.get(nic, ()), goal.vlans.get(bridge, ()))
    if then != "untagged":
        raise Refused(
            f"port_vlans: this host is reached by {nic} untagged, and as a port of {bridge} that would "
            f"{f'connect it {then}' if then else 'no longer connect it'}; give {nic} and {bridge} itself one VLAN that "
            f"is untagged on both ({{port: {nic}, mode: native-untagged, tag: 1}} and {{port: {bridge}, tag: 1}})"
        )


def _check_subnets(have: NicState, routes: Sequence[Route]) -> None:
    """Refuse two interfaces in one subnet: the kernel takes the first one's route, and the move changes their order."""
    own = (have.nic, have.bridge)
    subnets = {route.key: route for route in routes if route.is_connected and route.link in own}
    for route in routes:
        same = subnets.get(route.key)
        if same is not None and route.is_connected and route.link not in own:
            if not is_link_local(route.destination):
                raise Refused(
                    f"nic: {same.link} and {route.link} are both in {route.destination}, and which of them the host "
                    "uses would change with the move; give one of the routes another metric, or take one address off"
                )


def _check_bridge(want: HostNic, have: NicState, facts: NicFacts) -> None:
    if want.kind == OPENVSWITCH and not facts.switch:
        raise MissingFeature(
            "type: openvswitch is asked for and Open vSwitch does not run on this host; install and start it "
            "(openvswitch-switch), or set type to linux"
        )
    if have.bridge_kind and have.bridge_kind != want.kind:
        raise Refused(
            f"type: {want.kind!r} is asked for, and {want.bridge} is a bridge of type {have.bridge_kind}; "
            "set that type or choose another name"
        )
    if not have.bridge_kind and want.bridge in facts.links:
        kind = facts.links[want.bridge].kind or "physical"
        raise Refused(f"bridge: {want.bridge!r} is an interface of kind {kind}; choose another name")
