# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Why a NIC must not become a bridge's port on this host. Pure. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import MissingFeature, Refused
from ..model.addresses import is_link_local
from ..model.bridge_vlans import on_the_wire
from ..model.host_nic import ABSENT, PRESENT, HostNic
from ..model.nic_move import LINUX, OPENVSWITCH
from ..state.network import ON_ANOTHER, Link
from ..state.nic import ADDRESS, EqualRoutes, NicState, Obstacles

_OF_DOCKER = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}")
"""Names of bridges that Docker makes: of its default network, of Swarm's, and of the others by their ids."""


class NicFacts(NamedTuple):
    """What of a host decides whether its NIC may be moved.

    ``switch_of`` is the Open vSwitch bridge whose port it is, ``session`` the own address by which Ansible came, '' by
    none.
    """

    links: Mapping[str, Link]
    switch: bool
    switch_of: str = ""
    wireless: bool = False
    session: str = ""
    obstacles: Obstacles = Obstacles()


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
    above = [one.name for one in facts.links.values() if one.peer == link.index and one.kind in ON_ANOTHER]
    if above and want.kind == LINUX and not have.master:
        raise Refused(
            f"nic: {nic!r} has {above[0]} ({facts.links[above[0]].kind}) on it, beside which the kernel makes it no "
            "port of a bridge; attach its container to the bridge instead, and delete it"
        )
    if facts.obstacles.nexthops:
        raise Refused(
            f"nic: routes ({facts.obstacles.nexthops[0]}) lead through {nic} by objects of ip nexthop, which are not "
            "moved; give these routes their gateways themselves"
        )
    if facts.session and is_link_local(facts.session.partition("%")[0]):
        raise Refused(
            f"nic: this SSH session came to {facts.session}, a link-local address that is bound to its interface and "
            "would end with the move; connect to another address of the host"
        )
    _check_equal(facts.obstacles.equal)
    _check_advertised(have, facts)
    _check_bridge(want, have, facts)
    if not have.master:
        _check_lower(want, facts)


def _check_equal(equal: Sequence[EqualRoutes]) -> None:
    """Refuse two interfaces that lead to one place: the kernel takes the first route, and the move changes their order.

    Of IPv6, those with gateways are one route by two ways, and no matter.
    """
    for place, own, other, connected in equal:
        if connected:
            raise Refused(
                f"nic: {own} and {other} are both in {place.split()[0]}, and which of them the host uses would change "
                "with the move; give one of the routes another metric, or take one address off"
            )
        raise Refused(
            f"nic: the route {place} leads through {own} and, with the same metric, through {other}, and which of them "
            "the host uses would change with the move; give one of them another metric"
        )


def _check_advertised(have: NicState, facts: NicFacts) -> None:
    nic = have.nic
    if have.sysctls.get(f"net/ipv6/conf/{nic}/accept_ra", "0") == "0":
        return  # then others take them, if anybody does
    advice = (
        "let whoever manages the NIC take them (IPv6AcceptRA= of systemd-networkd), or set a fixed address and gateway "
        f"and net.ipv6.conf.{nic}.accept_ra to 0"
    )
    if facts.obstacles.advertised:
        raise Refused(
            f"nic: {nic!r} has {facts.obstacles.advertised[0]} that the kernel took from router advertisements "
            f"(accept_ra), which is not renewed on the bridge; {advice}"
        )
    token = facts.links[nic].ipv6_token
    if token:
        raise Refused(
            f"nic: {nic!r} has a token (ip token, {token}), of which the kernel makes addresses out of router "
            f"advertisements and which does not go with it; {advice}"
        )


def check_named(want: HostNic, have: NicState, facts: NicFacts) -> None:
    """Refuse to take a NIC back from a bridge that it is no port of, where it is another one's.

    :raises Refused: naming that bridge.
    """
    if want.state != ABSENT or have.master:
        return
    master = next((one for one in facts.links.values() if one.index == facts.links[want.nic].master), None)
    other = facts.switch_of or (master.name if master is not None and master.kind == "bridge" else "")
    if other:
        raise Refused(
            f"bridge: {want.nic} is no port of {want.bridge}, but of {other}; give {other}, if it is that one from "
            "which it is to be taken back"
        )


def no_datapath(want: HostNic) -> MissingFeature:
    """Return why no bridge of Open vSwitch can be made whose datapath is the kernel's."""
    asked = f"{want.datapath_type!r} is asked for" if want.datapath_type else "it is left out, which is 'system'"
    return MissingFeature(
        f"datapath_type: {asked}, and the kernel has no module openvswitch, which that takes; load it, or set "
        "datapath_type to netdev"
    )


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
    if want.state == PRESENT and not have.master and _OF_DOCKER.fullmatch(want.bridge):
        raise Refused(
            f"bridge: {want.bridge!r} is a bridge of Docker, which gives it other addresses as it starts and "
            "deletes it with its network; choose another name"
        )
    if not have.bridge_kind and want.bridge in facts.links:
        kind = facts.links[want.bridge].kind or "physical"
        raise Refused(f"bridge: {want.bridge!r} is an interface of kind {kind}; choose another name")
    other = next((link.name for link in facts.links.values() if want.bridge in link.alternative_names), "")
    if other:
        raise Refused(f"bridge: {want.bridge!r} is another name of {other}; choose one that nobody has")
