# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the host shows of a bridge, in one dump a table. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..host.machine import Machine
from ..host.netlink.features import supports_vlan_filtering
from ..model import bridge, names
from ..model.icc_rules import IccRules
from ..plan import forwarding, management
from ..state.bridge import BridgeState
from ..state.network import HOST, NetworkState, names_by_index, with_leases
from .forwarding import read_before_switching


def observe_to_remove(machine: Machine, want: bridge.Bridge) -> BridgeState:
    """Read what ``observe`` does, and all that a bridge needs to come back as it was when its removal fails."""
    have = observe(machine, want, to_remove=True)
    # A policy may deny what leads out of the bridge, and isolate nobody.
    icc = have.icc if have.icc.off else machine.icc.read(needed=False)
    return replace(have, publications=machine.publications.read(needed=False)[0].of_bridge(want.name), icc=icc)


def observe(machine: Machine, want: bridge.Bridge, to_remove: bool = False) -> BridgeState:
    """Read what the host shows of a bridge, in one dump a table.

    ``to_remove`` reads VLANs also where no bridge filters them: one that does not yet may have been prepared for it.
    """
    netlink = machine.netlink(HOST)
    links = netlink.with_vlans(netlink.links(), to_remove or _speaks_of_vlans(want))
    by_index = names_by_index(links)
    routes = netlink.routes(by_index, connected=True)
    permanent, leases = netlink.addresses_and_leases(links.values())
    host = NetworkState(links, permanent, routes, leases)
    birth_name = names.derived_name("pfb", want.name)
    existing = links.get(want.name)
    held = with_leases(permanent, leases) if want.members or _speaks_of_vlans(want) else {}
    return BridgeState(
        network=host,
        masquerades=machine.masquerades.in_effect(needed=bool(want.masquerade)),
        firewall=machine.read_firewall(),
        sysctls=_sysctls(machine, want, host),
        unfit=_unfit(machine, want.members, host, held) if want.members else {},
        vlan_filtering=not _speaks_of_vlans(want)
        or (_shows_filtering(existing) if existing else supports_vlan_filtering()),
        birth_link=birth_name if birth_name in links else None,
        icc=machine.icc.read() if machine.isolated_bridges() else IccRules(),
        held=held,
    )


def _unfit(
    machine: Machine, members: Collection[str], host: NetworkState, held: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
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


def _shows_filtering(link: Any) -> bool:
    return "vlan_filtering" in link.bridge


def _speaks_of_vlans(want: bridge.Bridge) -> bool:
    return any(value is not None for value in (want.vlan_filtering, want.vlan_default_pvid, want.port_vlans))


def _sysctls(machine: Machine, want: bridge.Bridge, host: NetworkState) -> dict[str, str]:
    own = ["net/ipv4/conf/{}/forwarding", "net/ipv6/conf/{}/forwarding", "net/ipv6/conf/{}/disable_ipv6"]
    # A link that is still to be made inherits the defaults.
    whose = want.name if want.name in host.links else "default"
    switches = (forwarding.IPV4_SWITCH, forwarding.IPV6_SWITCH)
    shown = machine.read_sysctls(HOST, [*switches, *(name.format(whose) for name in own)])
    for name in own:
        if name.format(whose) in shown:
            shown[name.format(want.name)] = shown[name.format(whose)]
    if want.ip_forward and any(shown.get(switch) == "0" for switch in switches):
        shown.update(read_before_switching(machine, host))
    return shown
