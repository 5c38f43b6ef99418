# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the host shows of a bridge, in one dump a table. Private to the collection."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from ..host.machine import Machine
from ..model import bridge, names
from ..model.icc_rules import IccRules
from ..plan import forwarding
from ..state.bridge import BridgeState
from ..state.network import HOST, NetworkState, names_by_index, with_leases
from .forwarding import read_before_switching


def observe_to_remove(machine: Machine, want: bridge.Bridge) -> BridgeState:
    """Read what ``observe`` does, and all that a bridge needs to come back as it was when its removal fails."""
    return observe_all_to_remove(machine, [want])[0]


def observe_all_to_remove(machine: Machine, wants: Sequence[bridge.Bridge]) -> list[BridgeState]:
    """Read what ``observe_to_remove`` does of several bridges, at once."""
    haves = observe_all(machine, wants, to_remove=True)
    if not haves:
        return []
    # A policy may deny what leads out of the bridge, and isolate nobody.
    icc = haves[0].icc if haves[0].icc.off else machine.icc.read(needed=False)
    publications = machine.publications.read(needed=False)[0]
    guards = machine.read_guards()
    bound = machine.netlink(HOST).bound_macs() if guards is not None else {}
    return [
        replace(
            have,
            publications=publications.of_bridge(want.name) if publications else publications,
            icc=icc,
            guards=guards,
            bound=bound,
        )
        for want, have in zip(wants, haves)
    ]


def observe(machine: Machine, want: bridge.Bridge, to_remove: bool = False) -> BridgeState:
    """Read what the host shows of a bridge, as ``observe_all`` does of several."""
    return observe_all(machine, [want], to_remove)[0]


def observe_all(machine: Machine, wants: Sequence[bridge.Bridge], to_remove: bool = False) -> list[BridgeState]:
    """Read what the host shows of bridges, in one dump a table.

    ``to_remove`` reads VLANs also where no bridge filters them: one that does not yet may have been prepared for it.
    """
    vlans = any(_speaks_of_vlans(want) for want in wants)
    netlink = machine.netlink(HOST)
    links = netlink.with_vlans(netlink.links(), to_remove or vlans)
    by_index = names_by_index(links)
    routes = netlink.routes(by_index, connected=True)
    permanent, leases, messages = netlink.addresses_and_leases(links.values())
    named = {want.name: messages[want.name] for want in wants if want.name in messages}
    host = NetworkState(links, permanent, routes, leases, messages, netlink.address_faults(named))
    held = with_leases(permanent, leases) if vlans or any(want.members for want in wants) else {}
    members = {member for want in wants for member in want.members or ()}
    whole = BridgeState(
        network=host,
        masquerades=machine.masquerades.in_effect(needed=any(want.masquerade for want in wants)),
        firewall=machine.read_firewall(),
        unfit=_unfit(machine, members, host, held) if members else {},
        icc=machine.icc.read() if machine.isolated_bridges() else IccRules(),
        held=held,
    )
    sysctls = _sysctls(machine, wants, host)
    able = True
    if vlans:
        from ..host.netlink.features import supports_vlan_filtering

        able = supports_vlan_filtering(links.values())
    haves = []
    for want in wants:
        birth_name = names.derived_name("pfb", want.name)
        haves.append(
            replace(
                whole,
                sysctls=sysctls(want.name),
                vlan_filtering=able if _speaks_of_vlans(want) else True,
                birth_link=birth_name if birth_name in links else None,
            )
        )
    return haves


def _unfit(
    machine: Machine, members: Collection[str], host: NetworkState, held: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    from ..plan import management

    unfit = management.interfaces(host, {name: held[name] for name in members if name in held})
    if machine.ovsdb.available():
        # A userspace datapath sets no master.
        _bridges, ports = machine.ovsdb.read()
        unfit.update(
            {
                port.name: f"is a port of Open vSwitch bridge {port.bridge} already; take it out there first"
                for port in ports.values()
            }
        )
    return unfit


def _speaks_of_vlans(want: bridge.Bridge) -> bool:
    return any(value is not None for value in (want.vlan_filtering, want.vlan_default_pvid, want.port_vlans))


def _sysctls(
    machine: Machine, wants: Sequence[bridge.Bridge], host: NetworkState
) -> Callable[[str], Mapping[str, str]]:
    """Return what shows the sysctls that matter to a bridge of that name."""
    own = ["net/ipv4/conf/{}/forwarding", "net/ipv6/conf/{}/forwarding", "net/ipv6/conf/{}/disable_ipv6"]
    # A link that is still to be made inherits the defaults.
    whose = {want.name: want.name if want.name in host.links else "default" for want in wants}
    switches = (forwarding.IPV4_SWITCH, forwarding.IPV6_SWITCH)
    shown = machine.read_sysctls(HOST, [*switches, *(name.format(one) for one in {*whose.values()} for name in own)])
    others = {name: shown[name] for name in switches if name in shown}
    if any(want.ip_forward for want in wants) and any(shown.get(switch) == "0" for switch in switches):
        others.update(read_before_switching(machine, host))

    def of(name: str) -> Mapping[str, str]:
        found = {
            text.format(name): shown[text.format(whose[name])] for text in own if text.format(whose[name]) in shown
        }
        return ChainMap(found, others)

    return of
