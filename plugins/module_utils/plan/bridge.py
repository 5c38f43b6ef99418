# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From a wanted bridge and what the host shows to operations. Pure. Private to the collection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..model import addresses
from ..model.bridge import Bridge
from ..model.bridge_vlans import of_port
from ..model.firewall import AcceptedBridge
from ..state.bridge import BridgeState
from ..state.network import HOST, Link
from . import bridge_vlans, firewall, forwarding, link_addresses
from .bridge_facts import TIMES, addresses_of, joining, masqueraded, moves_along, routes_of, staying, wanted_attributes
from .bridge_operations import AddBridge, ChangeBridge, ChangeDefaultPvid, ChangeMasquerades, SetBridgeVlans
from .bridge_refusals import (
    bridge_link,
    check_forward_delay,
    check_forwarding,
    check_members,
    check_mtu,
    check_name,
    check_overlaps,
    check_prefixes,
)
from .icc_operations import ChangeIccRules
from .link_operations import SetLink, of_same_keys
from .operations import Operation, SetSysctl
from .route_operations import RestoreOnUndo
from .uplinks import is_way_out

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


def present(want: Bridge, have: BridgeState) -> list[Operation]:
    """Return what makes the host's bridge as wanted.

    :raises Refused: it would take what is another's, or overlap a route.
    :raises MissingFeature: VLANs are asked for, and the kernel has no VLAN filtering.
    """
    check_name(want.name, have, prefix=want.prefix)
    existing = bridge_link(want.name, have, want.prefix)
    bridge_vlans.check(want.vlans, have.network, have.vlan_filtering, existing)
    wanted_addresses = addresses_of(want, have)
    bridge_vlans.check_uplinks(want.vlans, have.network, have.held, existing, wanted_addresses or ())
    check_members(want, have, existing)
    check_forwarding(want, have)
    check_overlaps(want, have, wanted_addresses)
    check_mtu(want, have, existing, wanted_addresses)
    check_prefixes(want, have, existing, wanted_addresses)
    check_forward_delay(want, existing)
    operations = _link_operations(want, have, existing)
    operations += _address_operations(want, have, existing, wanted_addresses)
    # A link that is set down again, as it was, loses the IPv6 addresses that it had when it was down.
    comes_up = bool(want.up) and existing is not None and not existing.up
    if existing is not None and (operations or comes_up):
        leases = tuple(have.network.leases.get(want.name, {}).values())
        kept = routes_of(want.name, have)
        held = {address: have.messages(want.name).get(address, b"") for address in have.addresses(want.name)}
        operations.insert(0, RestoreOnUndo(HOST, want.name, held, kept, leases))
    operations += _member_operations(want, have, existing)
    operations += _vlan_operations(want, have, existing)
    if (
        existing is not None
        and existing.mtu == want.mtu
        and any(have.network.links[name].mtu != want.mtu for name in joining(want, have))
    ):
        # The kernel doesn't say whether it was set or is that of the smallest port so far.
        operations.append(SetLink(HOST, want.name, {"mtu": want.mtu}, {"mtu": want.mtu}))
    if want.up and (existing is None or not existing.up):
        operations.append(SetLink(HOST, want.name, {"up": True}, {"up": False}))
    operations += _forwarding_operations(want, have, wanted_addresses)
    operations += _masquerade_operations(want, have, wanted_addresses)
    if existing is None or existing.ours:
        accepted = {
            AcceptedBridge(family, want.name, _uplinks(want, have, family)) for family in have.firewall.families
        }
        operations += firewall.exactly(want.name, accepted, have.firewall)
        if (
            have.icc.off - {want.name}
            and want.name not in have.icc.off | have.icc.neighbours
            and not is_way_out(want.name, have.network)
        ):
            operations.append(
                ChangeIccRules(HOST, replace(have.icc, neighbours=have.icc.neighbours | {want.name}), have.icc)
            )
    return operations


def _uplinks(want: Bridge, have: BridgeState, family: str) -> tuple[str, ...]:
    """Return the interfaces by which the host's filter is to let the bridge's traffic leave.

    Those are the ones with routes, without other networks of containers.
    """
    if want.ip_forward is None and not want.masquerade:
        return next(
            (one.uplinks for one in have.firewall.accepted if (one.family, one.bridge) == (family, want.name)), ()
        )
    if want.ip_forward is False:
        return ()
    links = have.network.links
    # Every port of a bridge has a link-local route, one that was given an address a route to its subnet:
    # they lead nowhere.
    nowhere = {
        want.name,
        *(want.members or ()),
        *have.joining,
        *(port.name for port in have.network.ports(want.name)),
    }
    ways = {
        (link, route.is_default)
        for route in have.network.routes
        for link in route.links
        if link in links and link not in nowhere and not addresses.is_link_local(route.destination)
    }
    return tuple(sorted({link for link, is_default in ways if links[link].kind != "bridge" or is_default}))


# ---- operations, in the order they are carried out


def _same_setting(name: str, shown: int | None, wanted: int) -> bool:
    # The kernel keeps times in ticks (CONFIG_HZ): 3.33 s come back as 3.32 where there are 250 in a second.
    slack = 1 if name in TIMES else 0
    return shown is not None and abs(shown - wanted) <= slack


def _bridge_changes(changed: dict[str, int], existing: Link) -> list[Operation]:
    """Return what changes settings of a bridge, STP switched on last and off first.

    While it is on, the kernel takes no forward delay below 2 s.
    """
    stp = {name: value for name, value in changed.items() if name == "stp"}
    rest = {name: value for name, value in changed.items() if name != "stp"}
    if "forward_delay" not in rest:
        stp, rest = changed, {}
    ordered = (rest, stp) if stp.get("stp") else (stp, rest)
    return [
        ChangeBridge(HOST, existing.name, one, {name: existing.bridge.get(name, 0) for name in one})
        for one in ordered
        if one
    ]


def _link_operations(want: Bridge, have: BridgeState, existing: Link | None) -> list[Operation]:
    wanted = wanted_attributes(want, have, existing)
    operations: list[Operation] = []
    if existing is None:
        operations.append(AddBridge(HOST, want.name, wanted, want.mac))
        if want.mtu is not None:
            # Even if it is the kernel's own: only an MTU that was set is kept when a smaller port joins.
            operations.append(SetLink(HOST, want.name, {"mtu": want.mtu}, {"mtu": 1500}))
        return operations
    changed = {
        name: value for name, value in wanted.items() if not _same_setting(name, existing.bridge.get(name), value)
    }
    if want.vlan_filtering:
        changed.pop("vlan_filtering", None)  # once its ports are in their VLANs
    pvid = changed.pop("vlan_default_pvid", None)
    if pvid is not None:
        links = (existing, *have.network.ports(want.name))
        kept = tuple((link.name, link.vlans) for link in links if not moves_along(link, want, existing))
        operations.append(ChangeDefaultPvid(HOST, want.name, pvid, existing.bridge.get("vlan_default_pvid", 0), kept))
    operations += _bridge_changes(changed, existing)
    new: LinkSettings = {}
    if want.mac is not None and existing.mac != want.mac:
        new["mac"] = want.mac
    if want.mtu is not None and existing.mtu != want.mtu:
        new["mtu"] = want.mtu
    if want.up is False and existing.up:
        new["up"] = False
    if new:
        operations.append(
            SetLink(
                HOST, want.name, new, of_same_keys({"mac": existing.mac, "mtu": existing.mtu, "up": existing.up}, new)
            )
        )
    return operations


def _address_operations(
    want: Bridge, have: BridgeState, existing: Link | None, wanted: tuple[str, ...] | None
) -> list[Operation]:
    if wanted is None:
        return []
    operations: list[Operation] = []
    ipv6 = f"net/ipv6/conf/{want.name}/disable_ipv6"
    if any(addresses.family(address) == addresses.IPV6 for address in wanted) and have.sysctls.get(ipv6) == "1":
        operations.append(SetSysctl(HOST, ipv6, "0", "1"))
    # Another tool's bridge keeps what it has: only addresses that are missing are added.
    removable = existing is None or existing.ours
    routes = () if want.up is False else routes_of(want.name, have)
    leases, faults = have.network.leases.get(want.name, {}), have.network.faults.get(want.name, {})
    shown, messages = staying(want, have), have.messages(want.name)
    if want.adds_only:
        return operations + link_addresses.additions(
            HOST, want.name, wanted, shown, routes, removable, leases, messages, faults
        )
    return operations + link_addresses.plan(HOST, want.name, wanted, shown, routes, removable, leases, messages, faults)


def _member_operations(want: Bridge, have: BridgeState, existing: Link | None) -> list[Operation]:
    operations: list[Operation] = []
    for name in want.members or ():
        link = have.network.links[name]
        new: LinkSettings = {}
        joins = existing is None or link.master != existing.index
        isolated = want.name in have.icc.off or have.network.all_isolated(want.name)
        if joins:
            new["master"] = want.name
            vlans = dict(want.port_vlans or ()).get(name)
            if vlans is not None:
                new["vlans"] = of_port(vlans)
        if isolated and (joins or not link.isolated):
            new["isolated"] = True
        # A port that is to be isolated or in certain VLANs joins down.
        if not link.up or (joins and (isolated or "vlans" in new)):
            new["up"] = True
        if new:
            old: LinkSettings = {"master": "", "up": link.up, "isolated": False, "vlans": None}
            operations.append(SetLink(HOST, name, new, of_same_keys(old, new)))
    return operations


def _vlan_operations(want: Bridge, have: BridgeState, existing: Link | None) -> list[Operation]:
    """Set the VLANs of ports that are there, and only then let the bridge filter: so nothing is cut off in between.

    On a bridge that filters already, a port and the bridge itself that go to another VLAN
    are apart until both are there.
    """
    operations: list[Operation] = []
    _before, after = bridge_vlans.default_vlans(want.vlans, existing)
    for name, vlans in want.port_vlans or ():
        goal = of_port(vlans)
        link = have.link(name)
        shown = after if link is None or moves_along(link, want, existing) else link.vlans
        if name == want.name and goal != shown:
            operations.append(SetBridgeVlans(HOST, name, goal, shown))
        elif name != want.name and name not in joining(want, have) and goal != shown:
            operations.append(SetLink(HOST, name, {"vlans": goal}, {"vlans": shown}))
    if existing is not None and want.vlan_filtering and not existing.bridge.get("vlan_filtering"):
        operations.append(ChangeBridge(HOST, want.name, {"vlan_filtering": 1}, {"vlan_filtering": 0}))
    return operations


def _forwarding_operations(want: Bridge, have: BridgeState, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.ip_forward is None:
        return []
    held = wanted if wanted is not None else staying(want, have)
    ipv6 = any(addresses.family(address) == addresses.IPV6 and not addresses.is_link_local(address) for address in held)
    operations: list[Operation] = []
    if not want.ip_forward:
        # The host's own switch serves others too; the bridge's own is ours to turn off.
        for family in (addresses.IPV4, addresses.IPV6):
            operations += forwarding.set_sysctl(have, forwarding.of_link(want.name, family), "0")
        return operations
    if have.sysctls.get(forwarding.IPV4_SWITCH) == "0":
        operations.append(forwarding.switch_ipv4(have))
    else:
        operations += forwarding.set_sysctl(have, forwarding.of_link(want.name, addresses.IPV4), "1")
    if not ipv6:
        return operations
    if have.sysctls.get(forwarding.IPV6_SWITCH) == "0":
        operations += forwarding.switch_ipv6(have)
    else:
        operations += forwarding.set_sysctl(have, forwarding.of_link(want.name, addresses.IPV6), "1")
    return operations


def _masquerade_operations(want: Bridge, have: BridgeState, wanted: tuple[str, ...] | None) -> list[Operation]:
    if want.masquerade is None:
        return []
    shown = {nat for nat in have.masquerades if nat.bridge == want.name}
    goal = masqueraded(want, have, wanted)
    if goal == shown:
        return []
    return [ChangeMasquerades(HOST, tuple(sorted(goal - shown)), tuple(sorted(shown - goal)))]
