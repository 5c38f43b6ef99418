# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A bridge from options to result: what container_bridge, a role or the reconciler calls. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..host import lock
from ..host.machine import Machine
from ..host.netlink.handle import supports_vlan_filtering
from ..model import bridge, names
from ..model.icc_rules import IccRules
from ..observe.forwarding import read_before_switching
from ..plan import bridge as plan
from ..plan import bridge_result, forwarding, management
from ..state.bridge import BridgeState
from ..state.network import HOST, NetworkState
from . import engine
from .result import Result


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Make a bridge as its options (those of container_bridge) say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    if options["state"] == "absent":
        return _absent(names.interface_name("name", options["name"]), bool(options.get("force")), check)
    want = bridge.parse(options)
    with lock.held(check), Machine() as machine:
        outcome = engine.converge(machine, lambda: observe(machine, want), lambda have: plan.present(want, have), check)
        before = bridge_result.describe(want.name, outcome.before)
        after = (
            bridge_result.predict(want, outcome.before) if check else bridge_result.describe(want.name, outcome.after)
        )
        return Result(
            operations=outcome.lines,
            before={"bridge": before},
            # Only what was asked for is shown as changing; the rest can't be known before the kernel chose it.
            after={"bridge": bridge_result.predict(want, outcome.before) if outcome.operations else before},
            values={"bridge": after},
            warnings=bridge_result.warnings(want, outcome.before, outcome.operations),
        )


def _absent(name: str, force: bool, check: bool) -> Result:
    want = bridge.Bridge(name)
    with lock.held(check), Machine() as machine:
        outcome = engine.converge(
            machine, lambda: _observe_all(machine, want), lambda have: plan.absent(name, have, force), check
        )
        before = bridge_result.describe(name, outcome.before)
        return Result(
            outcome.lines,
            {"bridge": before},
            {"bridge": None},
            {"bridge": None},
            bridge_result.orphan_warnings(name, outcome.before),
        )


def _observe_all(machine: Machine, want: bridge.Bridge) -> BridgeState:
    have = observe(machine, want)
    # A policy may deny what leads out of the bridge, and isolate nobody.
    icc = have.icc if have.icc.off else machine.icc.read(needed=False)
    return replace(have, publications=machine.publications.read(needed=False)[0].of_bridge(want.name), icc=icc)


def observe(machine: Machine, want: bridge.Bridge) -> BridgeState:
    """Read what the host shows of a bridge, in one dump a table."""
    netlink = machine.netlink(HOST)
    links = netlink.with_vlans(netlink.links(), _speaks_of_vlans(want))
    by_index = {link.index: link.name for link in links.values()}
    routes = netlink.routes(by_index, connected=True)
    host = NetworkState(links, netlink.addresses(links.values()), routes)
    birth_name = names.derived_name("pfb", want.name)
    existing = links.get(want.name)
    held = netlink.addresses(links.values(), leased=True) if want.members or _speaks_of_vlans(want) else {}
    return BridgeState(
        network=host,
        masquerades=machine.masquerades.in_effect(needed=bool(want.masquerade)),
        firewall=machine.read_firewall(),
        sysctls=_sysctls(machine, want, host),
        unfit=_unfit(machine, want.members, host, held) if want.members else {},
        vlan_filtering=not _speaks_of_vlans(want)
        or (_shows_filtering(existing) if existing else supports_vlan_filtering()),
        birth_link=birth_name if birth_name in links else None,
        icc=machine.icc.read() if machine.icc.isolated_bridges() else IccRules(),
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
