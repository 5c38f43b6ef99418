# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What takes a bridge away, and all that came with it. Pure. Private to the collection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model.publication import PublicationRules
from ..state.bridge import BridgeState
from ..state.network import HOST, Link
from . import firewall
from .address_operations import RestoreAddress
from .bridge_facts import links_of, routes_of
from .bridge_operations import AddBridge, ChangeMasquerades, SetBridgeVlans
from .bridge_refusals import bridge_link, check_name, check_way_out
from .icc_operations import ChangeIccRules
from .link_operations import DeleteLink, SetLink
from .operations import Operation, SetSysctl
from .publication_operations import ChangePublications
from .route_operations import SetRoute, on_link_first

if TYPE_CHECKING:
    from .host_protocol import LinkSettings


def absent(name: str, have: BridgeState, force: bool, prefix: str = "") -> list[Operation]:
    """Return what takes our bridge away, and all that came with it.

    :raises Refused: the bridge is not ours and ``force`` is not set.
    """
    check_name(name, have, absent=True, prefix=prefix)
    existing = bridge_link(name, have, prefix)
    if existing is not None and not existing.ours and not force:
        raise Refused(f"bridge {name} was not made by this collection and stays; set force to delete it all the same")
    if not force:
        check_way_out(name, have)
    operations: list[Operation] = []
    masquerades = tuple(sorted(nat for nat in have.masquerades if nat.bridge == name))
    if masquerades:
        operations.append(ChangeMasquerades(HOST, (), masquerades))
    if have.publications:
        # What else was set for them goes with the bridge: its sysctl, its ports' hairpin mode.
        operations.append(ChangePublications(HOST, PublicationRules(), have.publications))
    operations += firewall.no_longer(name, have.firewall)
    without = have.icc.without(name)
    left = replace(without, flows=without.flows - links_of(name, have))
    if have.icc != left:
        operations.append(ChangeIccRules(HOST, left, have.icc))
    if have.guards is not None:
        from . import port_guards

        ports = {port.name for port in have.network.ports(name)}
        operations += port_guards.let_go(ports, have.bound)
        operations += port_guards.without(ports, have.network.links.keys(), have.guards)
    if have.birth_link:
        operations.append(
            DeleteLink(HOST, have.birth_link, f"bridge {have.birth_link} that an interrupted run left", ())
        )
    if existing is not None:
        operations.append(DeleteLink(HOST, name, f"bridge {name}", _restore(existing, have)))
    return operations


def _restore(link: Link, have: BridgeState) -> tuple[Operation, ...]:
    mac = link.mac if link.mac.strip("0:") else None  # a bridge that lost its last port may have none
    operations: list[Operation] = [AddBridge(HOST, link.name, dict(link.bridge), mac)]
    if not link.ours:
        operations.append(SetLink(HOST, link.name, {"alias": link.alias}, {}))
    operations += [SetLink(HOST, port.name, _as_port(port, link), {}) for port in have.network.ports(link.name)]
    if "vlan_filtering" in link.bridge and link.vlans != link.default_vlans:
        operations.append(SetBridgeVlans(HOST, link.name, link.vlans, link.default_vlans))
    operations.append(SetLink(HOST, link.name, {"mtu": link.mtu, "up": link.up}, {}))
    operations += [
        SetSysctl(HOST, name, value, value) for name, value in sorted(have.sysctls.items()) if f"/{link.name}/" in name
    ]
    operations += [
        RestoreAddress(HOST, link.name, address, message) for address, message in have.messages(link.name).items()
    ]
    operations += [SetRoute(HOST, route, None) for route in on_link_first(routes_of(link.name, have))]
    return tuple(operations)


def _as_port(port: Link, bridge: Link) -> LinkSettings:
    new: LinkSettings = {"master": bridge.name}
    if port.isolated:
        new["isolated"] = True
    if "vlan_filtering" in bridge.bridge and port.vlans != bridge.default_vlans:
        new["vlans"] = port.vlans
    if len(new) > 1:
        new["up"] = port.up  # it joins down
    return new
